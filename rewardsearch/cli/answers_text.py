"""Answers to held-out questions as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import print_lines

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.session.answers import Answer, Answers


def print_answers(answers: Answers, names: Mapping[str, str], limit: int, console: Console) -> None:
    """The first `limit` answers. names: names of arms by id."""
    reference = names.get(answers.reference or "", answers.reference)
    what = {
        "all": "answers",
        "wrong": "incorrect answers",
        "fixed": f"correct answers where {reference} is incorrect",
        "broken": f"incorrect answers where {reference} is correct",
    }[answers.which]
    print_lines(console, "", f"{len(answers.questions):,} of {answers.total:,} questions of {answers.split}: {what}")
    if answers.problem:
        print_lines(console, f"questions are missing: {answers.problem}")
    for each in answers.questions[:limit]:
        print_lines(console, "", f"{each.id}  gold {each.gold}")
        _print_block("question", each.prompt, console)
        _print_block(_outcome(each.answer), each.answer.completion, console)
        if each.reference is not None:
            _print_block(f"{reference} {_outcome(each.reference)}", each.reference.completion, console)
    if (left := len(answers.questions) - limit) > 0:
        print_lines(console, "", f"{left:,} more; --limit N shows more, --json shows all")


def _print_block(title: str, text: str | None, console: Console) -> None:
    """A titled text with its line breaks."""
    print_lines(console, f"  {title}:")
    lines = ("(not kept)" if text is None else text).splitlines()
    print_lines(console, *(f"    {line}" for line in lines), hang=4)


def _outcome(answer: Answer) -> str:
    return answer.kind if answer.prediction is None else f"{answer.kind}, {answer.prediction}"
