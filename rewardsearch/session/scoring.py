"""Scores completions with a reward, in the sandbox."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.records import FIXED_ARGUMENTS, Batch, Record, Row, message_text
from rewardsearch.rewards.sandbox import RewardFault, Sandbox, batch_dependent, check_static
from rewardsearch.tasks.numbers import gold_text
from rewardsearch.tasks.sources import read_table
from rewardsearch.tasks.tables import Mistakes

if TYPE_CHECKING:
    import pandas as pd

BATCH = 256
"""Rows of one call, so that a long file does not meet the time limit of a call."""
_FIXED = ("prompt", "completion", "answer")
_MEASURED = "measured"
"""The column with an object of numbers: the measured columns of the completion, by name."""


class ScoredRow(Record):
    """What one completion was paid; `components` by name, empty where the reward has none."""

    reward: float
    components: dict[str, float] = {}


class Scores(Record):
    """What a reward paid each row. When it fails, `error` has the reason and `rows` is empty. `printed` is the start of what it
    printed."""

    rows: tuple[ScoredRow, ...] = ()
    error: str | None = None
    printed: str = ""

    @property
    def rewards(self) -> list[float]:
        """One number a row, in their order."""
        return [row.reward for row in self.rows]

    @property
    def summary(self) -> dict[str, Any]:
        """n, mean, min, max, and the mean of each component; empty without rows."""
        if not self.rows:
            return {}
        components: dict[str, list[float]] = {}
        for row in self.rows:
            for name, value in row.components.items():
                components.setdefault(name, []).append(value)
        return {
            "n": len(self.rows),
            "mean": sum(self.rewards) / len(self.rows),
            "min": min(self.rewards),
            "max": max(self.rewards),
            "components": {name: sum(values) / len(values) for name, values in components.items()},
        }

    def frame(self) -> pd.DataFrame:
        """One row per completion: `reward`, then a column for each component."""
        import pandas as pd

        return pd.DataFrame([{"reward": row.reward, **row.components} for row in self.rows])


def score_rows(code: str, rows: Sequence[tuple[Row, str]], config: Config) -> Scores:
    """Runs a reward in the sandbox on the rows and completions of `rows_to_score`, BATCH rows per call.

    A reward that declares BATCH_DEPENDENT gets all rows in one call."""
    size = len(rows) if check_static(code) is None and batch_dependent(code) else BATCH
    scored: list[ScoredRow] = []
    printed = ""
    with Sandbox(config.sandbox, config.validation.bound) as sandbox:
        for part in (rows[start : start + size] for start in range(0, len(rows), size)):
            try:
                output = sandbox.call(code, Batch.of([row for row, _ in part], [completion for _, completion in part]))
            except RewardFault as fault:
                return Scores(error=fault.reason, printed=printed or fault.printed)
            printed = printed or output.printed
            for index, reward in enumerate(output.rewards):
                components = {name: values[index] for name, values in output.components.items()}
                scored.append(ScoredRow(reward=reward, components=components))
    return Scores(rows=tuple(scored), printed=printed)


def rows_to_score(source: Path | Iterable[Mapping[str, Any]]) -> list[tuple[Row, str]]:
    """Rows with prompt, completion, answer and further columns, as the texts that a reward sees: each row and its completion. A
    column `measured` with objects of numbers gives the measured columns.

    Raises UserError that names the rows with a mistake."""
    mistakes = Mistakes()
    raw, name = read_table(source, mistakes)
    if taken := [column for column in ("prompts", "completions") if column in raw.columns]:
        raise UserError(f"{name}: a column {taken[0]}, which is an argument of its own; call it {taken[0][:-1]}")
    raw.need(_FIXED, name, mistakes)
    rows: list[tuple[Row, str]] = []
    for where, row in raw.rows:
        missing = [
            column for column in raw.columns if column not in row or (column in _FIXED and _is_missing(row[column]))
        ]
        if missing:
            mistakes.add("a missing value", f"{where}: no {' and no '.join(missing)}; every row has the same columns")
            continue
        try:
            measured = _numbers(row[_MEASURED]) if isinstance(row.get(_MEASURED), Mapping) else {}
            texts = {name: _text(name, row[name]) for name in raw.columns if name != _MEASURED or not measured}
            if twice := sorted(measured.keys() & {*texts, *FIXED_ARGUMENTS}):
                raise ValueError(f"{_MEASURED}: {twice[0]} is a column or an argument too; give it another name")
            if rows and rows[0][0].measured.keys() != measured.keys():
                raise ValueError(f"{_MEASURED}: has other names than the first row; give each row the same numbers")
        except ValueError as error:
            mistakes.add("a value that is not allowed", f"{where}: {error}")
            continue
        prompt, completion, answer = (texts.pop(name) for name in _FIXED)
        rows.append((Row(id=where, prompt=prompt, answer=answer, columns=texts, measured=measured), completion))
    mistakes.end(name)
    if not rows:
        raise UserError(f"no rows in {name}; give rows with {', '.join(_FIXED)}")
    return rows


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Raises ValueError for what is no finite number."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{_MEASURED}: {name} is {value!r}; give a finite number")
    return {name: float(value) for name, value in values.items()}


def _is_missing(value: Any) -> bool:
    """Null, or a number that is none: NaN is how pandas writes a missing value."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _text(name: str, value: Any) -> str:
    """What a reward sees of a field, as in training. Raises ValueError for a value that has no such text."""
    try:
        if name in ("prompt", "completion"):
            return message_text(value)
        if name == "answer":
            return gold_text(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return "" if _is_missing(value) else str(value)
