"""The kinds of faults, and the moments at which they strike a running search.

A moment is a random time from the start of a session, or the moment after it at which a file of the run is made or written, as
the kernel reports it (inotify).
"""

from __future__ import annotations

import ctypes
import os
import random
import select
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scene import THINKING_S, Search, kill, wait_until
from small_disk import SmallDisk

from rewardsearch.run.journal import JOURNAL

MODIFIED, MOVED_TO, CREATED = 0x2, 0x80, 0x100
_TRAININGS = ("candidates/*/training/*", "final/*/*")
KINDS = {
    "search": "the search is killed at a random moment",
    "search and workers": "all its processes are killed at once at a random moment",
    "worker": "a training process is killed at a random moment, and the search goes on",
    "progress open": "all are killed when a checkpoint within a segment is being written",
    "checkpoint open": "all are killed when the checkpoint at the end of a segment is being written",
    "journal open": "the search is killed when the journal is being appended to",
    "worker starts": "the search is killed while a training process starts",
    "request in flight": "the search is killed between a request and the writing of its reply",
    "torn journal": "the search is killed, and the journal's last line is cut off at a random byte",
    "full disk": "the disk is full from a random moment, or from one with a request in flight, until the search has ended",
}
"""What happens in a fault of each kind."""
ENDS_S = 600
"""The longest that a search may take to end."""
_REPLY_S = 0.05
"""About how long it takes until a reply that was sent is on disk."""
_START_S = 1.5
"""About how long a training process takes to start."""


def drawn_kinds(number: int, kinds: Sequence[str], rng: random.Random) -> list[str]:
    """So many faults, equally many of each kind, in random order."""
    drawn: list[str] = []
    while len(drawn) < number:
        drawn += rng.sample(kinds, len(kinds))
    return drawn[:number]


@dataclass
class Fault:
    """A fault of a kind. random: draws its moment. span: within how many seconds of a session's start that is."""

    kind: str
    rng: random.Random
    span: float

    def strike(self, search: Search, disk: SmallDisk | None) -> bool:
        """Waits for the moment and strikes the search in its present session, which has ended then, unless a worker was killed.
        False where the session came to its end before."""
        process = search.process
        if not self._await(search) or process.poll() is not None:
            return False
        if self.kind == "full disk":
            assert disk is not None
            self._fill(search, disk)
        elif self.kind == "worker":
            workers = search.workers()
            kill([self.rng.choice(workers)] if workers else [])
            return bool(workers)
        elif self.kind in ("search and workers", "progress open", "checkpoint open"):
            kill([*search.workers(), process.pid])
            kill(search.processes())
        else:
            kill([process.pid])
        return process.wait() != 0

    def _await(self, search: Search) -> bool:
        """Whether the moment came while the session was running."""
        process = search.process
        if self.kind == "request in flight" or (self.kind == "full disk" and self.rng.random() < 0.5):
            search.provider.asked.clear()
            wait_until(lambda: search.provider.asked.is_set() or process.poll() is not None)
            # The disk fills while the server thinks; a kill comes up to the moment when the reply is on disk.
            time.sleep(self.rng.uniform(0, THINKING_S + (0 if self.kind == "full disk" else _REPLY_S)))
            return True
        if self.kind == "worker starts":
            wait_until(lambda: search.workers() or process.poll() is not None)
            time.sleep(self.rng.uniform(0, _START_S))
            return True
        wait_until(lambda: process.poll() is not None, self.rng.uniform(0, self.span))
        if self.kind == "worker":
            return wait_until(lambda: search.workers() or process.poll() is not None)
        if self.kind == "progress open":
            return _watched(search, _TRAININGS, CREATED | MOVED_TO, ".progress.")
        if self.kind == "checkpoint open":
            return _watched(search, _TRAININGS, CREATED | MOVED_TO, ".checkpoint.")
        if self.kind == "journal open":
            return _watched(search, (JOURNAL,), MODIFIED, "")
        return True

    def _fill(self, search: Search, disk: SmallDisk) -> None:
        """Leaves a few kilobytes of the disk free until the session has ended."""
        found, free = os.statvfs(disk.place), self.rng.choice((0, 4, 16, 64))
        disk.remount(f"size={(found.f_blocks - found.f_bfree) * found.f_frsize // 1024 + free}k")
        try:
            search.process.wait(timeout=ENDS_S)
        finally:
            disk.remount(f"size={found.f_blocks * found.f_frsize // 1024}k")


def tear(journal: Path, rng: random.Random) -> None:
    """Cuts off the last line of a journal at a random byte.

    An event `sent` is on disk before its request goes out, so no crash tears it later: it is followed by part of another line.
    """
    content = journal.read_bytes() if journal.exists() else b""
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    if content[start:].startswith(b'{"event": "sent"'):
        with journal.open("ab") as file:
            file.write(content[start : rng.randrange(start + 1, len(content))])
    elif content:
        os.truncate(journal, rng.randrange(start, len(content)))


def _watched(search: Search, folders: Sequence[str], events: int, name: str) -> bool:
    """Waits until something happens to a file whose name begins with `name` in a folder of the run, or to the file that is
    named. False where the session ended before."""
    with _Inotify(events) as inotify:
        while search.process.poll() is None:
            for pattern in folders:
                for path in search.run.glob(pattern):
                    inotify.add(path)
            if any(found.startswith(name) for found in inotify.names(0.02)):
                return True
    return False


class _Inotify:
    """The kernel's reports of events on files and in folders."""

    def __init__(self, events: int) -> None:
        self._events, self._seen = events, set[Path]()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def add(self, path: Path) -> None:
        if path not in self._seen:
            self._seen.add(path)
            # One that is gone again has no further events.
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), self._events)

    def names(self, seconds: float) -> list[str]:
        """The names of the files in watched folders that something happened to, waiting so long for the first; empty names for
        watched files themselves."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        found, names = os.read(self._descriptor, 1 << 16), []
        while found:
            size = struct.unpack_from("iIII", found)[3]
            names.append(os.fsdecode(found[16 : 16 + size].rstrip(b"\0")))
            found = found[16 + size :]
        return names
