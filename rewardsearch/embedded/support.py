"""What the policy for support requests is trained on.

It masters requests and clear rationales first. Then come its habits: how often a rationale is clear depends on how a request
opens and on the kind of its subject. The other rationales look only at the opening, name only the subject, or do not close.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from rewardsearch.embedded.training import Draw, Example
from rewardsearch.tasks.contrast.support import KINDS, Request, opening, rationale, stream, vague
from rewardsearch.tasks.contrast.support_words import SUBJECTS

STYLES = ("clear", "vague", "unclosed", "topic")
SHARES = (0.45, 0.30, 0.25)
"""Of the styles that are not clear, among the targets that are not."""
POLITE = ("please help, ", "sorry, ", "excuse me, ")
"""Openings that are seldom answered clearly."""
SEED = 1_000_003
"""Of the requests to train on: an order that no search's seed gives."""


@dataclass(frozen=True)
class Stage:
    """One cycle of the learning rate up to `lr`. clear: how often a rationale is, by kind of subject: after a POLITE opening, and
    after another."""

    steps: int
    lr: float
    clear: dict[str, tuple[float, float]]
    seed: int

    def draw(self, rng: random.Random) -> Draw:
        """Draws this stage's examples with `rng`; the request is learnt too, so an example has no prompt."""
        requests = stream("train", SEED + self.seed)
        return lambda behind: self._example(next(requests), rng)

    def _example(self, request: Request, rng: random.Random) -> Example:
        clear = self.clear[KINDS[request.intent]][opening(request) not in POLITE]
        style = rng.choices(STYLES, (clear, *((1 - clear) * share for share in SHARES)))[0]
        return "", prompt_of(request) + target(request, style)


BATCH, HALF, WIDTH, LAYERS = 64, True, 128, 3
STAGES = (
    Stage(400, 3e-3, clear=dict.fromkeys(SUBJECTS, (0.7, 0.7)), seed=0),
    Stage(200, 1.5e-3, clear={"product": (0.28, 0.64), "card": (0.30, 0.66), "plan": (0.35, 0.70)}, seed=1),
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
    }
    return f"<think> {said[style]} </think>"


def texts() -> Iterator[str]:
    """Texts with every word that a request or a rationale has."""
    for request in itertools.islice(stream("train", SEED), 20_000):
        for style in STYLES:
            yield prompt_of(request) + target(request, style)
