"""The search that the campaign disturbs: its settings, the server that its proposer asks, and its processes.

The training, the sandbox and the files are real. The server on loopback sells rewards of a recorded search, and knows each
request by its Idempotency-Key.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chat_server import Answer, Body, ChatServer, said

from rewardsearch.files.resources import PACKAGE
from rewardsearch.propose.llm.scheduler import idempotency_key
from rewardsearch.run.journal import JOURNAL

ROOT = PACKAGE.parent
KEY = "FAULTS_API_KEY"
SETTINGS = f"""\
rounds: 2
candidates: 2
task: {{name: arithmetic, train_rows: 64, val_rows: 40, test_rows: 40}}
sft: {{enabled: true, steps: 4, batch_size: 8}}
propose:
  proposer: llm
  repairs: 1
  llm: {{model: served, api_key_env: {KEY}, in_flight: 2, prices: {{served: {{input: 1.0, output: 4.0}}}}}}
bank: {{questions: 8, group_size: 4}}
sandbox: {{call_s: 60}}
train:
  engine: lockstep
  steps: 6
  prompts_per_step: 4
  group_size: 4
  max_completion_tokens: 32
  learning_rate: 1.0e-2
  baseline_seeds: 2
  slots: 2
  checkpoint_minutes: 0.001
race: {{rungs: [{{steps: 0.5, questions: 0.5}}]}}
rank: {{resamples: 200}}
finalize:
  seeds: 1
  ensembles: [top2]
  controls: [random-k]
  random_k: 2
  references: [{ROOT}/candidates/arithmetic/shows_work.py]
"""
THINKING_S = 0.3
"""How long the server takes for a reply."""
_RECORDED = sorted((ROOT / "candidates/recorded/arithmetic-seed7").glob("*.py"))
_SPOILED = {"1/0/2/1": "no code", "2/0/1/1": "open"}
"""The replies without a reward, and with one that is rejected: it is asked again, and for a repair."""


def reply_to(name: str) -> Answer:
    """What the server answers to the request that goes by `name` in the journal."""
    known = sum(int(part) * weight for part, weight in zip(name.split("/"), (5, 3, 1, 2), strict=True))
    recorded = _RECORDED[known % len(_RECORDED)]
    code = recorded.read_text(encoding="utf-8")
    if _SPOILED.get(name) == "no code":
        return said("I would pay what is right, and nothing else.")
    if _SPOILED.get(name) == "open":
        code = code.replace("def reward(", "def peek(path):\n    return open(path)\n\n\ndef reward(")
    return said(f"Name: {recorded.stem}\nHypothesis: It pays what counts.\n\n```python\n{code}```\n")


class Provider(ChatServer):
    """Bills each Idempotency-Key once. `run` is the folder of the run that asks."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Path()
        self.asked = threading.Event()
        """Is set when a request has come."""
        self._names: dict[str, str] = {}
        self.follow(Path())

    def follow(self, run: Path) -> None:
        """The requests from now on are those of `run`."""
        self.run = run
        self.billed: Counter[str] = Counter()
        """How often each request was billed, by its name in the journal."""
        self.cut = 0
        """Requests that came again after they were cut off in flight, under the same key."""
        self.kept: set[str] = set()
        """The requests whose replies the run has on disk."""
        self.mistakes: list[str] = []

    def answer(self, headers: Mapping[str, str], body: Body) -> Answer:
        key = headers["Idempotency-Key"]
        again = key in self._names
        name = self._names.get(key) or journalled(self.run).get(key)
        if name is None:
            self.mistakes.append("a request came that the journal does not have")
            return super().answer(headers, body)
        self._names[key] = name
        if name in self.kept:
            self.mistakes.append(f"request {name} came again, though its reply is on disk")
        if again:
            self.cut += 1
        else:
            self.billed[name] += 1
        self.asked.set()
        time.sleep(THINKING_S)
        return reply_to(name)


def journalled(run: Path) -> dict[str, str]:
    """The names of the requests in a journal, by the key that each is sent with."""
    events = [json.loads(line) for line in (run / JOURNAL).read_bytes().split(b"\n")[:-1]]
    return {
        idempotency_key(f"{run.name} {events[0]['time']}", event["request"], event["fingerprint"]): event["request"]
        for event in events
        if event["event"] == "sent"
    }


def replies_on_disk(run: Path) -> set[str]:
    """The names of the requests whose replies are on disk."""
    return {json.loads(file.read_bytes())["request"] for file in run.glob("rounds/**/response-*.json")}


@dataclass
class Search:
    """One run of the search in the folder `home`/run, by the same command each time."""

    home: Path
    provider: Provider
    settings: Sequence[str]
    """Overrides of SETTINGS, as KEY=VALUE."""
    process: subprocess.Popen[bytes] = field(init=False)
    """Its present session."""

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        self.config = self.home / "search.yaml"
        self.config.write_text(SETTINGS, encoding="utf-8")
        self.log = self.home.parent.parent / f"{self.home.name}.log"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def journal(self) -> bytes:
        path = self.run / JOURNAL
        return path.read_bytes() if path.exists() else b""

    @property
    def log_size(self) -> int:
        """Characters of its log."""
        return len(self.log.read_text(encoding="utf-8")) if self.log.exists() else 0

    def start(self) -> subprocess.Popen[bytes]:
        """Starts a session of the search."""
        overrides = [f"propose.llm.base_url={self.provider.url}", *self.settings]
        options = [part for each in overrides for part in ("--set", each)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command("run", "search.yaml", "--run-dir", "run", *options),
                cwd=self.home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def said(self, *arguments: str) -> str:
        """What a reading command prints."""
        done = subprocess.run(
            self._command(*arguments),
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def processes(self) -> list[int]:
        """Every living process of this search, the training processes and sandboxes among them, also of killed sessions."""
        return [pid for pid, environment in _environments() if f"\0FAULTS_HOME={self.home}\0".encode() in environment]

    def workers(self) -> list[int]:
        """The training processes."""
        return [pid for pid in self.processes() if b"rewardsearch.train.worker" in _read(Path(f"/proc/{pid}/cmdline"))]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {
            **kept,
            KEY: "sk-test-0123456789abcdef",
            "COLUMNS": "200",
            "REWARDSEARCH_CACHE": str(self.home / "cache"),
            "FAULTS_HOME": str(self.home),
        }

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "rewardsearch", *arguments]


def _environments() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (found := _read(folder / "environ")):
            yield int(folder.name), b"\0" + found


def _read(path: Path) -> bytes:
    """The content of a file of a process; nothing where the process has ended, or is another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def kill(pids: Sequence[int]) -> None:
    """SIGKILL to each of them that lives."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_until(met: Callable[[], object], seconds: float = math.inf) -> bool:
    """Whether `met` came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True
