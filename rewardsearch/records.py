"""The frozen records that the stages exchange and the journal stores.

Everything is keyed by id. A candidate's id is a hash of its normalised code, so the same reward is the same candidate
whatever it is called and however it is formatted.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

BASELINE = "baseline"
"""The id and name of the arm that trains on the base rewards alone."""
POLICY = "policy"
"""The id and name of the untrained policy as an arm: a run of no steps."""

OutcomeKind = Literal["correct", "wrong", "unparsed"]
Operator = Literal["fresh", "mutate", "crossover", "simplify", "repair", "folder"]
Stage = Literal["static", "sandbox", "contract", "behaviour", "bank", "novelty"]

MAX_CODE_CHARS = 20_000
"""Longer code is never parsed: the parser itself can be attacked with size and nesting."""


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- data -----------------------------------------------------------------------------------------------------------


class Row(Record):
    """One problem. `prompt` is plain text or chat messages; `columns` are the task's further columns, by name."""

    id: str
    prompt: str | list[dict[str, str]]
    answer: str
    columns: dict[str, str] = {}

    @property
    def prompt_text(self) -> str:
        """What a reward sees as the prompt: the plain text, or the last user message."""
        return self.prompt if isinstance(self.prompt, str) else self.prompt[-1]["content"]


FIXED_ARGUMENTS = ("prompts", "completions", "answer")
"""What every reward is passed, beside the task's columns."""


class Batch(Record):
    """The arguments of one reward call; every list has one entry a completion."""

    prompts: tuple[str, ...]
    completions: tuple[str, ...]
    answer: tuple[str, ...]
    columns: dict[str, tuple[str, ...]] = {}

    @field_validator("columns")
    @classmethod
    def _beside_the_arguments(cls, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if taken := columns.keys() & FIXED_ARGUMENTS:
            raise ValueError(f"columns {sorted(taken)} have the names of arguments")
        return columns

    def __len__(self) -> int:
        return len(self.completions)


class LabelledCompletion(Record):
    """A completion of a row whose outcome is known, for validation."""

    row: Row
    completion: str
    kind: OutcomeKind


class Outcome(Record):
    """What became of one question: exactly one of correct, wrong, unparsed. `length` is the completion's, in tokens."""

    id: str
    kind: OutcomeKind
    gold: str
    prediction: str | None
    length: int


# --- propose and validate -------------------------------------------------------------------------------------------


class Candidate(Record):
    """A reward function as proposed: one Python file and where it came from."""

    id: str
    name: str
    code: str
    rationale: str = ""
    operator: Operator = "fresh"
    parents: tuple[str, ...] = ()
    round: int = 0
    model: str = ""
    """The language model that wrote it; empty where none did."""


def curve_label(name: str, id: str) -> str:
    """What a candidate's reward goes by in curves and logs: unique within a job. Its components are `label/component`."""
    return f"{name}-{id[:4]}"


class Usage(Record):
    """What requests cost at a model's server. Reasoning tokens are among the completion tokens, cached ones among the
    prompt tokens. `dollars` leaves out `unpriced` requests; `estimated` requests had their tokens counted from characters,
    since the server reported none."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    estimated: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


def total(usages: Iterable[Usage]) -> Usage:
    return sum(usages, Usage())


class Ask(Record):
    """One reward asked for: the move, the model that is to make it, and the candidates it works on. `place` counts from 1
    within a round's proposal or repair."""

    place: int
    operator: Operator
    model: str = ""
    parents: tuple[str, ...] = ()


class Played(Record):
    """What came of an ask: the ids of its candidates, and what its requests cost."""

    ask: Ask
    candidates: tuple[str, ...] = ()
    usage: Usage = Usage()


class Verdict(Record):
    """What validation found. `stage` and `reason` say what refused the candidate; both are None when it is accepted.

    `reason` is fit for the proposer: it names checks, lines and types of errors, never an error's own text.
    `checks` holds the measured behaviour by check name, `components` the component names the reward returned.
    """

    candidate: str
    accepted: bool
    stage: Stage | None = None
    reason: str | None = None
    flags: tuple[str, ...] = ()
    checks: dict[str, float | bool | str] = {}
    components: tuple[str, ...] = ()
    seconds: float = 0.0


class Refusal(Record):
    """A reply that gave no candidate: why, in words for the proposer and the leaderboard."""

    name: str
    reason: str


class Proposal(Record):
    """What one round's proposing gave: candidates, replies that gave none, and where it planned its asks, their outcome."""

    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...] = ()
    played: tuple[Played, ...] = ()


# --- screen ---------------------------------------------------------------------------------------------------------


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


# --- rank -----------------------------------------------------------------------------------------------------------

Interval = tuple[float, float]


class RankedRow(Record):
    """One line of the leaderboard; the metrics are None unless the candidate was screened to the end."""

    rank: int | None
    id: str
    name: str
    round: int
    operator: str
    parents: tuple[str, ...] = ()
    status: Literal["screened", "failed", "rejected", "error", "owed"]
    f1: float | None = None
    f1_ci: Interval | None = None
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    p_vs_best: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    steps: int = 0
    seconds: float = 0.0
    flags: tuple[str, ...] = ()
    reason: str | None = None


class Front(Record):
    """A member of the Pareto front over questions: a candidate that no other beats on a question without losing another.

    `share` of the contested questions (those that some members answer right and others do not): each counts for one,
    divided among the members that answer it right; the shares of the whole front sum to 1. `alone` counts the questions that
    no other candidate of the run answers right, `only` those that another member does not, by its id.
    """

    id: str
    share: float
    right: int
    alone: int
    only: dict[str, int] = {}


class Ranking(Record):
    """The leaderboard. `n` is the number of questions; the p-values are McNemar's, `p_adjusted` corrects p_vs_baseline."""

    task: str
    split: str
    n: int
    rows: tuple[RankedRow, ...]


# --- finalize -------------------------------------------------------------------------------------------------------


class FinalRow(Record):
    """One arm on the sealed test. The p-values are McNemar's against the untrained policy and the baseline."""

    id: str
    kind: Literal["ensemble", "single", "control", "baseline", "policy"]
    members: tuple[str, ...]
    status: Literal["done", "failed", "error"]
    reason: str | None = None
    f1: float | None = None
    f1_ci: Interval | None = None
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    val_f1: float | None = None
    """The same arm's F1 on `val`, so that the winner's curse is seen."""
    p_vs_policy: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    """p_vs_baseline corrected over the arms."""


class FinalReport(Record):
    """The one reading of the sealed test."""

    task: str
    n: int
    rows: tuple[FinalRow, ...]


# --- identity -------------------------------------------------------------------------------------------------------


def _strip_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]


def candidate_id(code: str) -> str:
    """The first 12 hex digits of SHA-256 over the code without comments, docstrings and formatting.

    Code that does not parse, or is too long to be parsed safely, is hashed as the text it is.
    """
    normal = code.strip()
    if len(code) <= MAX_CODE_CHARS:
        try:
            with warnings.catch_warnings():
                # An odd escape in a string is the candidate's affair, and no part of its identity.
                warnings.simplefilter("ignore")
                tree = ast.parse(code)
            _strip_docstrings(tree)
            normal = ast.unparse(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:12]
