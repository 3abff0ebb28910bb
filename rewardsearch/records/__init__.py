"""The frozen records that the stages exchange and the journal stores.

Everything is keyed by id. A candidate's id is a hash of its normalised code, so the same reward is the same candidate
whatever it is called and however it is formatted.
"""

from __future__ import annotations

from rewardsearch.records.data import (
    BASELINE,
    FIXED_ARGUMENTS,
    POLICY,
    Batch,
    LabelledCompletion,
    Outcome,
    OutcomeKind,
    Record,
    Row,
)
from rewardsearch.records.identity import MAX_CODE_CHARS, candidate_id
from rewardsearch.records.proposing import (
    Ask,
    Candidate,
    Operator,
    Played,
    Proposal,
    Refusal,
    Stage,
    Usage,
    Verdict,
    curve_label,
    total,
)
from rewardsearch.records.ranking import FinalReport, FinalRow, Front, Interval, RankedRow, Ranking
from rewardsearch.records.screening import CurvePoint, Example, RewardSpec, ScreenJob, ScreenResult

__all__ = [
    "BASELINE",
    "FIXED_ARGUMENTS",
    "MAX_CODE_CHARS",
    "POLICY",
    "Ask",
    "Batch",
    "Candidate",
    "CurvePoint",
    "Example",
    "FinalReport",
    "FinalRow",
    "Front",
    "Interval",
    "LabelledCompletion",
    "Operator",
    "Outcome",
    "OutcomeKind",
    "Played",
    "Proposal",
    "RankedRow",
    "Ranking",
    "Record",
    "Refusal",
    "RewardSpec",
    "Row",
    "ScreenJob",
    "ScreenResult",
    "Stage",
    "Usage",
    "Verdict",
    "candidate_id",
    "curve_label",
    "total",
]
