"""Rows of a user's data as examples: prompt, gold answer, worked solution and columns, each a column or a Jinja template.

Left out and counted are rows without a prompt or an answer, repeated rows, and rows of a prompt that has several answers. All
other mistakes are errors that name the row.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Row, message_text
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.carving import Found
from rewardsearch.tasks.filling import GLOBALS, filled, template_of, variables
from rewardsearch.tasks.sources import source_name
from rewardsearch.tasks.splitting import digest, sign_form, words
from rewardsearch.tasks.tables import Mistakes, Table, cell_text, json_kind

Prompt = str | list[dict[str, str]]
_UNFILLED = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What the expressions of a template raise."""
_PROVIDED = frozenset(("row", "form"))
"""Names that templates have beside the columns: the whole row, and the text that asks for the answer form."""
ASKS = "Answer in exactly this form:\n{{ form }}"
"""What asks for the answer form: the system message where the config has none."""


@dataclass(frozen=True)
class Example:
    """A row of the data, in no split yet.

    where: its place in the source. key: what its prompt is compared by. ties: digests; rows that share one are in one split.
    """

    where: str
    prompt: Prompt
    answer: str
    solution: str
    columns: Mapping[str, str]
    key: str
    ties: tuple[str, ...]

    def row(self, id: str) -> Row:
        return Row(id=id, prompt=self.prompt, answer=self.answer, columns=dict(self.columns))


def read_examples(
    config: TaskConfig, answers: Answers, part: str, key: str, table: Table, mistakes: Mistakes
) -> Found[Example]:
    """The examples of `task.data`, `task.val_data` or `task.test_data`; the user named the source in `key`.

    mistakes: of the table so far. Raises UserError with every mistake of the source. Messages about the sealed test name rows
    and show none of their text.
    """
    name = source_name(str(getattr(config, part)))
    if not table.rows:
        mistakes.end(name)
        raise UserError(f"{name} has no rows; {key} needs a row for each question")
    reader = _RowReader(config, answers, table, name, part)
    found = Found[Example]([], len(table.rows))
    for where, row in table.rows:
        example = reader.example(where, row, mistakes, found.left_out)
        if example is not None:
            found.examples.append(example)
    reader.check_pattern(len(found.examples))
    reader.check_types(table, mistakes)
    mistakes.end(name)
    found.examples = _once(found.examples, found)
    return found


def answer_values(config: TaskConfig, table: Table) -> list[str]:
    """The different gold answers of `task.data` as they are written, for a choice that names no classes. Raises UserError."""
    value = _filler("answer", config.answer or "answer", table, source_name(str(config.data)), "")
    found: dict[str, None] = {}
    for where, row in table.rows:
        try:
            found[cell_text(value(_filled_row(row)))[0]] = None
        except _UNFILLED as error:
            why = " ".join(str(error).split())
            raise UserError(
                f"{where}: task.answer cannot be filled in ({why}); correct row or template, or name the classes"
            ) from None
    return [text for text in found if text]


def _once(examples: Iterable[Example], found: Found[Example]) -> list[Example]:
    """Each example once, and none whose prompt has several answers."""
    by_prompt: defaultdict[str, list[Example]] = defaultdict(list)
    for each in examples:
        by_prompt[each.key].append(each)
    out, torn = [], []
    for same in by_prompt.values():
        other = next((each for each in same if each.answer != same[0].answer), None)
        if other is not None:
            torn.append((same[0].where, other.where))
            found.left_out["the same prompt with different answers"] += len(same)
            continue
        out.append(same[0])
        if len(same) > 1:
            found.left_out["the same row again"] += len(same) - 1
    if torn:
        first, second = torn[0]
        found.notes.append(
            f"{first} and {second} have the same prompt and different answers; {len(torn):,} prompts like this are left out: "
            "correct their answers"
        )
    return out


