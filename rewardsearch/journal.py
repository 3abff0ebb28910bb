"""The append-only journal of a run and the state that is its fold.

One process writes it, one event a line, fsynced before anything that follows from the event is done. A torn last line is
work still owed. Large results live in files that an event points at; an event whose files are gone is work owed again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from pydantic import ValidationError

from rewardsearch.account import MONEY_EVENTS, Account
from rewardsearch.arms import ensemble
from rewardsearch.config import Config, load_config
from rewardsearch.errors import UserError
from rewardsearch.evidence import Feedback
from rewardsearch.files import write_atomic
from rewardsearch.records import (
    BASELINE,
    Ask,
    Candidate,
    FinalReport,
    Proposal,
    Ranking,
    Refusal,
    RewardSpec,
    ScreenResult,
    Usage,
    Verdict,
)
from rewardsearch.store import load_result

JOURNAL = "journal.jsonl"
Event = dict[str, Any]


@dataclass
class RunState:
    """Everything a run has done so far, keyed by id. Readers get it from read_run; nothing else changes it but events."""

    folder: Path
    config: Config
    base: tuple[RewardSpec, ...] = ()
    proposals: dict[tuple[int, int], Proposal] = field(default_factory=dict)
    """By round and attempt: 0 the round's proposal, 1 and up its repairs."""
    plans: dict[tuple[int, int], tuple[Ask, ...]] = field(default_factory=dict)
    """What is asked of language models, by round and attempt."""
    account: Account = field(default_factory=Account)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    results: dict[str, ScreenResult] = field(default_factory=dict)
    """By arm: candidate ids, BASELINE, POLICY and the names of final arms."""
    marks: dict[str, str] = field(default_factory=dict)
    """The fingerprint of the job that each result answers."""
    rankings: list[Ranking] = field(default_factory=list)
    feedbacks: dict[int, Feedback] = field(default_factory=dict)
    arms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Members of each final arm that is trained anew, by name."""
    test_opened: list[float] = field(default_factory=list)
    final: FinalReport | None = None
    status: str = "new"
    started: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    """Wall clock of all sessions on the run together."""

    @property
    def rounds_done(self) -> int:
        return len(self.rankings)

    @property
    def refusals(self) -> list[tuple[int, Refusal]]:
        """Replies that gave no candidate, with their round."""
        return [(round, refusal) for (round, _), p in sorted(self.proposals.items()) for refusal in p.refusals]

    @property
    def usage(self) -> Usage:
        return self.account.usage

    def members(self, arm: str) -> tuple[RewardSpec, ...]:
        """Every reward that `arm` trains on, base rewards first. Raises UserError for an arm the run does not have."""
        if arm == BASELINE:
            return self.base
        if arm in self.arms:
            return (*self.base, *ensemble(self.arms[arm], self.candidates))
        if arm in self.candidates:
            return (*self.base, *ensemble([arm], self.candidates))
        known = ", ".join([BASELINE, *self.arms, *self.candidates])
        raise UserError(f"no arm {arm} in {self.folder}; it has: {known}")

    def apply(self, event: Event) -> None:
        """Folds one event in."""
        kind, now = event["event"], event["time"]
        if kind == "opened":
            self.started = self.started or now
            self.base = self.base or tuple(RewardSpec.model_validate(spec) for spec in event["base"])
            self.status = "running"
        else:
            self.seconds += max(0.0, now - self.updated)
        self.updated = now
        if kind in MONEY_EVENTS:
            self.account.apply(event)
        elif kind == "planned":
            self.plans[event["round"], event["attempt"]] = tuple(Ask.model_validate(ask) for ask in event["asks"])
        elif kind == "proposed":
            proposal = Proposal.model_validate(event["proposal"])
            self.proposals[event["round"], event["attempt"]] = proposal
            for candidate in proposal.candidates:
                self.candidates.setdefault(candidate.id, candidate)
        elif kind == "validated":
            verdict = Verdict.model_validate(event["verdict"])
            self.verdicts[verdict.candidate] = verdict
        elif kind == "screened":
            if event["status"] == "error":
                self.results[event["id"]] = ScreenResult.model_validate(event["result"])
                self.marks.pop(event["id"], None)
            elif (result := load_result(self.folder / event["folder"], event["mark"])) is not None:
                self.results[event["id"]] = result
                self.marks[event["id"]] = event["mark"]
        elif kind == "ranked":
            self.rankings.append(Ranking.model_validate(event["ranking"]))
            feedback = Feedback.model_validate(event["feedback"])
            self.feedbacks[feedback.round] = feedback
        elif kind == "arms":
            self.arms = {name: tuple(members) for name, members in event["arms"].items()}
        elif kind == "test_opened":
            self.test_opened.append(now)
        elif kind == "final":
            self.final = FinalReport.model_validate(event["report"])
        elif kind == "ended":
            self.status = event["status"]


def has_run(folder: Path) -> bool:
    """Whether a run was started in `folder`."""
    return (folder / JOURNAL).is_file() and (folder / "config.yaml").is_file()


def in_use(folder: Path) -> bool:
    """Whether a process has the run in `folder` open."""
    with (folder / JOURNAL).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def read_run(folder: Path) -> RunState:
    """The state of the run in `folder`. Raises UserError when it is no run folder or its journal is damaged."""
    if not has_run(folder):
        raise UserError(f"no run in {folder} (no {JOURNAL} there); name a folder that `rewardsearch run` made")
    state = RunState(folder, load_config(folder / "config.yaml"))
    for event in _events(folder / JOURNAL):
        try:
            state.apply(event)
        except (ValidationError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder}: its journal was written by another version of rewardsearch (event {event.get('event')!r}, "
                f"{type(error).__name__}); read it with that version, or start another run"
            ) from None
    return state


def _events(path: Path) -> Iterator[Event]:
    """The events of a journal. A torn last line is passed over; damage elsewhere raises UserError."""
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = json.loads(line)
            assert isinstance(event, dict)
        except (ValueError, AssertionError):
            raise UserError(
                f"{path}:{number}: not an event; the journal is damaged: restore it, or start another run"
            ) from None
        yield event


# What may change between two sessions on a run: how far it goes, how its work is spread and
# which server is asked at what length, never what a result means.
_CHANGEABLE = (
    "run_dir",
    "rounds",
    "budget",
    "finalize",
    "propose.openai",
    "propose.prompt_tokens",
    "sandbox.require",
    "sandbox.bubblewrap",
    "screen.slots",
    "screen.retries",
    "screen.stall_minutes",
)


class Journal:
    """The one writer of a run's journal. Open it with Journal.open, as a context manager."""

    def __init__(self, state: RunState, file: IO[bytes]) -> None:
        self.state = state
        self._file = file

    @classmethod
    def open(cls, folder: Path, config: Config, base: tuple[RewardSpec, ...]) -> Self:
        """Starts the run in `folder`, or takes up the one that is there.

        Raises UserError when another process has it open, or when `config` would change what its results mean.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / JOURNAL).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise UserError(
                f"{folder} is in use by another process; stop it first, or name another --run-dir"
            ) from None
        try:
            if has_run(folder):
                _refuse_changes(read_run(folder), config)
            elif file.tell() > 0:
                raise UserError(f"{folder} has a {JOURNAL} but no config.yaml; restore it, or name another --run-dir")
            write_atomic(folder / "config.yaml", config.to_yaml())
            _cut_torn_tail(folder / JOURNAL)
            journal = cls(read_run(folder), file)
        except BaseException:
            file.close()
            raise
        journal.append("opened", base=[spec.model_dump(mode="json") for spec in base])
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, event: str, **data: Any) -> None:
        """Writes an event, to the disk, and folds it into the state."""
        line: Event = {"event": event, "time": round(time.time(), 3), **data}
        self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.state.apply(line)


def _cut_torn_tail(path: Path) -> None:
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)


def _refuse_changes(state: RunState, new: Config) -> None:
    before, after = _flat(state.config.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    mistakes = [
        f"{state.folder}: {key} is {before.get(key)!r} in this run, got {after.get(key)!r}; "
        "results would not compare: name another --run-dir"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key) and not key.startswith(_CHANGEABLE)
    ]
    if state.test_opened and (new.rounds != state.config.rounds or new.finalize != state.config.finalize):
        mistakes.append(
            f"{state.folder}: rounds and finalize cannot change once the sealed test is opened; "
            "start another search with another --run-dir"
        )
    if mistakes:
        raise UserError(*mistakes)


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            out.update(_flat(value, f"{prefix}{key}."))
        else:
            out[prefix + key] = value
    return out
