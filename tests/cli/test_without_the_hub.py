"""What works where the hub does not answer, and how that is told."""

from __future__ import annotations

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
from rewardsearch.tasks import hub, load_task
from rewardsearch.tasks.gsm8k import PROBLEMS

RIGHT = "2.0 * (f'<solution> {a} </solution>' in c)"


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*args: Any, **options: Any) -> Any:
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "hub_answers", lambda: False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))


def test_gsm8k_rewards_are_validated_on_the_packages_own_problems_and_it_is_said(
    cli: Any, write_reward: Any, no_hub: None
) -> None:
    right, useless = write_reward("right", RIGHT), write_reward("useless", "0.5")
    done = cli("validate", right, "--task", "gsm8k")
    assert done.code == 0 and "(on the package's own problems)" in done.out
    assert "openai/gsm8k" in done.err.splitlines()[0] and "package's own problems" in done.err.splitlines()[0]
    done = cli("validate", right, useless, "--task", "gsm8k", "--json")
    assert done.code == 4
    told = json.loads(done.out)
    assert [each["accepted"] for each in told] == [True, False]
    assert {each["checks"]["validated_on"] for each in told} == {"the package's own problems"}


def test_with_files_nothing_is_said_of_other_problems(cli: Any, write_reward: Any, no_hub: None) -> None:
    files = [f"--set=task.{part}_file={PROBLEMS}" for part in ("train", "test")]
    done = cli("validate", write_reward("right", RIGHT), "--task", "gsm8k", *files, "--json")
    assert done.code == 0 and "validated_on" not in json.loads(done.out)[0]["checks"]


def test_no_search_and_no_other_task_goes_on_without_the_hub(cli: Any, write_reward: Any, no_hub: None) -> None:
    with pytest.raises(UserError, match=r"openai/gsm8k .*could not be loaded"):
        check(load_config(resource("configs") / "gsm8k-cpu.yaml"))
    assert cli("data", resource("configs") / "gsm8k-cpu.yaml").code == 2
    own = ["--task", "resume", "--set", "task.data=org/hires"]
    assert cli("validate", write_reward("right", RIGHT), *own).code == 2


def test_the_packages_own_problems_are_whole_and_solved_right() -> None:
    task = load_task(TaskConfig(name="gsm8k", train_file=str(PROBLEMS), test_file=str(PROBLEMS)))
    labelled = task.labelled(24)
    assert len({each.row.id for each in labelled}) == 24
    assert all(task.outcome(each.row, each.completion).kind == each.kind for each in labelled)
    for line in PROBLEMS.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)["answer"]
        steps = [part.split(">>")[0].split("=") for part in answer.split("<<")[1:]]
        assert steps and all(eval(sum_) == float(result) for sum_, result in steps), answer
        assert float(steps[-1][1]) == float(answer.rpartition("####")[2].replace(",", ""))


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
