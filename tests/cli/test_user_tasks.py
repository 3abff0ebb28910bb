"""Tasks of a user's own, each through a whole small search with a real policy: rows, prompt, judging, validation, bank, training,
leaderboard, the sealed test, export."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from played import Quiet
from tiny_models import tiny_model
from user_data import CLOCK_FORM, CLOCK_TIMES, COLOURS_FORM, write_lines

from rewardsearch.config import load_config
from rewardsearch.loop import search
from rewardsearch.tasks import SPLITS, load_task

ROOT = Path(__file__).parents[2]
TOPICS = ("billing", "delivery", "returns", "account", "other")
SETTINGS = {
    "rounds": 1,
    "candidates": 1,
    "propose": {"proposer": "folder", "folder": "rewards"},
    "bank": {"questions": 4, "group_size": 2},
    "sandbox": {"call_s": 30},
    "train": {
        "launcher": str(ROOT / "tests" / "outside" / "launcher.py") + ":InProcess",
        "baseline_seeds": 1,
        "steps": 2,
        "prompts_per_step": 2,
        "group_size": 2,
        "max_completion_tokens": 24,
    },
    "race": {"enabled": False},
    "rank": {"resamples": 100, "min_correct": 0},
    "finalize": {"seeds": 1, "finalists": 0, "ensembles": ["top2"], "controls": []},
}
SIZES = {"train_rows": 24, "val_rows": 8, "test_rows": 8}


def boxed_sums(folder: Path) -> dict[str, Any]:
    lines = [
        {"problem": f"Tom has {a} pens and {b} more", "result": f"{1000 + a + b:,}"}
        for a in range(9)
        for b in range(10, 20)
    ]
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return {"kind": "numeric", "data": "sums.jsonl", "prompt": "problem", "answer": "result", "form": "boxed"}


def mails_of_five_classes(folder: Path) -> dict[str, Any]:
    with (folder / "mails.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["subject", "body", "topic"])
        writer.writerows([f"mail {n}", f"about {TOPICS[n % 5]}; please", TOPICS[n % 5]] for n in range(120))
    prompt = "{{ subject }}\n{{ body }}"
    return {"kind": "choice", "data": "mails.csv", "prompt": prompt, "answer": "topic", "chat": True}


def json_answers(folder: Path) -> dict[str, Any]:
    lines = [{"prompt": f"Name the pen of Tom number {n}", "answer": f"pen of {n}"} for n in range(90)]
    (folder / "pens.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return {"kind": "text", "data": "pens.jsonl", "form": "json: pen"}


def chain_sums(folder: Path) -> dict[str, Any]:
    return {"kind": "reasoning_gym", "dataset": "chain_sum", "config": {"min_terms": 2, "max_terms": 3}, "form": "hash"}


def times_of_day(folder: Path) -> dict[str, Any]:
    write_lines(folder / "times.jsonl", CLOCK_TIMES)
    shutil.copy(ROOT / "tests" / "outside" / "verifier.py", folder)
    return {"kind": "file", "file": "verifier.py", "data": "times.jsonl", "form": CLOCK_FORM}


def mixed_colours(folder: Path) -> dict[str, Any]:
    shutil.copy(ROOT / "tests" / "outside" / "colours_env.py", folder)
    return {"kind": "verifiers", "environment": "colours_env.py", "form": COLOURS_FORM}


TASKS = {
    "boxed": boxed_sums,
    "five classes": mails_of_five_classes,
    "json": json_answers,
    "reasoning-gym": chain_sums,
    "verifier": times_of_day,
    "verifiers": mixed_colours,
}
"""Each writes its data into a folder, and gives the section `task` of the config."""
PAYS_THE_ANSWER = '''\
"""Pays a completion that ends with the answer, and one of few words."""


def reward(prompts, completions, answer, **columns):
    ends = [2.0 * (a in c[-60:]) for c, a in zip(completions, answer)]
    return {"ends_with_it": ends, "brevity": [0.5 / (1 + len(c.split())) for c in completions]}
'''


@pytest.mark.parametrize("which", TASKS)
def test_a_task_of_a_users_own_goes_through_a_whole_search(cli: Any, tmp_path: Path, which: str) -> None:
    package = which.replace("-", "_")
    if which in ("reasoning-gym", "verifiers") and importlib.util.find_spec(package) is None:
        pytest.skip(f"needs the extra {which}")
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "pays_the_answer.py").write_text(PAYS_THE_ANSWER, encoding="utf-8")
    section = TASKS[which](tmp_path) | SIZES
    policy = {"model": tiny_model(tmp_path / "model")}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(SETTINGS | {"task": section, "policy": policy}), encoding="utf-8")
    config = load_config(tmp_path / "my.yaml")
    task = load_task(config.task)
    assert [len(task.rows(split)) for split in SPLITS] == [24, 8, 8]

    state = search(config, tmp_path / "run", Quiet())

    assert state.status == "finished" and state.final is not None
    (candidate,) = state.candidates.values()
    assert state.verdicts[candidate.id].accepted, state.verdicts[candidate.id].reason
    assert state.results[candidate.id].status == "done" and len(state.results[candidate.id].outcomes) == 8
    board = json.loads(cli("leaderboard", tmp_path / "run", "--json").out)
    assert {row["name"] for row in board["rows"]} >= {"baseline", "pays_the_answer"}
    assert cli("export", tmp_path / "run", "--to", "trl", "-o", tmp_path / "out").code == 0
    exported = (tmp_path / "out" / "rewardsearch_reward.py").read_text(encoding="utf-8")
    module: dict[str, Any] = {}
    exec(compile(exported, "rewardsearch_reward.py", "exec"), module)
    items = task.labelled(4)
    paid = [0.0] * len(items)
    for pay, weight in zip(module["REWARD_FUNCS"], module["REWARD_WEIGHTS"], strict=True):
        given = pay(
            prompts=[item.row.prompt_text for item in items],
            completions=[item.completion for item in items],
            answer=[f"{int(item.row.answer):,}" if which == "boxed" else item.row.answer for item in items],
            **{name: [item.row.columns[name] for item in items] for name in task.columns},
        )
        paid = [before + weight * one for before, one in zip(paid, given, strict=True)]
    lowest = {
        item.row.id: min(p for i, p in zip(items, paid, strict=True) if i.row == item.row and i.kind == "correct")
        for item in items
    }
    assert all(p < lowest[item.row.id] for item, p in zip(items, paid, strict=True) if item.kind != "correct")
