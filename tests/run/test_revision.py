"""A run on a hub model is held to the commit that its revision stood for at the start. The hub is a cache folder here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import PACKAGE
from rewardsearch.loop import search
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.revision import pinned

FIRST, SECOND = "a" * 40, "b" * 40
MODEL = "org/tiny"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a hub that does not answer: the model's branches and tags, with the commit of each."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refs = tmp_path / "hub" / "models--org--tiny" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(FIRST, encoding="utf-8")
    (refs / "v2").write_text(SECOND, encoding="utf-8")
    return refs


def config(revision: str | None = None, **settings: Any) -> Config:
    return parse_config(
        {**SMALL, "candidates": 1, "policy": {"model": MODEL, "revision": revision}, **settings}, "test"
    )


def test_a_revision_is_the_commit_that_it_stands_for(hub: Path) -> None:
    found = [pinned(config(revision)).policy.revision for revision in (None, "main", "v2", SECOND, "v3")]
    assert found == [FIRST, FIRST, SECOND, SECOND, "v3"]
    assert len({fingerprint("bank", pinned(config(revision))) for revision in (None, "main", "v2")}) == 2
    assert len({fingerprint("sft", pinned(config(revision))) for revision in (None, "main", "v2")}) == 2


def test_a_branch_that_has_moved_is_refused_like_another_input(tmp_path: Path, hub: Path, trainer: Trainer) -> None:
    run = tmp_path / "run"
    assert search(config(), run, Quiet()).config.policy.revision == FIRST
    (hub / "main").write_text(SECOND, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{MODEL} is at commit {SECOND} here.*set policy\.revision: {FIRST}"):
        search(config(rounds=2), run, Quiet())
    assert search(config(FIRST, rounds=2), run, Quiet()).rounds_done == 2
    (hub / "main").unlink()
    assert search(config(rounds=3), run, Quiet()).rounds_done == 3
    assert FIRST in (run / "config.yaml").read_text(encoding="utf-8")


def test_a_finished_run_is_resumed_wherever_the_branch_is(tmp_path: Path, hub: Path, trainer: Trainer) -> None:
    settings = config(finalize={"enabled": True, "ensembles": [], "controls": [], "seeds": 1})
    state = search(settings, tmp_path / "run", Quiet())
    (hub / "main").write_text(SECOND, encoding="utf-8")
    assert search(settings, tmp_path / "run", Quiet()).final == state.final


@pytest.mark.parametrize("model", ["embedded", "folder"])
def test_a_model_of_this_machine_has_no_revision(tmp_path: Path, model: str) -> None:
    name = str(tmp_path) if model == "folder" else model
    with pytest.raises(UserError, match=r"policy: revision: got v2, and .* on this machine"):
        parse_config({"policy": {"model": name, "revision": "v2"}}, "test")
    assert pinned(parse_config({"policy": {"model": name}}, "test")).policy.revision is None


LOAD = """
import sys
from rewardsearch.config import PolicyConfig
from rewardsearch.train.engines.trl.policy import load_policy
for revision in sys.argv[1:]:
    policy = load_policy(PolicyConfig(model="org/tiny", revision=revision))
    print(policy.base.generation_config.max_length, policy.tokenizer.model_max_length)
"""


def test_model_and_tokenizer_are_those_of_the_revision(tmp_path: Path, hub: Path) -> None:
    snapshots = hub.parent / "snapshots"
    for commit, length in ((FIRST, 101), (SECOND, 102)):
        shutil.copytree(PACKAGE / "embedded" / "policy", snapshots / commit)
        (snapshots / commit / "generation_config.json").write_text(f'{{"max_length": {length}}}', encoding="utf-8")
        tokenizer = snapshots / commit / "tokenizer_config.json"
        text = tokenizer.read_text(encoding="utf-8").rstrip().removesuffix("}")
        tokenizer.write_text(f'{text.rstrip()}, "model_max_length": {length}}}', encoding="utf-8")
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", LOAD, "main", "v2", FIRST]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["101", "101", "102", "102", "101", "101"]
