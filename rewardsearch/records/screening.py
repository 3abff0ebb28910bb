"""Training runs: what is to be done, and what it gave."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records.data import Outcome, OutcomeKind, Record


class RewardSpec(Record):
    """One reward function of a training run. `weight` multiplies its output in the sum."""

    id: str
    name: str
    code: str
    weight: float = 1.0


class ScreenJob(Record):
    """One training run to do: the base rewards plus `rewards`, from a fresh adapter under `seed`.

    `id` is the candidate's id for a screen, BASELINE, or the name of an ensemble or control. `folder` is where its files
    go, relative to the run folder. A job of 0 steps evaluates the untrained policy.
    """

    id: str
    rewards: tuple[RewardSpec, ...]
    seed: int
    steps: int
    folder: str
    rung: str = "full"


class CurvePoint(Record):
    """One training step. `components` holds the mean of every reward and component, by `reward` or `reward/component`;
    `monitor` is the exact-match share of the step's completions, `dead_groups` the share of groups without spread."""

    step: int
    reward: float
    monitor: float
    components: dict[str, float]
    length: float
    dead_groups: float
    clipped: float
    grad_norm: float


class Example(Record):
    """One training completion where reward and truth disagree."""

    prompt: str
    completion: str
    answer: str
    reward: float
    kind: OutcomeKind


class ScreenResult(Record):
    """What a training run gave. `status`: done; failed (the candidate's fault, told in `reason`); error (the machine's).

    `correlations` is Pearson's r of each component with correctness over all completions of the training, None where one
    of the two has no spread. `outcomes` is empty unless done.
    """

    id: str
    rung: str
    seed: int
    steps: int
    status: Literal["done", "failed", "error"]
    reason: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    """On `val`, in the order of its rows."""
    curves: tuple[CurvePoint, ...] = ()
    correlations: dict[str, float | None] = {}
    disagreements: tuple[Example, ...] = ()
    flags: tuple[str, ...] = ()
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
