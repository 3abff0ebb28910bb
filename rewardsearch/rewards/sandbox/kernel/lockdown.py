"""What a worker and its children give up: identity, descriptors, limits, and what the kernel lets nobody take back.

Layers that a system lacks are left out one by one, and `lock_worker` says which are in force. Where all of them are
missing (macOS), the portable ones remain: limits, the empty environment, no descriptors, and the parent's deadline.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence

from rewardsearch.rewards.sandbox.kernel import landlock, seccomp
from rewardsearch.rewards.sandbox.kernel.libc import PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, prctl

LAYERS = ("uid", "no_new_privs", "landlock", "seccomp")
"""Every layer beside the limits, in the order it is applied."""

_NOBODY = 65534
_GUESSED_SPACE = 2**28


def lock_worker(layers: Sequence[str]) -> tuple[str, ...]:
    """Applies those of `layers` that work here, for this process and all it forks; gives the names of those in force.

    They are first tried in a child, all together and, where that fails, one after the other: a layer that the system
    lacks, or that a worker cannot live with (a libc that forks in another way), is left out.
    """
    wanted = tuple(name for name in LAYERS if name in layers)
    if not _survives(wanted):
        working: tuple[str, ...] = ()
        for name in wanted:
            working += (name,) if _survives((*working, name)) else ()
        wanted = working
    if not _apply(wanted):
        raise OSError("a layer that worked in a child was refused")
    return wanted


def _apply(layers: Sequence[str]) -> bool:
    appliers: dict[str, Callable[[], bool]] = {
        "uid": _drop_uid,
        # Not dumpable: nor may a process of the same user attach to this one or read its memory.
        "no_new_privs": lambda: prctl(PR_SET_NO_NEW_PRIVS, 1) and prctl(PR_SET_DUMPABLE, 0),
        "landlock": landlock.apply,
        "seccomp": seccomp.apply_worker,
    }
    return all(appliers[name]() for name in layers)


def _drop_uid() -> bool:
    """Root becomes nobody: a limit on processes does not bind root. An ordinary user is one already."""
    if os.getuid() != 0:
        return True
    # macOS has no setresuid.
    with contextlib.suppress(OSError, AttributeError):
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    return os.getuid() != 0


def _survives(layers: Sequence[str]) -> bool:
    """Whether a process can apply the layers and still fork a locked-down child that computes and ends."""
    space = address_space() + 2**26

    def worker() -> int:
        return 0 if _apply(layers) and _ends_well(child) else 1

    def child() -> int:
        lock_child(space, 5.0, layers)
        return 0 if len(bytearray(2**22)) == 2**22 else 1

    return _ends_well(worker)


def _ends_well(run: Callable[[], int]) -> bool:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = run()
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def address_space() -> int:
    """Bytes of address space that this process has; a guess, more than an interpreter needs, where /proc does not say."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return _GUESSED_SPACE
    try:
        return int(os.read(descriptor, 100).split()[0]) * resource.getpagesize()
    finally:
        os.close(descriptor)


def lock_child(space: int, seconds: float, layers: Sequence[str]) -> None:
    """Locks one call's process: `space` bytes of address space, `seconds` of CPU, no files, processes or descriptors.

    `layers` are those in force in the worker.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    cpu = math.ceil(seconds) + 1
    os.closerange(0, 256)
    for name, soft, hard in (
        ("CPU", cpu, cpu + 1),
        ("AS", space, space),
        ("FSIZE", 0, 0),
        ("CORE", 0, 0),
        ("NPROC", 0, 0),
        ("NOFILE", 0, 0),
    ):
        _limit(getattr(resource, f"RLIMIT_{name}"), soft, hard)
    if "seccomp" in layers and not seccomp.apply_child():
        raise OSError("the child's filter was refused")


def limit_space(space: int) -> None:
    """Bounds this process's own address space, and that of all it forks, to `space` bytes."""
    _limit(resource.RLIMIT_AS, space, space)


def _limit(what: int, soft: int, hard: int) -> None:
    """Sets a limit, or leaves the system's own where that is lower already."""
    ceiling = resource.getrlimit(what)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    try:
        resource.setrlimit(what, (soft, hard))
    except (ValueError, OSError):
        # macOS knows some of these limits by name only.
        if sys.platform.startswith("linux"):
            raise
