"""Exports of rewards of measured columns: their numbers are those of the search, and they train in plain TRL."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tiny_models import tiny_model

from rewardsearch.config import Config, PolicyConfig, SandboxConfig, TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.exporters import EXPORTERS, ExportSelection, export
from rewardsearch.exporters.examples import make_examples
from rewardsearch.files.resources import PACKAGE, resource
from rewardsearch.records import RewardSpec, Row
from rewardsearch.tasks import Generation, load_task

POLICY = PACKAGE / "embedded" / "policy"
TASK = load_task(TaskConfig(name="contrast", train_rows=8, val_rows=2, test_rows=2))
REWARDS = tuple(
    RewardSpec(id=name, name=name, code=(resource("candidates") / folder / f"{name}.py").read_text(), weight=0.5)
    for folder, name in (("contrast", "published_within_group"), ("base", "finished"))
)
MEASURED = ("sim_query", "sim_negative", "sim_group", "sim_batch_max", "finished")


def selection(rewards: tuple[RewardSpec, ...] = REWARDS) -> ExportSelection:
    examples, components = make_examples(TASK, rewards, SandboxConfig())
    facts: dict[str, Any] = {"examples": examples, "components": components, "golds": "text", "negatives": 2}
    return ExportSelection(source="best of demo", rewards=rewards, measured=MEASURED, **facts)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export for TRL."""
    folder = tmp_path_factory.mktemp("exported")
    export("trl", selection(), folder)
    return folder


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # Dataclasses look there for their module.
    spec.loader.exec_module(module)
    return module


def test_the_tests_of_an_export_pass_where_it_lands(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {
        *("README.md", "rewardsearch_measures.py", "rewardsearch_reward.py", "test_rewardsearch_reward.py"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_rewardsearch_reward.py"]
    done = subprocess.run(command, cwd=exported, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout


def test_a_measured_column_that_is_missing_is_named(exported: Path) -> None:
    module = loaded(exported / "rewardsearch_reward.py")
    with pytest.raises(KeyError, match="sim_query"):
        module.trl_reward(["p"], ["c"], answer=["a"], finished=[1.0])


@pytest.mark.parametrize("to", sorted({*EXPORTERS} - {"trl"}))
def test_a_trainer_that_passes_only_the_data_is_refused(tmp_path: Path, to: str) -> None:
    with pytest.raises(UserError, match=r"published.within.group .*sim_query.* trl") as refused:
        export(to, selection(), tmp_path)
    assert len(refused.value.args) == 1 and not any(tmp_path.iterdir())


def test_columns_that_no_export_measures_are_refused(tmp_path: Path) -> None:
    code = "def reward(prompts, completions, answer, loudness, **columns):\n    return loudness\n"
    rewards = (RewardSpec(id="x", name="loud", code=code),)
    with pytest.raises(UserError, match=r"loud .*loudness"):
        export("trl", ExportSelection(source="x", rewards=rewards, measured=("loudness",)), tmp_path)


TEXTS = (
    ("Tom has 1 2 pens", "Tom has 1 2 more pens", "Tom has 1 2\nTom has 3 pens", "a"),
    ("Tom has 7 pens", "7 pens has Tom", "", "a"),
    ("pens has Tom", "has Tom pens 5 0", "pens pens", None),
    ("Tom 4", "Tom has 1 2 pens", "Tom 9", None),
)
"""Of four rows the query, the positive, the hard negatives and the group. The first query is the last positive."""


def asked(text: str, chat: bool) -> str | list[dict[str, str]]:
    return [{"role": "system", "content": "has"}, {"role": "user", "content": text}] if chat else f"Request: {text}\n"


@pytest.mark.parametrize(("negatives", "chat"), [(1, False), (2, True)])
def test_the_numbers_are_those_of_the_search(exported: Path, tmp_path: Path, negatives: int, chat: bool) -> None:
    from rewardsearch.tasks.contrast.measures import ContrastMeasures
    from rewardsearch.tasks.contrast.pairing import Pairing
    from rewardsearch.train.engines.trl.policy import load_policy
    from rewardsearch.train.engines.trl.reading import PolicyReader

    def text_row(text: str) -> Row:
        return Row(id=text, prompt=asked(text, chat), answer=text)

    pairs = {
        positive: Pairing(text_row(query), text_row(positive), tuple(map(text_row, near.splitlines())), group)
        for query, positive, near, group in TEXTS
    }
    rows = [
        Row(id=positive, prompt=asked(positive, chat), answer=query, columns={"positive": positive, "negatives": near})
        for query, positive, near, _ in TEXTS
        for _ in range(2)
    ]
    said = [
        "<think> 12 + 5 = 17 </think>",
        "12 + 5",
        "<think> </think>",
        "",
        "so it is 7",
        "<think> 7",
        "3 = 3",
        "it is",
    ]
    config = Config(policy=PolicyConfig(model=tiny_model(tmp_path) if chat else str(POLICY)))
    policy = load_policy(config.policy)
    reader = PolicyReader(policy.base, policy, config.train)
    module = loaded(exported / "rewardsearch_measures.py")
    measures = ContrastMeasures(
        pairs.__getitem__, lambda id: (), lambda text: module.solution(text) is not None, negatives
    )
    answers = [Generation(text, 3 + place) for place, text in enumerate(said)]
    expected = measures.in_training(reader, rows, answers, seed=7)

    plain = module.Measures(negatives=negatives, seed=6)
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(unwrap_model=lambda model: model),
        model=policy.base,
        processing_class=policy.tokenizer,
        args=SimpleNamespace(max_completion_length=config.train.max_completion_tokens),
    )
    plain.attach(trainer)
    groups = [pairs[row.id].group for row in rows]
    data = {"answer": [row.answer for row in rows], "group": groups, **columns_of(rows)}
    found = plain.measure([row.prompt for row in rows], said, [[0] * answer.tokens for answer in answers], data)
    assert {*found} == {*measures.columns}
    for name, values in found.items():
        assert values == pytest.approx([row.measured[name] for row in expected], abs=1e-5), name
    assert len({*found["sim_query"]}) == len(rows) and {*found["rank"]} > {1.0}


def columns_of(rows: Sequence[Row]) -> dict[str, list[str]]:
    return {name: [row.columns[name] for row in rows] for name in rows[0].columns}


def test_the_readmes_script_trains_with_measured_columns(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"prompt": row.prompt, "answer": row.answer, **row.columns} for row in TASK.rows("train")]
    (exported / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    small = "max_steps=2, per_device_train_batch_size=4, num_generations=2, max_completion_length=8, logging_steps=1"
    script = (exported / "README.md").read_text().split("```python\n")[1].split("```")[0]
    script = script.replace("path/or/hub-id", str(POLICY))
    script = script.replace('"out"', f'"out", {small}, use_cpu=True, bf16=False, report_to="none", disable_tqdm=True')
    monkeypatch.chdir(exported)
    monkeypatch.syspath_prepend(str(exported))
    names: dict[str, Any] = {}
    exec(compile(script, "README.md", "exec"), names)
    steps = [entry for entry in names["trainer"].state.log_history if "reward" in entry]
    assert len(steps) == names["measures"].steps == 2
    # Nothing is closed in 8 tokens of a policy that has never seen the form.
    assert steps[0]["rewards/finished/mean"] == -1.0 and steps[0]["rewards/published_within_group/mean"] == -1.0
