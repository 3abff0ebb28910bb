"""Training runs: what is to be done, and what it gave."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator

from rewardsearch.records.data import Outcome, OutcomeKind, Record
from rewardsearch.records.environment import Environment

FULL = "full"
"""The last rung of a training run: all steps, all questions."""


def _finite_or_none(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


Finite = Annotated[float | None, AfterValidator(_finite_or_none)]
"""A number; None in place of one that is not finite."""


DIVERGED = "diverged"
"""The flag of a training run whose policy diverged."""


class RewardSpec(Record):
    """One reward function of a training run. `weight` multiplies its output in the sum."""

    id: str
    name: str
    code: str
    weight: float = 1.0


Aggregation = Literal["sum_then_normalize", "normalize_then_sum"]
"""How several rewards become one advantage, in TRL's words: the weighted sum is normalised within its group, or each reward is
normalised within its group and batch before the weighted sum."""


Method = Literal["rewards", "contrastive", "bare"]
"""How an arm is trained. `rewards`: by GRPO. Two more for a task that measures, whose texts are then embedded without rationales:
`contrastive`: supervised, on pairs of texts; `bare`: not at all."""


class TrainingJob(Record):
    """One training run to do, or a segment of one: `rewards` (the base rewards first), from a fresh adapter under `seed`.

    `id` is the arm: a candidate's id, BASELINE, POLICY, or the name of an arm of finalize. `folder` is where its files go,
    relative to the run folder; no other job has it. A job of 0 steps evaluates the policy before any GRPO.
    """

    id: str
    rewards: tuple[RewardSpec, ...]
    seed: int
    steps: int
    """Steps after which this job ends, counted from the first of the run."""
    folder: str
    rung: str = FULL
    schedule: int | None = None
    """Steps that the learning rate's schedule is laid out for; None for `steps`."""
    questions: float | None = None
    """The share of the rows of `val` that are evaluated, the first ones; None for all."""
    start: str | None = None
    """The folder of the job that this one continues, with adapter and optimiser; where that is gone, all steps are trained."""
    aggregation: Aggregation = "sum_then_normalize"
    method: Method = "rewards"

    @property
    def bare(self) -> bool:
        """Whether texts are embedded without rationales."""
        return self.method != "rewards"


class CurvePoint(Record):
    """One training step. `components` holds the mean of every reward and component, by `reward` or `reward/component`;
    `exact_match` is the exact-match share of the step's completions, `zero_std_fraction` the share of groups without spread."""

    step: int
    reward: float
    candidate_reward: float = 0.0
    """Mean of the rewards on trial: those beyond the base rewards, or all where there are no others."""
    exact_match: float
    components: dict[str, float]
    length: float
    """Mean tokens of a completion."""
    zero_std_fraction: float
    clipped: float
    """Share of the completions that reached the limit of tokens."""
    parsed: float = 0.0
    """Share of the completions that give an answer."""
    top_prediction: float = 0.0
    """Share of those whose answer is the most frequent one; 0 without any."""
    top_gold: float = 0.0
    """The same of their gold answers: what `top_prediction` is where all are right."""
    answers: dict[str, float] = {}
    """Of a task with classes, for each: the share of all completions that answer it."""
    golds: dict[str, float] = {}
    """The share of all completions for which it is right."""
    paid: dict[str, float] = {}
    """The mean total reward of the completions that answer it; without those that nobody answers."""
    measured: dict[str, float] = {}
    """The mean of each measured column; empty for a task without such."""
    entropy: Finite = None
    """Mean entropy of the policy, in nats a token; None where the trainer does not report it, or it was not finite."""
    grad_norm: Finite
    """None where the gradient was not finite."""


AlarmKind = Literal[
    "hacking", "length", "collapse", "entropy", "dead", "clipped", "forgetting", "class_avoidance", "embedding_collapse"
]


class Alarm(Record):
    """What the watch saw in a training's curves: `message` in one line with the figures; `hopeless`: training on is pointless."""

    kind: AlarmKind
    message: str
    hopeless: bool = False

    @property
    def flag(self) -> str:
        """How the leaderboard shows it."""
        return f"watch:{self.kind}"


class Example(Record):
    """One training completion where reward and truth disagree: one that does not count as correct and was paid more than the
    correct ones, or a correct one that was paid less than the others."""

    prompt: str
    completion: str
    answer: str
    reward: float
    kind: OutcomeKind
    right: bool = False
    """Whether it answers right in any form, whatever counts."""
    against: float | None = None
    """The mean reward of the correct ones, or for a correct one of the others: of its group, else of its step."""
    step: int = 0


class GroupMember(Record):
    """One completion of a group: its total reward, and every reward and component of it, named as in CurvePoint."""

    completion: str
    kind: OutcomeKind
    right: bool
    """Whether it answers right in any form, whatever counts."""
    reward: float
    parts: dict[str, float]


class TrainingGroup(Record):
    """The completions of one prompt in one training step, which GRPO compares with one another."""

    step: int
    prompt: str
    answer: str
    members: tuple[GroupMember, ...]


class LostFile(Record):
    """A file of a run that is missing or damaged; `path` is relative to the run's folder.

    from_journal: it follows from the journal, and the next `rewardsearch run` on the folder writes it again.
    """

    path: str
    what: str
    from_journal: bool = False


class TrainingResult(Record):
    """What a training run gave. `status`: done; failed (the candidate's fault, or the setting's; `reason` says which); error (an
    infrastructure error).

    `correlations` is Pearson's r of each component with correctness over all completions of the training, None where one
    of the two has no spread; `correlations_any_form` that with being right in any form, whatever counts. `outcomes` is empty
    unless done.
    """

    id: str
    rung: str
    seed: int
    steps: int
    """Steps that the policy has been trained, from the first of the run."""
    trained: int = 0
    """Steps of those that this job itself took."""
    stop_reason: str | None = None
    """Why the watch stopped the training before its last step; None where it did not."""
    status: Literal["done", "failed", "error"]
    reason: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    """On `val`, in the order of its rows."""
    curves: tuple[CurvePoint, ...] = ()
    correlations: dict[str, Finite] = {}
    correlations_any_form: dict[str, Finite] = {}
    disagreements: tuple[Example, ...] = ()
    group: TrainingGroup | None = None
    """A group of the last step that had a spread in reward, with correct and other completions where there was such a one."""
    alarms: tuple[Alarm, ...] = ()
    """What the watch saw by the end of the training."""
    flags: tuple[str, ...] = ()
    nonfinite_steps: int = 0
    """Steps, from the first of the run, whose gradient was not finite."""
    faults: dict[str, int] = {}
    """Reward calls that failed and were forgiven, by reward, from the first step of the run."""
    seconds: float = 0.0
    """Seconds of training processes, from the first step of the run. Arms that are trained side by side share them."""
    phases: dict[str, float] = {}
    """The seconds of this job itself by phase: load, rollout, reward, update, evaluate; of a failed run load and failed."""
    peak_memory_mb: float = 0.0
    environment: Environment | None = None
    """What it was trained in; None where the training process did not record it."""