class _RowReader:
    """Makes examples of the rows of one table. Raises UserError for columns that it does not have."""

    def __init__(self, config: TaskConfig, answers: Answers, table: Table, name: str, part: str) -> None:
        self._config, self._answers = config, answers
        # A test file that is the data is no secret.
        same = config.test_data == config.data and Path(config.data or "").expanduser().is_file()
        self._shown = part != "test_data" or same
        self._unwritable: tuple[str, str] | None = None
        """The first row whose answer the form cannot hold, and that answer."""
        solution = config.solution if part == "data" else None
        form = answers.asked
        self._prompt = _filler("prompt", config.prompt or "prompt", table, name, form)
        self._answer = _filler("answer", config.answer or "answer", table, name, form)
        self._solution = _filler("solution", solution, table, name, form) if solution else None
        system = config.system if config.system is not None else ASKS
        self._system = text_template("system", system, table, name, form) if config.chat else None
        for key, columns in (("columns", config.columns.rewards), ("group", config.group)):
            for place, column in enumerate(columns):
                table.check_column(column, name, f"task.{key}.{place}")

    def example(self, where: str, row: Mapping[str, Any], mistakes: Mistakes, left_out: Counter[str]) -> Example | None:
        """The example of a row; None for one that is left out or has a mistake."""
        before, row = len(mistakes), _filled_row(row)

        def text(key: str, value: Callable[[Mapping[str, Any]], Any]) -> str:
            found, wrong = cell_text(self._filled(key, value, where, row, mistakes))
            if wrong:
                mistakes.add(f"a {key} that is no text", f"{where}, {self._named(key)}: {wrong}")
            return found

        raw = self._filled("prompt", self._prompt, where, row, mistakes)
        messages = chat_messages(raw)
        if messages is None and isinstance(raw, list) and raw:
            mistakes.add("a prompt that is no chat", f"{where}, {self._named('prompt')}: {_broken_message(raw)}")
            return None
        prompt = "" if messages else text("prompt", lambda row: raw)
        asked = message_text(messages) if messages else prompt
        if isinstance(raw, str):
            prompt = raw  # White space at the ends is part of a prompt.
        cell = self._filled("answer", self._answer, where, row, mistakes)
        if len(mistakes) > before:
            return None
        if missing := [key for key, value in (("prompt", asked), ("answer", cell)) if is_missing(value)]:
            left_out[f"no {missing[0]}"] += 1
            return None
        answer = self._gold(where, cell, mistakes)
        solution = text("solution", self._solution) if self._solution else ""
        columns = {name: _column_text(row.get(name)) for name in self._config.columns.rewards}
        if answer is None or len(mistakes) > before or not self._writable(where, answer, solution, mistakes):
            return None
        key = digest(sign_form(asked))
        groups = ((name, cell_text(row.get(name))[0]) for name in self._config.group)
        ties = tuple(digest("group", name, words(value)) for name, value in groups if value)
        if messages is None and self._system is not None:
            system = str(self._filled("system", self._system, where, row, mistakes))
            messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        return Example(where, messages or prompt, answer, solution, columns, key, ties or (digest("prompt", key),))

    def check_pattern(self, usable: int) -> None:
        """Raises UserError where a pattern reads its own example with no answer of the source, of which it took `usable` rows."""
        form = self._answers.form
        if form.name != "regex" or usable or self._unwritable is None:
            return
        where, answer = self._unwritable
        example = form.write_part(answer if self._shown else "{answer}").strip()
        raise UserError(
            f"task.form: the pattern {dict(form.constants)['PATTERN']!r} does not read the answer in its example {example!r} "
            f"({where}, and every other row); correct the pattern, or give the example that it reads"
        )

    def check_types(self, table: Table, mistakes: Mistakes) -> None:
        """Adds a mistake where some answers are numbers or truth values and others texts, which may be a slip of a program."""
        column = self._config.answer or "answer"
        if self._answers.equal.numeric or column not in table.columns:
            return
        first: tuple[str, str] | None = None
        for where, row in table.rows:
            value = row.get(column)
            if is_missing(value):
                continue
            first = first or (where, json_kind(value))
            if json_kind(value) != first[1]:
                mistakes.add(
                    "an answer of another type",
                    f"{where}, column {column}: got {json_kind(value)}, and {first[1]} in {first[0]}; write all answers alike",
                )

    def _filled(
        self,
        key: str,
        value: Callable[[Mapping[str, Any]], Any],
        where: str,
        row: Mapping[str, Any],
        mistakes: Mistakes,
    ) -> Any:
        try:
            return value(row)
        except SecurityError as error:
            # Other rows would take as long.
            raise UserError(
                f"{where}: task.{key} takes too much to be filled in ({error}); make the template smaller"
            ) from None
        except _UNFILLED as error:
            why = f" ({' '.join(str(error).split())})" if self._shown else ""
            mistakes.add(
                f"a {key} that cannot be filled in",
                f"{where}: task.{key} cannot be filled in{why}; correct row or template",
            )
            return ""

    def _gold(self, where: str, cell: Any, mistakes: Mistakes) -> str | None:
        written = str(cell).lower() if isinstance(cell, bool) else str(cell)
        written = written.rpartition("####")[2].strip() if self._answers.equal.numeric else written
        what = f"got {written[:40]!r}, which" if self._shown else "its value"
        if isinstance(cell, dict | list) and self._answers.equal.name != "text":
            mistakes.add(
                "an answer that is no text", f"{where}, {self._named('answer')}: got {json_kind(cell)}; give a text"
            )
            return None
        try:
            return self._answers.equal.gold(cell)
        except ValueError as error:
            mistakes.add("an answer that cannot be used", f"{where}, {self._named('answer')}: {what} {error}")
            return None

    def _writable(self, where: str, answer: str, solution: str, mistakes: Mistakes) -> bool:
        """Whether the right answer in the answer form is judged right, alone and after the solution."""
        gold = self._answers.equal.read(answer)
        for key, reasons in (("answer", ""), *([("solution", solution)] if solution else [])):
            value = self._answers.value(self._answers.form.write(answer, reasons))
            if value is None or not self._answers.equal.same(value, gold):
                self._unwritable = self._unwritable or (where, answer)
                got = f"got {(answer if key == 'answer' else reasons)[:40]!r}, with which" if self._shown else "with it"
                mistakes.add(
                    f"a {key} that the form cannot hold",
                    f"{where}, {self._named(key)}: {got} a right completion is not judged right in the form "
                    f"{self._answers.form.name}; take the form's signs out of it, or choose another task.form",
                )
                return False
        return True

    def _named(self, key: str) -> str:
        setting = getattr(self._config, key) or key
        return f"task.{key}" if _is_template(setting) else f"column {setting}"


