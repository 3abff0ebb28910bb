"""The leaderboard as a pandas data frame and as leaderboard.csv.

On a task with classes the columns end with macro_f1, then precision, recall and f1 of each class and the confusion matrix,
named by the class in lower case: selected_precision, and selected_as_rejected for the SELECTED that were answered REJECTED.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardsearch.files import write_atomic
from rewardsearch.records import ClassEstimate, ClassScores, FinalRow, RankedRow, Ranking

if TYPE_CHECKING:
    import pandas as pd


def leaderboard_frame(ranking: Ranking) -> pd.DataFrame:
    """One row an arm, in the order of the ranking. An interval gives two columns, as f1_low and f1_high. `ties` has the ranks
    that a score is tied with, as in "1-3 5"."""
    return arms_frame(ranking.rows, RankedRow).astype({"rank": "Int64"})


def arms_frame(
    rows: Sequence[RankedRow] | Sequence[FinalRow], record: type[RankedRow] | type[FinalRow]
) -> pd.DataFrame:
    """A row an arm with the fields of `record`, flat, in their order, then the scores of the classes."""
    # pandas takes long to import, and ranking itself does without.
    import pandas as pd

    records = [_flat(row) | (_of_classes(row.classes) if row.classes else {}) for row in rows]
    # Every scored row of a task with classes has the same columns beyond those of any task.
    classed = next((_of_classes(row.classes) for row in rows if row.classes), {})
    columns = [column for name in record.model_fields for column in _columns(name)]
    return pd.DataFrame.from_records(records, columns=[*columns, *classed])


def leaderboard_csv(ranking: Ranking) -> str:
    """The data frame as CSV text; an empty field where a number is not known."""
    return leaderboard_frame(ranking).to_csv(index=False, lineterminator="\n")


def ranges(ranks: Sequence[int], between: str = " ") -> str:
    """Ranks in their order as ranges, such as "1-3 5"."""
    parts: list[list[int]] = []
    for rank in ranks:
        if parts and parts[-1][-1] == rank - 1:
            parts[-1].append(rank)
        else:
            parts.append([rank])
    return between.join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def write_leaderboard(ranking: Ranking, path: Path) -> None:
    """Writes the CSV to `path`, completely or not at all."""
    write_atomic(path, leaderboard_csv(ranking))


def _columns(field: str) -> tuple[str, ...]:
    """The columns of a field of a row: two of an interval, none of the classes' scores, which have columns of their own."""
    if field in ("classes", "classes_by_seed"):
        return ()
    name = field.removesuffix("_ci")
    return (field,) if name == field else (f"{name}_low", f"{name}_high")


def _flat(row: RankedRow | FinalRow) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field, value in row:
        columns = _columns(field)
        if field == "ties":
            flat[field] = ranges(value or ())
        elif field == "f1_by_seed":
            flat[field] = " ".join(f"{seed}:{f1:.4f}" for seed, f1 in value.items())
        elif len(columns) == 2:
            flat |= zip(columns, value or (None, None), strict=True)
        elif columns:
            flat[field] = " ".join(value) if isinstance(value, tuple) else value
    return flat


def _of_classes(scores: ClassScores) -> dict[str, Any]:
    """The scores of the classes as flat columns."""

    def flat(name: str, estimate: ClassEstimate) -> dict[str, float]:
        return {name: estimate.value, f"{name}_low": estimate.ci[0], f"{name}_high": estimate.ci[1]}

    columns = flat("macro_f1", scores.macro_f1)
    for name, row in scores.classes.items():
        for score in ("precision", "recall", "f1"):
            columns |= flat(f"{_slug(name)}_{score}", getattr(row, score))
    for gold, answered in scores.confusion.items():
        columns |= {f"{_slug(gold)}_as_{_slug(answer)}": count for answer, count in answered.items()}
    return columns


def _slug(name: str) -> str:
    return "_".join(name.lower().split())
