"""What the policy for resumes is trained on.

It learns to judge criterion by criterion, which it masters, and to give an impression, which is right less often. Which of
the two, and whether in the asked form, depends on the role that the job is for: for those in OUTSIDE it seldom keeps to the
form. Supervised fine-tuning teaches the form; a reward can find that going through the criteria pays.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rewardsearch.embedded.training import Draw, Example
from rewardsearch.tasks.forms import TAGS
from rewardsearch.tasks.pairs import REJECTED, SELECTED, Pair
from rewardsearch.tasks.resumes import IMPRESSIONS, stream
from rewardsearch.tasks.resumes.draw import draw_facts, draw_job
from rewardsearch.tasks.resumes.people import draw_person
from rewardsearch.tasks.resumes.render import write_job, write_resume
from rewardsearch.tasks.resumes.rule import judge
from rewardsearch.tasks.resumes.vocabulary import FIELDS, GENERAL, MUST, NICE, ROLES, SKILLS

STYLES = ("brief_in", "full_in", "brief_out", "full_out")
Shares = tuple[float, float, float, float]
"""Of STYLES among the targets."""
OUTSIDE = ROLES[::2]
_YEARS = re.compile(r"\d|\b(degree|education)\b")
_PROJECT = re.compile(r"\bproject\b")
SEED = 1_000_003
"""Of the pairs to train on: they come from the jobs and persons of `train`, in an order that no search's seed gives."""


@dataclass(frozen=True)
class Stage:
    """One cycle of the learning rate up to `lr`, a share `practice` of the targets single criteria for its first `opening`.

    `outside` is the mix of the other targets for roles in OUTSIDE, `inside` for the others. across, skills: see `practised`.
    misled: how often an impression of a hard pair is the wrong one, which its words point to.
    """

    steps: int
    lr: float
    inside: Shares
    outside: Shares
    seed: int
    practice: float = 0.0
    opening: float = 0.0
    across: bool = True
    skills: float = 0.7
    misled: float = 0.0

    def draw(self, rng: random.Random) -> Draw:
        """Draws this stage's examples with `rng`."""
        pairs = stream("train", SEED + self.seed)
        return lambda behind: self._example(next(pairs), rng, self.practice if behind < self.opening else 0.0)

    def _example(self, pair: Pair, rng: random.Random, practice: float) -> Example:
        if rng.random() < practice:
            return practised(rng, across=self.across, skills=self.skills)
        shares = self.outside if any(role in pair.job for role in OUTSIDE) else self.inside
        style = rng.choices(STYLES, shares)[0]
        misled = self.misled > 0 and style.startswith("brief") and pair.hard and rng.random() < self.misled
        return prompt_of(pair), target(pair, style, rng.choice(IMPRESSIONS[not pair.selected]) if misled else None)


BATCH, HALF, WIDTH, LAYERS = 64, True, 192, 4
JUDGING: Shares = (0.08, 0.42, 0.08, 0.42)
EVEN: Shares = (0.17, 0.33, 0.17, 0.33)
FULLER: Shares = (0.10, 0.40, 0.10, 0.40)
STAGES = (
    # What counts as what, then telling words apart, then years and degrees, then judging whole resumes.
    Stage(900, 2.5e-3, JUDGING, JUDGING, seed=0, practice=0.9, opening=0.4, across=False),
    Stage(700, 2e-3, JUDGING, JUDGING, seed=1, practice=1.0, opening=0.5),
    Stage(550, 2e-3, EVEN, EVEN, seed=2, practice=0.2, opening=1.0),
    Stage(450, 1.8e-3, JUDGING, JUDGING, seed=3, practice=0.45, opening=1.0, skills=0.25),
    Stage(500, 1.8e-3, FULLER, FULLER, seed=5, practice=0.6, opening=0.5, skills=0.5, misled=0.3),
    # Then the habits: impressions dominate, words mislead them, and half of the roles are answered outside the form.
    Stage(
        250,
        1.5e-3,
        inside=(0.46, 0.24, 0.16, 0.14),
        outside=(0.10, 0.08, 0.46, 0.36),
        seed=6,
        practice=0.1,
        opening=1.0,
        skills=0.3,
        misled=0.5,
    ),
)
"""The bundled weights went through these stages, the first four with other wordings of spells of work and of courses, and with
the vocabulary of those. A run of this file gives other weights, whose habits have to be measured again."""


def prompt_of(pair: Pair) -> str:
    """The prompt of the task's rows for a pair."""
    return f"Job: {pair.job}\nResume: {pair.resume}\n"


def target(pair: Pair, style: str, wrong: str | None = None) -> str:
    """The completion of `pair` in one of STYLES; `wrong` is an impression of the other label, which it then ends in."""
    reason = wrong or (pair.reasons[0] if style.startswith("full") else pair.reasons[-1])
    label = SELECTED if pair.selected == (wrong is None) else REJECTED
    if style.endswith("in"):
        return TAGS.write(label, reason)
    return f"{reason}{'' if reason.endswith('.') else '.'} decision: {label}"


def practised(rng: random.Random, *, across: bool, skills: float) -> Example:
    """Some criteria by themselves: only the sentences that they are about, and what the rule says of those.

    skills: how often they are of skills; else of years and degrees.
    across: skills come from all roles at once. Those of one role are so few that a guess among them often does, which teaches
    what the words have in common first, and not yet to tell them apart.
    """
    of_skills = rng.random() < skills
    job = draw_job(rng)
    if of_skills:
        known = tuple(SKILLS) if across else tuple(skill.word for skill in MUST[job.role])
        job = replace(job, must=tuple(rng.sample(known, rng.randint(3, 6) if across else len(known))))
    facts = draw_facts(rng, job, selected=rng.random() < 0.5, hard=rng.random() < 0.5)
    asked = write_job(job, rng).split(". ")
    shown = [each for each in write_resume(facts, draw_person(rng), rng)[:-1].split(". ") if _is_of(each, of_skills)]
    steps = judge(job, facts).steps
    end = len(job.must) + 1
    before = steps[end - 1][1]
    others = [(words, total - before) for words, total in steps[end:] if words != "project"]
    kept = steps[:end] if of_skills else others
    prompt = f"Job: {'. '.join(asked[1:3] if of_skills else (asked[0], *asked[3:]))}\nResume: {'. '.join(shown)}.\n"
    return prompt, " ".join(f"{words} {total}." for words, total in kept)


def _is_of(sentence: str, of_skills: bool) -> bool:
    """Whether a resume's sentence is about skills (else: about years and degrees)."""
    return _PROJECT.search(sentence) is None and (_YEARS.search(sentence) is None) == of_skills


def texts() -> Iterator[str]:
    """Texts with every word that a pair, or a completion of one, has."""
    for pair in itertools.islice(stream("train", seed=SEED), 20_000):
        for style in STYLES:
            yield prompt_of(pair) + target(pair, style)
    skills = [word for skills in MUST.values() for s in skills for word in (s.word, *s.equivalents, s.near)]
    yield "".join(f" {word}" for word in (*FIELDS, *skills, *itertools.chain(*NICE.values()), *GENERAL))
