"""The append-only journal of a run.

One process writes it, one event a line, fsynced before anything that follows from the event is done. A torn last line is
work still owed. Large results live in files that an event points at; an event whose files are gone is work owed again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from rewardsearch.config import Config, load_config
from rewardsearch.errors import UserError
from rewardsearch.files import sweep, write_atomic
from rewardsearch.inputs import inputs_of
from rewardsearch.records import RewardSpec
from rewardsearch.state import Event, RunState

JOURNAL = "journal.jsonl"
_LOCK_S = 0.5


def has_run(folder: Path) -> bool:
    """Whether a run was started in `folder`."""
    return (folder / JOURNAL).is_file() and (folder / "config.yaml").is_file()


def changed_inputs(state: RunState) -> list[str]:
    """What of the policy's and the data's files is not what it was as the run began, told one by one."""
    now, names = inputs_of(state.config), _flat(state.config.model_dump(mode="json"))
    return [
        f"{state.folder}: {key} ({names[key]}) has changed since this run began"
        for key, digest in (state.inputs or {}).items()
        if key in now and now[key] != digest
    ]


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
# which server is asked at what length and shown which texts, never what a result means.
_CHANGEABLE = (
    "run_dir",
    "rounds",
    "task.show_rows",
    "budget",
    "finalize",
    "propose.openai",
    "propose.prompt_tokens",
    "sandbox.require",
    "sandbox.bubblewrap",
    "screen.baseline_seeds",
    "screen.slots",
    "screen.retries",
    "screen.stall_minutes",
)


class Journal:
    """The one writer of a run's journal. Open it with Journal.open, as a context manager."""

    def __init__(self, state: RunState, file: FileIO) -> None:
        self.state = state
        self._file = file

    @classmethod
    def open(cls, folder: Path, config: Config, base: tuple[RewardSpec, ...]) -> Self:
        """Starts the run in `folder`, or takes up the one that is there.

        Raises UserError when another process has it open, when `config` would change what its results mean, and when the
        files of the policy or the data have changed before it is finalized.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / JOURNAL).open("ab", buffering=0)
        try:
            if not _locked(file):
                raise UserError(f"{folder} is in use by another process; stop it first, or name another --run-dir")
            sweep(folder)
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
        journal.append("opened", base=[spec.model_dump(mode="json") for spec in base], inputs=inputs_of(config))
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, event: str, **data: Any) -> None:
        """Writes an event, to the disk, and folds it into the state. Raises OSError that names the journal, which is then as it
        was."""
        line: Event = {"event": event, "time": round(time.time(), 3), **data}
        left = memoryview(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        size = os.fstat(self._file.fileno()).st_size
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            # What comes after a torn line would be lost with it.
            os.ftruncate(self._file.fileno(), size)
            error.filename = str(self.state.folder / JOURNAL)
            raise
        self.state.apply(line)


def _locked(file: FileIO) -> bool:
    """Takes the lock of the run's one writer; False where another process has it. A reader that looks whether the run is in use
    holds it for a moment."""
    end = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(_LOCK_S / 100)


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
    if state.final is None:
        if state.started and state.inputs is None:
            mistakes.append(
                f"{state.folder}: begun by an earlier version of rewardsearch, which split rows and marked results otherwise; "
                "carry on with that version, or name another --run-dir"
            )
        mistakes += [
            f"{each}, so that results would not compare: restore it, or name another --run-dir"
            for each in changed_inputs(state)
        ]
    # Where the test is ranked on, it is open from the start.
    sealed = state.test_opened and not new.paper_protocol
    changed = new.rounds != state.config.rounds or new.finalize != state.config.finalize
    if changed and (sealed or state.final is not None):
        mistakes.append(
            f"{state.folder}: rounds and finalize cannot change once "
            f"{'the sealed test is opened' if sealed else 'it is finalized'}; "
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