def _is_template(setting: str) -> bool:
    return "{{" in setting or "{%" in setting


def columns_in(setting: str) -> set[str]:
    """The columns that a key of the config reads: the one that it names, or those of its template."""
    return variables(setting) if _is_template(setting) else {setting}


def _filler(key: str, setting: str, table: Table, name: str, form: str) -> Callable[[Mapping[str, Any]], Any]:
    """What gives a row's value of `task.KEY`: the cell of a column, or a template."""
    if setting in table.columns or not _is_template(setting):
        table.check_column(setting, name, f"task.{key}")
        return lambda row: row.get(setting)
    return text_template(key, setting, table, name, form)


def text_template(key: str, text: str, table: Table, name: str, form: str) -> Callable[[Mapping[str, Any]], Any]:
    """What fills in the template `task.KEY` for a row. Raises UserError for one that is broken or reads other columns."""
    try:
        names, template = variables(text), template_of(text)
    except TemplateSyntaxError as error:
        raise UserError(f"task.{key}: line {error.lineno} of the template: {error.message}; fix the template") from None
    for each in sorted(names - _PROVIDED - GLOBALS):
        table.check_column(each, name, f"the template task.{key}")
    blank = dict.fromkeys(table.columns, "")
    return lambda row: filled(template, {**blank, **row, "row": {**blank, **row}, "form": form})


def _filled_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with an empty text for what is missing."""
    return {name: "" if is_missing(cell) else cell for name, cell in row.items()}


def is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def chat_messages(value: Any) -> list[dict[str, str]] | None:
    """A prompt that is chat messages already; None for any other."""
    if not isinstance(value, list) or not value or not all(isinstance(each, Mapping) for each in value):
        return None
    if not all(isinstance(each.get(key), str) for each in value for key in ("role", "content")):
        return None
    return [{"role": each["role"], "content": each["content"]} for each in value]


def _broken_message(prompt: list[Any]) -> str:
    """What is wrong with a list that is no chat: the first item that is no message."""
    place, each = next((place, each) for place, each in enumerate(prompt, 1) if not chat_messages([each]))
    found = json_kind(each)
    if isinstance(each, Mapping):
        key = "content" if isinstance(each.get("role"), str) else "role"
        found = f"an object whose {key} is {json_kind(each.get(key))}"
    return f'message {place} is {found}; give texts: {{"role": "user", "content": "What is 1 + 1?"}}'


def _column_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else cell_text(value)[0]
