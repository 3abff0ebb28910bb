"""Proposing by hand: prompts in files, replies in files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import reward_code
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import Interrupted
from rewardsearch.loop import search
from rewardsearch.propose import manual
from rewardsearch.run.journal import read_run
from rewardsearch.run.state import RunState


class Listening(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, trainer: Trainer) -> None:
    monkeypatch.setattr(manual, "POLL_S", 0.02)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Callable[[Callable[[Path], None]], None]]:
    """Starts a person who answers, once the prompts of round 1 are there."""
    threads: list[threading.Thread] = []

    def start(answer: Callable[[Path], None]) -> None:
        folder = tmp_path / "run" / "rounds" / "01"

        def work() -> None:
            end = time.monotonic() + 30
            while not (folder / "paste-2.txt").exists() and time.monotonic() < end:
                time.sleep(0.02)
            answer(folder)

        thread = threading.Thread(target=work)
        thread.start()
        threads.append(thread)

    yield start
    for thread in threads:
        thread.join()


def config() -> Config:
    data: dict[str, Any] = {
        **SMALL,
        "propose": {"proposer": "manual"},
    }
    return parse_config(data, "test")


def reply(value: float) -> str:
    return f"Name: by hand\nHypothesis: It pays.\n\n```python\n{reward_code(value)}```\n"


def codes(state: RunState) -> list[str]:
    return [candidate.code for candidate in state.candidates.values()]


def test_saved_replies_become_candidates(tmp_path: Path, person: Any) -> None:
    def answer(folder: Path) -> None:
        (folder / "reply-2.md").write_bytes(reply(2.0).encode("utf-16"))
        (folder / "reply-1.md").write_text(reply(1.0))

    person(answer)
    said = Listening()
    state = search(config(), tmp_path / "run", said)
    assert codes(state) == [reward_code(1.0), reward_code(2.0)]
    assert {c.operator for c in state.candidates.values()} == {"fresh"}
    assert any("paste-1.txt, paste-2.txt" in line for line in said.lines)
    pasted = (tmp_path / "run" / "rounds" / "01" / "paste-1.txt").read_text()
    assert "# The contract" in pasted and "# What is asked" in pasted and "# Your reply" in pasted


def test_a_reply_without_a_reward_is_told_and_read_again_when_changed(tmp_path: Path, person: Any) -> None:
    said = Listening()

    def answer(folder: Path) -> None:
        (folder / "reply-2.md").write_text(reply(2.0))
        (folder / "reply-1.md").write_text("I could write one, if you like.")
        end = time.monotonic() + 30
        while not any("reply-1.md:" in line for line in said.lines) and time.monotonic() < end:
            time.sleep(0.02)
        (folder / "reply-1.md").write_text(reply(1.0))

    person(answer)
    state = search(config(), tmp_path / "run", said)
    assert codes(state) == [reward_code(1.0), reward_code(2.0)]
    assert sum("reply-1.md:" in line for line in said.lines) == 1


def test_skip_gives_a_request_up(tmp_path: Path, person: Any) -> None:
    def answer(folder: Path) -> None:
        (folder / "reply-1.md").write_text("skip\n")
        (folder / "reply-2.md").write_text(reply(2.0))

    person(answer)
    state = search(config(), tmp_path / "run", Quiet())
    assert codes(state) == [reward_code(2.0)]
    assert [refusal.reason for _, refusal in state.refusals] == ["skipped by hand"]


def test_what_was_replied_before_a_stop_is_read_by_the_same_command(tmp_path: Path, person: Any) -> None:
    run = tmp_path / "run"

    def answer(folder: Path) -> None:
        (folder / "reply-1.md").write_text(reply(1.0))
        (run / "STOP").touch()

    person(answer)
    with pytest.raises(Interrupted):
        search(config(), run, Quiet())
    assert read_run(run).candidates == {}
    (run / "STOP").unlink()
    (run / "rounds" / "01" / "reply-2.md").write_text(reply(2.0))
    assert codes(search(config(), run, Quiet())) == [reward_code(1.0), reward_code(2.0)]
