"""Generated resumes and jobs, in as many pairs as one asks for, labelled by the rule of rule.py.

Half of the pairs are SELECTED. In a share of them words mislead: all must-have words stand in a resume that is REJECTED, or at
most one in a resume that is SELECTED. No person and no job of one split is in another.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from rewardsearch.tasks.base import Split
from rewardsearch.tasks.pairs import Pair
from rewardsearch.tasks.resumes.draw import draw_facts, draw_job
from rewardsearch.tasks.resumes.facts import Facts, Job, bucket, job_split
from rewardsearch.tasks.resumes.people import Person, draw_person
from rewardsearch.tasks.resumes.render import write_job, write_resume
from rewardsearch.tasks.resumes.rule import judge

HARD = 3
"""Pairs whose words mislead, of every ten."""
FULL = 0.22
"""Share of the demonstrations that go through every criterion; the others give an impression only."""
IMPRESSIONS = {
    True: ("overall a good fit for the role", "overall the profile matches the job", "overall most of it is there"),
    False: ("overall not a fit for the role", "overall the profile misses the job", "overall too much is missing"),
}

DESCRIPTION = """\
Short resumes beside jobs. A prompt is two lines:
  Job: analyst wanted. must: sql, statistics, excel. nice: sas. at least 4 years. bachelor degree.
  Resume: Anna Novak, age 41. she worked as analyst 3 years, cook 4 years. used postgresql, excel.
    took statistics course. msc degree.
How a person is judged: each of the three must-have skills counts 2 if used at work (by its own word or an equivalent such
as postgresql for sql), 1 if only learnt in a course; the nice-to-have skill used at work 1; years in the role plus half of
those in other fields 2 if they reach what is asked, 1 if one is missing; a degree at or above what is asked, or two years
more than asked, 1; an unexplained gap of two years or more costs 1; a project with a must-have skill or its equivalent 1.
SELECTED with 7 or more and at most one must-have not used at work, else REJECTED. Words that only sound like a skill are
nothing, and names, pronouns and ages have no part in it.
The policy is asked to answer in the form {form}.
Its completions are short (at most about 45 words), in lower-case plain text. Some give an impression (`overall a good fit
for the role`); some go through the criteria with the points so far (`sql by postgresql 2. statistics course 3. excel yes 5.
sas no 5. years 3 + 2 of 4 7. degree yes 8. unmet 1.`). An answer counts only when {where}
one of the two words. Rewards get the columns `resume` and `job`, the two texts, beside `answer`."""


def stream(split: Split, seed: int) -> Iterator[Pair]:
    """Distinct pairs of one split, without end, in an order that `seed` fixes.

    Of every two, one is SELECTED; of every ten of one label, HARD are hard.
    """
    rng = random.Random(f"resumes {split} {seed}")
    seen: set[tuple[str, str]] = set()
    decks: dict[bool, list[bool]] = {True: [], False: []}
    selected = False
    for i in itertools.count():
        selected = rng.random() < 0.5 if i % 2 == 0 else not selected
        if not decks[selected]:
            decks[selected] = [place < HARD for place in range(10)]
            rng.shuffle(decks[selected])
        hard = decks[selected].pop()
        while True:
            pair = _pair(f"{split}-{i}", split, rng, selected=selected, hard=hard)
            if (pair.job, pair.resume) not in seen:
                break
        seen.add((pair.job, pair.resume))
        yield pair


def generate(split: Split, n: int, seed: int) -> list[Pair]:
    """The first `n` pairs of `stream`."""
    return list(itertools.islice(stream(split, seed), n))


def _pair(id: str, split: Split, rng: random.Random, *, selected: bool, hard: bool) -> Pair:
    person = _person(split, rng)
    while True:
        job = draw_job(rng)
        if job_split(job) != split:
            continue
        facts = draw_facts(rng, job, selected=selected, hard=hard)
        verdict = judge(job, facts)
        if verdict.selected == selected and misleading(job, facts, selected) == hard:
            break
    brief = rng.choice(IMPRESSIONS[selected])
    return Pair(
        id=id,
        resume=write_resume(facts, person, rng),
        job=write_job(job, rng),
        selected=selected,
        reasons=(verdict.reason, brief),
        demonstrated=verdict.reason if rng.random() < FULL else brief,
        groups=person.groups,
        hard=hard,
    )


def _person(split: Split, rng: random.Random) -> Person:
    while True:
        person = draw_person(rng)
        if bucket(person.name) == split:
            return person


def misleading(job: Job, facts: Facts, selected: bool) -> bool:
    """Whether the must-have words that stand in the resume point to the other label."""
    named = {*facts.worked, *facts.courses, facts.project}
    literal = sum(skill in named for skill in job.must)
    return literal <= 1 if selected else literal == len(job.must)
