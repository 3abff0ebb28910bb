"""The command line as a user has it, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from fakes import make_run

from rewardsearch.cli import main


class Done(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs `rewardsearch` with these arguments, in a terminal wide enough for whole sentences unless COLUMNS is set."""
    monkeypatch.setenv("COLUMNS", "400")

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["rewardsearch", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def run(tmp_path: Path, write_reward, monkeypatch: pytest.MonkeyPatch) -> Path:  # type: ignore[no-untyped-def]
    """A finished run in runs/demo, seen from the folder that holds runs/."""
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path / "runs" / "demo", [write_reward("always", "0.5")])
