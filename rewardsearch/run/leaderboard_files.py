"""The leaderboard as a pandas data frame and as leaderboard.csv.

On a task with classes the columns end with macro_f1, then precision, recall and f1 of each class and the confusion matrix,
named by the class in lower case: selected_precision, and selected_as_rejected for the SELECTED that were answered REJECTED.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardsearch.files import write_atomic
from rewardsearch.records import ClassEstimate, ClassScores, RankedRow, Ranking

if TYPE_CHECKING:
    import pandas as pd

_PAIRS = {"f1": "f1_ci", "accuracy": "accuracy_ci", "gain": "gain_ci", "gain_questions": "gain_questions_ci"}
"""Intervals, by what their two columns are called."""


def leaderboard_frame(ranking: Ranking) -> pd.DataFrame:
    """One row an arm, in the order of the ranking. An interval gives two columns, as f1_low and f1_high. `ties` has the ranks
    that a score cannot be told from, as in "1-3 5"."""
    # pandas takes long to import, and ranking itself does without.
    import pandas as pd

    records = []
    for row in ranking.rows:
        record = row.model_dump(exclude={"classes"})
        for name, field in _PAIRS.items():
            low, high = record.pop(field) or (None, None)
            record |= {f"{name}_low": low, f"{name}_high": high}
        by_seed = " ".join(f"{seed}:{f1:.4f}" for seed, f1 in row.f1_by_seed.items())
        record |= {"parents": " ".join(row.parents), "flags": " ".join(row.flags), "f1_by_seed": by_seed}
        record["ties"] = ranges(row.ties or ())
        records.append(record | (_of_classes(row.classes) if row.classes else {}))
    # Every scored row of a task with classes has the same columns beyond those of any task.
    classed = next((_of_classes(row.classes) for row in ranking.rows if row.classes), {})
    frame = pd.DataFrame.from_records(records, columns=[*_columns(), *classed])
    return frame.astype({"rank": "Int64"})


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
    """Writes the CSV to `path`, whole or not at all."""
    write_atomic(path, leaderboard_csv(ranking))


def _columns() -> list[str]:
    columns: list[str] = []
    for name in RankedRow.model_fields:
        if name == "classes":
            continue
        told = next((each for each, field in _PAIRS.items() if field == name), None)
        columns += [name] if told is None else [f"{told}_low", f"{told}_high"]
    return columns


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
