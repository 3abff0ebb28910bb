"""The frozen records that the stages exchange and the journal stores.

Everything is keyed by id. A candidate's id is a hash of its normalised code, so the same reward is the same candidate
whatever it is called and however it is formatted.
"""

from __future__ import annotations

from rewardsearch.records.bank import Rollout
from rewardsearch.records.classes import ClassEstimate, ClassRow, ClassScores, Fairness, GroupGap, GroupRate, Interval
from rewardsearch.records.data import (
    BASELINE,
    FIXED_ARGUMENTS,
    POLICY,
    Batch,
    Completion,
    Demonstration,
    LabelledCompletion,
    Outcome,
    OutcomeKind,
    Record,
    Row,
)
from rewardsearch.records.finalizing import (
    ArmKind,
    Conclusion,
    FinalArm,
    FinalPair,
    FinalReport,
    FinalRow,
    SeedScores,
    load_report,
)
from rewardsearch.records.identity import MAX_CODE_CHARS, candidate_id
from rewardsearch.records.messages import message_text
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
from rewardsearch.records.ranking import Fate, Front, Noise, RankedRow, Ranking
from rewardsearch.records.screening import (
    DIVERGED,
    FULL,
    Aggregation,
    Alarm,
    AlarmKind,
    CurvePoint,
    Example,
    GroupMember,
    RewardSpec,
    ScreenJob,
    ScreenResult,
    TrainingGroup,
)
from rewardsearch.records.tuning import SftPoint, SftResult

__all__ = [
    "BASELINE",
    "DIVERGED",
    "FIXED_ARGUMENTS",
    "FULL",
    "MAX_CODE_CHARS",
    "POLICY",
    "Aggregation",
    "Alarm",
    "AlarmKind",
    "ArmKind",
    "Ask",
    "Batch",
    "Candidate",
    "ClassEstimate",
    "ClassRow",
    "ClassScores",
    "Completion",
    "Conclusion",
    "CurvePoint",
    "Demonstration",
    "Example",
    "Fairness",
    "Fate",
    "FinalArm",
    "FinalPair",
    "FinalReport",
    "FinalRow",
    "Front",
    "GroupGap",
    "GroupMember",
    "GroupRate",
    "Interval",
    "LabelledCompletion",
    "Noise",
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
    "Rollout",
    "Row",
    "ScreenJob",
    "ScreenResult",
    "SeedScores",
    "SftPoint",
    "SftResult",
    "Stage",
    "TrainingGroup",
    "Usage",
    "Verdict",
    "candidate_id",
    "curve_label",
    "load_report",
    "message_text",
    "total",
]
