"""The leaderboard as a pandas data frame and as leaderboard.csv."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rewardsearch.files import write_atomic
from rewardsearch.records import RankedRow, Ranking

if TYPE_CHECKING:
    import pandas as pd


def leaderboard_frame(ranking: Ranking) -> pd.DataFrame:
    """One row an arm, in the order of the ranking; an interval gives two columns, as f1_low and f1_high."""
    # pandas takes long to import, and ranking itself does without.
    import pandas as pd

    records = []
    for row in ranking.rows:
        record = row.model_dump()
        for score in ("f1", "accuracy"):
            low, high = record.pop(f"{score}_ci") or (None, None)
            record |= {f"{score}_low": low, f"{score}_high": high}
        record |= {"parents": " ".join(row.parents), "flags": " ".join(row.flags)}
        records.append(record)
    frame = pd.DataFrame.from_records(records, columns=_columns())
    return frame.astype({"rank": "Int64"})


def leaderboard_csv(ranking: Ranking) -> str:
    """The data frame as CSV text; an empty field where a number is not known."""
    return leaderboard_frame(ranking).to_csv(index=False, lineterminator="\n")


def write_leaderboard(ranking: Ranking, path: Path) -> None:
    """Writes the CSV to `path`, whole or not at all."""
    write_atomic(path, leaderboard_csv(ranking))


def _columns() -> list[str]:
    columns: list[str] = []
    for name in RankedRow.model_fields:
        columns += [name.replace("_ci", "_low"), name.replace("_ci", "_high")] if name.endswith("_ci") else [name]
    return columns
