"""What a killed process leaves half made is gone at the next start; what a living one makes is not touched."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from played import SMALL, Quiet, Trainer

from rewardsearch.config import parse_config
from rewardsearch.files import part_of, scratch_prefix
from rewardsearch.files.resources import cache_folder
from rewardsearch.loop import search

DIES = """
import os, sys, tempfile
from pathlib import Path
from rewardsearch.files import memory_root, part_of, scratch_prefix
for folder in map(Path, sys.argv[1:]):
    folder.mkdir(parents=True, exist_ok=True)
    part_of(folder / "result.json").write_text("half")
    part_of(folder / "checkpoint").mkdir()
    (part_of(folder / "checkpoint") / "weights").write_text("half")
tempfile.mkdtemp(prefix=scratch_prefix("trl"))
tempfile.mkdtemp(prefix=scratch_prefix("sandbox"))
print(tempfile.mkdtemp(prefix=scratch_prefix("adapters"), dir=memory_root()), flush=True)
os._exit(9)
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, in this process and those that it starts."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "tmp"


def test_what_a_killed_process_left_is_removed_at_the_next_start(
    tmp_path: Path, trainer: Trainer, scratch: Path
) -> None:
    places = [tmp_path / "run" / "candidates" / "x" / "training" / "full-0", cache_folder() / "banks"]
    died = subprocess.run([sys.executable, "-c", DIES, *map(str, places)], stdout=subprocess.PIPE, text=True)
    left = {*tmp_path.rglob("*.part"), *scratch.iterdir(), Path(died.stdout.strip())}
    assert len(left) == 7 and all(path.exists() for path in left)
    search(parse_config(SMALL, "test"), tmp_path / "run", Quiet())
    assert not any(path.exists() for path in left)


def test_what_living_processes_make_stays(tmp_path: Path, trainer: Trainer, scratch: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    mine, parents = part_of(run / "x"), run / f".x.{os.getppid()}.part"
    elsewhere, long_gone = (run / f".{name}.00000000-{os.getpid()}.part" for name in ("new", "old"))
    earlier, users = run / ".x.99999999.part", run / "notes.part"
    for path in (mine, parents, elsewhere, long_gone, earlier, users):
        path.touch()
    os.utime(long_gone, (1, 1))
    folder = Path(tempfile.mkdtemp(prefix=scratch_prefix("trl")))
    others = Path(tempfile.mkdtemp(prefix="rewardsearch-of-a-user-"))
    search(parse_config(SMALL, "test"), run, Quiet())
    assert all(path.exists() for path in (mine, parents, elsewhere, users, folder, others))
    assert not long_gone.exists() and not earlier.exists()
