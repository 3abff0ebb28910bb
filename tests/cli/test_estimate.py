"""The estimate before a search: counts equal those of the search itself, and time follows from seconds that are known."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, load_config, parse_config
from rewardsearch.files.resources import resource
from rewardsearch.loop import search
from rewardsearch.run.artifacts import bank_path
from rewardsearch.session.estimating import Estimate, Measured, PartEstimate, estimate
from rewardsearch.session.pace import Pace, Place, duration
from rewardsearch.session.pending import Between, planned

CONFIGS = sorted(resource("configs").glob("*.yaml"))
COMMAND = re.compile(r"^#   rewardsearch (estimate .*)$", re.MULTILINE)
DEMO = resource("configs") / "arithmetic-demo.yaml"
PRICES = {"big": {"input": 2.0, "output": 10.0}, "small": {"input": 1.0, "output": 0.0}}


def part(found: Estimate, name: str) -> PartEstimate:
    return next(each for each in found.parts if each.part == name)


def config(**settings: Any) -> Config:
    train = {"slots": 2, **SMALL["train"], **settings.get("train", {})}
    return parse_config({**SMALL, **settings, "train": train}, "test")


@pytest.mark.parametrize(
    "settings",
    [
        {"rounds": 2, "train": {"baseline_seeds": 3}, "finalize": {"seeds": 2, "ensembles": ["top2"], "random_k": 2}},
        {"rounds": 2, "train": {"baseline_seeds": 2}, "race": {"enabled": True}, "finalize": {"enabled": False}},
        {"paper_protocol": True, "finalize": {"ensembles": ["top2"], "controls": [], "finalists": 2}},
    ],
)
def test_the_counts_are_those_that_the_search_carries_out(
    settings: dict[str, Any], tmp_path: Path, trainer: Trainer
) -> None:
    searched = config(**settings)
    state = search(searched, tmp_path, Quiet())
    total = estimate(searched, None).total
    steps = sum(result.trained for result in state.trainings.values())
    assert total.steps.low <= steps <= total.steps.high
    if not searched.racing:
        assert total.steps == (steps, steps)
    trained = {(job.id, job.seed, job.folder.startswith("final/")) for job in trainer.jobs if job.steps}
    assert total.runs.high == len(trained)
    asked = sum(len(result.outcomes) for result in state.trainings.values()) + 20 * len(trainer.tested)
    assert total.questions.low <= asked <= total.questions.high


def test_the_demo_takes_what_its_plan_says() -> None:
    found = estimate(load_config(DEMO), None)
    assert (found.total.runs, found.total.steps, found.total.questions) == ((28, 28), (616, 616), (45_000, 45_000))
    assert part(found, "test").questions == (16_000, 16_000) and found.total.seconds is None


def test_time_is_that_of_the_batches_over_all_slots() -> None:
    pace = Pace(step=1.0, question=0.005, run=0.5, start=8.0)
    found = estimate(load_config(DEMO), Measured(pace=pace, completion_tokens=10, answer_tokens=5))
    # A run takes 22 + 0.5 + 5 s. On two slots: the baseline beside the policy, its two other seeds, two waves a round of four,
    # seven waves for finalize's 13 runs, eight evaluations of the test a slot.
    run = 27.5
    seconds = {"references": 2 * run, "rounds": 6 * run, "finalize": 7 * run, "test": 8 * 5.0}
    assert {name: part(found, name).seconds for name in seconds} == {
        name: pytest.approx((each, each)) for name, each in seconds.items()
    }
    whole = sum(seconds.values()) + 8.0
    assert found.total.seconds == pytest.approx((whole, whole))
    assert found.device_hours == pytest.approx((whole / 3600,) * 2) and found.devices == 1
    assert part(found, "rounds").process_seconds == pytest.approx((12 * run,) * 2)
    assert part(found, "rounds").tokens == (264 * 64 * 10 + 12_000 * 5,) * 2


def test_a_race_gives_a_range_from_all_stopped_that_may_be_to_none() -> None:
    raced = config(
        candidates=4,
        train={"steps": 10, "baseline_seeds": 1, "slots": 4},
        race={"rungs": [{"steps": 0.5, "questions": 0.5}], "min_promoted": 0.5},
    )
    found = part(estimate(raced, Measured(pace=Pace(step=1.0, question=0.1))), "rounds")
    # Half of 20 questions after 5 steps, all after 10; 2 to 4 go on, all of them side by side.
    assert found.steps == (4 * 5 + 2 * 5, 4 * 10) and found.questions == (4 * 10 + 2 * 20, 4 * 30)
    assert found.seconds == pytest.approx((5 + 1 + 5 + 2,) * 2)
    assert found.process_seconds == pytest.approx((4 * 6 + 2 * 7, 4 * 13)) and found.runs == (4, 4)


@pytest.mark.parametrize(
    ("slots", "arms", "seconds"),
    [
        # 6 runs of 10 steps; g arms take 2 + g s a step.
        (1, 1, 6 * 30),
        (1, 4, 10 * (2 + 4) + 10 * (2 + 2)),
        (1, 8, 10 * (2 + 6)),
        (2, 8, 10 * (2 + 3)),
        (8, 8, 30),
    ],
)
def test_arms_of_a_process_share_what_its_steps_have_in_common(slots: int, arms: int, seconds: float) -> None:
    six = config(candidates=6, train={"steps": 10}, race={"enabled": False})
    batches = [batch for batch in planned(six) if batch.part == "rounds"]
    wall, _ = duration(batches, Pace(step=1.0, step_shared=2.0), Place(slots, arms))
    assert wall == Between(seconds, seconds)


def test_requests_take_from_short_replies_to_the_limits_and_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    models = [{"model": "big", "weight": 3.0}, {"model": "small"}]
    llm = {"models": models, "prices": PRICES, "max_tokens": 5000}
    asked = {"proposer": "llm", "repairs": 1, "prompt_tokens": 8000, "llm": llm}
    found = estimate(config(rounds=2, candidates=4, propose=asked), None)
    assert found.requests is not None
    least, most = found.requests
    first = least.prompt_tokens / 8
    assert (least.requests, most.requests) == (8, 16) and 1000 < first < 8000
    assert (least.completion_tokens, most.completion_tokens) == (8 * 2000, 16 * 5000)
    assert most.prompt_tokens == 4 * first + 12 * 8000
    price = 0.75 * (2 * least.prompt_tokens + 10 * least.completion_tokens) + 0.25 * least.prompt_tokens
    assert least.dollars == pytest.approx(price / 1e6) and found.dollars == pytest.approx((least.dollars, most.dollars))


def test_a_model_without_a_price_is_named_as_missing_in_the_money() -> None:
    found = estimate(config(propose={"proposer": "llm"}), Measured(pace=Pace(step=36.0)), hourly=2.0)
    assert found.requests is not None and found.requests[0].unpriced == 2
    assert any("propose.llm.prices" in note for note in found.notes)
    # The devices' dollars alone: 3 runs of 40 steps, two of them side by side.
    assert found.dollars == found.device_dollars == pytest.approx((2 * 2.0 * 40 * 36 / 3600,) * 2)


def test_every_process_elsewhere_holds_its_share_of_a_device() -> None:
    train = {"launcher": "ray", "slots": 4, "ray": {"gpus": 0.5}}
    found = estimate(config(train=train), Measured(pace=Pace(step=36.0)), hourly=2.0)
    assert found.devices == 2 and found.total.seconds is not None and found.device_hours is not None
    assert found.device_hours.low == pytest.approx(2 * found.total.seconds.low / 3600)
    assert any("train.slots" in note for note in found.notes)


def test_a_budget_that_ends_the_search_before_is_noted() -> None:
    budget = {"wall_clock_minutes": 10, "tokens": 1_000_000}
    found = estimate(config(propose={"proposer": "llm"}, budget=budget), Measured(pace=Pace(step=36.0)))
    assert any("budget.wall_clock_minutes: 10.0 is used up" in note for note in found.notes)
    assert not any("budget.tokens" in note for note in found.notes)


def test_what_is_in_the_cache_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path))
    banked = config(bank={"questions": 4, "group_size": 3}, sft={"enabled": True, "steps": 7})
    found = estimate(banked, Measured(pace=Pace(step=1.0, question=0.5, start=3.0), sft_step=2.0, sampled=0.25))
    # The fine-tuning evaluates val twice, and loads the policy twice.
    assert part(found, "bank").seconds == (3.0, 3.0) and part(found, "sft").seconds == (14 + 20 + 6,) * 2
    path = bank_path(banked)
    path.parent.mkdir(parents=True)
    path.touch()
    assert [each.part for each in estimate(banked, None).parts] == ["sft", "references", "rounds"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_head_of_a_config_has_the_time_that_its_command_computes(path: Path, cli: Any) -> None:
    head = path.read_text(encoding="utf-8").partition("\nseed:")[0]
    for command in COMMAND.findall(head):
        shown = cli(*command.split()).out
        time = re.search(r"^time +(\d.*?),", shown, re.MULTILINE)
        assert time is not None and f": {time[1]}" in head, shown
    assert estimate(load_config(path), None).total.steps.high > 0


@pytest.mark.parametrize("settings", [["question=1"], ["step=fast"], ["step=-1"], ["pace=1"]])
def test_a_pace_that_is_none_is_refused(settings: list[str], cli: Any) -> None:
    options = [f"--assume={each}" for each in settings]
    done = cli("estimate", DEMO, *options)
    assert done.code == 2 and "--assume" in done.err and "step" in done.err


def test_the_pace_is_measured_here_and_nothing_of_it_stays(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    train = {"steps": 9, "prompts_per_step": 2, "group_size": 4, "slots": 1, "arms": 2, "eval_batch_size": 10}
    written = {**SMALL, "train": train, "candidates": 4, "sft": {"enabled": True, "batch_size": 2}}
    (tmp_path / "small.yaml").write_text(json.dumps(written), encoding="utf-8")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    done = cli("estimate", "small.yaml", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    measured = found["measured"]
    assert all(measured[key] > 0 for key in ("sft_step", "sampled", "validated", "seconds"))
    # `trl` trains the arms of a process one after another: they share nothing.
    assert measured["pace"]["step"] > 0 and measured["pace"]["question"] > 0 and measured["pace"]["step_shared"] == 0
    assert measured["pace"]["start"] > measured["pace"]["step"] and measured["device"]["kind"]
    assert 0 < measured["completion_tokens"] <= 40 and found["total"]["seconds"][0] > 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["small.yaml"]
