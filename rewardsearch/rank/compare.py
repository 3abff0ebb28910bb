"""Two arms side by side on the same questions, of a run or of any model's prediction files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rewardsearch.config import RankConfig
from rewardsearch.errors import UserError
from rewardsearch.rank.noise import Scores
from rewardsearch.records import (
    BASELINE,
    POLICY,
    ClassEstimate,
    ClassScores,
    Interval,
    Outcome,
    OutcomeKind,
    Record,
    TrainingResult,
)
from rewardsearch.stats import UNPARSED, Bootstrap, Estimate, McNemar, f1_accuracy, mcnemar
from rewardsearch.tasks.mistakes import Mistakes
from rewardsearch.tasks.numbers import gold_number, gold_text
from rewardsearch.tasks.sources import json_kind, read_table

_COLUMNS = ("id", "gold", "prediction")
_NO_MATCH = "[invalid]"
"""What lm-evaluation-harness writes where it found no answer."""
_TOLD = 5
"""How many mistakes of one kind are told one by one."""


class Side(Record):
    """One arm's scores; `classes` has those of each class, on a task with classes, where F1 is the positive class's."""

    f1: float
    f1_ci: Interval
    accuracy: float
    accuracy_ci: Interval
    parse_rate: float
    correct: int
    wrong: int
    unparsed: int
    unreadable: int | None = None
    """Of the unparsed: predictions that say something, yet no answer; None for arms of a run."""
    classes: ClassScores | None = None


class Discordant(Record):
    """A question that one arm answers right and the other does not; `a` and `b` are what was read from their answers."""

    id: str
    right: Literal["a", "b"]
    gold: str
    a: str | None
    b: str | None


class RewardGap(Record):
    """The F1 of one arm less that of another as rewards: with its interval and p-value over questions and training seeds, by the
    noise between the `seeds` of the baseline, as the leaderboard has it. `baseline_mean`: whether one of the two is the baseline,
    which counts with its mean over these seeds."""

    f1: float
    f1_ci: Interval
    p: float
    seeds: tuple[int, ...]
    baseline_mean: bool


class Comparison(Record):
    """Two trained policies, or sets of predictions, on `n` questions. `difference` is a less b, with paired bootstrap
    intervals, and `macro_f1_difference` that of macro F1, on a task with classes; with McNemar's tests they are over the
    questions alone. `discordant` are the questions that tell the two apart. `rewards` has what is known of the two as rewards:
    None where nothing is known of the noise between seeds."""

    n: int
    a: Side
    b: Side
    difference: Estimate
    mcnemar: McNemar
    macro_f1_difference: ClassEstimate | None = None
    discordant: tuple[Discordant, ...] = ()
    rewards: RewardGap | None = None


class Prediction(Record):
    """One row of a prediction file. `prediction` is None where the model gave no answer."""

    id: str
    gold: str
    prediction: str | None


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
        macro_f1_difference=difference.macro_f1_estimate,
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
    """What the leaderboard knows of two of its arms as rewards; the arguments are those of `rank`.

    None where one of the two is not on it or was not trained on a reward, or the baseline has fewer than two seeds.
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
    """First those that only a answers right, in a's order, then those that only b does."""
    others = {outcome.id: outcome for outcome in b}
    found = []
    for one in a:
        other = others[one.id]
        if (one.kind == "correct") != (other.kind == "correct"):
            right: Literal["a", "b"] = "a" if one.kind == "correct" else "b"
            found.append(Discordant(id=one.id, right=right, gold=one.gold, a=one.prediction, b=other.prediction))
    return tuple(sorted(found, key=lambda each: each.right))


def compare_predictions(
    a: Sequence[Prediction],
    b: Sequence[Prediction],
    config: RankConfig | None = None,
    seed: int = 0,
    positive: str | None = None,
) -> Comparison:
    """Two sets of predictions for the same questions, matched by id, in whatever order.

    positive: the gold answer that is the positive class, where gold is one of two classes; the other one is the negative class,
    and a prediction that is neither is unparsed. Without it a prediction that is no number is unparsed where every gold answer is
    a number, as `[invalid]` is anywhere.

    Raises UserError when an id is in one set only, when gold differs between them, or when there are none; with `positive` also
    when gold is not of two classes or none of it is positive.
    """
    gold_a, gold_b = ({row.id: row.gold for row in rows} for rows in (a, b))
    mistakes = []
    for lone, this, other in ((gold_a, "first", "second"), (gold_b, "second", "first")):
        ids = sorted(lone.keys() - (gold_b if lone is gold_a else gold_a).keys())
        if ids:
            mistakes.append(
                f"{len(ids)} ids are in the {this} file only, such as {_some(ids)}; both files must have a row for "
                f"every question: add them to the {other} file, or leave them out of both"
            )
    differing = sorted(id for id in gold_a.keys() & gold_b.keys() if not same_answer(gold_a[id], gold_b[id]))
    if differing:
        id = differing[0]
        mistakes.append(
            f"gold differs between the files for {len(differing)} ids, such as {_some(differing)} ({gold_a[id]!r} and "
            f"{gold_b[id]!r}); the files must be of the same questions: mend the one that is wrong"
        )
    if not a and not b:
        mistakes.append("no predictions in either file; give JSON Lines with id, gold and prediction")
    if mistakes:
        raise UserError(*mistakes)
    classes = None if positive is None else _classes(gold_a.values(), positive)
    numeric = classes is None and all(gold_number(gold) is not None for gold in gold_a.values())
    first, second = ([_outcome(row, classes, numeric) for row in rows] for rows in (a, b))
    result = compare_outcomes(first, second, config or RankConfig(), seed)
    sides = {
        name: side.model_copy(update={"unreadable": sum(_is_unreadable(row.prediction, numeric) for row in rows)})
        for name, side, rows in (("a", result.a, a), ("b", result.b, b))
    }
    return result.model_copy(update=sides)


