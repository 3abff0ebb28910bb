"""Generated customer-support requests: each has an intent and a subject, which its wording hides.

Requests of near-duplicate intents share most of their words, and requests of one intent few: the bare text misleads. The same
wording (opening, frame and close) is never in two splits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rewardsearch.tasks.base import Split
from rewardsearch.tasks.contrast.support_words import CLOSERS, GROUPS, OPENERS, SUBJECTS
from rewardsearch.tasks.resumes.facts import bucket

_ALTERNATIVES = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")

CLEAR: dict[str, str] = {intent: words for group in GROUPS for intent, words in group.intents.items()}
"""The words by which a clear rationale names an intent, for all intents."""
KINDS: dict[str, str] = {intent: group.kind for group in GROUPS for intent in group.intents}
"""The kind of subject (a key of SUBJECTS) that an intent is about."""
NEAR: dict[str, tuple[str, ...]] = {
    intent: tuple(other for other in group.intents if other != intent) for group in GROUPS for intent in group.intents
}
"""The near-duplicates of each intent."""


@dataclass(frozen=True)
class Request:
    """One request. slots: what it is about, by kind, in the canonical word (`{"product": "laptop"}`)."""

    intent: str
    text: str
    slots: Mapping[str, str]

    @property
    def subject(self) -> str:
        """The canonical word for what the request is about."""
        return self.slots[KINDS[self.intent]]

    @property
    def meaning(self) -> str:
        """The same for requests that mean the same: the intent and the subject."""
        return f"{self.intent} {self.subject}"


def stream(split: Split, seed: int) -> Iterator[Request]:
    """Distinct requests of one split, without end, in an order that `seed` fixes."""
    rng = random.Random(f"support {split} {seed}")
    seen: set[str] = set()
    while True:
        request = _draw(split, rng)
        if request.text not in seen:
            seen.add(request.text)
            yield request


def rationale(request: Request) -> str:
    """The clear rationale, without its tags: what is asked for, about what, in canonical words."""
    about, what, more = CLEAR[request.intent].split()
    subject = request.subject
    return f"{subject} {about} {what}, {what} {subject} {more}, {subject} {what} {more}"


def vague(request: Request) -> str:
    """A vague rationale, without its tags: words that fit any request that opens like this one."""
    return OPENERS[opening(request)]


def opening(request: Request) -> str:
    """What a request opens with, one of OPENERS."""
    return next(opener for opener in OPENERS if request.text.startswith(opener))


def _draw(split: Split, rng: random.Random) -> Request:
    while True:
        group = rng.choices(GROUPS, [len(SUBJECTS[group.kind]) for group in GROUPS])[0]
        place = rng.randrange(len(group.intents))
        intent = tuple(group.intents)[place]
        sentence = _ALTERNATIVES.sub(lambda found: found[1 + place], rng.choice(group.frames))  # noqa: B023
        wording = f"{rng.choice(tuple(OPENERS))}{sentence}.{rng.choice(CLOSERS)}"
        if bucket(wording) == split:
            subject, words = rng.choice(tuple(SUBJECTS[group.kind].items()))
            return Request(intent, wording.format(it=rng.choice(words)), {group.kind: subject})
