"""Landlock, deny-all: no file is opened, no TCP port bound or reached, no process outside signalled (Linux,
unprivileged).

It does not cover UDP, fork, or descriptors that are already open; seccomp and the closed descriptors do. Source: the
kernel's userspace-api/landlock and linux/landlock.h; system calls by number, since libc wraps none of them.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from rewardsearch.rewards.sandbox.kernel.libc import libc

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_GET_VERSION = 1


def apply() -> bool:
    """Denies this process and all it forks everything Landlock knows of; whether it is in force. Needs no_new_privs."""
    if not sys.platform.startswith("linux"):
        return False
    version = _syscall(_CREATE_RULESET, None, 0, _GET_VERSION)
    if version < 1:
        return False
    files = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):
        files |= (version >= since) << bit
    fields = [files] + [0b11] * (version >= 4) + [0b11] * (version >= 6)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        return _syscall(_RESTRICT_SELF, ruleset, 0, 0) == 0
    finally:
        os.close(ruleset)


def _syscall(number: int, first: bytes | int | None, second: int, third: int) -> int:
    argument = ctypes.c_long(first) if isinstance(first, int) else ctypes.c_char_p(first)
    function = libc().syscall
    function.restype = ctypes.c_long
    return int(function(ctypes.c_long(number), argument, ctypes.c_size_t(second), ctypes.c_long(third)))