def read_predictions(source: Path | Iterable[Mapping[str, Any]]) -> list[Prediction]:
    """The rows of a JSON Lines file, or rows in memory, with `id`, `gold` and `prediction`; other keys are ignored.

    Numbers are taken as their text; a missing, null, NaN, infinite or blank prediction is None. Raises UserError with the file's
    mistakes: unreadable lines, rows without id or gold, ids that come twice.
    """
    mistakes = Mistakes()
    raw, name = read_table(source, mistakes)
    raw.need(_COLUMNS, name, mistakes)
    rows: dict[str, Prediction] = {}
    for where, cells in raw.rows:
        try:
            row = _prediction(cells)
            if row.id in rows:
                raise ValueError(f"the id {row.id!r} comes twice; keep one row a question")
            rows[row.id] = row
        except ValueError as error:
            mistakes.add("a mistake", f"{where}: {error}")
    mistakes.end(name)
    if not rows:
        raise UserError(f"no rows in {name}; give rows with {', '.join(_COLUMNS)}")
    return list(rows.values())


def same_answer(a: str, b: str) -> bool:
    """Whether two answers are equal: as numbers when both are (`$1,000` equals `1000.0`, and a whole solution is the number after
    its `####`), else as trimmed, case-folded text."""
    x, y = gold_number(a), gold_number(b)
    if x is not None and y is not None:
        return x == y
    return a.strip().casefold() == b.strip().casefold()


def _prediction(row: Mapping[str, Any]) -> Prediction:
    texts = {key: _text(row, key) for key in _COLUMNS}
    missing = [key for key in ("id", "gold") if texts[key] is None]
    if missing:
        raise ValueError(
            f"no {' and no '.join(missing)}; each row has id and gold, and a prediction where there is one"
        )
    return Prediction.model_validate(texts)


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if isinstance(value, list | dict):
        raise ValueError(f"{key} is {json_kind(value)}; write a text or a number")
    # NaN is how pandas writes a missing value.
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    text = str(value)
    if key == "gold" and text.strip():
        try:
            gold_text(text)
        except ValueError as error:
            raise ValueError(f"gold: {error}") from None
    return text if text.strip() else None


def _classes(golds: Iterable[str], positive: str) -> tuple[str, str]:
    """The two classes of gold answers, the positive one first."""
    found: list[str] = []
    for gold in golds:
        if not any(same_answer(gold, known) for known in found):
            found.append(gold.strip())
    others = [gold for gold in found if not same_answer(gold, positive)]
    if len(others) == len(found):
        raise UserError(
            f"no gold answer is the positive class {positive!r}; gold has {_some(map(repr, found))}: give one of these"
        )
    if len(others) != 1:
        raise UserError(
            f"beside the positive class {positive!r} gold has {len(others)} others{': ' if others else ''}"
            f"{_some(map(repr, others))}; classes are two: leave --positive out, or give files of two classes"
        )
    if UNPARSED in found:
        raise UserError(
            f"a class is called {UNPARSED!r}, which is what predictions of no class are; call it something else"
        )
    return positive.strip(), others[0]


def _is_unreadable(prediction: str | None, numeric: bool) -> bool:
    """Whether a prediction says something, yet no answer: no number where every gold answer is one."""
    if prediction is None or not prediction.strip():
        return False
    return prediction.strip().casefold() == _NO_MATCH or (numeric and gold_number(prediction) is None)


def _outcome(row: Prediction, classes: tuple[str, str] | None, numeric: bool) -> Outcome:
    if classes is not None:
        gold, answer = (_class_of(text, classes) for text in (row.gold, row.prediction))
        row = Prediction(id=row.id, gold=gold or row.gold, prediction=answer)
    elif numeric:
        row = row.model_copy(update={"gold": gold_number(row.gold)})
    kind: OutcomeKind = "unparsed"
    if row.prediction is not None and row.prediction.strip() and not _is_unreadable(row.prediction, numeric):
        kind = "correct" if same_answer(row.prediction, row.gold) else "wrong"
    positive = None if classes is None else row.gold == classes[0]
    return Outcome(id=row.id, kind=kind, gold=row.gold, prediction=row.prediction, length=0, positive=positive)


def _class_of(text: str | None, classes: tuple[str, str]) -> str | None:
    return next((name for name in classes if text is not None and same_answer(text, name)), None)


def _some(ids: Iterable[str]) -> str:
    ids = list(ids)
    return ", ".join(ids[:_TOLD]) + (", ..." if len(ids) > _TOLD else "")
