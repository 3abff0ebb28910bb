"""The study's runs are those that it says, in an order that pays when it is cut short, and share what they have trained."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import PACKAGE
from rewardsearch.records import BASELINE, Environment, TrainingResult
from rewardsearch.run.artifacts import load_result, save_result
from rewardsearch.run.environment import environment_of
from rewardsearch.run.journal import Journal

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import study_plan


def test_every_seed_has_a_search_a_random_search_and_a_replayed_one(tmp_path: Path) -> None:
    runs = study_plan.plan((0, 11), tmp_path, ["train.slots=3"])
    names = [run.name for run in runs]
    assert names[:4] == ["search-0", "random-0", "frontier-0", "search-11"]
    assert names[-1] == "frontier-other"
    by_name = {run.name: run.config for run in runs}
    assert {config.seed for name, config in by_name.items() if name.endswith("-11")} == {11}
    assert {config.finalize.seeds for config in by_name.values()} == {5}
    assert {config.train.slots for config in by_name.values()} == {3}
    assert [by_name[name].propose.feedback for name in ("search-0", "random-0")] == [True, False]
    arms = {(config.finalize.finalists, config.finalize.ensembles) for config in by_name.values()}
    assert arms == {(0, ("top3",))}
    assert by_name["random-0"].finalize.controls == ()
    assert by_name["frontier-0"].finalize.controls == by_name["frontier-other"].finalize.controls == ("random-k",)
    assert set(by_name["search-11"].finalize.controls) == {"random-k", "average", "a-a"}
    further = set(by_name["search-0"].finalize.controls) - set(by_name["search-11"].finalize.controls)
    assert further == {"format-only", "random-reward"}
    replayed = {name: config.propose for name, config in by_name.items() if name.startswith("frontier")}
    assert {each.proposer for each in replayed.values()} == {"replay"}
    assert replayed["frontier-0"].replay == replayed["frontier-11"].replay != replayed["frontier-other"].replay


def test_search_and_random_search_have_the_same_settings_but_for_feedback(tmp_path: Path) -> None:
    search, random = study_plan.plan((0,), tmp_path)[:2]
    same = {"run_dir": None, "finalize": search.config.finalize}
    propose = search.config.propose.model_copy(update={"feedback": False})
    assert search.config.model_copy(update={**same, "propose": propose}) == random.config.model_copy(update=same)


@pytest.mark.parametrize("seeds", [(0, 5), (3, 0, 22), (0, 0)])
def test_seeds_whose_runs_would_share_training_seeds_are_refused(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="--seeds"):
        study_plan.plan(seeds, tmp_path)


CONFIG = parse_config({"seed": 11, "finalize": {"seeds": 5}}, "test")
RUN = study_plan.Planned("search-11", "search", 11, CONFIG)
HERE = environment_of(CONFIG)


def trained(run: Path, arm: str, seed: int, environment: Environment | None = HERE, text: str = "weights") -> Path:
    """The folder of a training of `arm` in `run`, with an adapter and a checkpoint."""
    folder = run / "candidates" / arm / "training" / f"full-{seed}"
    for part in ("adapter", "checkpoint"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "model.safetensors").write_text(text, encoding="utf-8")
    result = TrainingResult(id=arm, rung="full", seed=seed, steps=22, status="done", environment=environment)
    save_result(folder, result, "mark")
    return folder


def test_what_another_run_trained_is_taken_over_without_its_checkpoint(tmp_path: Path) -> None:
    source, target = tmp_path / "search-0", tmp_path / "search-11"
    folder = trained(source, BASELINE, 11)
    trained(source, "abc", 21)
    assert study_plan.share(RUN, target, [source]) == 2
    copy = target / folder.relative_to(source)
    assert load_result(copy, "mark") == load_result(folder, "mark")
    assert sorted(path.name for path in copy.iterdir()) == [
        "adapter",
        "curves.jsonl",
        "predictions.jsonl",
        "result.json",
    ]
    assert study_plan.share(RUN, target, [source]) == 0


def test_a_run_that_trains_in_place_of_a_copy_leaves_the_source_as_it_was(tmp_path: Path) -> None:
    source, target = tmp_path / "search-0", tmp_path / "search-11"
    folder = trained(source, BASELINE, 11)
    study_plan.share(RUN, target, [source])
    for file in (target / folder.relative_to(source)).rglob("*"):
        if file.is_file():
            with file.open("r+b") as stream:
                stream.write(b"other")
    assert (folder / "adapter" / "model.safetensors").read_text(encoding="utf-8") == "weights"
    assert load_result(folder, "mark") is not None


def test_what_is_there_stays_and_what_was_interrupted_gives_way(tmp_path: Path) -> None:
    source, target = tmp_path / "search-0", tmp_path / "search-11"
    for seed in (11, 12):
        trained(source, BASELINE, seed)
    own = trained(target, BASELINE, 11, text="own")
    half = trained(target, BASELINE, 12, text="half")
    (half / "result.json").unlink()
    assert study_plan.share(RUN, target, [source]) == 1
    texts = [(folder / "adapter" / "model.safetensors").read_text(encoding="utf-8") for folder in (own, half)]
    assert texts == ["own", "weights"]


OTHER: dict[str, Any] = {
    "torch": HERE.model_copy(update={"versions": {**HERE.versions, "torch": "1.0"}}),
    "code": HERE.model_copy(update={"code": {**HERE.code, "train": "other"}}),
    "cpu": HERE.model_copy(update={"device": HERE.device.model_copy(update={"name": "another"})}),
    "unknown": None,
}


@pytest.mark.parametrize("what", OTHER)
def test_results_of_another_environment_are_not_taken_over(tmp_path: Path, what: str) -> None:
    trained(tmp_path / "search-0", BASELINE, 11, OTHER[what])
    assert study_plan.share(RUN, tmp_path / "search-11", [tmp_path / "search-0"]) == 0


def test_seeds_of_other_searches_rungs_and_damaged_results_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "search-0"
    for seed in (0, 10, 22):
        trained(source, BASELINE, seed)
    rung = trained(source, BASELINE, 11)
    rung.rename(rung.with_name("rung1-11"))
    damaged = trained(source, BASELINE, 12)
    (damaged / "result.json").write_text(json.dumps({"result": None}), encoding="utf-8")
    assert study_plan.share(RUN, tmp_path / "search-11", [source]) == 0


def test_a_run_that_another_process_has_open_is_left_alone(tmp_path: Path) -> None:
    trained(tmp_path / "search-0", BASELINE, 11)
    with Journal.open(tmp_path / "search-11", CONFIG, ()), pytest.raises(UserError, match="in use"):
        study_plan.share(RUN, tmp_path / "search-11", [tmp_path / "search-0"])
