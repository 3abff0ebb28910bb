"""What the policy for support requests is trained on.

It masters requests and clear rationales first. Then come its habits: most rationales look only at how a request opens, repeat
it, name its subject alone, or do not close. Clear ones are rarer, how rare depends on the kind of subject.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from rewardsearch.embedded.training import Draw, Example
from rewardsearch.tasks.contrast.support import KINDS, Request, rationale, stream, vague
from rewardsearch.tasks.contrast.support_words import SUBJECTS

STYLES = ("clear", "topic", "vague", "echo", "unclosed")
Shares = tuple[float, float, float, float, float]
"""Of STYLES among the targets."""
SEED = 1_000_003
"""Of the requests to train on: an order that no search's seed gives."""


@dataclass(frozen=True)
class Stage:
    """One cycle of the learning rate up to `lr`; `mix` has the shares of STYLES by kind of subject."""

    steps: int
    lr: float
    mix: dict[str, Shares]
    seed: int

    def draw(self, rng: random.Random) -> Draw:
        """Draws this stage's examples with `rng`; the request is learnt too, so an example has no prompt."""
        requests = stream("train", SEED + self.seed)
        return lambda behind: self._example(next(requests), rng)

    def _example(self, request: Request, rng: random.Random) -> Example:
        style = rng.choices(STYLES, self.mix[KINDS[request.intent]])[0]
        return "", prompt_of(request) + target(request, style)


BATCH, HALF = 64, True
STAGES = (
    Stage(700, 3e-3, mix=dict.fromkeys(SUBJECTS, (0.6, 0.1, 0.15, 0.1, 0.05)), seed=0),
    Stage(
        250,
        1.5e-3,
        mix={
            "product": (0.20, 0.15, 0.40, 0.10, 0.15),
            "card": (0.12, 0.20, 0.40, 0.15, 0.13),
            "plan": (0.25, 0.10, 0.40, 0.05, 0.20),
        },
        seed=1,
    ),
)


def prompt_of(request: Request) -> str:
    """The prompt of the task's rows for a request."""
    return f"Request: {request.text}\n"


def target(request: Request, style: str) -> str:
    """The completion of `request` in one of STYLES."""
    if style == "unclosed":
        return f"<think> {vague(request)}"
    said = {
        "clear": rationale(request),
        "topic": f"a question about the {request.subject}",
        "vague": vague(request),
        "echo": request.text,
    }
    return f"<think> {said[style]} </think>"


def texts() -> Iterator[str]:
    """Texts with every word that a request or a rationale has."""
    for request in itertools.islice(stream("train", SEED), 20_000):
        for style in STYLES:
            yield prompt_of(request) + target(request, style)
