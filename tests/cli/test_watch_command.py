"""`rewardsearch watch`: a run in a terminal, read from its folder alone."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import begin_with
from rich.cells import cell_len

from rewardsearch.cli.watch_view import sparkline, view
from rewardsearch.config import BudgetConfig
from rewardsearch.run.budget import Budget
from rewardsearch.run.journal import JOURNAL, read_events, read_run
from rewardsearch.run.progress import CURVE, LIVE, CurveFile, read_curve, thinned
from rewardsearch.session.standing import standing

JOB = "candidates/x/training/full-0"
RUNNING = {"folder": JOB, "name": "a_long_name_of_a_reward_r2c3", "done": 4, "of": 40, "unit": "steps", "begun": 1}


@pytest.fixture
def working(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run with a search at work on it."""
    monkeypatch.setattr("rewardsearch.session.standing.in_use", lambda folder: True)
    (run / LIVE).write_text(json.dumps({"doing": "training", "running": [{**RUNNING, "seconds": 3.0}], "updated": 0.0}))
    (run / JOB).mkdir(parents=True)
    (run / JOB / CURVE).write_text(json.dumps({"reward": [0.5, 1.0], "exact_match": [0.1, 0.2, 0.4]}))
    return run


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 30), (60, 12)])
def test_a_terminal_shows_the_run_in_its_width_and_height(working: Path, width: int, height: int) -> None:
    begin_with(working, read_run(working).config.model_copy(update={"budget": BudgetConfig(tokens=1200)}))
    state = read_run(working)
    lines = view(standing(state, read_events(working)), width, height)
    assert len(lines) <= height and max(map(cell_len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "4/40" in text and "warning: 1,000 of 1,200 tokens" in text
    if height > 12:
        assert "▁▃█ 0.400" in text and "worked-steps" in text and "0.947 [0.857, 1.000]" in text
        assert "finalized; chosen: ensemble-top3" in text


def test_status_as_json_has_all_that_is_watched(cli: Any, working: Path) -> None:
    document = json.loads(cli("status", working, "--json").out)
    assert document["running"][0]["curve"]["exact_match"] == [0.1, 0.2, 0.4]
    assert [row["name"] for row in document["leaderboard"]["rows"]][:2] == ["worked-steps", "baseline"]
    assert document["events"][-1]["text"] == "the session ended: finished" and len(document["seconds_left"]) == 2
    assert document["disk"]["bytes"] > 0 and document["budgets"] == []
    assert set(document) == set(standing(read_run(working), ()))


def test_without_a_terminal_it_prints_once(cli: Any, run: Path) -> None:
    with (run / JOURNAL).open("a") as file:
        file.write('{"event": "tra')
    done = cli("watch", run)
    assert done.code == 0 and "worked-steps" in done.out and "\x1b" not in done.out
    assert cli("watch", run.parent / "nothing").code == 2


def test_a_sparkline_has_the_means_of_equal_parts() -> None:
    assert sparkline([0, 0, 1, 1, 0.5, 0.5], 3) == "▁█▅" and sparkline([2.0] * 3, 9) == "▁▁▁" and sparkline([], 9) == ""
    assert thinned([1.0, 2.0, 3.0, 5.0], 2) == (1.5, 4.0)


def test_a_curve_that_cannot_be_written_or_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    CurveFile(tmp_path / "file").write(list)
    (tmp_path / CURVE).write_text('{"reward": [0.')
    assert read_curve(tmp_path) is None
    CurveFile(tmp_path).write(list)
    assert read_curve(tmp_path) is not None
    CurveFile(tmp_path).remove()
    assert not (tmp_path / CURVE).exists()


def test_each_budget_warns_once_at_four_fifths(run: Path) -> None:
    said: list[str] = []
    budget = Budget(BudgetConfig(tokens=1200, gpu_hours=10.0), read_run(run), lambda: 8.5 * 3600, said.append)
    for _ in range(3):
        budget.check(proposing=True)
    assert [line.split(":")[1] for line in said] == [" budget.gpu_hours", " budget.tokens"]
    said.clear()
    Budget(BudgetConfig(tokens=2000), read_run(run), say=said.append).check(proposing=True)
    assert said == []


@contextmanager
def terminal(folder: Path, columns: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`watch runs/demo` in a terminal of its own."""
    ours, theirs = pty.openpty()
    resize(ours, columns)
    command = [sys.executable, "-m", "rewardsearch", "watch", "runs/demo"]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def resize(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))


def read_until(terminal: int, seen: Callable[[str], bool], seconds: float = 60.0) -> str:
    """What the terminal was sent, until `seen` says yes of it."""
    text, end = "", time.monotonic() + seconds
    while not seen(text):
        assert time.monotonic() < end, text
        if select.select([terminal], [], [], 0.5)[0]:
            text += os.read(terminal, 65536).decode("utf-8", "replace")
    return text


def test_it_waits_for_a_run_takes_a_resize_and_ends_with_ctrl_c(tmp_path: Path, finished_run: Path) -> None:
    with terminal(tmp_path, 80) as (process, screen):
        read_until(screen, lambda text: "waiting for runs/demo" in text)
        run = tmp_path / "runs" / "demo"
        run.mkdir(parents=True)
        lines = (finished_run / JOURNAL).read_bytes().splitlines(keepends=True)
        part = b"".join(lines[:8])
        (run / JOURNAL).write_bytes(part + b'{"event": "tr')
        read_until(screen, lambda text: "arithmetic, killed" in text)
        resize(screen, 120)
        read_until(screen, lambda text: text.count("arithmetic, killed") > 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_it_ends_with_a_finished_run(tmp_path: Path, run: Path) -> None:
    with terminal(tmp_path, 80) as (process, screen):
        read_until(screen, lambda text: "session ended: finished" in text)
        assert process.wait(30) == 0
