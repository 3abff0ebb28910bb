"""The tables of a run as pandas data frames, and as the CSV files of its folder.

On a task with classes the columns end with macro_f1, then precision, recall and f1 of each class and the confusion matrix,
named by the class in lower case: selected_precision, and selected_as_rejected for the SELECTED that were answered REJECTED. On
a task that ranks texts they end with mrr and ndcg.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rewardsearch.records import (
    ClassScores,
    FinalPair,
    FinalReport,
    FinalRow,
    GroupRate,
    RankedRow,
    Ranking,
    RetrievalScores,
    ScoreEstimate,
)

if TYPE_CHECKING:
    import pandas as pd

_GAP = ("gap", "ratio", "p", "p_adjusted", "flagged")


def leaderboard_frame(ranking: Ranking) -> pd.DataFrame:
    """One row an arm, in the order of the ranking. An interval gives two columns, as f1_low and f1_high. `ties` has the ranks
    that a score is tied with, as in "1-3 5"."""
    return _arms_frame(ranking.rows, RankedRow).astype({"rank": "Int64"})


def final_frame(report: FinalReport) -> pd.DataFrame:
    """One row an arm, in the order of the report, with columns as leaderboard_frame has them."""
    return _arms_frame(report.rows, FinalRow)


def _arms_frame(
    rows: Sequence[RankedRow] | Sequence[FinalRow], record: type[RankedRow] | type[FinalRow]
) -> pd.DataFrame:
    """A row an arm with the fields of `record`, flat, in their order, then the scores that only some tasks have."""
    further = [_of_classes(row.classes) | _of_retrieval(row.retrieval) for row in rows]
    # Every scored row of such a task has the same columns beyond those of any task.
    more = next(filter(None, further), {})
    columns = [column for name in record.model_fields for column in _columns(name)]
    flat = [_flat(row) for row in rows]
    return _frame([row | scores for row, scores in zip(flat, further, strict=True)], [*columns, *more])


def leaderboard_csv(ranking: Ranking) -> str:
    """The data frame as CSV text; an empty field where a number is not known."""
    return _csv(leaderboard_frame(ranking))


def pairs_csv(report: FinalReport) -> str:
    """Every pair of arms as CSV text, in the order of the table."""
    return _csv(_frame([pair.model_dump() for pair in report.pairs], list(FinalPair.model_fields)))


def fairness_csv(report: FinalReport) -> str:
    """Every group of every arm as CSV text; a line has the gap of its attribute too, empty where there is none."""
    rows = [
        {
            "arm": arm.arm,
            **rate.model_dump(exclude={"rate_ci"}),
            **dict(zip(("rate_low", "rate_high"), rate.rate_ci, strict=True)),
            **next((gap.model_dump(include={*_GAP}) for gap in arm.gaps if gap.attribute == rate.attribute), {}),
        }
        for arm in report.fairness
        for rate in arm.groups
    ]
    rates = [name for name in GroupRate.model_fields if name != "rate_ci"]
    return _csv(_frame(rows, ["arm", *rates, "rate_low", "rate_high", *_GAP]))


def _frame(rows: Sequence[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    # pandas takes long to import, and ranking itself does without.
    import pandas as pd

    return pd.DataFrame.from_records(rows, columns=columns)


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n")


def ranges(ranks: Sequence[int], between: str = " ") -> str:
    """Ranks in their order as ranges, such as "1-3 5"."""
    parts: list[list[int]] = []
    for rank in ranks:
        if parts and parts[-1][-1] == rank - 1:
            parts[-1].append(rank)
        else:
            parts.append([rank])
    return between.join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def _columns(field: str) -> tuple[str, ...]:
    """The columns of a field of a row: two of an interval, none of the scores that only some tasks have."""
    if field in ("classes", "classes_by_seed", "retrieval"):
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


def _estimate(name: str, estimate: ScoreEstimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.ci[0], f"{name}_high": estimate.ci[1]}


def _of_retrieval(scores: RetrievalScores | None) -> dict[str, Any]:
    """MRR and nDCG@10 as flat columns."""
    return {} if scores is None else _estimate("mrr", scores.mrr) | _estimate("ndcg", scores.ndcg)


def _of_classes(scores: ClassScores | None) -> dict[str, Any]:
    """The scores of the classes as flat columns."""
    if scores is None:
        return {}
    columns = _estimate("macro_f1", scores.macro_f1)
    for name, row in scores.classes.items():
        for score in ("precision", "recall", "f1"):
            columns |= _estimate(f"{_slug(name)}_{score}", getattr(row, score))
    for gold, answered in scores.confusion.items():
        columns |= {f"{_slug(gold)}_as_{_slug(answer)}": count for answer, count in answered.items()}
    return columns


def _slug(name: str) -> str:
    return "_".join(name.lower().split())
