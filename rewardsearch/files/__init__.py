"""Atomic writes, removal of what killed processes left, texts in any encoding, and digests of files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from rewardsearch.errors import UserError

_PART = re.compile(r"\.(?:(?P<machine>[0-9a-f]{8})-)?(?P<pid>\d+)\.part$")
_SCRATCH = re.compile(r"^rewardsearch-[a-z]+-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-")
_ABANDONED_S = 24 * 3600.0
"""Age from which a partial file of another machine counts as abandoned: whether its process lives is not known here."""


def make_folder(folder: Path) -> None:
    """Makes the folder and those above it, where they are missing. Raises UserError where there can be no folder of that name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
        file = next((place for place in (folder, *folder.parents) if place.is_file()), None)
        why = f"{file} is a file" if file else error.strerror
        raise UserError(f"{folder}: this folder cannot be made ({why}); name another one") from None


def write_atomic(path: Path, content: str | bytes, durable: bool = True) -> None:
    """Writes `content`, a text as UTF-8, so that a reader, or a process started after a crash, sees the old or the new file.

    durable: whether it has to survive a power failure. Raises OSError that names the file.
    """
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What is reserved is written over: on a full disk there is no other room.
        with part.open("r+b" if part.is_file() else "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
            file.truncate()
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        release(path)
        error.filename = str(path)
        raise


def reserve(path: Path, size: int) -> None:
    """Takes `size` bytes of the disk for the file `path`: this process's next write_atomic to it has room for them however full
    the disk gets. `release` gives them back. Raises OSError that names the file."""
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        release(path)
        error.filename = str(path)
        raise


def release(path: Path) -> None:
    """Gives back what is reserved for `path` and was not used."""
    with contextlib.suppress(OSError):
        part_of(path).unlink(missing_ok=True)


def replace_folder(made: Path, folder: Path) -> None:
    """Moves the folder `made` to the place of `folder`, whole or not at all, also from another file system. Raises OSError."""
    arriving, old = part_of(folder), part_of(folder.with_name(f"{folder.name}.old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if made != arriving:
            shutil.move(made, arriving)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(old)
        arriving.rename(folder)
    finally:
        for left in (arriving, old):
            shutil.rmtree(left, ignore_errors=True)


def part_of(path: Path) -> Path:
    """Where this process makes the file or folder `path`, before it takes that name."""
    return path.with_name(f".{path.name}.{_process()}.part")


def scratch_prefix(what: str) -> str:
    """The prefix of a temporary folder of this process: lower-case letters that say what it is for."""
    return f"rewardsearch-{what}-{_process()}-"


def sweep(folder: Path) -> None:
    """Removes the partial files under `folder` of processes that have ended."""
    for left in folder.rglob("*.part"):
        if found := _PART.search(left.name):
            _remove_abandoned(left, found)


def memory_root() -> Path | None:
    """The folder of the system that is kept in memory; None where there is none that this user can write to."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) else None


def sweep_scratch() -> None:
    """Removes the temporary folders of processes of this software that have ended."""
    folders = [folder] if (folder := memory_root()) else []
    # Where no folder can be written to, there is nothing of ours.
    with contextlib.suppress(FileNotFoundError):
        folders.append(Path(tempfile.gettempdir()))
    for left in (left for folder in folders for left in folder.glob("rewardsearch-*")):
        if found := _SCRATCH.match(left.name):
            _remove_abandoned(left, found)


def _remove_abandoned(left: Path, found: re.Match[str]) -> None:
    with contextlib.suppress(OSError):
        if found["machine"] in (None, _machine()):
            if _lives(int(found["pid"])):
                return
        elif time.time() - left.stat().st_mtime < _ABANDONED_S:
            return
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _process() -> str:
    return f"{_machine()}-{os.getpid()}"


@lru_cache
def _machine() -> str:
    """Where a process number means this process: the host, and in a container its process namespace."""
    namespace = Path("/proc/self/ns/pid")
    own = str(namespace.readlink()) if namespace.is_symlink() else ""
    return hashlib.sha256(f"{socket.gethostname()} {own}".encode()).hexdigest()[:8]


def decoded_text(data: bytes) -> str:
    """The text in `data`: UTF-8, UTF-16 or UTF-32, with or without a byte order mark, else Windows-1252."""
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252" if encoding.startswith("utf-8") else encoding, "replace")


def file_digest(path: str) -> str:
    """SHA-256 of a file's content; empty for what is no file of this machine, such as a hub id, or a file that is missing."""
    file = Path(path).expanduser()
    if not file.is_file():
        return ""
    stat = file.stat()
    return _digest(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(file: Path, size: int, changed: int) -> str:
    """SHA-256 of a file, read once for each size and time of change: a search needs that of its data at every job."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
