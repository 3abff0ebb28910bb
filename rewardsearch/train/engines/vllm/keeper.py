"""Keeps one vLLM server running as long as a process uses it.

    python -P -m rewardsearch.train.engines.vllm.keeper NAME FOLDER COMMAND...

It starts COMMAND, a server at the socket `server.sock` in FOLDER, and listens at the abstract Unix socket NAME:

- A training process that uses the server holds a connection there. The kernel closes it when the process ends, also when it is
  killed. With the last connection the server ends, and FOLDER is removed.
- Each connection gets a JSON line: `{"ready": SOCKET}`, or `{"ended": REASON}` where the server ends.
- A line from a process means that the server does not work. It is ended then, whoever else uses it.
- A process that leaves by shutting down its side is answered with the end of the other side. Until then it must not start another
  server: this one may still hold the device's memory.

Where the keeper itself is killed, the kernel ends the server. All this needs Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rewardsearch.files import scratch_prefix
from rewardsearch.train.engines.vllm.transport import ask

SOCKET = "server.sock"
_PR_SET_PDEATHSIG = 1
_CHECK_S = 0.2
_HEALTH_S = 5.0
_END_S = 20.0
"""A server that is asked to end gets this long before it is killed."""
_ALONE_S = 60.0
"""How long the keeper waits for its first user."""
_ERROR = b"Error"
"""What a line of the server's output has that says why it failed."""


def same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end of a Unix socket belongs to this user."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(uid == os.getuid())


def listen(name: str) -> socket.socket | None:
    """A listening socket of that name; None where another keeper has it."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"\0{name}")
    except OSError:
        listener.close()
        return None
    listener.listen()
    return listener


class _Keeper:
    def __init__(self, listener: socket.socket, process: subprocess.Popen[bytes], address: Path) -> None:
        self._listener, self._process, self._address = listener, process, address
        self._users: list[socket.socket] = []
        self._leaving: list[socket.socket] = []
        """Those that wait for the server to end, if nobody else uses it."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._ready = False
        self._error = ""
        threading.Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self) -> None:
        """Copies the server's output to standard error, and keeps its last error."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if _ERROR in line:
                self._error = f" ({line.decode(errors='replace').strip()[-300:]})"
            with contextlib.suppress(OSError):
                os.write(2, line)

    def keep(self) -> str:
        """Returns why the server is not needed or not there any more, when that is so."""
        alone_until = time.monotonic() + _ALONE_S
        while True:
            for key, _ in self._selector.select(timeout=_CHECK_S):
                if key.fileobj is self._listener:
                    alone_until = 0.0
                    self._welcome()
                elif not self._heard(key.fileobj):  # type: ignore[arg-type]
                    return "a training process found that it does not answer"
            if time.monotonic() < alone_until:
                continue
            if (code := self._process.poll()) is not None:
                return f"its process ended with exit code {code}{self._error}"
            if not self._users:
                return "nothing uses it"
            if not self._ready and self._answers():
                self._ready = True
                for user in self._users:
                    _say(user, ready=str(self._address))

    def close(self, why: str) -> None:
        """Ends the server and its folder, then the connections, and with them the name."""
        end(self._process)
        shutil.rmtree(self._address.parent, ignore_errors=True)
        for user in self._users:
            _say(user, ended=why)
        for user in (*self._users, *self._leaving):
            user.close()
        self._listener.close()

    def _welcome(self) -> None:
        user, _ = self._listener.accept()
        if not same_user(user):
            user.close()
            return
        self._users.append(user)
        self._selector.register(user, selectors.EVENT_READ)
        if self._ready:
            _say(user, ready=str(self._address))

    def _heard(self, user: socket.socket) -> bool:
        """Whether all is well after something came from `user`: its end is, a complaint is not."""
        try:
            if user.recv(64):
                return False
        except OSError:
            pass
        self._users.remove(user)
        self._selector.unregister(user)
        self._leaving.append(user)
        if self._users:
            self._leaving.pop().close()
        return True

    def _answers(self) -> bool:
        if not self._address.exists():
            return False
        try:
            return ask(self._address, "/health", _HEALTH_S).status == 200
        except (OSError, http.client.HTTPException):
            return False


def _say(user: socket.socket, **event: str) -> None:
    with contextlib.suppress(OSError):
        user.sendall(json.dumps(event).encode() + b"\n")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server and what it started: politely, then by force."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
            break
    # Its own processes may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main(name: str, folder: Path, command: Sequence[str]) -> None:
    """Returns once a keeper of that name listens; the new one goes on as a process that nobody waits for."""
    listener = listen(name)
    if listener is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    if os.fork():
        return
    # From here on the folder is that of this process, which outlives the one that made it.
    own = Path(tempfile.mkdtemp(prefix=scratch_prefix("vllm"), dir=folder.parent))
    try:
        folder.rename(own)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        process = subprocess.Popen(
            [argument.replace(str(folder), str(own)) for argument in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        keeper, why = _Keeper(listener, process, own / SOCKET), "its keeper was ended"
        try:
            why = keeper.keep()
        finally:
            keeper.close(why)
    finally:
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
