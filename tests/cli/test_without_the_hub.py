"""What works where the hub does not answer, and how that is told."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from rewardsearch.config import TaskConfig, load_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource
from rewardsearch.session.preflight import check
from rewardsearch.session.validating import SUBSTITUTE
from rewardsearch.tasks import hub, load_task
from rewardsearch.tasks.datasheet import describe_rows
from rewardsearch.tasks.gsm8k import SAMPLE

RIGHT = "2.0 * (f'<solution> {a} </solution>' in c)"


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*args: Any, **options: Any) -> Any:
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "hub_answers", lambda: False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))


def test_gsm8k_rewards_are_validated_on_the_sample_and_it_is_said(cli: Any, write_reward: Any, no_hub: None) -> None:
    right, useless = write_reward("right", RIGHT), write_reward("useless", "0.5")
    done = cli("validate", right, "--task", "gsm8k")
    assert done.code == 0 and SUBSTITUTE in done.out
    assert "openai/gsm8k" in done.err.splitlines()[0] and SUBSTITUTE in done.err.splitlines()[0]
    done = cli("validate", right, useless, "--task", "gsm8k", "--json")
    assert done.code == 4
    found = json.loads(done.out)
    assert [each["accepted"] for each in found] == [True, False]
    assert {each["checks"]["validated_on"] for each in found} == {SUBSTITUTE}


def test_the_rows_of_the_sample_are_shown_with_a_warning(cli: Any, no_hub: None) -> None:
    done = cli("data", resource("configs") / "gsm8k-cpu.yaml", "--json")
    assert done.code == 0 and len(done.err.splitlines()) == 1 and "openai/gsm8k" in done.err
    assert [each["found"] for each in json.loads(done.out)["splits"]] == [228, 28, 64]


def test_where_rows_are_named_or_the_sample_is_asked_for_there_is_no_warning(
    cli: Any, write_reward: Any, no_hub: None
) -> None:
    for keys in (
        [f"--set=task.{part}_file={SAMPLE / part}.jsonl" for part in ("train", "test")],
        ["--set=task.sample=true"],
    ):
        done = cli("validate", write_reward("right", RIGHT), "--task", "gsm8k", *keys, "--json")
        assert done.code == 0 and "validated_on" not in json.loads(done.out)[0]["checks"]


def test_a_search_stops_without_the_hub_and_names_both_remedies(no_hub: None) -> None:
    config = resource("configs") / "gsm8k-cpu.yaml"
    with pytest.raises(UserError) as refused:
        check(load_config(config, ["policy.model=embedded"]))
    assert len(refused.value.mistakes) == 1
    assert all(key in str(refused.value) for key in ("task.train_file", "task.test_file", "task.sample: true"))
    settings = load_config(config, ["task.sample=true", "policy.model=embedded"])
    assert any("task.train_rows" in warning for warning in check(settings))
    assert any("task.sample" in line for line in describe_rows(load_task(settings.task), settings))


def test_another_task_does_not_go_on_without_the_hub(cli: Any, write_reward: Any, no_hub: None) -> None:
    own = ["--task", "resume", "--set", "task.data=org/hires"]
    assert cli("validate", write_reward("right", RIGHT), *own).code == 2


def test_files_and_the_sample_are_not_taken_together() -> None:
    with pytest.raises(UserError, match=r"task\.sample"):
        load_task(TaskConfig(name="gsm8k", sample=True, train_file="a", test_file="b"))


def test_the_sample_is_whole_has_its_licence_and_is_solved_right() -> None:
    task = load_task(TaskConfig(name="gsm8k", sample=True))
    assert sum(len(task.rows(split)) for split in ("train", "val")) == 256 and len(task.rows("test")) == 64
    labelled = task.labelled(200)
    assert len({each.row.id for each in labelled}) == 200
    assert all(task.outcome(each.row, each.completion).kind == each.kind for each in labelled)
    assert "MIT License" in (SAMPLE / "LICENSE").read_text(encoding="utf-8")
    for part in ("train", "test"):
        lines = (SAMPLE / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
        keys = [hashlib.sha256(f"gsm8k sample {json.loads(line)['question']}".encode()).digest() for line in lines]
        assert keys == sorted(keys)


@pytest.mark.parametrize("why", ["refused", "silent", "offline"])
def test_a_hub_that_does_not_answer_is_known_in_seconds(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import constants

    def head(url: str, timeout: float) -> Any:
        if why == "silent":
            time.sleep(5)
        raise ConnectionError(why)

    monkeypatch.setattr(huggingface_hub, "get_session", lambda: SimpleNamespace(head=head))
    monkeypatch.setattr(hub, "_WAIT_S", 0.2)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", why == "offline")
    started = time.monotonic()
    with hub.quiet_hub():
        assert constants.HF_HUB_OFFLINE
    assert time.monotonic() - started < 2
    assert (why == "offline") == constants.HF_HUB_OFFLINE
