"""Disks that are full, over quota, read-only: one line that names the place and what to free, and the same command resumes."""

from __future__ import annotations

import errno
import resource
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer
from small_disk import SmallDisk

from rewardsearch.config import parse_config
from rewardsearch.errors import MachineError, RewardSearchError, UserError
from rewardsearch.files import write_atomic
from rewardsearch.files.disk import full_disk, storage_error
from rewardsearch.loop import search
from rewardsearch.run.events import Ended
from rewardsearch.run.journal import JOURNAL, Journal, read_run
from rewardsearch.train.launcher import FineTune, Job, MayContinue, OnStep
from rewardsearch.train.worker.__main__ import carry_out

CONFIG = parse_config(SMALL, "test")


def raised_from(cause: BaseException) -> BaseException:
    try:
        try:
            raise cause
        except BaseException:
            raise RuntimeError("no checkpoint") from None
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "kind", "named"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/place/x"), MachineError, "/place/x"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/place/x"), MachineError, "quota"),
        (OSError(errno.EFBIG, "File too large", "/place/x"), MachineError, "ulimit -f"),
        (OSError(errno.EIO, "Input/output error", "/place/x"), MachineError, "/place/x"),
        (OSError(errno.EROFS, "Read-only file system", "/place/x"), UserError, "/place/x: read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "/place/x"), UserError, "/place/x: permission denied"),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), MachineError, ""),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 640 vs 598"), None, ""),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), UserError, "TMPDIR"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/place/x"), None, ""),
        (RuntimeError("basic_ios::clear: iostream error"), MachineError, ""),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")]), MachineError, ""),
        (raised_from(OSError(errno.ENOSPC, "No space left on device", "/place/x")), MachineError, "/place/x"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), None, ""),
        (PermissionError(errno.EPERM, "Operation not permitted"), None, ""),
        (OSError(errno.EIO, "a terminal that is gone"), None, ""),
        (ValueError("a value of 28"), None, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_that_a_disk_caused_is_known_through_whatever_library_it_came(
    error: BaseException, kind: type[RewardSearchError] | None, named: str, tmp_path: Path
) -> None:
    found = storage_error(error, tmp_path)
    assert type(found) is (kind or type(None))
    if found is not None:
        assert "\n" not in str(found) and named in str(found)
        assert named or str(tmp_path) in str(found)


@pytest.mark.parametrize(
    ("place", "remedy"),
    [("cache/banks/x", "REWARDSEARCH_CACHE"), ("tmp/rewardsearch-trl-0-1-x/y", "TMPDIR"), ("runs/x", "another folder")],
)
def test_the_remedy_is_of_the_place(place: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    error = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / place))
    assert remedy in str(storage_error(error)) and "MB free on" in str(storage_error(error))


class Broken:
    """A training process whose job ends in an error."""

    run = Path("run")

    def __init__(self, error: Exception) -> None:
        self.error = error

    def carry_out(self, jobs: Sequence[Job], on_step: OnStep, may_continue: MayContinue) -> None:
        raise self.error


def test_a_training_process_reports_a_disk_as_such_and_anything_else_as_broken() -> None:
    full: Any = Broken(RuntimeError("I/O error: No space left on device (os error 28)"))
    closed: Any = Broken(OSError(errno.EROFS, "Read-only file system", "run/x"))
    odd: Any = Broken(ValueError("no number"))
    answers: list[dict[str, Any]] = []
    for worker in (full, closed, odd):
        carry_out(worker, [FineTune()], answers.append)
    assert [answer.get("exit_code") for answer in answers] == [1, 2, None]
    assert [answer["event"] for answer in answers] == ["storage", "storage", "broken"]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """How large a file may get in it, as `ulimit -f` says. No longer than need be: the log of the tests is a file too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_event_that_the_disk_has_no_room_for_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    with Journal.open(tmp_path, CONFIG, ()) as journal:
        before = (tmp_path / JOURNAL).read_bytes()
        with file_limit(len(before) + 50), pytest.raises(OSError, match=JOURNAL) as error:
            journal.append(Ended(status="finished", reason="x" * 1000))
        assert (error.value.errno, journal.state.status) == (errno.EFBIG, "running")
        assert (tmp_path / JOURNAL).read_bytes() == before
        journal.append(Ended(status="finished"))
    assert read_run(tmp_path).status == "finished"


def test_a_file_that_the_disk_has_no_room_for_leaves_the_old_one(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", "old")
    with file_limit(10), pytest.raises(OSError, match="x") as error:
        write_atomic(tmp_path / "x", "new" * 10)
    assert error.value.filename == str(tmp_path / "x")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x", "old")]


def test_a_search_that_a_disk_stops_is_told_in_a_line_and_goes_on_later(tmp_path: Path, trainer: Trainer) -> None:
    whole = search(CONFIG, tmp_path / "whole", Quiet())
    with file_limit(12_000), pytest.raises(MachineError, match=r"ulimit -f.* MB free on .*resumes"):
        search(CONFIG, tmp_path / "run", Quiet())
    assert search(CONFIG, tmp_path / "run", Quiet()).rankings == whole.rankings


def test_a_full_disk_is_told_with_its_place_and_the_same_command_goes_on_once_there_is_room(
    tmp_path: Path, trainer: Trainer, small_disk: SmallDisk
) -> None:
    whole = search(CONFIG, tmp_path / "whole", Quiet())
    with pytest.raises(
        MachineError, match=rf"no space is left on the disk of {small_disk.place}.*MB free on {small_disk.place}"
    ):
        search(CONFIG, small_disk.place / "run", Quiet())
    assert full_disk(tmp_path, small_disk.place) is not None and full_disk(tmp_path) is None
    small_disk.remount("size=10m")
    assert search(CONFIG, small_disk.place / "run", Quiet()).rankings == whole.rankings
