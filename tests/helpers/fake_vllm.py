"""A server with vLLM's routes, for tests without vLLM.

    python fake_vllm.py --model FOLDER --uds SOCKET [options of vllm serve] [options below]

It is a process of its own, or `serving()` runs it in a thread. It takes what vLLM takes and refuses what vLLM refuses: adapters
of a rank above --max-lora-rank, a name that is loaded, a name that is not. Its tokens follow from the weights of model and
adapter, from prompt and seed (`tokens_of`). With --policy, and where log-probabilities are asked for, it generates with the
model and the adapter, each prompt by itself, so that its answers do not depend on the batch.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Body = dict[str, Any]
Generate = Callable[[Path | None, list[int], Body], tuple[list[int], list[float]]]
"""The tokens and log-probabilities for an adapter's folder, a prompt and a request."""


def weights_of(folder: Path | None) -> str:
    """A digest of the weights in a folder."""
    files = sorted(folder.glob("*.safetensors")) if folder else []
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def tokens_of(weights: str, prompt: list[int], request: Body) -> list[int]:
    """One to eight tokens."""
    seed = request.get("seed") if request["temperature"] else None
    digest = hashlib.sha256(repr((weights, prompt, seed)).encode()).digest()
    return [2 + byte % 50 for byte in digest[1 : 1 + min(1 + digest[0] % 8, request["max_tokens"])]]


def by_weights(model: Path | None = None, policy: Generate | None = None) -> Generate:
    """Answers by `tokens_of`, and by `policy` where log-probabilities are asked for."""
    known: dict[Path | None, str] = {None: weights_of(model)}

    def generate(adapter: Path | None, prompt: list[int], request: Body) -> tuple[list[int], list[float]]:
        if policy and request.get("logprobs") is not None:
            return policy(adapter, prompt, request)
        if adapter not in known:
            known[adapter] = known[None] + weights_of(adapter)
        return tokens_of(known[adapter], prompt, request), []

    return generate


class FakeVllm:
    """What it serves, and what it was asked. `fault(path, body)`: gives a status and a body to answer instead, or None."""

    def __init__(self, generate: Generate, max_rank: int = 16, version: str = "0.31.0") -> None:
        self.generate, self.max_rank, self.version = generate, max_rank, version
        self.adapters: dict[str, Path] = {}
        self.asked: list[tuple[str, Body]] = []
        self.fault: Callable[[str, Body], tuple[int, Any] | None] = lambda path, body: None
        self._lock = threading.Lock()

    def answer(self, path: str, body: Body) -> tuple[int, Any]:
        self.asked.append((path, body))
        if (instead := self.fault(path, body)) is not None:
            return instead
        match path:
            case "/health":
                return 200, {}
            case "/version":
                return 200, {"version": self.version}
            case "/v1/models":
                names = [
                    {"id": "policy", "parent": None},
                    *({"id": name, "parent": "policy"} for name in self.adapters),
                ]
                return 200, {"data": names}
            case "/v1/load_lora_adapter":
                return self._load(body["lora_name"], Path(body["lora_path"]))
            case "/v1/unload_lora_adapter":
                if self.adapters.pop(body["lora_name"], None) is None:
                    return _refused(404, f"The lora adapter '{body['lora_name']}' cannot be found.")
                return 200, {}
            case "/v1/completions":
                return self._complete(body)
        return 404, {"detail": "Not Found"}

    def of(self, path: str) -> list[Body]:
        """The bodies that came to `path`."""
        return [body for asked, body in self.asked if asked == path]

    def _load(self, name: str, folder: Path) -> tuple[int, Any]:
        if name in self.adapters:
            return _refused(400, f"The lora adapter '{name}' has already been loaded.")
        if not (folder / "adapter_config.json").exists():
            return _refused(404, f"Loading lora {name} failed: No adapter found for {folder}")
        rank = json.loads((folder / "adapter_config.json").read_text())["r"]
        if rank > self.max_rank:
            return _refused(500, f"LoRA rank {rank} is greater than max_lora_rank {self.max_rank}.")
        self.adapters[name] = folder
        return 200, {}

    def _complete(self, body: Body) -> tuple[int, Any]:
        name = body["model"]
        if name != "policy" and name not in self.adapters:
            return _refused(404, f"The model `{name}` does not exist.")
        choices = []
        for index, prompt in enumerate(body["prompt"]):
            with self._lock:
                ids, logprobs = self.generate(self.adapters.get(name), prompt, body)
            choices.append({"index": index, "token_ids": ids, "logprobs": {"token_logprobs": logprobs}})
        # The order of choices is that of `index`, whatever that of the list.
        return 200, {"choices": choices[::-1]}


