"""How often the interval of a gain holds the truth, and how often equal rewards are called different.

    python benchmarks/gain_coverage.py [--searches 10000] [--questions 1000] [--seed 0] [--json]

Two rewards are trained with several seeds each and read on the same questions, simulated as selection_model.py describes it:
questions differ in difficulty, a reward has a lasting taste for some of them, a policy luck of its own with each. Here the seed
effect is normal in F1, with a standard deviation for each arm; `two habits` puts every run that far above or below the mean.

covered: share of searches whose 95 % interval of the gain over questions and seeds (rewardsearch.stats.spread) holds the true
gain, the mean over seeds and over all questions. width: its mean. questions alone: the same for an interval without the noise
between seeds. A/A: share of searches with p < 0.05 between two copies of the baseline, over the first 200 and over all.

Must hold for 3, 5 and 8 seeds, but for two habits: 93 to 97 % covered, 2 to 8 % false positives. A limit is broken beyond two
standard errors. Exit status 1 when one is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from selection_model import DIFFICULTY_SD, TASTE_SD, Bools, Floats, Setting, World, f1_of

from rewardsearch.stats import SeedNoise, Spread, spread

CONFIDENCE = 0.95
ARM_F1, BASELINE_F1 = 0.90, 0.78
FEW = 200
"""Searches of the first A/A rate."""
_ANSWERS = 4_000_000
"""Answers that are simulated together."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """Standard deviations of F1 between seeds, of the arm and of the baseline."""

    arm: float
    baseline: float
    two_habits: bool = False

    @property
    def name(self) -> str:
        return f"{self.arm:g} / {self.baseline:g}{', two habits' if self.two_habits else ''}"


PAIRS = (
    Pair(0.015, 0.015),
    Pair(0.002, 0.08),
    Pair(0.01, 0.03),
    Pair(0.002, 0.002),
    Pair(0.002, 0.058, two_habits=True),
)


def gains(
    pair: Pair, seeds: int, questions: int, searches: int, rng: np.random.Generator, *, same: bool = False
) -> Iterator[tuple[float, Spread]]:
    """The error of the gain of each search (the gain less the true one), with its spread. same: the baseline against itself."""
    # Abilities do not depend on the candidates of a world.
    ability = World(Setting(candidates=1, rounds=1), np.random.default_rng(0)).ability
    means = np.array([BASELINE_F1 if same else ARM_F1, BASELINE_F1])
    sds = np.array([pair.baseline if same else pair.arm, pair.baseline])
    while searches > 0:
        count = min(searches, max(1, _ANSWERS // (2 * seeds * questions)))
        searches -= count
        standard = rng.standard_normal((count, 2, seeds))
        effects = np.sign(standard) if pair.two_habits else standard
        f1 = means[:, None] + sds[:, None] * effects
        difficulty = DIFFICULTY_SD * rng.standard_normal((count, 1, questions), dtype=np.float32)
        taste = TASTE_SD * rng.standard_normal((count, 2, questions), dtype=np.float32)
        if same:
            taste[:, 1] = taste[:, 0]
        edge = ability(f1 / (2 - f1)).astype(np.float32)[..., None] + (taste - difficulty)[:, :, None]
        right = rng.random(edge.shape, dtype=np.float32) < 1 / (1 + np.exp(-edge))
        yield from spreads(right, float(means[0] - means[1]))


def spreads(right: Bools, true: float = 0.0) -> Iterator[tuple[float, Spread]]:
    """For each search the gain less `true`, with its spread, from who is right: (searches, 2, seeds, questions).

    Errors from the questions are those that the bootstrap approaches with many resamples, F1 being nearly linear in accuracy for
    them.
    """
    seeds, questions = right.shape[2:]
    accuracy = right.mean(axis=3)
    scores = f1_of(accuracy)
    moved = (right - accuracy[..., None]) * (2 / (1 + accuracy) ** 2)[..., None]
    means = moved.mean(axis=2)
    error = np.sqrt((means[:, 0] - means[:, 1]).var(axis=1) / questions)
    luck = np.sqrt(moved.var(axis=2, ddof=1).mean(axis=2) / questions)
    sd = scores.std(axis=2, ddof=1)
    gain: Floats = scores[:, 0].mean(axis=1) - scores[:, 1].mean(axis=1) - true
    for each, question_se, arm_sds, arm_lucks in zip(gain, error, sd, luck, strict=True):
        noises = (SeedNoise(sd=a, df=seeds - 1, luck=b) for a, b in zip(arm_sds, arm_lucks, strict=True))
        yield float(each), spread(float(question_se), [(noise, 1 / seeds) for noise in noises])


def measure(pair: Pair, seeds: int, questions: int, searches: int, seed: int, copies: int | None = None) -> Row:
    """A row of the table: a pair of rewards, so many seeds an arm. copies: searches for A/A, as many as `searches` without."""
    rng = np.random.default_rng([seed, seeds])
    errors, found = zip(*gains(pair, seeds, questions, searches, rng), strict=True)
    halves = np.array([each.half_width(CONFIDENCE) for each in found])
    alone = np.array([spread(each.question_se).half_width(CONFIDENCE) for each in found])
    again = gains(pair, seeds, questions, copies or searches, rng, same=True)
    false = [each.p(gain) < 1 - CONFIDENCE for gain, each in again]
    return {
        "sd of F1, arm / baseline": pair.name,
        "seeds": seeds,
        "covered": _share(np.abs(errors) <= halves),
        "width": round(float(2 * halves.mean()), 4),
        "questions alone": _share(np.abs(errors) <= alone),
        f"A/A, {FEW}": _share(false[:FEW]),
        "A/A": _share(false),
    }


def broken(row: Row, pair: Pair, searches: int) -> list[str]:
    """What must hold of a row and does not."""
    if row["seeds"] < 3 or pair.two_habits:
        return []
    mistakes = []
    for what, low, high in (("covered", 0.93, 0.97), ("A/A", 0.02, 0.08)):
        share = row[what]
        slack = 2 * (max(share * (1 - share), 1e-4) / searches) ** 0.5
        if not low - slack <= share <= high + slack:
            mistakes.append(f"{pair.name}, {row['seeds']} seeds: {what} {share}, must be within {low} and {high}")
    return mistakes


def _share(values: Any) -> float:
    return round(float(np.mean(values)), 4)


def main() -> int:
    parser = argparse.ArgumentParser(description="Coverage of the interval of a gain, and A/A false positives.")
    parser.add_argument("--searches", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name, least in (("searches", FEW), ("questions", 50), ("seed", 0)):
        if (value := getattr(options, name)) < least:
            parser.error(f"--{name}: got {value}; {least} or more are allowed")
    rows, mistakes = [], []
    for pair in PAIRS:
        for seeds in (2, 3, 5, 8):
            rows.append(measure(pair, seeds, options.questions, options.searches, options.seed))
            mistakes += broken(rows[-1], pair, options.searches)
    if options.json:
        print(json.dumps({"settings": vars(options), "rows": rows, "broken": mistakes}, indent=1))
    else:
        table = Table(*rows[0], title=f"{options.searches:,} searches, {options.questions:,} questions")
        for row in rows:
            table.add_row(*map(str, row.values()))
        Console().print(table, *mistakes, sep="\n")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
