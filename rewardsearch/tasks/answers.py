"""How completions are judged: the form that an answer is written in, and what counts as the same answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rewardsearch.records import Outcome, OutcomeKind, Row
from rewardsearch.tasks.equal import Choice, Equality
from rewardsearch.tasks.forms import AnswerForm

_OPEN_SOLUTION = re.compile(r"<solution>(.*?)(?:</solution>|\Z)", re.DOTALL)
_NUMBER = re.compile(r"(?:(?<![\w)])(?<![\d)] )[-\u2212])?\$?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_MARK = re.compile(r"\\boxed\{|####|\banswer\b(?:\s+is\b)?[\s:=*]*", re.IGNORECASE)
_MARKED = re.compile(r"(?:(?![.!?]\s|[\n}]).){0,80}")
"""What a mark of an answer applies to: the rest of its sentence."""


@dataclass(frozen=True)
class Answers:
    """The judgement of a task's completions. positive: the class whose F1 counts; None where no class is named so."""

    form: AnswerForm
    equal: Equality
    positive: str | None = None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes; None where answers are free."""
        return self.equal.classes if isinstance(self.equal, Choice) else None

    @property
    def asked(self) -> str:
        """The text that asks for the form."""
        return self.form.write(self.equal.placeholder, self.equal.reasons)

    @property
    def counts(self) -> str:
        """When an answer counts and when it is correct, for proposers."""
        return f"An answer counts only when {self.form.where} {self.equal.counts}"

    def value(self, completion: str) -> Any:
        """The answer of a completion; None where it has none in the asked form."""
        text = self.form.parse(completion)
        return self.read(text) if text else None

    def read(self, text: str) -> Any:
        """The value of an answer as it is written; None for a text that is no answer."""
        return self.equal.read(text)

    def is_right(self, value: Any, row: Row) -> bool:
        return value is not None and self.equal.same(value, self.equal.read(row.answer))

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        """Correct, wrong or unparsed, by the answer in the asked form."""
        value = self.value(completion)
        kind: OutcomeKind = "unparsed"
        if value is not None:
            kind = "correct" if self.is_right(value, row) else "wrong"
        return Outcome(
            id=row.id,
            kind=kind,
            gold=row.answer,
            prediction=None if value is None else self.equal.shown(value),
            length=length,
            positive=None if self.positive is None else row.answer == self.positive,
            classes=self.classes,
        )

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        """Whether a completion answers `row` right, also outside the asked form."""
        if (value := self.value(completion)) is not None:
            return self.is_right(value, row)
        if self.classes is not None:
            return _named_class(completion, self.classes) == row.answer
        said = _said_numbers(completion) if self.equal.numeric else _said_texts(completion)
        return any(self.is_right(self.read(text), row) for text in said)


def _said_numbers(completion: str) -> Iterator[str]:
    """The number that a completion answers outside the form: in a solution tag that is unclosed or holds words as well; else
    after its last mark (`the answer is`, `####`, `\\boxed{`); else its last number."""
    tag = _OPEN_SOLUTION.search(completion)
    if tag is not None and (inside := _NUMBER.findall(tag[1])):
        yield inside[-1]
        return
    for mark in reversed(list(_MARK.finditer(completion))):
        marked = _MARKED.match(completion, mark.end())
        if marked is not None and (numbers := _NUMBER.findall(marked[0])):
            yield numbers[-1] if "=" in marked[0] else numbers[0]
            return
    yield from _NUMBER.findall(completion)[-1:]


def _said_texts(completion: str) -> Iterator[str]:
    """Where a completion may have its answer outside the form: after its last mark, and in its last line."""
    for mark in list(_MARK.finditer(completion))[-1:]:
        if marked := _MARKED.match(completion, mark.end()):
            yield marked[0]
    yield from completion.strip().splitlines()[-1:]


def _named_class(completion: str, classes: tuple[str, ...]) -> str | None:
    """The last class that a completion names, as it is written if it does so anywhere. None without one."""
    names = "|".join(re.escape(name) for name in sorted(classes, key=len, reverse=True))
    for case in (re.NOFLAG, re.IGNORECASE):
        if named := re.findall(rf"(?<!\bnot )(?<!\w)(?:{names})(?!\w)", completion, case):
            last = named[-1].casefold()
            return next(name for name in classes if name.casefold() == last)
    return None
