"""`rewardsearch finalize` of a run that is finalized: its results, and not a byte of the run changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.run.events import Ended, SealedTestOpened
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.session import opening


@pytest.fixture
def finalized(run: Path) -> Path:
    state = read_run(run)
    assert state.final is not None
    with Journal.open(run, state.config, state.base) as journal:
        journal.append(SealedTestOpened(readings=()))
        journal.append(Ended(status="finished"))
    return run


def contents(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_it_shows_the_table_again_and_writes_nothing(
    cli: Any, finalized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "defences_of", lambda config: pytest.fail("the sandbox is not needed"))
    before = contents(finalized)
    done = cli("finalize", finalized, "--pairs")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert (
        "opened" in lines[0]
        and lines[1].startswith("sealed test: arithmetic, 1000 questions")
        and "3 pairs" in done.out
    )
    assert contents(finalized) == before


def test_json_is_one_document_with_when_the_test_was_opened(cli: Any, finalized: Path) -> None:
    before = contents(finalized)
    done = cli("finalize", finalized, "--json")
    document = json.loads(done.out)
    assert document["opened"] == read_run(finalized).test_opened and document["n"] == 1000
    assert "opened" in done.err
    assert contents(finalized) == before


def test_it_answers_while_another_process_has_the_run_open(cli: Any, finalized: Path) -> None:
    state = read_run(finalized)
    with Journal.open(finalized, state.config, state.base):
        assert cli("finalize", finalized).code == 0
