"""seccomp allow-lists: the system calls that the worker needs, and the far fewer that a candidate's process needs.

Anything else fails with EPERM, an unknown architecture kills. No memory can be made executable. The filters say
nothing about which descriptor is read or written: the candidate's process has neither descriptors nor read and write.
Source: linux/seccomp.h, linux/filter.h; numbers from the kernel's system call tables.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
import sys
from collections.abc import Iterable

from rewardsearch.rewards.sandbox.kernel.libc import PR_SET_SECCOMP, prctl

_MODE_FILTER = 2
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_ARCH_AT, _NUMBER_AT, _PROTECTION_AT = 4, 0, 32
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_PROT_EXEC = 4
_X32 = 0x40000000
_CLONE3 = 435  # on every architecture

_CHILD = (
    "brk munmap mremap madvise futex sched_yield rt_sigreturn rt_sigprocmask sigaltstack restart_syscall "
    "clock_gettime gettimeofday getrandom sysinfo getpid gettid exit exit_group"
)
_WORKER = _CHILD + (
    " read write close close_range poll ppoll clone fork wait4 kill tgkill rt_sigaction set_robust_list rseq prctl "
    "seccomp setrlimit getrlimit prlimit64 getppid fcntl fstat set_tid_address"
)


def _table(text: str) -> dict[str, int]:
    return {name: int(number) for name, _, number in (entry.partition("=") for entry in text.split())}


# mmap and mprotect are allowed on their own terms: without PROT_EXEC.
_NUMBERS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        _table(
            "read=0 write=1 close=3 fstat=5 poll=7 mmap=9 mprotect=10 munmap=11 brk=12 rt_sigaction=13 "
            "rt_sigprocmask=14 rt_sigreturn=15 sched_yield=24 mremap=25 madvise=28 getpid=39 clone=56 fork=57 exit=60 "
            "wait4=61 kill=62 fcntl=72 gettimeofday=96 getrlimit=97 sysinfo=99 getppid=110 sigaltstack=131 prctl=157 "
            "setrlimit=160 gettid=186 futex=202 restart_syscall=219 clock_gettime=228 exit_group=231 tgkill=234 "
            "set_tid_address=218 ppoll=271 set_robust_list=273 prlimit64=302 seccomp=317 getrandom=318 rseq=334 close_range=436"
        ),
    ),
    "aarch64": (
        0xC00000B7,
        _table(
            "fcntl=25 close=57 read=63 write=64 ppoll=73 fstat=80 exit=93 exit_group=94 futex=98 set_robust_list=99 "
            "clock_gettime=113 sched_yield=124 restart_syscall=128 kill=129 tgkill=131 sigaltstack=132 "
            "rt_sigaction=134 rt_sigprocmask=135 rt_sigreturn=139 getrlimit=163 setrlimit=164 prctl=167 "
            "gettimeofday=169 getpid=172 getppid=173 gettid=178 sysinfo=179 brk=214 munmap=215 mremap=216 clone=220 "
            "mmap=222 mprotect=226 madvise=233 wait4=260 prlimit64=261 seccomp=277 getrandom=278 rseq=293 "
            "set_tid_address=96 close_range=436"
        ),
    ),
}


def apply_worker() -> bool:
    """Filters this process and all it forks down to what a worker needs; whether it is in force. Needs no_new_privs."""
    # Made before the worker's own filter is in force: asking for the machine's name is not among what it allows.
    _filter(_CHILD)
    return _apply(_WORKER)


def apply_child() -> bool:
    """Filters this process down to computing: memory, clocks, exit."""
    return _apply(_CHILD)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _apply(names: str) -> bool:
    code = _filter(names)
    if code is None:
        return False
    program = _Program(len(code) // 8, ctypes.cast(code, ctypes.c_void_p))
    return prctl(PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program))


@functools.cache
def _filter(names: str) -> ctypes.Array[ctypes.c_char] | None:
    """The filter that allows `names`, or None where the machine's numbers are not known."""
    machine = os.uname().machine
    if not sys.platform.startswith("linux") or machine not in _NUMBERS:
        return None
    architecture, numbers = _NUMBERS[machine]
    code = b"".join(_code(architecture, [numbers[name] for name in names.split() if name in numbers], numbers))
    return ctypes.create_string_buffer(code, len(code))


def _code(architecture: int, allowed: Iterable[int], numbers: dict[str, int]) -> Iterable[bytes]:
    """The filter, one instruction of 8 bytes after the other; each test skips what it does not want."""
    fail = _FAIL | errno.EPERM
    yield _op(_LOAD, _ARCH_AT)
    yield _op(_EQUAL, architecture, then=1)
    yield _op(_RETURN, _KILL)
    yield _op(_LOAD, _NUMBER_AT)
    yield _op(_AT_LEAST, _X32, otherwise=1)
    yield _op(_RETURN, _KILL)
    for number in allowed:
        yield _op(_EQUAL, number, otherwise=1)
        yield _op(_RETURN, _ALLOW)
    for name in ("mmap", "mprotect"):
        yield _op(_EQUAL, numbers[name], otherwise=4)
        yield _op(_LOAD, _PROTECTION_AT)
        yield _op(_ANY_BIT, _PROT_EXEC, otherwise=1)
        yield _op(_RETURN, fail)
        yield _op(_RETURN, _ALLOW)
    # A libc that makes processes by clone3 goes on with clone when there is none.
    yield _op(_EQUAL, _CLONE3, otherwise=1)
    yield _op(_RETURN, _FAIL | errno.ENOSYS)
    yield _op(_RETURN, fail)


def _op(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
