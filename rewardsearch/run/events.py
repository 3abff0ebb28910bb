"""The events of a run's journal, a record for each kind. A line of the journal is one event."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from rewardsearch.config import Config
from rewardsearch.records import (
    Difference,
    Environment,
    FinalArm,
    FinalReport,
    LostFile,
    PromotionDecision,
    Proposal,
    Ranking,
    Record,
    Request,
    RewardSpec,
    SftResult,
    TrainingResult,
    Usage,
    Verdict,
)
from rewardsearch.records.feedback import Feedback

FORMAT = 3
"""The number of the journal's format. It changes when an event changes in a way that this reader does not understand."""
LARGE_OF_TRAINING = ("outcomes", "curves", "disagreements", "group")
"""The fields of a TrainingResult that only its files hold."""
LARGE_OF_SFT = ("curve", "before", "after")
"""The fields of an SftResult that only its file holds."""


class Event(Record):
    """What every event has. `time` is in seconds since 1970; the journal sets it."""

    event: str
    time: float = 0.0

    def line(self) -> dict[str, Any]:
        """The event as JSON data."""
        return self.model_dump(mode="json")


class Change(Record):
    """A key of the config with its value before and after."""

    key: str
    before: Any
    after: Any


class Opened(Event):
    """A session began. `inputs` are the digests of the files that keys of the config name. `config` is None where it is that of
    the session before. `mixed`: what this session's environment differs in from that of the results so far."""

    event: Literal["opened"] = "opened"
    format: int = FORMAT
    base: tuple[RewardSpec, ...]
    inputs: dict[str, str]
    environment: Environment
    config: Config | None = None
    changed: tuple[Change, ...] = ()
    mixed: tuple[Difference, ...] = ()


class Sandboxed(Event):
    """The layers of the sandbox that are in force, and what a candidate could still do."""

    event: Literal["sandbox"] = "sandbox"
    layers: tuple[str, ...]
    open: tuple[str, ...]


class Restored(Event):
    """Files that follow from the journal were written again; their paths are relative to the run."""

    event: Literal["restored"] = "restored"
    files: tuple[str, ...]


class Ended(Event):
    """A session ended. `reason` says why it did before its work was done."""

    event: Literal["ended"] = "ended"
    status: str
    reason: str | None = None


class Planned(Event):
    """What is asked of language models in a round's proposal (attempt 0) or repair."""

    event: Literal["planned"] = "planned"
    round: int
    attempt: int
    requests: tuple[Request, ...]


class Sent(Event):
    """A request is about to be sent. `request` names it within the run (round/attempt/place/reply), `send` counts its sendings
    from 1, `fingerprint` is that of its body, `bound` the most that it can cost."""

    event: Literal["sent"] = "sent"
    request: str
    send: int
    model: str
    fingerprint: str
    bound: Usage


class Received(Event):
    """A reply is on disk."""

    event: Literal["received"] = "received"
    request: str
    send: int
    usage: Usage


class RequestFailed(Event):
    """A sending ended without a reply."""

    event: Literal["request_failed"] = "request_failed"
    request: str
    send: int
    reason: str
    maybe_billed: bool


class Adapted(Event):
    """What is left out of, or written otherwise in, every further request to `server`."""

    event: Literal["adapted"] = "adapted"
    server: str
    change: str
    reason: str


class Proposed(Event):
    event: Literal["proposed"] = "proposed"
    round: int
    attempt: int
    proposal: Proposal


class Validated(Event):
    event: Literal["validated"] = "validated"
    verdict: Verdict


class SftTrained(Event):
    """The supervised fine-tuning is in the run. `adapter` and `digest` are the digests of its adapter and its result.json."""

    event: Literal["sft"] = "sft"
    adapter: str
    digest: str
    result: SftResult

    def line(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"result": set(LARGE_OF_SFT)})


class BankSampled(Event):
    """The run has its rollout bank, of `completions` on `split`."""

    event: Literal["bank"] = "bank"
    fingerprint: str
    split: str
    completions: int


class Evaluated(Record):
    """The questions that a training run was evaluated on: their split, number, and a hash of their ids."""

    split: str
    questions: int
    sha256: str


class Trained(Event):
    """A training run, or a segment of one, ended. `digest` is that of its result.json; None after an infrastructure error, which
    leaves none. Of `result` the journal has what is small; its files have the rest."""

    event: Literal["trained"] = "trained"
    folder: str
    fingerprint: str
    digest: str | None
    evaluated: Evaluated
    result: TrainingResult

    def line(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"result": set(LARGE_OF_TRAINING)})


class DevicesHeld(Event):
    """Training processes held accelerators for `seconds`, times their number, since the last such event."""

    event: Literal["devices"] = "devices"
    seconds: float


class Lost(Event):
    """A file of the training run in `folder` was found missing or damaged, so the run is pending again."""

    event: Literal["lost"] = "lost"
    folder: str
    file: LostFile


class Raced(Event):
    """Who goes on from a rung."""

    event: Literal["raced"] = "raced"
    round: int
    rung: str
    promotions: tuple[PromotionDecision, ...]


class Ranked(Event):
    """A round is finished: its leaderboard, and the feedback for the next round."""

    event: Literal["ranked"] = "ranked"
    round: int
    ranking: Ranking
    feedback: Feedback


class ArmsChosen(Event):
    """The arms that finalize trains."""

    event: Literal["arms"] = "arms"
    arms: tuple[FinalArm, ...]


class SealedTestOpened(Event):
    """The sealed test is about to be read: `readings` names what for."""

    event: Literal["test_opened"] = "test_opened"
    readings: tuple[str, ...]


class SealedTestRead(Event):
    """The outcomes of one policy on the sealed test are in `file`, relative to the run."""

    event: Literal["test_read"] = "test_read"
    file: str
    digest: str


class Finalized(Event):
    """The final table, and the leaderboard that finalize chose by."""

    event: Literal["final"] = "final"
    report: FinalReport
    ranking: Ranking | None = None


MoneyEvent = Sent | Received | RequestFailed | Adapted
AnyEvent = Annotated[
    Opened
    | Sandboxed
    | Restored
    | Ended
    | Planned
    | MoneyEvent
    | Proposed
    | Validated
    | SftTrained
    | BankSampled
    | Trained
    | DevicesHeld
    | Lost
    | Raced
    | Ranked
    | ArmsChosen
    | SealedTestOpened
    | SealedTestRead
    | Finalized,
    Field(discriminator="event"),
]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
"""Makes an event of JSON data. Raises pydantic.ValidationError for what is none."""
