"""What is guessed from the columns of a table."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsearch.errors import UserError
from rewardsearch.tasks.guessing import Guess, guess_task
from rewardsearch.tasks.tables import Table


def table_of(rows: list[dict[str, Any]]) -> Table:
    columns = dict.fromkeys(name for row in rows for name in row)
    return Table(list(columns), [(f"row {number}", row) for number, row in enumerate(rows, start=1)])


def guess(row: Any, n: int = 60, **options: Any) -> Guess:
    """The guess for the rows row(0), row(1), ..."""
    return guess_task(table_of([row(i) for i in range(n)]), "rows", **options)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            lambda i: {"question": f"{i} + 1?", "answer": f"One more than {i}.\n#### {i + 1}"},
            {"kind": "numeric", "answer": "answer", "solution": "{{ answer.rpartition('####')[0] }}", "form": "tags"},
        ),
        (
            lambda i: {"text": f"mail {i}", "label": ("ham", "spam")[i % 3 == 0]},
            {"kind": "choice", "classes": ["ham", "spam"], "positive": "spam"},
        ),
        (
            lambda i: {"review": f"film {i}", "sentiment": i % 3},
            {"kind": "choice", "classes": ["0", "1", "2"]},
        ),
        (lambda i: {"input": f"{i % 4} + 2?", "output": i % 4 + 2}, {"kind": "numeric"}),
        (lambda i: {"Is it so?": f"Case {i} of many", "verdict": i % 2 == 0}, {"kind": "choice", "positive": "true"}),
        (
            lambda i: {"question": f"Which? {i}", "choices": ["a", "b", "c"], "answer": i % 3},
            {"kind": "choice", "classes": ["A", "B", "C"], "answer": '{{ "ABC"[answer|int] }}'},
        ),
        (
            lambda i: {"problem": f"Halve {i}.", "solution": f"Half of it is $\\boxed{{\\frac{{{i}}}{{2}}}}$."},
            {"answer": "{{ solution.rpartition('\\\\boxed{')[2].rpartition('}')[0] }}", "solution": "solution"},
        ),
        (
            lambda i: {"question": f"What is {i}? Put it in \\boxed{{}}.", "answer": str(i)},
            {"form": "boxed", "prompt": "{{ question }}"},
        ),
        (lambda i: {"ask": f"City {i}?", "out": {"city": f"c{i}"}}, {"kind": "text", "form": {"json": "answer"}}),
        (
            lambda i: {"Name of it": f"the word {i} here", "Gold Answer": f"w{i}"},
            {"kind": "text", "answer": "Gold Answer"},
        ),
        (
            lambda i: {"question": f"Why {i}?", "answer": f"w{i}", "user_id": i // 3, "id": i},
            {"group": ["user_id"], "kind": "text"},
        ),
        (
            lambda i: {"messages": [{"role": "user", "content": f"Say {i}"}], "answer": f"w{i}"},
            {"prompt": "messages", "chat": True},
        ),
    ],
)
def test_columns_are_known_by_their_names_and_what_is_in_them(row: Any, expected: dict[str, Any]) -> None:
    task = guess(row).task
    assert {key: task.get(key) for key in expected} == expected


def test_every_guess_has_a_reason_and_an_alternative_and_the_rest_is_listed() -> None:
    found = guess(lambda i: {"text": f"t {i}", "label": "ab"[i % 2], "person": i // 4, "lang": "en"})
    assert [reason.key for reason in found.reasons] == ["prompt", "answer", "kind", "positive", "form", "group"]
    assert all(reason.why and reason.otherwise for reason in found.reasons)
    assert found.unused == ("lang",)


def test_context_options_and_pairs_are_in_the_prompt() -> None:
    read = guess(lambda i: {"context": f"Story {i // 4}", "question": f"Who, {i}?", "answer": f"w{i}"}, chat=True).task
    assert read["prompt"] == "{{ context }}\n\n{{ question }}" and read["group"] == ["context"]
    pair = guess(lambda i: {"premise": f"p{i}", "hypothesis": f"h{i}", "label": i % 3}).task["prompt"]
    assert "{{ premise }}" in pair and "{{ hypothesis }}" in pair
    options = guess(lambda i: {"question": f"Which? {i}", "options": ["x", "y"], "answer": i % 2}).task["prompt"]
    assert "for option in options" in options


def test_a_plain_prompt_asks_for_the_form_and_a_chat_leaves_that_to_the_system_message() -> None:
    def row(i: int) -> dict[str, Any]:
        return {"question": f"What is {i}?", "answer": i}

    assert "{{ form }}" in guess(row).task["prompt"]
    assert guess(row, chat=True).task["prompt"] == "{{ question }}"
    texts = guess(lambda i: {"text": f"t {i}", "topic": ("sport", "news", "art")[i % 3]}).task["prompt"]
    assert "art, news or sport" in texts


def test_named_columns_come_before_guesses() -> None:
    found = guess(
        lambda i: {"question": f"q {i}", "hint": f"h {i}", "answer": i, "code": f"c{i}"}, prompt="hint", answer="code"
    )
    assert "{{ hint }}" in found.task["prompt"] and found.task["answer"] == "code"


def test_columns_with_spaces_and_words_of_templates_are_quoted() -> None:
    assert '{{ row["Question text"] }}' in guess(lambda i: {"Question text": f"q {i}", "answer": i}).task["prompt"]
    assert '{{ row["form"] }}' in guess(lambda i: {"form": f"the form {i}", "answer": i}).task["prompt"]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (lambda i: {"item": {"question": f"q{i}", "answer": i}}, "item"),
        (lambda i: {"question": f"q{i}", "x": f"a {i}", "z": f"b {i}"}, "--answer"),
        (lambda i: {"text": f"t{i}", "label": "x"}, "label"),
        (lambda i: {"a": i, "b": i + 1}, "a, b"),
        (
            lambda i: {
                "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
                "answer": i,
            },
            "messages",
        ),
    ],
)
def test_what_cannot_be_guessed_is_refused_with_the_columns(row: Any, named: str) -> None:
    with pytest.raises(UserError) as refused:
        guess(row)
    assert named in str(refused.value) and len(refused.value.mistakes) == 1


def test_one_column_as_prompt_and_answer_is_refused() -> None:
    with pytest.raises(UserError, match="--prompt and --answer: got 'question'"):
        guess(lambda i: {"question": f"q{i}", "answer": i}, prompt="question", answer="question")


def test_a_column_that_is_not_there_or_empty_is_refused() -> None:
    for answer in ("anser", "empty"):
        with pytest.raises(UserError, match="--answer"):
            guess(lambda i: {"question": f"q{i}", "answer": i, "empty": ""}, answer=answer)


def test_answers_of_which_some_are_no_numbers_are_shown() -> None:
    kind = next(
        reason
        for reason in guess(lambda i: {"question": f"q{i}", "answer": "12 apples" if i % 5 == 0 else i}).reasons
        if reason.key == "kind"
    )
    assert kind.value == "text" and "80%" in kind.why and "'12 apples'" in kind.why
