"""The final table of a run as a data frame, and final/pairs.csv and final/fairness.csv as text."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from rewardsearch.records import FinalPair, FinalReport, FinalRow, GroupGap, GroupRate
from rewardsearch.run.leaderboard_files import arms_frame

if TYPE_CHECKING:
    import pandas as pd

_RATE = [name for name in GroupRate.model_fields if name != "rate_ci"]
_GAP = ("gap", "ratio", "p", "p_adjusted", "flagged")


def final_frame(report: FinalReport) -> pd.DataFrame:
    """One row an arm, in the order of the report, with columns as leaderboard_frame has them."""
    return arms_frame(report.rows, FinalRow)


def pairs_csv(report: FinalReport) -> str:
    """Every pair of arms as CSV text, with a header, in the order of the table."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(FinalPair.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(pair.model_dump() for pair in report.pairs)
    return out.getvalue()


def fairness_csv(report: FinalReport) -> str:
    """Every group of every arm as CSV text, with a header; a line has the gap of its attribute too, empty where there is none."""
    out = io.StringIO()
    header = ["arm", *_RATE, "rate_low", "rate_high", *_GAP]
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    for arm in report.fairness:
        gaps = {gap.attribute: gap for gap in arm.gaps}
        writer.writerows(_line(arm.arm, rate, gaps.get(rate.attribute)) for rate in arm.groups)
    return out.getvalue()


def _line(arm: str, rate: GroupRate, gap: GroupGap | None) -> dict[str, object]:
    low, high = rate.rate_ci
    columns = gap.model_dump(include=set(_GAP)) if gap else {}
    return {"arm": arm, **rate.model_dump(include=set(_RATE)), "rate_low": low, "rate_high": high, **columns}
