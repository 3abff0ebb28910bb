"""A model of what training under a reward gives: the world in which benchmarks/selection.py compares protocols.

Quality. A candidate's true accuracy is normal around its round's mean, so that the mean F1 of the rounds rises evenly from
0.596 to 0.632 (arXiv 2605.02073; F1 = 2a / (1 + a) with a the accuracy). QUALITY_SD is fitted so that the best of 50,
ranked and reported as that paper does it, is expected at the 0.787 that it prints. The baseline is its 0.609.

Seeds. A run's accuracy is that of its candidate plus a seed effect: normal, 3.6 points of accuracy
(SEED_SD, as measured for short GRPO + LoRA runs). It belongs to the run and stays with it from rung to rung, as training goes
on from the same adapter; training anew draws a new one.

Questions. A run answers a question correctly when ability + taste + luck exceeds the difficulty. Luck is logistic and the
run's own (a Rasch model), the same at every rung. Taste is the candidate's own, normal, and lasts over its seeds, so that
luck with the questions of `val` is not undone by training anew on them. All runs share the difficulties, so that their
answers are paired. DIFFICULTY_SD makes two rewards of equal accuracy disagree on 20 % of the questions. TASTE_SD has no
source: with it two seeds of one reward disagree on 18 to 19 %.

Rungs. After a part of the steps a candidate stands, within its round's distribution, at r z + sqrt(1 - r^2) w: z is its final
standing, w a standard normal, r the normal correlation of the asked Spearman correlation s, 2 sin(pi s / 6). Nobody has
measured s for rewards, so it is varied. Two things are hard on racing: s is between qualities, so that seeds and questions
blur the scores further; and w is the same at all rungs, so that what misleads early misleads again. One is kind to it: the
part-trained spread as widely as the trained.

Left out: rewards that fail to train or are hacked, feedback between rounds, and noise that differs between rewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

FIRST_F1, LAST_F1, BASELINE_F1 = 0.596, 0.632, 0.609
QUALITY_SD, SEED_SD = 0.079, 0.036
DIFFICULTY_SD, TASTE_SD = 3.8, 0.7
_LEAST, _MOST = 0.01, 0.99
_ACCURACIES = np.linspace(_LEAST, _MOST, 197)
_GRID = np.linspace(-25, 25, 2001)


def f1_of(accuracy: Floats | float) -> Floats:
    """F1 where every question is right, wrong or unparsed: 2a / (1 + a)."""
    return np.asarray(2 * accuracy / (1 + accuracy))


def accuracy_of(f1: float) -> float:
    return f1 / (2 - f1)


def mean_f1(accuracy: Floats, sd: float) -> Floats:
    """The expected F1 where accuracy is normal around each of `accuracy`; F1 is concave, so it is below that of the mean."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    return f1_of((accuracy[:, None] + sd * nodes).clip(_LEAST, _MOST)) @ (weights / weights.sum())


@dataclass(frozen=True)
class Setting:
    """One world. Standard deviations are of accuracy, but difficulty and taste, which are in logits.

    rungs: (share of the steps, share of the `val` questions, Spearman correlation of the quality then with the final one).
    """

    candidates: int = 50
    rounds: int = 5
    first_f1: float = FIRST_F1
    last_f1: float = LAST_F1
    quality_sd: float = QUALITY_SD
    seed_sd: float = SEED_SD
    difficulty_sd: float = DIFFICULTY_SD
    taste_sd: float = TASTE_SD
    rungs: tuple[tuple[float, float, float], ...] = ((0.25, 0.5, 0.6), (0.5, 1.0, 0.8))
    val: int = 700
    test: int = 1319


@dataclass(frozen=True)
class Questions:
    """Difficulty of each question, (n,), and the taste of each arm for it, (arms, n)."""

    difficulty: Floats
    taste: Floats


class World:
    """The candidates of one search, ids 0 to candidates - 1 in the order of their rounds, and the baseline, id `baseline`.

    accuracy, f1: (arms,), what a run with a fresh seed is expected to reach over the whole population of questions.
    quality: (rungs + 1, arms), the expected accuracy at each rung and at the end.
    """

    def __init__(self, setting: Setting, rng: np.random.Generator) -> None:
        self.setting, self.baseline = setting, setting.candidates
        count = setting.candidates
        self.round_of: Ints = np.arange(count) * setting.rounds // count
        spread = float(np.hypot(setting.quality_sd, setting.seed_sd))
        targets = np.linspace(setting.first_f1, setting.last_f1, setting.rounds)
        means = np.interp(targets, mean_f1(_ACCURACIES, spread), _ACCURACIES)[self.round_of]
        final, misleading = rng.standard_normal((2, count))
        r = [2 * np.sin(np.pi * spearman / 6) for _, _, spearman in setting.rungs] + [1.0]
        standings = np.array([a * final + np.sqrt(1 - a**2) * misleading for a in r])
        quality = np.column_stack([means + setting.quality_sd * standings, np.full(len(r), accuracy_of(BASELINE_F1))])
        self.quality = quality.clip(_LEAST, _MOST)
        self.accuracy = self.quality[-1]
        self.f1 = mean_f1(self.accuracy, setting.seed_sd)
        self.best = int(self.accuracy[:count].argmax())
        self._curve = _accuracy_of_ability(float(np.hypot(setting.difficulty_sd, setting.taste_sd)))

    def questions(self, count: int, rng: np.random.Generator) -> Questions:
        """Fresh questions from the population."""
        return Questions(
            difficulty=self.setting.difficulty_sd * rng.standard_normal(count),
            taste=self.setting.taste_sd * rng.standard_normal((len(self.accuracy), count)),
        )

    def ability(self, accuracy: Floats) -> Floats:
        """The ability, in logits, that gives each accuracy over the population of questions."""
        return np.interp(accuracy.clip(_LEAST, _MOST), self._curve, _GRID)


class Runs:
    """Training runs of arms, one fresh seed each. arms: (runs,) ids, which may repeat."""

    def __init__(self, world: World, arms: Ints, rng: np.random.Generator) -> None:
        self.arms, self._world, self._rng = arms, world, rng
        self._seed_effect = world.setting.seed_sd * rng.standard_normal(len(arms))

    def on(self, questions: Questions) -> Answers:
        luck = self._rng.logistic(size=(len(self.arms), len(questions.difficulty)))
        return Answers(
            self._world, self.arms, self._seed_effect, questions.taste[self.arms] + luck - questions.difficulty
        )


@dataclass(frozen=True)
class Answers:
    """What runs answer to some questions. edge: (runs, questions), what the ability is added to, in logits."""

    world: World
    arms: Ints
    seed_effect: Floats
    edge: Floats

    def right(self, rung: int = -1, runs: Ints | None = None) -> Bools:
        """Whether each answer is right, (runs, questions), at a rung (the last is the end of training)."""
        chosen = np.arange(len(self.arms)) if runs is None else runs
        accuracy = self.world.quality[rung, self.arms[chosen]] + self.seed_effect[chosen]
        return self.edge[chosen] + self.world.ability(accuracy)[:, None] > 0


@cache
def _accuracy_of_ability(spread: float) -> Floats:
    """The accuracy at each ability of _GRID over questions whose difficulty less taste is normal with that spread."""
    standard = np.linspace(-6, 6, 481)
    weights = np.exp(-(standard**2) / 2)
    return (1 / (1 + np.exp(spread * standard - _GRID[:, None]))) @ (weights / weights.sum())
