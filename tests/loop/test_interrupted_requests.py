"""A search that is stopped while models are asked: by Ctrl-C to its process, by a kill, by a budget."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import played
import pytest
import yaml
from bad_server import BadServer
from chat_server import Body, reward_code
from played import SMALL, Quiet, Trainer

from rewardsearch.config import parse_config
from rewardsearch.errors import BudgetReached
from rewardsearch.loop import search
from rewardsearch.propose import ProposalRequest, Proposer, propose
from rewardsearch.records import Proposal
from rewardsearch.run.journal import read_run
from rewardsearch.run.ledger import Ledger
from rewardsearch.session import steps as searching

KEY_NAME = "REWARDSEARCH_TEST_KEY"
PLAYED = """
import sys
from played import Trainer
from rewardsearch.cli import main
with Trainer().in_place():
    main()
"""


def settings(url: str, **other: Any) -> dict[str, Any]:
    openai = {"model": "served", "base_url": url, "api_key_env": KEY_NAME, "in_flight": 3}
    return {
        **SMALL,
        "candidates": 4,
        "propose": {"proposer": "llm", "llm": openai},
        **other,
    }


class Held:
    """Answers with a new reward each time, once it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.go = threading.Event()
        self._lock = threading.Lock()
        self._made = 0

    def reply(self, body: Body) -> str:
        with self._lock:
            self._made += 1
            value = self._made / 8
        self.asked.release()
        self.go.wait(60)
        return f"```python\n{reward_code(value)}```"


def started(config: Path, folder: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment["PYTHONPATH"] = str(Path(played.__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", PLAYED, "run", str(config), "--run-dir", str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def counts(folder: Path) -> dict[str, int]:
    events = [json.loads(line)["event"] for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]
    return {name: events.count(name) for name in ("sent", "received", "proposed")}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_command_once_what_is_in_flight_is_booked_and_the_same_command_carries_on(
    tmp_path: Path, how: signal.Signals
) -> None:
    held, config, folder = Held(), tmp_path / "search.yaml", tmp_path / "run"
    with BadServer(held.reply, honours_idempotency=False) as server:
        config.write_text(yaml.safe_dump(settings(server.url)), encoding="utf-8")
        process = started(config, folder)
        for _ in range(3):
            assert held.asked.acquire(timeout=120)
        process.send_signal(how)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        held.go.set()
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 130, out
        assert "waiting for 3 requests in flight, which may be paid for; Ctrl-C again leaves them" in " ".join(
            out.split()
        )
        assert counts(folder) == {"sent": 3, "received": 3, "proposed": 0}
        assert read_run(folder).status == "stopped"
        process = started(config, folder)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
    state = read_run(folder)
    assert (len(state.candidates), len(server.billed), state.usage.requests) == (4, 4, 4)
    assert state.usage.tokens == server.tokens


def test_a_kill_in_the_middle_of_requests_pays_for_no_reply_twice_that_is_on_disk(tmp_path: Path) -> None:
    held, config, folder = Held(), tmp_path / "search.yaml", tmp_path / "run"

    def reply(body: Body) -> str:
        # The first reply comes; those after it are held.
        if not server.billed:
            held.asked.release()
            return f"```python\n{reward_code(9.0)}```"
        return held.reply(body)

    with BadServer(reply, honours_idempotency=False) as server:
        data = settings(server.url)
        data["propose"]["llm"]["in_flight"] = 1
        config.write_text(yaml.safe_dump(data), encoding="utf-8")
        process = started(config, folder)
        for _ in range(2):
            assert held.asked.acquire(timeout=120)
        process.kill()
        process.communicate(timeout=60)
        assert counts(folder) == {"sent": 2, "received": 1, "proposed": 0}
        held.go.set()
        process = started(config, folder)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
    state = read_run(folder)
    assert (len(state.candidates), state.usage.requests, len(server.billed)) == (4, 4, 5)
    assert state.account.unconfirmed.requests == 1
    assert state.usage.tokens <= server.tokens <= (state.usage + state.account.unconfirmed).tokens


def test_a_budget_reached_inside_a_round_ends_the_search_after_it_and_a_raised_one_carries_on(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, no_proxy: None
) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-test-0123456789abcdef")
    held = Held()
    held.go.set()
    with BadServer(held.reply) as server:
        whole = settings(server.url, rounds=2)
        tight = parse_config({**whole, "budget": {"tokens": 16_000}}, "test")
        with pytest.raises(BudgetReached, match=r"budget\.tokens: .* what is done is kept: raise the budget"):
            search(tight, tmp_path, Quiet())
        state = read_run(tmp_path)
        assert (state.rounds_done, state.status) == (1, "budget")
        assert 0 < len(state.candidates) < 4 and set(trainer.trained) >= set(state.candidates)
        assert len(state.refusals) == 4 - len(state.candidates)
        assert state.usage.tokens == server.tokens <= 16_000
        paid = len(state.candidates)
        state = search(parse_config(whole, "test"), tmp_path, Quiet())
        assert (state.rounds_done, state.status, len(state.candidates)) == (2, "finished", paid + 4)
        assert state.usage.tokens == server.tokens


@pytest.mark.parametrize("attempt", [0, 1])
def test_replies_paid_for_before_a_crash_are_used_though_the_budget_is_used_up_since(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, no_proxy: None, attempt: int
) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-test-0123456789abcdef")
    values = iter([9.0, 8.0, 7.0])

    def reply(body: Body) -> str:
        # The first reward is refused, so that there is a repair.
        code = reward_code(next(values))
        return f"```python\n{code if len(server.billed) else code.replace('gold in text', 'open(text)')}```"

    def killed(request: ProposalRequest, proposer: Proposer, ledger: Ledger) -> Proposal:
        proposal = propose(request, proposer, ledger)
        if request.attempt == attempt:
            raise RuntimeError("killed")
        return proposal

    with BadServer(reply) as server:
        data = settings(server.url, candidates=2)
        data["propose"]["llm"]["in_flight"] = 1
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
            patch.setattr(searching, "propose", killed)
            search(parse_config(data, "test"), tmp_path, Quiet())
        paid = len(server.billed)
        assert paid == 2 + attempt
        state = search(parse_config({**data, "budget": {"tokens": server.tokens}}, "test"), tmp_path, Quiet())
        assert len(server.billed) == paid
    assert len(state.candidates) == paid and state.status == "finished"
