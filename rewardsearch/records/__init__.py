"""The frozen records that the stages exchange and the journal stores.

Everything is keyed by id. A candidate's id is a hash of its normalised code, so the same reward is the same candidate
whatever it is called and however it is formatted.
"""

from __future__ import annotations

from rewardsearch.records.bank import Rollout
from rewardsearch.records.classes import ClassRow, ClassScores, Fairness, GroupGap, GroupRate, Interval, ScoreEstimate
from rewardsearch.records.data import (
    BASELINE,
    FIXED_ARGUMENTS,
    POLICY,
    UNPARSED,
    Batch,
    Completion,
    Demonstration,
    LabelledCompletion,
    Outcome,
    OutcomeKind,
    Record,
    Row,
)
from rewardsearch.records.environment import LIBRARIES, MIXED, Device, Difference, Environment, differences
from rewardsearch.records.finalizing import (
    Conclusion,
    FinalArm,
    FinalPair,
    FinalReport,
    FinalRow,
    SeedScores,
)
from rewardsearch.records.messages import message_text
from rewardsearch.records.proposing import (
    Candidate,
    Operator,
    Proposal,
    Refusal,
    Request,
    RequestOutcome,
    Stage,
    Usage,
    Verdict,
    curve_label,
    total,
)
from rewardsearch.records.ranking import Front, Noise, PromotionDecision, RankedRow, Ranking
from rewardsearch.records.retrieval import RetrievalScores
from rewardsearch.records.sft import SftPoint, SftResult
from rewardsearch.records.training import (
    DIVERGED,
    FULL,
    Aggregation,
    Alarm,
    AlarmKind,
    CurvePoint,
    Example,
    GroupMember,
    LostFile,
    RewardSpec,
    TrainingGroup,
    TrainingJob,
    TrainingResult,
)
