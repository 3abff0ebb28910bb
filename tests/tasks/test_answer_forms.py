"""The answer forms: what each writes, each reads back, and what none of them takes for an answer."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from questions import gsm8k_task

from rewardsearch.errors import UserError
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox.static.policy import check_static
from rewardsearch.tasks.equal import Choice, Digits, Equality, Number, Text
from rewardsearch.tasks.forms import TAGS, form_of
from rewardsearch.tasks.slow_pattern import refuse_slow_pattern

SETTINGS: tuple[str | dict[str, str], ...] = (
    *("tags", "boxed", "hash", "last_number", "whole", "json: label"),
    r"regex: (?i)answer:\s*(.+)",
    {"regex": r"<a>(.*?)</a>", "example": "<a>{answer}</a>"},
)
FORMS = [pytest.param(form_of(setting), id=str(setting)) for setting in SETTINGS]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answer", ["17", "-3", "1,200.5"])
def test_a_form_reads_what_it_writes_and_replaces_the_answer_alone(form: Any, answer: str) -> None:
    for text in (form.write(answer, "5 - 3 = 2 {"), form.write_spread(answer, "5 - 3 = 2 {")):
        assert form.parse(text) == answer
        assert form.parse(form.replace(text, "99")) == "99"
    assert form.replace("", "99") == ""
    assert form.parse("") is None


def test_only_the_first_answer_in_tags_is_replaced() -> None:
    said = "<thinking> yes </thinking>\n<solution>\nselected\n</solution> <solution> x </solution>"
    assert TAGS.replace(said, "REJECTED") == said.replace("selected", "REJECTED")
    assert TAGS.replace("no tag", "REJECTED") == "no tag"


@pytest.mark.parametrize(
    ("setting", "completion", "answer"),
    [
        ("tags", "<solution> 1 </solution> <solution> 2 </solution>", "1"),
        ("tags", "<solution> 1", None),
        ("boxed", r"\boxed{1} so \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        ("boxed", r"\boxed{a \} b}", r"a \} b"),
        ("boxed", r"\boxed {47}", "47"),
        ("boxed", r"\boxed{1} and \boxed{2", None),
        ("hash", "#### 1\nno\n#### 2 \nend", "2"),
        ("hash", "no mark", None),
        ("last_number", "3 of 4, so $1,200.50.", "$1,200.50"),
        ("last_number", "it is -5", "-5"),
        ("last_number", "7-5", "5"),
        ("last_number", "a half is 1/2", "1/2"),
        ("last_number", "none", None),
        ("whole", " a b\n", "a b"),
        ("json: k", 'so {"k": 1} or\n```json\n{"a": {"k": 9}, "k": " x "}\n```', "x"),
        ("json: k", '{"k": {"b": [2], "a": true}} {"other": 1}', '{"a": true, "b": [2]}'),
        ("json: k", '{"k": 1', None),
        ("json: k", '{"k": null}', None),
        ("json: k", '{"x": {"k": 1}}', None),
        ("json: k", '{"k": ' * 3000, None),
        (r"regex: is (\d+)", "is 1, is 2", "2"),
        (r"regex: is (\d+)", "was 1", None),
    ],
)
def test_a_form_reads_the_answer_where_it_stands(setting: str, completion: str, answer: str | None) -> None:
    assert form_of(setting).parse(completion) == answer


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("tagged", ("tags", "boxed")),
        ("json:", ("json: KEY",)),
        ({"xml": "a"}, ("json: KEY",)),
        ("regex: (", ("regular expression",)),
        (r"regex: a+b(?:c|d)", ("example",)),
        ({"regex": "a(b)", "example": "no slot"}, ("example",)),
    ],
)
def test_a_form_that_cannot_be_is_refused(setting: str | dict[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as refused:
        form_of(setting)
    assert str(refused.value).startswith("task.form") and all(word in str(refused.value) for word in words)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("equal", [Digits(), Number(), Text(), Choice(("yes", "no"))], ids=lambda equal: equal.name)
def test_base_rewards_pay_for_the_form_and_the_answer_of_the_task(form: Any, equal: Equality) -> None:
    gold, wrong = ("17", "99") if equal.numeric else ("yes", "no")
    if form.name == "last_number" and not equal.numeric:
        return
    texts = [form.write(gold, "so"), form.write_spread(gold, "so"), form.write(wrong, "so"), ""]
    paid = {}
    for spec in load_base_rewards(("answer", "format_exact", "format_approximate"), (form.code, equal.code)):
        assert check_static(spec.code) is None
        namespace: dict[str, Any] = {}
        exec(spec.code, namespace)
        paid[spec.name] = namespace["reward"](texts, texts, [gold] * 4)
    assert paid["answer"] == [3.0, 3.0, -1.5, 0.0]
    assert paid["format_exact"] == [3.0, 3.0, 3.0, 0.0]
    marks = len(form.marks)
    assert paid["format_approximate"] == [0.5 * marks, 0.5 * marks, 0.5 * marks, -1.0 * marks]


@pytest.mark.parametrize("setting", ["tags", "boxed", "hash", "last_number", "whole", "json: k", r"regex: So: (\S+)"])
def test_each_worked_solution_is_right_in_each_form_with_its_number_and_wrong_with_any_other(
    tmp_path: Path, setting: str
) -> None:
    task = gsm8k_task(tmp_path, 160, form=setting)
    for shown in task.demonstrations():
        row, gold = shown.row, Decimal(shown.row.answer)
        reasons = shown.completion.partition("<solution>")[0].replace("<thinking>", "").replace("</thinking>", "")
        for write in (task.answer_form.write, task.answer_form.write_spread):
            for number in (f"{gold}", f"${gold:,}", f"{gold}.00"):
                assert task.outcome(row, write(number, reasons)).kind == "correct"
            for other in (gold + 1, gold - 1, -gold, gold * 10, gold / 2, gold + 1000):
                assert task.outcome(row, write(f"{other:f}", reasons)).kind == "wrong"


def test_base_rewards_for_tags_are_the_files_themselves() -> None:
    (own,), (made,) = load_base_rewards(("answer",)), load_base_rewards(("answer",), (TAGS.code,))
    texts = ["<solution> 1 </solution>", "<solution></solution>", "<solution> 2", "x"]
    results = []
    for spec in (own, made):
        namespace: dict[str, Any] = {}
        exec(spec.code, namespace)
        results.append(namespace["reward"](texts, texts, ["1"] * 4))
    assert results[0] == results[1] == [3.0, -1.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("pattern", "example"),
    [(r"(\w+\s*)+\.$", "{answer}."), (r"Answer: (a+)+$", "Answer: {answer}"), (r"(?:.*,)*.*(\d+)$", "{answer}")],
)
def test_a_pattern_that_could_stop_a_search_is_refused(pattern: str, example: str) -> None:
    with pytest.raises(UserError, match=r"task\.form"):
        refuse_slow_pattern(form_of({"regex": pattern, "example": example}))


@pytest.mark.parametrize("setting", [r"regex: (?i)answer:\s*(.+)", r"regex: So: (\S+)", r"regex: is (-?[\d,]+)"])
def test_an_ordinary_pattern_is_fast_enough(setting: str) -> None:
    refuse_slow_pattern(form_of(setting))