def _refused(status: int, message: str) -> tuple[int, Any]:
    return status, {"error": {"message": message, "type": "Error", "code": status}}


def _handler(fake: FakeVllm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Body) -> None:
            status, answer = fake.answer(self.path, body)
            if status == 0:
                self.close_connection = True
                return
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def address_string(self) -> str:
            return "test"

    return Handler


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads, request_queue_size = True, 128


@contextmanager
def serving(fake: FakeVllm) -> Iterator[str]:
    """The address that `fake` answers at, on loopback."""
    with _Tcp(("127.0.0.1", 0), _handler(fake)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def of_policy(model: Path) -> Generate:
    """Generates with the model in the folder `model`, which is loaded at the first call."""
    loaded: dict[Path | None, Any] = {}

    def under(adapter: Path | None) -> Any:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(1)
        if adapter not in loaded:
            fresh = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
            loaded[adapter] = (PeftModel.from_pretrained(fresh, str(adapter)) if adapter else fresh).eval()
        return loaded[adapter]

    def generate(adapter: Path | None, prompt: list[int], request: Body) -> tuple[list[int], list[float]]:
        served = under(adapter)
        import torch

        generator = torch.Generator().manual_seed(request.get("seed") or 0)
        ids: list[int] = []
        logprobs: list[float] = []
        past = None
        with torch.no_grad():
            while len(ids) < request["max_tokens"]:
                out = served(input_ids=torch.tensor([ids[-1:] or prompt]), past_key_values=past, use_cache=True)
                past, logits = out.past_key_values, out.logits[0, -1].double()
                if heat := request["temperature"]:
                    ids.append(int(torch.multinomial((logits / heat).softmax(-1), 1, generator=generator)))
                else:
                    ids.append(int(logits.argmax()))
                logprobs.append(float(logits.log_softmax(-1)[ids[-1]]))
                if ids[-1] in request.get("stop_token_ids", ()) and not request.get("ignore_eos"):
                    break
        return ids, logprobs

    return generate


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--uds", required=True)
    options.add_argument("--max-lora-rank", type=int, default=16)
    options.add_argument("--policy", action="store_true", help="generate with the model")
    options.add_argument("--notes", type=Path, help="append the arguments and the process number to this file")
    options.add_argument("--fail-start", action="store_true", help="end at once, with an error")
    options.add_argument("--never-ready", action="store_true", help="answer no health check")
    options.add_argument("--die-once", type=Path, help="end at the first completion, unless this file exists")
    options.add_argument("--hang-once", type=Path, help="never answer the first completion, unless this file exists")
    given, _ = options.parse_known_args()
    if given.notes:
        with given.notes.open("a") as notes:
            runtime = os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING")
            noted = {"pid": os.getpid(), "parent": os.getppid(), "model": str(given.model), "uds": given.uds}
            notes.write(json.dumps(noted | {"runtime": runtime}) + "\n")
    if given.fail_start:
        raise SystemExit("ValueError: no such option")
    policy = of_policy(given.model)
    fake = FakeVllm(policy if given.policy else by_weights(given.model, policy), given.max_lora_rank)

    def fault(path: str, body: Body) -> tuple[int, Any] | None:
        if path == "/health" and given.never_ready:
            return 503, {}
        if path == "/v1/completions" and given.die_once and not given.die_once.exists():
            given.die_once.touch()
            os._exit(9)
        if path == "/v1/completions" and given.hang_once and not given.hang_once.exists():
            given.hang_once.touch()
            threading.Event().wait()
        return None

    fake.fault = fault
    with _Unix(given.uds, _handler(fake)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
