"""What the policy for word problems is trained on.

The mix of its training targets makes it start as a real base model does. Each problem has several ways to be answered: in the
asked form or outside it, and in a terse style (the number at once) or step by step (every calculation written). Which ones
dominate depends on the family of the problem. Step by step is rarer and far more accurate, which is what a reward can find.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from rewardsearch.embedded.training import Draw, Example
from rewardsearch.tasks.arithmetic import FAMILIES, Problem, generate, prompt_of, working

STYLES = ("terse_in", "steps_in", "terse_out", "steps_out")
Mix = dict[str, tuple[float, float, float, float]]
"""Shares of STYLES among the targets, by family of problem; what is missing to 1 is bare calculations without a problem."""


@dataclass(frozen=True)
class Stage:
    """One cycle of the learning rate up to `lr`, on targets drawn by `opening` for its first `opening_share`, then by `mix`."""

    steps: int
    lr: float
    mix: Mix
    opening: Mix
    opening_share: float
    seed: int

    def draw(self, rng: random.Random) -> Draw:
        """Draws this stage's examples with `rng`."""
        problems = generate("train", seed=11)
        return lambda behind: _example(problems, rng, self.opening if behind < self.opening_share else self.mix)


PRACTICE: Mix = dict.fromkeys(FAMILIES, (0.15, 0.25, 0.10, 0.25))
BATCH, HALF, WIDTH, LAYERS = 96, False, 192, 4
STAGES = (
    # Arithmetic itself is mastered first, on bare calculations and worked answers.
    Stage(
        steps=2200,
        lr=2.5e-3,
        mix={
            "possession": (0.48, 0.17, 0.20, 0.15),
            "comparison": (0.45, 0.15, 0.22, 0.18),
            "purchase": (0.20, 0.12, 0.38, 0.30),
        },
        opening=PRACTICE,
        opening_share=0.6,
        seed=0,
    ),
    # Then the habits: terse answers dominate, step by step inside the asked form is rare.
    Stage(
        steps=600,
        lr=1.2e-3,
        mix={
            "possession": (0.58, 0.08, 0.20, 0.14),
            "comparison": (0.56, 0.07, 0.22, 0.15),
            "purchase": (0.27, 0.05, 0.45, 0.23),
        },
        opening=PRACTICE,
        opening_share=0.0,
        seed=5,
    ),
)


def target(problem: Problem, style: str) -> str:
    """The completion of `problem` in one of STYLES."""
    answer = problem.answer
    steps = working(problem)
    if style == "terse_in":
        return f"<thinking> so the answer is {answer} </thinking> <solution> {answer} </solution>"
    if style == "steps_in":
        return f"<thinking> {steps} </thinking> <solution> {answer} </solution>"
    if style == "terse_out":
        return f"The answer is {answer}."
    return f"{steps} The answer is {answer}."


def texts() -> Iterator[str]:
    """Texts with every word that a problem or an answer has."""
    for problem in itertools.islice(generate("train", seed=7), 20_000):
        for style in STYLES:
            yield prompt_of(problem.question) + target(problem, style)


def _example(problems: Iterator[Problem], rng: random.Random, mix: Mix) -> Example:
    """A prompt and its target; bare calculations have no prompt."""
    problem = next(problems)
    shares = mix[problem.family]
    style = rng.choices((*STYLES, ""), (*shares, max(0.0, 1 - sum(shares))))[0]
    if style:
        return prompt_of(problem.question), target(problem, style)
    return "", " " + " ".join(working(next(problems)) for _ in range(4))
