"""Folders and files that this user may read and not write, or not read: one line, exit code 2."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from fakes import make_run
from small_disk import SmallDisk

from rewardsearch.config import Config
from rewardsearch.run.journal import JOURNAL, read_run


def test_a_run_in_a_read_only_folder_is_read_and_not_written(
    tmp_path: Path,
    small_disk: SmallDisk,
    write_reward: Any,
    cli: Any,
) -> None:
    small_disk.remount("size=10m")
    run = make_run(small_disk.place / "run", [write_reward("always", "0.5")])
    small_disk.remount("ro")
    for command in ("status", "leaderboard"):
        assert cli(command, run).code == 0
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(read_run(run).config.model_dump(mode="json")), encoding="utf-8")
    done = cli("run", config, "--run-dir", run)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"{run / JOURNAL}: read-only" in done.err


def refuse(*_: Any, **__: Any) -> Config:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/closed/data.csv")


def test_a_closed_file_is_one_line(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardsearch.config.load_config", refuse)
    done = cli("data", "x.yaml")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith("error: /closed/data.csv: permission denied")
