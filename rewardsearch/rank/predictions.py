"""Two sets of predictions of any model, read from files or memory and compared by question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rewardsearch.config import RankConfig
from rewardsearch.errors import UserError
from rewardsearch.rank.compare import Comparison, compare_outcomes
from rewardsearch.records import UNPARSED, Outcome, OutcomeKind, Record
from rewardsearch.tasks.numbers import gold_number, gold_text
from rewardsearch.tasks.sources import read_table
from rewardsearch.tasks.tables import Mistakes, json_kind

_COLUMNS = ("id", "gold", "prediction")
_NO_MATCH = "[invalid]"
"""What lm-evaluation-harness writes where it found no answer."""
MAX_CLASSES = 20
_MAX_SHOWN = 5
"""Ids or answers that a message lists."""


class Prediction(Record):
    """One row of a prediction file. `prediction` is None where the model gave no answer."""

    id: str
    gold: str
    prediction: str | None


def compare_predictions(
    a: Sequence[Prediction],
    b: Sequence[Prediction],
    config: RankConfig | None = None,
    seed: int = 0,
    positive: str | None = None,
    classes: bool = False,
) -> Comparison:
    """Two sets of predictions for the same questions, matched by id, in whatever order.

    classes: gold has 2 to 20 classes; a prediction that is none of them is unparsed. positive: the same, and the gold answer that
    is the positive class. Without both, a prediction that is not a number is unparsed where every gold answer is a number.
    `[invalid]` is always unparsed.

    Raises UserError when an id is in one set only, when gold differs between the sets, or when both are empty; of classes also
    when there are too few or too many or none is positive.
    """
    gold_a, gold_b = ({row.id: row.gold for row in rows} for rows in (a, b))
    mistakes = []
    for lone, this, other in ((gold_a, "first", "second"), (gold_b, "second", "first")):
        ids = sorted(lone.keys() - (gold_b if lone is gold_a else gold_a).keys())
        if ids:
            mistakes.append(
                f"{len(ids)} ids are in the {this} file only, such as {_some(ids)}; both files must have a row for "
                f"every question: add them to the {other} file, or remove them from the {this} one"
            )
    differing = sorted(id for id in gold_a.keys() & gold_b.keys() if not same_answer(gold_a[id], gold_b[id]))
    if differing:
        id = differing[0]
        mistakes.append(
            f"gold differs between the files for {len(differing)} ids, such as {_some(differing)} ({gold_a[id]!r} and "
            f"{gold_b[id]!r}); both files must have the same questions: correct the one that is wrong"
        )
    if not a and not b:
        mistakes.append("no predictions in either file; give JSON Lines with id, gold and prediction")
    if mistakes:
        raise UserError(*mistakes)
    names = _classes(gold_a.values(), positive) if classes or positive is not None else None
    numeric = names is None and all(gold_number(gold) is not None for gold in gold_a.values())
    first, second = ([_outcome(row, names, positive is not None, numeric) for row in rows] for rows in (a, b))
    result = compare_outcomes(first, second, config or RankConfig(), seed)
    sides = {
        name: side.model_copy(update={"unreadable": sum(_is_unreadable(row.prediction, numeric) for row in rows)})
        for name, side, rows in (("a", result.a, a), ("b", result.b, b))
    }
    return result.model_copy(update=sides)


def read_predictions(source: Path | Iterable[Mapping[str, Any]]) -> list[Prediction]:
    """The rows of a JSON Lines file, or rows in memory, with `id`, `gold` and `prediction`; other keys are ignored.

    A number is read as its text. A missing, null, NaN, infinite or blank prediction is None. Raises UserError with the file's
    mistakes: unreadable lines, rows without id or gold, duplicate ids.
    """
    mistakes = Mistakes()
    raw, name = read_table(source, mistakes)
    raw.need(_COLUMNS, name, mistakes)
    rows: dict[str, Prediction] = {}
    for where, cells in raw.rows:
        try:
            row = _prediction(cells)
            if row.id in rows:
                raise ValueError(f"the id {row.id!r} comes twice; keep one row per question")
            rows[row.id] = row
        except ValueError as error:
            mistakes.add("a mistake", f"{where}: {error}")
    mistakes.end(name)
    if not rows:
        raise UserError(f"no rows in {name}; give rows with {', '.join(_COLUMNS)}")
    return list(rows.values())


def same_answer(a: str, b: str) -> bool:
    """Whether two answers are equal: as numbers when both are numbers (`$1,000` equals `1000.0`; of a whole solution, the number
    after `####`), else as trimmed, case-folded text."""
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
        raise ValueError(f"{key} is {json_kind(value)}; write a string or a number")
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


def _classes(golds: Iterable[str], positive: str | None) -> tuple[str, ...]:
    """The classes of gold answers, the positive one first, the others in their order."""
    found: list[str] = []
    for gold in golds:
        if not any(same_answer(gold, known) for known in found):
            found.append(gold.strip())
    others = [gold for gold in found if positive is None or not same_answer(gold, positive)]
    if positive is not None and len(others) == len(found):
        raise UserError(
            f"positive: no gold answer is {positive!r}; gold has {_some(map(repr, found))}: give one of these"
        )
    if not 2 <= len(found) <= MAX_CLASSES:
        raise UserError(
            f"gold has {len(found)} classes, {_some(map(repr, found))}; classes are 2 to {MAX_CLASSES}: "
            "leave positive and classes out, or give rows of so many classes"
        )
    if UNPARSED in found:
        raise UserError(f"a class is named {UNPARSED!r}, which marks predictions of no class; rename the class")
    return tuple(sorted(others)) if positive is None else (positive.strip(), *sorted(others))


def _is_unreadable(prediction: str | None, numeric: bool) -> bool:
    """Whether a prediction is not blank, yet not an answer, such as no number where every gold answer is one."""
    if prediction is None or not prediction.strip():
        return False
    return prediction.strip().casefold() == _NO_MATCH or (numeric and gold_number(prediction) is None)


def _outcome(row: Prediction, classes: tuple[str, ...] | None, has_positive: bool, numeric: bool) -> Outcome:
    if classes is not None:
        gold, answer = (_class_of(text, classes) for text in (row.gold, row.prediction))
        row = Prediction(id=row.id, gold=gold or row.gold, prediction=answer)
    elif numeric:
        row = row.model_copy(update={"gold": gold_number(row.gold)})
    kind: OutcomeKind = "unparsed"
    if row.prediction is not None and row.prediction.strip() and not _is_unreadable(row.prediction, numeric):
        kind = "correct" if same_answer(row.prediction, row.gold) else "wrong"
    positive = row.gold == classes[0] if classes is not None and has_positive else None
    return Outcome(
        id=row.id,
        kind=kind,
        gold=row.gold,
        prediction=row.prediction,
        length=0,
        positive=positive,
        classes=classes,
    )


def _class_of(text: str | None, classes: tuple[str, ...]) -> str | None:
    return next((name for name in classes if text is not None and same_answer(text, name)), None)


def _some(ids: Iterable[str]) -> str:
    ids = list(ids)
    return ", ".join(ids[:_MAX_SHOWN]) + (", ..." if len(ids) > _MAX_SHOWN else "")
