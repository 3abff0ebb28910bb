from pathlib import Path

import pytest

from rewardsearch.config import Config, TaskConfig, TrainConfig, load_config, parse_config
from rewardsearch.config.loading import RENAMED_KEYS
from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource
from rewardsearch.propose import load_proposer
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.session.requests import first_request

CONFIGS = sorted(resource("configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_checked_in_config_loads(path: Path) -> None:
    assert load_config(path).run_dir == f"runs/{path.stem}"


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        parse_config({"rounds": 0, "task": {"seed": "x"}, "train": {"stps": 3}, "group_size": 4}, "bad.yaml")
    assert error.value.mistakes == (
        "bad.yaml: rounds: input should be greater than or equal to 1, got 0",
        "bad.yaml: task.seed: input should be a valid integer, unable to parse string as an integer, got 'x'",
        "bad.yaml: train.stps: unknown key; did you mean steps?",
        "bad.yaml: group_size: unknown key; did you mean bank.group_size or train.group_size?",
    )


def test_a_search_without_a_last_round_is_refused() -> None:
    with pytest.raises(UserError, match="rounds"):
        parse_config({"rounds": None}, "c")


def test_a_list_whose_only_value_is_wrong_is_one_mistake() -> None:
    with pytest.raises(UserError) as error:
        parse_config({"task": {"columns": {"positive": [True]}}}, "c")
    assert len(error.value.mistakes) == 1 and "positive.0: got true" in error.value.mistakes[0]


def test_an_unknown_key_without_a_near_match_lists_what_is_allowed() -> None:
    with pytest.raises(UserError, match=r"rank\.zzz: unknown key; allowed: resamples, confidence, correction"):
        parse_config({"rank": {"zzz": 1}}, "c")


def test_float16_is_refused_with_what_to_set_instead() -> None:
    with pytest.raises(UserError, match=r"policy\.dtype: got float16.*bfloat16"):
        parse_config({"policy": {"dtype": "float16"}}, "c")


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_a_key_of_an_earlier_version_is_refused_with_its_present_name(old: str, new: str) -> None:
    *sections, key = old.split(".")
    data = {key: 1}
    for section in sections:
        data = {section: data}
    with pytest.raises(UserError) as error:
        parse_config(data, "c")
    (line,) = error.value.mistakes
    assert line.startswith(f"c: {old}: ") and new in line
    at: object = Config()
    for part in new.split("."):
        at = getattr(at, part)


def test_a_config_written_as_yaml_reads_back_equal(tmp_path: Path) -> None:
    config = parse_config({"run_dir": "runs/x", "seed": 7, "train": {"steps": 3}}, "c")
    (tmp_path / "c.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(tmp_path / "c.yaml") == config


def test_a_task_without_gold_answers_has_base_rewards_of_its_own() -> None:
    named = [
        spec.name for spec in load_base_rewards(parse_config({"task": {"name": "contrast"}}, "c").train.base_rewards)
    ]
    assert named == ["near_query", "near_group", "finished"]
    made = Config(task=TaskConfig(name="contrast"), train=TrainConfig(steps=3))
    assert (
        made.train.base_rewards == Config(task=TaskConfig(name="contrast")).train.base_rewards and made.train.steps == 3
    )
    assert made.train.base_rewards != Config().train.base_rewards
    own = {"task": {"name": "contrast"}, "train": {"base_rewards": ["answer"]}}
    assert parse_config(own, "c").train.base_rewards == ("answer",)


@pytest.mark.parametrize(
    "pairs", [{"text": "a", "label": "b"}, {"query": "a", "negatives": "b"}, {"positive": "a", "rationale": "b"}]
)
def test_columns_of_pairs_read_back_equal(pairs: dict[str, str]) -> None:
    config = parse_config({"task": {"name": "contrast", "data": "x.csv", "pairs": pairs}}, "c")
    assert parse_config(config.model_dump(mode="json"), "c") == config


@pytest.mark.parametrize("pairs", [{"text": "a"}, {"text": "a", "label": "b", "query": "c"}])
def test_columns_of_pairs_are_of_one_kind(pairs: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"task\.pairs: text and label"):
        parse_config({"task": {"name": "contrast", "data": "x.csv", "pairs": pairs}}, "c")


def test_set_overrides_nested_keys(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("train: {steps: 40}\n", encoding="utf-8")
    config = load_config(tmp_path / "c.yaml", ["train.steps=3", "budget.tokens=10"])
    assert (config.train.steps, config.budget.tokens) == (3, 10)


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train:\n  steps: 500\nrounds: 1\ntrain:\n  beta: 0\n", {"train": "lines 1 and 4"}),
        ("train:\n  steps: 1\n\n  beta: 0\n  'steps': 1\n", {"steps": "lines 2 and 5"}),
        ("seed: 1\nseed: 1\nseed: 2\n", {"seed": "lines 1, 2 and 3"}),
        (
            "race: {rungs: [{steps: 0.1, questions: 1},\n {steps: 0.2, steps: 0.3}]}",
            {"steps": "line 2"},
        ),
        (
            "task: {seed: 1,\n seed: 2}\nbudget:\n  tokens: 1\nbudget: {}\n",
            {"seed": "lines 1 and 2", "budget": "lines 3 and 5"},
        ),
        (
            "propose: &p\n  llm: {prices: {m: {input: 1, input: 2}}}\nx: *p",
            {"input": "line 2"},
        ),
    ],
)
def test_a_key_given_twice_is_told_with_its_lines(tmp_path: Path, text: str, told: dict[str, str]) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_config(tmp_path / "c.yaml")
    found = [(line.split("c.yaml: ")[1].split()[0], line) for line in refused.value.mistakes]
    assert [key for key, _ in found] == list(told)
    assert all(told[key] in line for key, line in found)


def test_a_key_given_twice_in_an_override_is_told() -> None:
    with pytest.raises(UserError, match=r"--set train: .*steps is given 2 times"):
        parse_config({}, "c", ["train={steps: 1, steps: 2}"])


def test_anchors_and_merge_keys_are_no_repeats(tmp_path: Path) -> None:
    text = "train: &s {steps: 3, beta: 0.5}\nfinalize: {references: &r [a, b], controls: []}\n"
    (tmp_path / "c.yaml").write_text(f"{text}task: {{seed: 1}}\n", encoding="utf-8")
    assert load_config(tmp_path / "c.yaml").train.steps == 3
    models = "{models: [&m {model: a, weight: 2.0}, {<<: *m, model: b}, {<<: [*m], <<: *m, model: c, weight: 3.0}]}"
    (tmp_path / "c.yaml").write_text(f"propose: {{llm: {models}}}\n", encoding="utf-8")
    found = load_config(tmp_path / "c.yaml").propose.llm.models
    assert [(each.model, each.weight) for each in found] == [("a", 2.0), ("b", 2.0), ("c", 3.0)]


def test_data_files_beside_the_config_are_found(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("", encoding="utf-8")
    text = "task: {name: gsm8k, train_file: rows.jsonl, test_file: rows.jsonl}\n"
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "c.yaml").task.train_file == str(tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"task": {"name": "gsm8k", "train_file": "a"}}, "go together"),
        ({"train": {"micro_batch": 7}}, "must divide the 64 completions"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(data, "c")


PRICES = {"a": {"input": 1, "output": 10}}


def test_money_cannot_be_a_budget_where_a_model_has_no_price() -> None:
    models = {"models": [{"model": "a"}, {"model": "b"}, {"model": "c"}], "prices": PRICES}
    config = parse_config({"budget": {"dollars": 1}, "propose": {"proposer": "llm", "llm": models}}, "c")
    with pytest.raises(UserError, match=r"budget\.dollars: .*\bb, c\b.*propose\.llm\.prices"):
        load_proposer(config).check(first_request(config))


@pytest.mark.parametrize("propose", [{"proposer": "llm", "llm": {"model": "a", "prices": PRICES}}, {}])
def test_money_is_a_budget_where_every_model_that_is_asked_has_a_price(propose: dict[str, object]) -> None:
    assert parse_config({"budget": {"dollars": 1}, "propose": propose}, "c").budget.dollars == 1


def test_a_model_takes_what_it_leaves_open_from_the_section() -> None:
    data = {
        "temperature": 0.5,
        "max_tokens": 700,
        "api_key_env": "COMMON",
        "extra": {"seed": 1},
        "prices": PRICES,
        "models": [{"model": "a"}, {"model": "b", "temperature": 0, "api_key_env": "OWN", "extra": {}, "weight": 3}],
    }
    a, b = parse_config({"propose": {"llm": data}}, "c").propose.llm.served()
    assert (a.temperature, a.api_key_env, a.extra, a.weight) == (0.5, "COMMON", {"seed": 1}, 1)
    assert (b.temperature, b.api_key_env, b.extra, b.weight) == (0, "OWN", {}, 3)
    assert (a.max_tokens, b.max_tokens, b.price) == (700, 700, None)
    assert a.price is not None and a.price.output == 10


def test_a_model_that_is_named_twice_is_refused() -> None:
    with pytest.raises(UserError, match="got a more than once"):
        parse_config({"propose": {"llm": {"models": [{"model": "a"}, {"model": "a"}]}}}, "c")


def test_configs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.steps", "yes"),
        ("train.learning_rate", "on"),
        ("budget.dollars", "true"),
        ("train.micro_batch", "false"),
        ("train.learning_rate", ".inf"),
        ("train.temperature", ".nan"),
        ("validation.bound", "1e999"),
        ("train", ""),
        ("propose.llm", "fast"),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_key(key: str, value: str) -> None:
    with pytest.raises(UserError) as error:
        parse_config({}, "c.yaml", [f"{key}={value}"])
    (line,) = error.value.mistakes
    assert line.startswith(f"c.yaml: {key}: ")


def test_switches_stay_switches() -> None:
    assert parse_config({}, "c.yaml", ["sft.enabled=on"]).sft.enabled
