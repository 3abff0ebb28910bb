"""Two arms side by side on the same questions: as trained policies, and as rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rewardsearch.config import RankConfig
from rewardsearch.rank.noise import Scores
from rewardsearch.records import (
    BASELINE,
    POLICY,
    ClassScores,
    Interval,
    Outcome,
    Record,
    ScoreEstimate,
    TrainingResult,
)
from rewardsearch.stats import Bootstrap, Estimate, McNemar, f1_accuracy, mcnemar


class Side(Record):
    """The scores of one arm. On a task with classes F1 is the positive class's, or macro F1 where there is none, and `classes`
    has the scores of each class."""

    f1: float
    f1_ci: Interval
    accuracy: float
    accuracy_ci: Interval
    parse_rate: float
    correct: int
    wrong: int
    unparsed: int
    unreadable: int | None = None
    """Unparsed predictions that are not blank; None for arms of a run."""
    classes: ClassScores | None = None


class Discordant(Record):
    """A question that one arm answers correctly and the other does not; `a` and `b` are their parsed answers."""

    id: str
    right: Literal["a", "b"]
    gold: str
    a: str | None
    b: str | None


class RewardGap(Record):
    """The F1 of one arm less that of another, as rewards: interval and p-value are over questions and training seeds, as on the
    leaderboard. The noise between seeds is that of the baseline's `seeds`. baseline_mean: one of the two is the baseline, with
    its mean over these seeds."""

    f1: float
    f1_ci: Interval
    p: float
    seeds: tuple[int, ...]
    baseline_mean: bool


class Comparison(Record):
    """Two trained policies, or sets of predictions, on `n` questions.

    `difference` is a less b, with paired bootstrap intervals; `macro_f1_difference` is that of macro F1, on a task with classes.
    They and McNemar's test are over the questions alone. `discordant`: the questions that only one of the two answers correctly.
    `rewards`: the comparison as rewards; None where the noise between seeds is not known.
    """

    n: int
    a: Side
    b: Side
    difference: Estimate
    mcnemar: McNemar
    macro_f1_difference: ScoreEstimate | None = None
    discordant: tuple[Discordant, ...] = ()
    rewards: RewardGap | None = None


def compare_outcomes(a: Sequence[Outcome], b: Sequence[Outcome], config: RankConfig, seed: int) -> Comparison:
    """The scores of two arms, their differences and McNemar's test, matched by question id.

    Raises ValueError when the two answered different questions.
    """
    bootstrap = Bootstrap({"a": a, "b": b}, resamples=config.resamples, seed=seed, confidence=config.confidence)
    sides = {}
    for name, outcomes in (("a", a), ("b", b)):
        metrics = f1_accuracy(outcomes).model_dump(include={"parse_rate", "correct", "wrong", "unparsed"})
        scores = bootstrap.estimate(name).model_dump()
        sides[name] = Side(**scores, **metrics, classes=bootstrap.class_scores(name))
    difference = bootstrap.sample("a") - bootstrap.sample("b")
    return Comparison(
        n=len(a),
        a=sides["a"],
        b=sides["b"],
        difference=difference.estimate,
        mcnemar=mcnemar(a, b),
        macro_f1_difference=difference.score("macro_f1") if difference.has_classes else None,
        discordant=_discordant(a, b),
    )


def reward_gap(
    a: str,
    b: str,
    results: Mapping[str, TrainingResult],
    baselines: Sequence[TrainingResult],
    config: RankConfig,
    seed: int,
) -> RewardGap | None:
    """Two arms of the leaderboard compared as rewards; the arguments are those of `rank`.

    None where one of the two is not on the leaderboard or was not trained, or the baseline has fewer than two seeds.
    """
    known = {arm: results[arm] for arm in dict.fromkeys((a, b, BASELINE)) if arm in results}
    if POLICY in (a, b) or not {a, b, BASELINE} <= known.keys() or len(baselines) < 2:
        return None
    scores = Scores(known, baselines, config, seed)
    ci, p = scores.gap_ci(a, b), scores.p(a, b)
    if ci is None or p is None:
        return None
    seeds = tuple(scores.f1_by_seed)
    return RewardGap(f1=scores.gap(a, b).f1, f1_ci=ci, p=p, seeds=seeds, baseline_mean=BASELINE in (a, b))


def _discordant(a: Sequence[Outcome], b: Sequence[Outcome]) -> tuple[Discordant, ...]:
    """First those that only `a` answers correctly, in the order of `a`, then those that only `b` does."""
    others = {outcome.id: outcome for outcome in b}
    found = []
    for one in a:
        other = others[one.id]
        if (one.kind == "correct") != (other.kind == "correct"):
            right: Literal["a", "b"] = "a" if one.kind == "correct" else "b"
            found.append(Discordant(id=one.id, right=right, gold=one.gold, a=one.prediction, b=other.prediction))
    return tuple(sorted(found, key=lambda each: each.right))
