"""Errors that a disk causes: it is full, over quota, read-only or closed to this user."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.resources import CACHE, cache_folder

_FULL = {
    errno.ENOSPC: "no space is left on the disk of",
    errno.EDQUOT: "the disk quota is used up for",
    errno.EFBIG: "the limit on the size of a file (ulimit -f) is reached by",
    errno.EIO: "the disk failed on",
}
_CLOSED = {errno.EROFS: "read-only", errno.EACCES: "permission denied", errno.EPERM: "permission denied"}
_NUMBER = re.compile(r"\[Errno (\d+)\]|\bos error (\d+)\)")
"""How libraries that raise errors of their own write the number of the system's error."""
_NO_SCRATCH = "No usable temporary directory"
"""What tempfile says where every folder that it knows is full or closed."""
_UNNUMBERED = re.compile(r"iostream error|PytorchStreamWriter failed writing")
_FULL_BYTES = 1 << 20


def storage_error(error: BaseException, *places: Path) -> UserError | MachineError | None:
    """`error` as one line for the user where a disk caused it, through whatever library; None where not.

    places: what is written to; of these the full one is named where the error names no file.
    """
    for each in _chain(error):
        code, path = _number(each), _path(each)
        if code in _CLOSED and path is not None:
            return UserError(f"{path}: {_CLOSED[code]}; {_elsewhere(path, 'make it writable for this user')}")
        if code == errno.EIO and path is None:
            continue
        if code in _FULL:
            return _full(_FULL[code], path or _fullest(places))
        if code is None and _UNNUMBERED.search(str(each)):
            return _full("a file could not be written to", _fullest(places))
        if _NO_SCRATCH in str(each):
            return full_disk(scratch_root(), *places) or UserError(
                f"no folder for temporary files can be written, {scratch_root()} among them; set TMPDIR to one that can"
            )
    return None


@contextmanager
def disk_errors(*places: Path) -> Iterator[None]:
    """Turns an OSError that a disk caused into the error that storage_error gives."""
    try:
        yield
    except OSError as error:
        if stored := storage_error(error, *places):
            raise stored from error
        raise


def full_disk(*places: Path) -> MachineError | None:
    """The error for a full disk of one of `places`; None where all have room."""
    full = next((place for place in places if _free(place) < _FULL_BYTES), None)
    return None if full is None else _full(_FULL[errno.ENOSPC], full)


def scratch_root() -> Path:
    """Where temporary folders are made."""
    return Path(os.environ.get("TMPDIR") or "/tmp")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number(error: BaseException) -> int | None:
    """The system's number of an error; one that an error of a library carries in its text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _NUMBER.search(str(error))
    return int(found[1] or found[2]) if found else None


def _path(error: BaseException) -> Path | None:
    name = error.filename if isinstance(error, OSError) else None
    return Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None


def _full(what: str, place: Path | None) -> MachineError:
    if place is None:
        return MachineError(f"{what} what is written to; free some of it and run the same command")
    mount, cache = _mount(place), cache_folder()
    unneeded = f"old runs or {cache}" if _mount(cache) == mount else "old runs"
    return MachineError(
        f"{what} {place} ({_free(place) / 1e6:,.1f} MB free on {mount}): "
        f"{_elsewhere(place, f'delete what is not needed there, such as {unneeded}')}; the same command then resumes"
    )


def _elsewhere(path: Path, what: str) -> str:
    """`what` to do, or the way to put this file somewhere else."""
    full = path.absolute()
    if full.is_relative_to(cache_folder().absolute()):
        return f"{what}, or set {CACHE} to a folder on another disk"
    if full == scratch_root().absolute() or any(part.startswith("rewardsearch-") for part in full.parts):
        return f"{what}, or set TMPDIR to a folder on another disk"
    return f"{what}, or name another folder"


def _fullest(places: tuple[Path, ...]) -> Path | None:
    return min(places, key=_free, default=None)


def _existing(place: Path) -> Path:
    full = place.absolute()
    return next(each for each in (full, *full.parents) if os.path.exists(each))  # noqa: PTH110 - Path.exists raises where a parent is closed


def _free(place: Path) -> int:
    return shutil.disk_usage(_existing(place)).free


def _mount(place: Path) -> Path:
    full = _existing(place)
    return next(each for each in (full, *full.parents) if each.is_mount())
