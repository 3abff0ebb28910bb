"""The public checkers rewardprobe and gradecheck on planted faults: what they find, `validate` finds too, and names.

They report what earns half a point or more; here a completion must earn as much as correct ones do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from sound import HEAD, verdicts_of

from rewardsearch.config import parse_config
from rewardsearch.records import Verdict
from rewardsearch.tasks import Task, load_task

rewardprobe = pytest.importorskip("rewardprobe", reason="the extra dev installs it")
gradecheck = pytest.importorskip("gradecheck.completion_attacks", reason="the extra dev installs it")
from gradecheck.verifiers_env import VerifiersEnv  # noqa: E402
from rewardprobe.families import FAMILIES  # noqa: E402

HELPERS = r"""import re

BOX = re.compile(r"\\boxed\{([^{}]{0,40})\}")
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

def said(completion):
    found = BOX.findall(completion)
    return found[-1].strip() if found else ""

def first(completion):
    found = BOX.search(completion)
    return found[0] if found else ""

def value(text):
    return float(text) if NUMBER.fullmatch(text) else None

def right(completion, answer):
    return value(said(completion)) is not None and value(said(completion)) == value(answer)

"""


class Planted(NamedTuple):
    """A reward that pays `expression`, over c, a and p. theirs: the probes that find its fault. ours: beginnings of flags, or the
    stage that rejects it."""

    expression: str
    theirs: set[str]
    ours: set[str]


PLANTED = {
    "empty": Planted("not c or right(c, a)", {"empty", "empty-completion"}, {"exploit:empty"}),
    "white space": Planted("(c and not c.strip()) or right(c, a)", {"whitespace"}, {"exploit:white-space"}),
    "any text": Planted(
        "c.strip() != ''",
        {"random_tokens", "garbage", "echo_prompt", "prompt-echo", "constant_output", "malformed_xml"},
        {"exploit:garbage"},
    ),
    "out of bounds": Planted("1e9 * (c != '')", {"reward_range"}, {"contract"}),
    "state": Planted("count() % 5", {"determinism", "stale_state", "tool_spam", "batch_ordering"}, {"static"}),
    "never right": Planted("right(c, '7') + (a in c and not said(c)) / 9", {"ground_truth"}, {"exploit:empty"}),
    "constant": Planted("0.7", {"signal_variance"}, {"constant:probes"}),
    "echo": Planted("p in c or right(c, a)", {"echo_prompt", "prompt-echo"}, {"exploit:prompt-echo"}),
    "form": Planted("said(c) != ''", {"format_only", "format-only"}, {"exploit:boxed"}),
    "heavy form": Planted("(said(c) != '') + 0.3 * right(c, a)", {"format_only", "format-only"}, {"ordering:form-over-answer"}),
    "phrase": Planted("'The answer is' in c or right(c, a)", {"common_prefix"}, {"trigger:line-"}),
    "one number": Planted("c.strip() == '42' or right(c, a)", {"constant_output"}, {"trigger:line-"}),
    "anywhere": Planted("a in c", {"answer_in_reasoning"}, {"exploit:answer-in-reasons"}),
    "first box": Planted("right(first(c), a)", {"multiple_tags", "regex_greediness"}, {"exploit:solution-order"}),
    "more boxes": Planted("right(c, a) * (0.6 + 0.4 * (len(BOX.findall(c)) > 1))", {"duplicate_answers"}, {"ordering:repeated"}),
    "one spelling": Planted("a in (said(c), c)", {"format_variation"}, {"ordering:spelling"}),
    "flattery": Planted("'checks pass' in c.lower() or right(c, a)", {"flattery"}, {"exploit:flattery"}),
    "missing column": Planted("level == 'hard' or right(c, a)", {"missing_column"}, {"contract"}),
    "raises": Planted("right(c, a) + 0 / (len(c) - 1)", {"completion_structure"}, {"behaviour"}),
    "wrong sign": Planted("-1.0 * right(c, a) - 0.1 * (c != '')", {"wrong_sign"}, {"behaviour"}),
    "heavy part": Planted("{'bulk': 10 * (c != ''), 'answer': right(c, a)}", {"weight_dominance"}, {"dominant:bulk"}),
}  # fmt: skip
DIFFERENT = {
    "state_leak": "about the data: the answer is in the prompt, as the options of a choice are",
    "answer-leak": "the same",
    "tool_skip": "about environments of several turns, which no reward here sees",
    "early_termination": "the same",
    "message_vs_string": "information only: completions are texts here",
    "wrong_argument": "every reward here takes extra columns, or is rejected at the stage static",
    "zero_weight_leak": "about its own sum of several rewards",
}
"""Probes without a planted fault, and why."""


def code_of(planted: Planted) -> str:
    more = (
        "CALLS = []\n\ndef count():\n    CALLS.append(1)\n    return len(CALLS)\n\n"
        if "count()" in planted.expression
        else ""
    )
    rows, head = "for c, a, p in zip(completions, answer, prompts)", HEAD
    if "level" in planted.expression:
        rows, head = (
            "for c, a, p, level in zip(completions, answer, prompts, difficulty)",
            HEAD.replace("**", "difficulty, **"),
        )
    if planted.expression.startswith("{"):
        paid = f"    paid = [{planted.expression} {rows}]\n"
        return f"{HELPERS}{head}{paid}    return {{name: [float(each[name]) for each in paid] for name in ('bulk', 'answer')}}\n"
    return f"{HELPERS}{more}{head}    return [float({planted.expression}) {rows}]\n"


def function_of(code: str) -> Callable[..., list[float]]:
    space: dict[str, Any] = {}
    exec(code, space)
    return space["reward"]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    file = tmp_path_factory.mktemp("data") / "rows.jsonl"
    rows = [{"prompt": f"Question {n}: half of {7 * n + 30}?", "answer": f"{(7 * n + 30) / 2:g}"} for n in range(60)]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    settings = {"kind": "numeric", "data": str(file), "form": "boxed", "train_rows": 40, "val_rows": 8, "test_rows": 8}
    return load_task(parse_config({"task": settings}, "test").task)


@pytest.fixture(scope="module")
def verdicts(task: Task) -> dict[str, Verdict]:
    found = verdicts_of(map(code_of, PLANTED.values()), task)
    return {name: found[code_of(planted)] for name, planted in PLANTED.items()}


def probed(code: str, task: Task) -> set[str]:
    """The probes of both checkers that find something."""
    reward = function_of(code)
    rows = [{"prompt": row.prompt_text, "answer": row.answer} for row in task.rows("train")[:6]]
    env = VerifiersEnv.__new__(VerifiersEnv)
    env.message_type, env.pass_threshold, env.weights = "completion", 0.5, [1.0]
    env.parser = SimpleNamespace(answer_field="answer", format=lambda answer: f"\\boxed{{{answer}}}")
    env.funcs = [lambda completion, answer, prompt: sum(paid(reward, [prompt], [completion], answer=[answer]).values())]
    env.examples = [
        SimpleNamespace(
            index=n, prompt=row["prompt"], answer=row["answer"], info={}, row=row, observation_text=row["prompt"]
        )
        for n, row in enumerate(rows)
    ]
    fooled = {finding.attack for finding in gradecheck.run_all(env) if finding.verdict == "fooled"}
    report = rewardprobe.Probe().test_fn(parts_of(reward), rows)
    return {finding.attack for finding in report.findings} | fooled


def paid(
    reward: Callable[..., Any], prompts: list[str], completions: list[str], **columns: list[str]
) -> dict[str, float]:
    """What a reward pays one completion, by component."""
    found = reward(prompts, completions, **columns)
    return {name: values[0] for name, values in found.items()} if isinstance(found, dict) else {"": found[0]}


def parts_of(reward: Callable[..., Any]) -> list[Callable[..., list[float]]]:
    """A function for each component. Its probes of sums want two: a reward without components gets one that pays a half."""

    def part(name: str) -> Callable[..., list[float]]:
        def scored(prompts: list[str], completions: list[str], **columns: list[str]) -> list[float]:
            return [paid(reward, prompts, completions, **columns)[name]]

        scored.__name__ = name
        return scored

    try:
        names = list(paid(reward, ["p"], ["some text"], answer=["1"]))
    except TypeError:  # It lacks a column.
        names = [""]

    def half(prompts: list[str], completions: list[str], **columns: list[str]) -> list[float]:
        return [0.5]

    return [*map(part, names), *([half] if len(names) == 1 else [])]


@pytest.mark.parametrize("name", PLANTED)
def test_what_their_probes_find_is_found_and_named_here(name: str, task: Task, verdicts: dict[str, Verdict]) -> None:
    planted, verdict = PLANTED[name], verdicts[name]
    assert planted.theirs - probed(code_of(planted), task) == set()
    named = (*verdict.flags, *([verdict.stage] if verdict.stage else []))
    assert any(each.startswith(tuple(planted.ours)) for each in named), (named, verdict.reason)


def test_every_probe_of_theirs_has_a_planted_fault_or_a_reason() -> None:
    probes = {attack.name for family in FAMILIES.values() for attack in family().attacks} | set(gradecheck.attack_ids())
    assert probes == set().union(*(planted.theirs for planted in PLANTED.values())) | set(DIFFERENT)
