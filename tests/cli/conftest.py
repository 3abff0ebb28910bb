"""The command line as a user has it, in this process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from fakes import make_demo

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


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, made once. Tests work on copies of it."""
    return make_demo(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def run(tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run as runs/demo, in the folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "runs" / "demo"))
