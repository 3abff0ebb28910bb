"""Requests to a vLLM server: adapters are loaded and unloaded by name, completions come back as token ids.

The server's OpenAI routes are used. What it refuses because of the request is a UserError; a server that is dead, slow or broken
is a MachineError, so the job is tried again. Both messages name the server, what it said, and the remedy.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from rewardsearch.errors import MachineError, UserError
from rewardsearch.train.engine import OnDone
from rewardsearch.train.engines.vllm.transport import Answer, ask

API_KEY = "VLLM_API_KEY"
"""The environment variable with the key of a server that asks for one; vLLM reads the same."""
_AT_ONCE = 128
"""Requests in flight. vLLM puts all that it has room for into one batch."""
_LOAD, _UNLOAD, _COMPLETE = "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/completions"


class Completion(NamedTuple):
    """The token ids of a completion, with the token that it ended at where it did; where asked, the log-probability of each."""

    ids: list[int]
    logprobs: list[float | None]


class Client:
    """Talks to the server at an address, or at the Unix socket of one that this software started.

    timeout_s: the longest wait for one answer. remedy: what to do where it is dead or broken.
    """

    def __init__(self, address: str | Path, timeout_s: float, remedy: str) -> None:
        self.name = address if isinstance(address, str) else "started by the engine"
        self._address, self._timeout_s, self._remedy = address, timeout_s, remedy
        self._key = os.environ.get(API_KEY)

    def version(self) -> str:
        """vLLM's version."""
        return str(self._object("/version").get("version", "unknown"))

    def base(self) -> str:
        """The name of the model that is served without an adapter."""
        names = [model["id"] for model in self._object("/v1/models").get("data", []) if not model.get("parent")]
        if not names:
            raise self.broken("it serves no model")
        return str(names[0])

    def load(self, name: str, folder: Path) -> None:
        """Loads the adapter in `folder` under `name`. Raises UserError where the server does not take it."""
        answer = self._send(_LOAD, {"lora_name": name, "lora_path": str(folder)})
        if answer.status == 404 and not answer.message:
            raise UserError(
                f"train.vllm.url: the vLLM server {self.name} does not load adapters while it runs; start it with "
                "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora"
            )
        if answer.status >= 400:
            raise self.refused("does not load an adapter", answer)

    def unload(self, name: str) -> None:
        """Forgets an adapter; one that the server does not have is forgotten already."""
        answer = self._send(_UNLOAD, {"lora_name": name})
        if answer.status >= 400 and answer.status != 404:
            raise self.refused("does not unload an adapter", answer)

    def complete(
        self, requests: Sequence[dict[str, Any]], on_done: OnDone = lambda done: None
    ) -> list[list[Completion]]:
        """The completions of each request of the Completions API, whose `prompt` is a list of prompts as token ids.

        on_done: called with the number of prompts that are done.
        """
        found: dict[int, list[Completion]] = {}
        done = 0
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            sent = {pool.submit(self._complete, request): index for index, request in enumerate(requests)}
            try:
                for future in as_completed(sent):
                    found[sent[future]] = future.result()
                    done += len(found[sent[future]])
                    on_done(done)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        return [found[index] for index in range(len(requests))]

    def _complete(self, request: dict[str, Any]) -> list[Completion]:
        body = self._object(_COMPLETE, request | {"return_token_ids": True})
        choices = sorted(body.get("choices", []), key=lambda choice: choice["index"])
        if len(choices) != len(request["prompt"]):
            raise self.broken(f"it gave {len(choices)} completions for {len(request['prompt'])} prompts")
        found = []
        for choice in choices:
            ids, logprobs = choice.get("token_ids"), choice.get("logprobs") or {}
            if not ids or len(ids) > request["max_tokens"]:
                what = f"{len(ids)} token ids" if ids else "no token ids"
                raise self.broken(f"it gave {what} for a completion of 1 to {request['max_tokens']} tokens")
            found.append(Completion(ids, logprobs.get("token_logprobs") or []))
        return found

    def _object(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._send(path, body)
        if answer.status >= 400:
            raise self.refused(f"does not answer {path}", answer)
        if not isinstance(answer.body, dict):
            raise self.broken(f"its answer to {path} is no JSON object")
        return answer.body

    def _send(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        try:
            return ask(self._address, path, self._timeout_s, body, self._key)
        except TimeoutError:
            wait = f"{self._timeout_s / 60:g} minutes"
            raise MachineError(
                f"vLLM server {self.name}: no answer to {path} within {wait}; raise train.vllm.timeout_minutes, or {self._remedy}"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise self.broken(f"{path} failed ({type(error).__name__}: {error})") from None

    def broken(self, what: str) -> MachineError:
        return MachineError(f"vLLM server {self.name}: {what}; {self._remedy}")

    def refused(self, what: str, answer: Answer) -> UserError | MachineError:
        """The error for a status from 400 on: a key or a request that it never takes is the user's mistake."""
        reason = f"{what}: {answer.message or 'no reason given'} (status {answer.status})"
        if answer.status in (401, 403):
            return UserError(f"train.vllm.url: the vLLM server {self.name} {reason}; put its key into {API_KEY}")
        if answer.status in (400, 413, 422):
            return UserError(
                f"train.engine: the vLLM server {self.name} {reason}; change what it names, or {self._remedy}"
            )
        return self.broken(reason)
