"""The API key is sent to its server and is nowhere else: a real search, with servers that say it back in every way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from bad_server import BadServer
from chat_server import Body, reward_code
from server_faults import Fault

from rewardsearch.config import parse_config
from rewardsearch.run.journal import read_run
from rewardsearch.testing.launcher import ENGINE
from rewardsearch.train.launcher import FineTune
from rewardsearch.train.launchers.local import LocalLauncher

SECRET = "456789abcdef"
"""The part of the key that no form of writing it changes."""
KEY = f"sk-test/0123+{SECRET}"
KEY_NAME = "REWARDSEARCH_TEST_KEY"
FORMS = {KEY, json.dumps(KEY)[1:-1], KEY.replace("/", "\\/"), quote(KEY, safe=""), quote(KEY), SECRET}


def descendants(pid: int) -> set[int]:
    """The processes that `pid` has started, and those that they have."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


class Watch:
    """Replies with rewards that say the key in every form, and remembers the processes of the search that it saw then."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.seen: dict[str, str] = {}
        self._made = 0

    def reply(self, body: Body) -> str:
        assert self.process is not None
        for pid in descendants(self.process.pid):
            home = Path(f"/proc/{pid}")
            try:
                command = (home / "cmdline").read_text().replace("\0", " ")
                self.seen[command] = (home / "environ").read_text()
            except OSError:
                continue
        self._made += 1
        said = "".join(f"# {form}\n" for form in sorted(FORMS - {SECRET}))
        name = f"Name: pay {KEY}\nHypothesis: {KEY} pays.\n\n"
        return f"{name}```python\n{said}{reward_code(self._made / 8)}```\n"

    def run(self, config: Path, folder: Path, *options: str) -> tuple[int, str]:
        """A session of the command; its exit code and all that it printed."""
        command = [sys.executable, "-m", "rewardsearch", "run", str(config), "--run-dir", str(folder), *options]
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen(
            command, env={**environment, KEY_NAME: KEY}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        out, _ = self.process.communicate(timeout=300)
        return self.process.returncode, out


def settings(url: str, **openai: Any) -> dict[str, Any]:
    return {
        "rounds": 1,
        "candidates": 1,
        "task": {"train_rows": 16, "val_rows": 8, "test_rows": 8},
        "bank": {"enabled": False},
        "race": {"enabled": False},
        "train": {
            "engine": ENGINE,
            "baseline_seeds": 1,
            "steps": 1,
            "prompts_per_step": 2,
            "group_size": 2,
            "slots": 1,
        },
        "rank": {"resamples": 100, "min_correct": 0},
        "finalize": {"enabled": False},
        "propose": {
            "proposer": "llm",
            "llm": {
                "model": "served",
                "base_url": url,
                "api_key_env": KEY_NAME,
                "max_retries": 3,
                "in_flight": 1,
                **openai,
            },
        },
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads the environment of processes in /proc")
def test_the_key_is_in_no_file_no_output_and_no_process_of_a_search(tmp_path: Path) -> None:
    watch, config, folder = Watch(), tmp_path / "search.yaml", tmp_path / "run"
    # A first session that goes on to the end, and a second one whose key is refused.
    schedule = [Fault.KEY_IN_ERROR, Fault.WRONG_SCHEMA, *[Fault.KEY_IN_CONTENT] * 2, Fault.UNAUTHORIZED]
    with BadServer(watch.reply, schedule) as server:
        config.write_text(yaml.safe_dump(settings(server.url)), encoding="utf-8")
        codes, outputs = zip(*(watch.run(config, folder, f"--set=rounds={n}") for n in (2, 3)), strict=True)
        faults = {request.fault for request in server.requests}
        assert {request.key for request in server.requests} == {KEY}
    assert codes == (0, 2), outputs
    assert faults == set(schedule)
    assert f"refused the key in {KEY_NAME}" in outputs[1]
    assert len(read_run(folder).candidates) == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {"journal.jsonl", "config.yaml", "prompt.md", "request-1.md", "response-1.json", "worker-0.log"}
    for path in files:
        data = path.read_bytes()
        assert not [form for form in FORMS if form.encode() in data], path
    assert any("[key]" in path.read_text(encoding="utf-8") for path in files if path.name == "response-1.json")
    assert not [form for form in FORMS for out in outputs if form in out]
    # Sandbox workers are files run with an empty environment; training workers have most of the search's.
    assert any("sandbox" in command for command in watch.seen) and any(
        "train.worker" in command for command in watch.seen
    )
    for command, environment in watch.seen.items():
        assert not [form for form in FORMS if form in command + environment], command


def test_the_keys_of_all_models_are_kept_from_training_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_NAME, KEY)
    monkeypatch.setenv("ANOTHER_KEY", f"another-{SECRET}")
    told = "import os, sys; sys.stderr.write(repr(dict(os.environ)))"
    models = [{"model": "one"}, {"model": "two", "api_key_env": "ANOTHER_KEY"}]
    config = parse_config(settings("http://127.0.0.1:1/v1", models=models), "test")
    launcher = LocalLauncher(tmp_path, config, [sys.executable, "-c", told])
    with closing(launcher):
        assert [
            done.error is None for done in launcher.run([FineTune()], lambda: True, lambda: True, lambda *_: None)
        ] == [False]
    log = (tmp_path / "logs" / "worker-0.log").read_text()
    assert "PATH" in log and SECRET not in log
