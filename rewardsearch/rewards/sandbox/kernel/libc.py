"""The C library of this process, for the few calls that Python does not wrap."""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38


@functools.cache
def libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int, pointer: object = None) -> bool:
    """prctl(2); False where it fails or the system has none."""
    if not sys.platform.startswith("linux"):
        return False
    third = ctypes.c_ulong(0) if pointer is None else pointer
    last = ctypes.c_ulong(0)
    return bool(libc().prctl(ctypes.c_int(option), ctypes.c_ulong(value), third, last, last) == 0)
