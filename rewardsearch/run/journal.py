"""The append-only journal of a run: one event a line.

One process writes it. An event is on the disk before anything that follows from it is done. A torn last line is pending work.
Large results are files that an event points at; where such a file is missing or damaged, its training is pending again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from rewardsearch.config import Config, flat, load_config
from rewardsearch.errors import UserError
from rewardsearch.files import make_folder, sweep, write_atomic
from rewardsearch.records import Difference, Environment, RewardSpec, differences
from rewardsearch.run.artifacts import lost_files
from rewardsearch.run.environment import environment_of
from rewardsearch.run.events import EVENT, FORMAT, AnyEvent, Change, Opened, Restored
from rewardsearch.run.fingerprints import inputs_of, may_change
from rewardsearch.run.state import RunState

JOURNAL = "journal.jsonl"
CONFIG = "config.yaml"
_LOCK_S = 0.5


def has_run(folder: Path) -> bool:
    """Whether a run was started in `folder`: whether its journal has an event."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            return file.readline().endswith(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return False


def changed_inputs(state: RunState) -> list[str]:
    """The files of policy and data that have changed since the run began, a message each."""
    now, names = inputs_of(state.config), flat(state.config.model_dump(mode="json"))
    return [
        f"{state.folder}: {key} ({names[key]}) has changed since this run began"
        for key, digest in state.inputs.items()
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


def read_run(folder: Path, events: Sequence[AnyEvent] | None = None) -> RunState:
    """The state of the run in `folder`, with `lost` for results whose files are missing or damaged.

    Raises UserError when it is no run folder, when another version of rewardsearch wrote it, or when its journal is damaged.

    events: those of its journal, where they have been read.
    """
    if not has_run(folder):
        raise UserError(f"no run in {folder} (no {JOURNAL} there); name a folder that `rewardsearch run` made")
    events = read_events(folder) if events is None else events
    first = events[0]
    if not isinstance(first, Opened) or first.config is None:
        raise UserError(f"{folder / JOURNAL}:1: the first event must open the run; restore the journal")
    state = RunState(folder, first.config)
    for event in events:
        state.apply(event)
    for name, file in lost_files(folder, state.digests).items():
        state.lose(name, file)
    return state


def read_events(folder: Path) -> list[AnyEvent]:
    """The events of a journal. A torn last line is skipped; what is wrong elsewhere raises UserError."""
    path, events = folder / JOURNAL, []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            data = json.loads(line)
            assert isinstance(data, dict)
        except (ValueError, AssertionError):
            raise UserError(
                f"{path}:{number}: this line is not an event; restore the journal, or start another run"
            ) from None
        if number == 1 and data.get("format") != FORMAT:
            raise UserError(
                f"{folder}: another version of rewardsearch made this run (format {data.get('format', 1)}, this version reads "
                f"{FORMAT}); read it with that version, or start another run"
            )
        try:
            events.append(EVENT.validate_python(data))
        except ValidationError as error:
            found = error.errors()[0]
            raise UserError(
                f"{path}:{number}: this version of rewardsearch does not know this event ({data.get('event')!r}: "
                f"{'.'.join(map(str, found['loc']))}: {found['msg']}); read the run with the version that made it"
            ) from None
    return events


class Journal:
    """The one writer of a run's journal. Open it with Journal.open, as a context manager."""

    def __init__(self, state: RunState, file: FileIO) -> None:
        self.state = state
        self.notes: tuple[str, ...] = ()
        """What the user should know of how the run was opened."""
        self.on_event: Callable[[AnyEvent], None] = lambda event: None
        """Is called with each event that has been written."""
        self._file = file

    @classmethod
    def open(cls, folder: Path, config: Config, base: tuple[RewardSpec, ...], mix: bool = False) -> Self:
        """Starts the run in `folder`, or resumes the one that is there.

        mix: resume it in another environment than its results were made in. Raises UserError when another process has it open,
        when `config` would change what its results mean, and, before it is finalized, when the files of the policy or the data
        have changed or the environment is another one.
        """
        make_folder(folder)
        if not has_run(folder) and (folder / CONFIG).exists() and _config_file_problem(RunState(folder, config)):
            raise UserError(f"{folder} has a {CONFIG} and no run, and nothing is overwritten; name another --run-dir")
        file = (folder / JOURNAL).open("ab", buffering=0)
        try:
            if not _locked(file):
                raise UserError(f"{folder} is in use by another process; stop it first, or name another --run-dir")
            sweep(folder)
            journal = cls(read_run(folder) if has_run(folder) else RunState(folder, config), file)
            journal._begin(config, base, mix)
        except BaseException:
            file.close()
            raise
        return journal

    def _begin(self, config: Config, base: tuple[RewardSpec, ...], mix: bool) -> None:
        """Writes the session's first event, and config.yaml where it is not what the event says."""
        state, here = self.state, environment_of(config)
        new = differences_from(state, here)
        _refuse_changes(state, config, () if mix else new)
        _cut_torn_tail(state.folder / JOURNAL)
        changed = _changes(state.config, config)
        lost, first = _config_file_problem(state), not state.started
        self.append(
            Opened(
                base=base,
                inputs=inputs_of(config),
                environment=here,
                config=config if first or changed else None,
                changed=tuple(changed),
                mixed=new,
            )
        )
        if lost and not first:
            self.append(Restored(files=(CONFIG,)))
            self.notes += (f"{state.folder / CONFIG} {lost}; it is written again from the journal",)
        if lost or changed:
            write_atomic(state.folder / CONFIG, config.to_yaml())
        self.notes += tuple(
            f"{each.what} is {each.here} here and was {each.before}; new results are flagged {each.flag}"
            for each in state.mixed
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, event: AnyEvent) -> None:
        """Writes an event to the disk with the present time, and folds it into the state. Raises OSError that names the journal,
        which is then as it was."""
        event = event.model_copy(update={"time": round(time.time(), 3)})
        left = memoryview(json.dumps(event.line(), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
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
        self.state.apply(event)
        self.on_event(event)


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


def _changes(before: Config, after: Config) -> list[Change]:
    was, now = (flat(each.model_dump(mode="json")) for each in (before, after))
    keys = sorted({*was, *now})
    return [Change(key=key, before=was.get(key), after=now.get(key)) for key in keys if was.get(key) != now.get(key)]


def _config_file_problem(state: RunState) -> str:
    """What is wrong with config.yaml, which is a copy of the journal's config; empty where it is right."""
    path = state.folder / CONFIG
    if not path.is_file():
        return "is missing"
    try:
        return "" if load_config(path) == state.config else "is not what the journal says"
    except UserError:
        return "cannot be read"


def differences_from(state: RunState, here: Environment) -> tuple[Difference, ...]:
    """What results made `here` would not have in common with those of the run, where it has some and is not final; none where
    results of the same environment are among them."""
    found = [differences(environment, here) for environment in state.trained_in]
    if state.final is not None or not found or not all(any(each.refused for each in one) for one in found):
        return ()
    return found[-1]


def _refuse_changes(state: RunState, new: Config, environment: Sequence[Difference]) -> None:
    """Raises UserError for what may not change in a run: keys of the config, inputs, and, of `environment`, what is refused."""
    policy = new.policy.model
    mistakes = [
        f"{state.folder}: {policy} is at commit {each.after} here, and the results of this run were made with {each.before}: set "
        f"policy.revision: {each.before}, or name another --run-dir"
        if each.key == "policy.revision" and policy == state.config.policy.model
        else f"{state.folder}: {each.key} is {each.before!r} in this run, got {each.after!r}; "
        "results would not compare: name another --run-dir"
        for each in _changes(state.config, new)
        if not may_change(each.key)
    ]
    if state.final is None:
        mistakes += [
            f"{each}, so that results would not compare: restore it, or name another --run-dir"
            for each in changed_inputs(state)
        ]
        mistakes += [
            f"{state.folder}: {each.what} is {each.here} here, and the results of this run were made with {each.before}: "
            f"resume it there, name another --run-dir, or give --mix, which flags new results as {each.flag}"
            for each in environment
            if each.refused
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
