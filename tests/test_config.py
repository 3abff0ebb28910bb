from pathlib import Path

import pytest

from rewardsearch.config import Config, load_config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.resources import resource

CONFIGS = sorted(resource("configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_checked_in_config_loads(path: Path) -> None:
    assert load_config(path).run_dir == f"runs/{path.stem}"


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        parse_config({"rounds": 0, "task": {"name": "gsm9k"}, "screen": {"stps": 3}}, "bad.yaml")
    assert error.value.mistakes == (
        "bad.yaml: rounds: input should be greater than or equal to 1, got 0",
        "bad.yaml: task.name: input should be 'arithmetic' or 'gsm8k', got 'gsm9k'",
        "bad.yaml: screen.stps: unknown key; did you mean steps?",
    )


def test_an_unknown_key_without_a_near_match_lists_what_is_allowed() -> None:
    with pytest.raises(UserError, match=r"rank\.zzz: unknown key; allowed: resamples, confidence, correction"):
        parse_config({"rank": {"zzz": 1}}, "c")


def test_a_config_written_as_yaml_reads_back_equal(tmp_path: Path) -> None:
    config = parse_config({"run_dir": "runs/x", "seed": 7, "screen": {"steps": 3}}, "c")
    (tmp_path / "c.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(tmp_path / "c.yaml") == config


def test_set_overrides_nested_keys(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("screen: {steps: 40}\n", encoding="utf-8")
    config = load_config(tmp_path / "c.yaml", ["screen.steps=3", "budget.tokens=10"])
    assert (config.screen.steps, config.budget.tokens) == (3, 10)


def test_set_without_a_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"--set steps: got no key=value"):
        load_config(tmp_path / "c.yaml", ["steps"])


def test_set_through_a_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("seed: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match="seed is not a section"):
        load_config(tmp_path / "c.yaml", ["seed.x=1"])


def test_a_missing_config_names_the_places_looked_at() -> None:
    with pytest.raises(UserError, match=r"config not found: nowhere\.yaml \(looked at"):
        load_config("nowhere.yaml")


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "\x00"])
def test_a_file_that_is_no_mapping_is_a_user_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"c\.yaml"):
        load_config(tmp_path / "c.yaml")


def test_data_files_beside_the_config_are_found(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("", encoding="utf-8")
    text = "task: {name: gsm8k, train_file: rows.jsonl, test_file: rows.jsonl}\n"
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "c.yaml").task.train_file == str(tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"task": {"train_file": "a", "test_file": "b"}}, "are for task gsm8k"),
        ({"task": {"name": "gsm8k", "train_file": "a"}}, "go together"),
        ({"screen": {"micro_batch": 7}}, "must divide the 64 completions"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(data, "c")


def test_configs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 3  # type: ignore[misc]
