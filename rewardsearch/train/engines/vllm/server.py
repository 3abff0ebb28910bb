"""The vLLM server that an engine generates through: the one at `train.vllm.url`, or one that it starts.

The processes on one device that train the same policy share the server that the first of them starts. It ends with the last of
them, also when they are killed (see keeper.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files import file_digest, scratch_prefix
from rewardsearch.files.resources import policy_folder
from rewardsearch.train.engines.trl.policy import Policy
from rewardsearch.train.engines.vllm.client import Client
from rewardsearch.train.engines.vllm.keeper import SOCKET, same_user

Result = TypeVar("Result")
MODEL = "model"
"""The folder of a policy that is not on disk as it is trained, inside the keeper's folder."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as the largest rank of an adapter."""
_KEEPER = (sys.executable, "-P", "-m", "rewardsearch.train.engines.vllm.keeper")
_SERVE = (sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server")
_LONGEST_PATH = 100
"""Of a Unix socket, in bytes."""
_PAUSE_S = 0.2
_STARTS = 3
_SHARING = 2
"""Processes that share a server at most where `train.slots` does not say how many there are."""


class Server:
    """The server for `policy`, which is what `config.policy` names under the adapter in the folder `start`.

    A server that no `train.vllm.url` names is started at the first use, and again where it does not answer any more.
    """

    def __init__(self, config: Config, policy: Policy, start: Path | None) -> None:
        self._config, self._policy, self._start = config, policy, start
        self._settings = config.train.vllm
        self._client: Client | None = None
        self._connection: socket.socket | None = None
        if self._settings.url is None:
            self._command = _command(config)
            self._name = self._shared_name()
        elif start is not None:
            raise UserError(
                f"train.vllm.url: the server at {self._settings.url} does not have the fine-tuned policy of this run; leave url "
                "out, so that one is started, or set sft.enabled to false"
            )

    def use(self, work: Callable[[Client], Result]) -> Result:
        """What `work` gives. Where a server that was started here fails at it, both are started again, once."""
        client = self.connect()
        try:
            return work(client)
        except MachineError:
            if self._settings.url is not None:
                raise
            self.give_up()
            return work(self.connect())

    def connect(self) -> Client:
        """The client of a server that was ready when it was connected to."""
        if self._client is None:
            address = self._settings.url or self._joined()
            self._client = Client(address, self._settings.timeout_minutes * 60, self._remedy)
        return self._client

    def give_up(self) -> None:
        """Has the server ended, for all that use it."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.sendall(b"it does not answer\n")
        self.close()

    def close(self) -> None:
        """Leaves the server. It has ended then, and the device's memory is free for the next, where nobody else uses it."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)
                while self._connection.recv(4096):
                    pass
            self._connection.close()
        self._client = self._connection = None

    @property
    def _remedy(self) -> str:
        if self._settings.url:
            return "check the server and its log, and start it again"
        return (
            "see its output in the log of the training process; train.vllm.command and gpu_memory say how it is started"
        )

    def _joined(self) -> Path:
        """The socket of the server that this process joined, which is started where there is none."""
        starts, deadline = 0, time.monotonic() + self._settings.timeout_minutes * 60
        while time.monotonic() < deadline:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(f"\0{self._name}")
            except OSError:
                connection.close()
                if starts == _STARTS:
                    raise MachineError(f"vLLM server: {starts} attempts to start it failed; {self._remedy}") from None
                starts += 1
                self._start_keeper()
                continue
            if not same_user(connection):
                connection.close()
                raise MachineError(f"vLLM server: another user has taken the socket @{self._name}; end that process")
            if address := self._welcomed(connection, deadline):
                self._connection = connection
                return address
            # It was about to end.
            connection.close()
            time.sleep(_PAUSE_S)
        raise MachineError(
            f"vLLM server: it was not ready within {self._settings.timeout_minutes:g} minutes; raise train.vllm.timeout_minutes, "
            f"or {self._remedy}"
        )

    def _welcomed(self, connection: socket.socket, deadline: float) -> Path | None:
        """The server's socket once it is ready; None where its keeper ended without a reason."""
        connection.settimeout(max(_PAUSE_S, deadline - time.monotonic()))
        try:
            with connection.makefile("rb") as lines:
                line = lines.readline()
        except OSError:
            return None
        connection.settimeout(None)
        event: dict[str, Any] = json.loads(line) if line else {}
        if "ended" in event:
            connection.close()
            raise MachineError(f"vLLM server: {event['ended']} before it was ready; {self._remedy}")
        return Path(event["ready"]) if event else None

    def _start_keeper(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix=scratch_prefix("vllm")))
        address = folder / SOCKET
        if len(os.fsencode(address)) > _LONGEST_PATH:
            shutil.rmtree(folder)
            raise UserError(
                f"TMPDIR: got {folder.parent}, too long for a socket; set it to a shorter path, such as /tmp"
            )
        command = [*self._command, *self._arguments(folder), "--uds", str(address)]
        subprocess.run(
            [*_KEEPER, self._name, str(folder), *command],
            stdin=subprocess.DEVNULL,
            stdout=2,
            env=os.environ | {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_NO_USAGE_STATS": "1"},
            # It outlives this process until it has ended the server.
            start_new_session=True,
            check=False,
        )

    def _arguments(self, folder: Path) -> list[str]:
        """What the server is told about the policy. A policy that is not on disk as it is trained is written into `folder`."""
        policy = self._config.policy
        if self._start is None and policy.gguf_file is None:
            model = policy_folder(policy.model)
            named = ["--model", str(model) if model.exists() else policy.model]
            named += ["--revision", policy.revision] if policy.revision else []
        else:
            _save_base(self._policy, folder / MODEL)
            named = ["--model", str(folder / MODEL)]
        return [*named, *server_options(self._config)]

    def _shared_name(self) -> str:
        """The same for the processes that can share a server: those on the same device with the same policy and settings."""
        weights = sorted(self._start.glob("*.safetensors")) if self._start else []
        parts = [
            os.getuid(),
            os.environ.get("CUDA_VISIBLE_DEVICES"),
            self._config.policy.model_dump(mode="json"),
            [file_digest(str(file)) for file in weights],
            self._command,
            server_options(self._config),
        ]
        return f"rewardsearch-vllm-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"


def server_options(config: Config) -> list[str]:
    """The options of `vllm serve` but for the model and the address."""
    lora, sharing = config.policy.lora, config.train.slots or _SHARING
    rank = next((rank for rank in RANKS if rank >= lora.r), None)
    if rank is None:
        raise UserError(f"policy.lora.r: got {lora.r}; the engine vllm takes at most {RANKS[-1]}")
    return [
        *("--served-model-name", "policy"),
        *("--dtype", config.policy.dtype),
        *("--max-model-len", "auto"),
        *("--gpu-memory-utilization", f"{config.train.vllm.gpu_memory:g}"),
        "--enable-lora",
        *("--max-lora-rank", str(rank)),
        # Each process that shares the server has one adapter at work, and the one before it.
        *("--max-loras", str(sharing)),
        *("--max-cpu-loras", str(2 * sharing)),
        *("--uvicorn-log-level", "warning"),
    ]


def _command(config: Config) -> Sequence[str]:
    """What starts a server. Raises UserError where there is no such program."""
    command = config.train.vllm.command
    if sys.platform != "linux":
        raise UserError(
            "train.engine: got vllm, which starts its server on Linux alone; set train.vllm.url to a running one"
        )
    if command is None:
        if importlib.util.find_spec("vllm") is None:
            raise UserError(
                "train.engine: got vllm, and the package vllm is not installed; pip install 'rewardsearch[vllm]', or set "
                "train.vllm.command to the command `vllm serve` of another environment, or train.vllm.url to a running server"
            )
        return _SERVE
    if shutil.which(command[0]) is None:
        raise UserError(
            f"train.vllm.command: got {command[0]!r}, and there is no such program; name one that starts vLLM"
        )
    return command


def _save_base(policy: Policy, folder: Path) -> None:
    """Writes the policy's weights without the adapter that it may be under at the moment."""
    weights = {
        name.replace(".base_layer.", "."): weight
        for name, weight in policy.base.state_dict().items()
        if "lora_" not in name
    }
    policy.base.save_pretrained(str(folder), state_dict=weights)
    policy.tokenizer.save_pretrained(str(folder))
