"""A whole search against servers that misbehave: nothing is lost, nothing is paid twice, the books are right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_server import BadServer
from chat_server import Body, reward_code
from played import SMALL, Quiet, Trainer
from server_faults import Fault

from rewardsearch.config import Config, parse_config
from rewardsearch.loop import search
from rewardsearch.propose.llm import scheduler
from rewardsearch.run.journal import read_run
from rewardsearch.run.state import RunState

KEY = "sk-test-0123456789abcdef"
KEY_NAME = "REWARDSEARCH_TEST_KEY"
PLACE = re.compile(r"(?:number\s+(\d+)\.|round (\d+), reward (\d+) of)")
DAMAGED = (
    Fault.RATE_LIMIT_MS,
    Fault.RATE_LIMIT,
    Fault.SERVER_ERROR,
    Fault.RESET,
    Fault.SILENCE,
    Fault.CUT_IN_CONTENT,
    Fault.CUT_BEFORE_USAGE,
    Fault.LENGTH,
    Fault.EMPTY,
    Fault.REFUSAL,
    Fault.WRONG_SCHEMA,
    Fault.PROSE_AROUND,
    Fault.NOT_UTF8,
    Fault.CLOSED,
    Fault.BAD_GATEWAY,
    Fault.CONTENT_FILTER,
    Fault.ONLY_REASONING,
    Fault.NO_CHOICES,
    Fault.CONTENT_PARTS,
    Fault.NO_FENCE,
    Fault.KEY_IN_ERROR,
    Fault.KEY_IN_CONTENT,
    Fault.UNAVAILABLE,
    Fault.RATE_LIMIT_S,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Iterator[None]:
    monkeypatch.setenv(KEY_NAME, KEY)
    monkeypatch.setattr(scheduler, "BACKOFF_S", 0.01)
    monkeypatch.setattr(scheduler, "MAX_LOST", 20)
    yield


def answer(body: Body) -> str:
    """A reward that follows from what is asked: round and place, whatever came before."""
    found = PLACE.search(body["messages"][-1]["content"])
    assert found is not None
    round, place = (1, int(found.group(1))) if found.group(1) else (int(found.group(2)), int(found.group(3)))
    code = reward_code(round + place / 100)
    return f"Name: reward {round} {place}\nHypothesis: It pays what counts.\n\n```python\n{code}```\n"


def config(server: BadServer, **settings: Any) -> Config:
    served = {
        "model": "served",
        "base_url": server.url,
        "api_key_env": KEY_NAME,
        "timeout_s": 3.0,
        # Which request meets which fault is the threads' affair: one may meet many.
        "replies": 20,
        "prices": {"served": {"input": 1.0, "output": 10.0}},
    }
    data: dict[str, Any] = {
        **SMALL,
        "rounds": 3,
        "candidates": 4,
        "propose": {"proposer": "llm", "llm": {**served, **settings}},
    }
    return parse_config(data, "test")


def leaderboard(state: RunState) -> list[tuple[str, str, int]]:
    return [(row.id, row.name, row.round) for row in state.rankings[-1].rows]


def tokens(server: BadServer) -> tuple[int, int]:
    return sum(b.prompt_tokens for b in server.billed), sum(b.completion_tokens for b in server.billed)


def test_a_search_survives_every_fault_with_the_well_behaved_servers_candidates_and_the_servers_own_count(
    tmp_path: Path, trainer: Trainer
) -> None:
    with BadServer(answer) as server:
        sound = search(config(server), tmp_path / "sound", Quiet())
        assert len(sound.candidates) == 12
    with BadServer(answer, schedule=DAMAGED) as server:
        state = search(config(server), tmp_path / "damaged", Quiet())
        assert {fault for request in server.requests if (fault := request.fault)} == set(DAMAGED)
        assert leaderboard(state) == leaderboard(sound)
        assert state.refusals == []
        usage = state.usage
        assert (usage.prompt_tokens, usage.completion_tokens) == tokens(server)
        assert usage.requests == len(server.billed)
        assert usage.dollars == pytest.approx((usage.prompt_tokens + 10 * usage.completion_tokens) / 1e6)
        assert usage.estimated == usage.unpriced == 0
    assert read_run(tmp_path / "damaged").account == state.account
