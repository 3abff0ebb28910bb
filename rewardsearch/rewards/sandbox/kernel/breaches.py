"""Breaches, attempted inside a live worker's own locks: what a candidate could do that got past the static policy.

Runs in a child forked and locked like any call's, with the real `os` and the C library in hand, so that it is the
process layers alone that hold. It covers the ways out that a reward could profit from; it is no proof that there are
no others.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rewardsearch.rewards.sandbox.kernel.libc import libc

UNTRIED, OPEN, BLOCKED = 0, 1, 2


@dataclass(frozen=True)
class Target:
    """What is attacked: the process that started the worker, and the worker's memory limit in bytes."""

    parent: int
    memory: int


@dataclass(frozen=True)
class Breach:
    """A way out: what a candidate could do with it, and the attempt, which returns or raises when it fails."""

    what: str
    attempt: Callable[[Target], bool]


def attempt_all(target: Target, results: mmap.mmap) -> None:
    """Attempts every breach. `results` gets OPEN before each attempt and BLOCKED after a failed one: a breach that ends the
    process (a program that takes its place) counts as open."""
    for index, breach in enumerate(BREACHES):
        results[index] = OPEN
        try:
            reached = breach.attempt(target)
        except (OSError, ValueError, MemoryError, AttributeError):
            reached = False
        if not reached:
            results[index] = BLOCKED


def _opened(path: str, flags: int) -> bool:
    os.close(os.open(path, flags, 0o600))
    return True


def _write_file(target: Target) -> bool:
    # The search's process id tells whose file it is, where several searches start.
    path = f"/tmp/rewardsearch-breach-{target.parent}-{os.getpid()}"
    _opened(path, os.O_CREAT | os.O_WRONLY)
    Path(path).unlink()
    return True


def _read_environment(target: Target) -> bool:
    descriptor = os.open(f"/proc/{target.parent}/environ", os.O_RDONLY)
    return bool(os.read(descriptor, 1))


def _fork(target: Target) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return True


def _execute(target: Target) -> bool:
    for program in ("/bin/true", "/usr/bin/true"):
        try:
            os.execv(program, [program])
        except FileNotFoundError:
            continue
    return False


def _connect(target: Target) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.settimeout(0.2)
        try:
            tcp.connect(("127.0.0.1", 9))
        except OSError as error:
            # Nobody listens there: that much was learnt from the network.
            return error.errno == errno.ECONNREFUSED
    return True


def _send_datagram(target: Target) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        return udp.sendto(b"x", ("127.0.0.1", 9)) == 1


def _local_socket(target: Target) -> bool:
    for end in socket.socketpair():
        end.close()
    return True


def _signal_parent(target: Target) -> bool:
    os.kill(target.parent, 0)
    return True


def _read_memory_of(pid: int) -> bool:
    """Eight bytes of another process. A bad address there shows that reading was allowed, as success does."""
    here = ctypes.create_string_buffer(8)
    vector = struct.pack("=QQ", ctypes.addressof(here), 8)
    ctypes.set_errno(0)
    done = libc().process_vm_readv(pid, vector, 1, vector, 1, 0)
    return bool(done == 8 or ctypes.get_errno() == errno.EFAULT)


def _executable_memory(target: Target) -> bool:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    return True


def _too_much_memory(target: Target) -> bool:
    mmap.mmap(-1, 2 * target.memory).close()
    return True


def _anonymous_file(target: Target) -> bool:
    os.close(os.memfd_create("x"))
    return True


def _shared_memory(target: Target) -> bool:
    """A System V segment outlives the process that made it, so that a later call could read it."""
    segment = libc().shmget(0, 4096, 0o600)
    if segment < 0:
        return False
    libc().shmctl(segment, 0, None)
    return True


def _set_priority(target: Target) -> bool:
    """The search's priority, to what it is."""
    os.setpriority(os.PRIO_PROCESS, target.parent, os.getpriority(os.PRIO_PROCESS, target.parent))
    return True


def _new_namespace(target: Target) -> bool:
    return bool(libc().unshare(0x10000000) == 0)  # CLONE_NEWUSER


def _raise_limit(target: Target) -> bool:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    return True


LIMITS = frozenset(("use more memory than allowed", "raise its own limits"))
"""Those of BREACHES that the limits on a process hold, without any kernel layer."""

BREACHES = (
    Breach("read a file", lambda _: _opened("/etc/passwd", os.O_RDONLY)),
    Breach("write a file", _write_file),
    Breach("list a folder", lambda _: any(Path("/").iterdir())),
    Breach("read the search's environment variables", _read_environment),
    Breach("read the search's memory", lambda target: _read_memory_of(target.parent)),
    Breach("signal the search", _signal_parent),
    Breach("set the search's priority", _set_priority),
    Breach("leave shared memory behind", _shared_memory),
    Breach("reach a server over TCP", _connect),
    Breach("send UDP datagrams", _send_datagram),
    Breach("make local sockets", _local_socket),
    Breach("start a process", _fork),
    Breach("make executable memory", _executable_memory),
    Breach("make an anonymous file", _anonymous_file),
    Breach("use more memory than allowed", _too_much_memory),
    Breach("raise its own limits", _raise_limit),
    Breach("enter a new user namespace", _new_namespace),
    Breach("read another call's data", lambda _: os.read(0, 0) == b""),
    Breach("write to the search's pipe", lambda _: os.write(1, b"") == 0),
    # Last: when it works, nothing after it is tried.
    Breach("run a program", _execute),
)
