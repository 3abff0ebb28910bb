"""Answer forms: how a completion writes its answer.

One form is used by prompts, the judgement of completions, base rewards, labelled examples and exploits alike. The parser of a
form is a file of its own in this folder, in plain Python, because rewards hold a copy of it (`AnswerForm.code`).
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from rewardsearch.errors import UserError

FORMS = ("tags", "boxed", "hash", "last_number", "json", "whole", "regex")
_SLOT = re.compile(r"\{(answer|reasoning)\}")
_NO_REASONS = re.compile(r"\{reasoning\}\s+(?=\{answer\})")
_TAGS = {
    "tags": re.compile(r"(<solution>\s*)(.*?)(\s*</solution>)", re.DOTALL),
    "rationale": re.compile(r"(<think>\s*)(.*?)(\s*</think>)", re.DOTALL),
}
"""The tag of an answer, of forms that have one."""


@dataclass(frozen=True)
class AnswerForm:
    """How a completion writes its answer.

    line, spread: the form with `{reasoning}` and `{answer}` in it, in two lay-outs. part: the piece that marks an answer. where:
    in words, where an answer stands. file: the parser's file in this folder. constants: values of its constants. cut: how a
    completion in the form begins, before its answer. reasons: the piece that holds the reasons.
    """

    name: str
    line: str
    spread: str
    part: str
    where: str
    file: str
    constants: tuple[tuple[str, str], ...] = ()
    cut: str = "{reasoning}"
    reasons: str = "{reasoning}"

    def parse(self, completion: str) -> str | None:
        """The answer as it is written, without outer white space; None where the completion has none in this form.

        Half of a surrogate pair, which no record can hold, becomes a question mark.
        """
        found = cast(str | None, self._namespace["solution"](completion))
        return None if found is None else found.encode("utf-8", "replace").decode()

    def write(self, answer: str, reasoning: str = "") -> str:
        """A completion with this answer. With words for what stands where it is the text that asks for the form."""
        return self._fill(self.line, answer, reasoning)

    def write_spread(self, answer: str, reasoning: str = "") -> str:
        """The same in another lay-out, over several lines where the form allows it."""
        return self._fill(self.spread, answer, reasoning)

    def write_part(self, answer: str) -> str:
        """The piece that marks an answer, without reasons."""
        return self._fill(self.part, answer, "")

    def write_reasons(self, reasoning: str) -> str:
        """The piece that holds the reasons, without an answer."""
        return self._fill(self.reasons, "", reasoning)

    def write_cut(self, reasoning: str) -> str:
        """A completion that breaks off before its answer."""
        return self._fill(self.cut, "", reasoning)

    def replace(self, completion: str, answer: str) -> str:
        """The same completion with another answer; as it is where it has none."""
        given = self.parse(completion)
        if given is None:
            return completion
        if self.name in _TAGS:
            return _TAGS[self.name].sub(lambda tag: f"{tag[1]}{answer}{tag[3]}", completion, count=1)
        if self.name == "json":
            start, end, found = self._namespace["found"](completion)
            changed = json.dumps({**found, self._namespace["KEY"]: answer}, ensure_ascii=False)
            return f"{completion[:start]}{changed}{completion[end:]}"
        start = max(completion.rfind(mark) for mark in self.marks) if self.marks else -1
        place = completion.find(given, start) if start >= 0 else completion.rfind(given)
        return f"{completion[:place]}{answer}{completion[place + len(given) :]}"

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that a completion in this form has once each; empty for a form without marks."""
        return cast("tuple[str, ...]", self._namespace["MARKS"])

    @property
    def code(self) -> str:
        """The parser as Python source, for rewards: MARKS, `solution(completion)`, `is_exact(completion)`."""
        return _code(self.file, self.constants)

    @property
    def _namespace(self) -> Mapping[str, Any]:
        return _compiled(self.code)

    def _fill(self, text: str, answer: str, reasoning: str) -> str:
        if self.name == "rationale" and not reasoning:
            text = _NO_REASONS.sub("", text)
        write: Callable[[str], str] = _json_value if self.name == "json" else str
        return _SLOT.sub(lambda slot: write(answer if slot[1] == "answer" else reasoning), text).strip(" ")


TAGS = AnswerForm(
    "tags",
    "<thinking> {reasoning} </thinking> <solution> {answer} </solution>",
    "<thinking>\n{reasoning}\n</thinking>\n<solution>\n{answer}\n</solution>",
    "<solution> {answer} </solution>",
    "the first <solution> tag is closed and holds",
    "tags",
    cut="<thinking> {reasoning}",
    reasons="<thinking> {reasoning} </thinking>",
)
RATIONALE = AnswerForm(
    "rationale",
    "<think> {reasoning} {answer} </think>",
    "<think>\n{reasoning}\n{answer}\n</think>",
    "<think> {answer} </think>",
    "the first <think> tag is closed and holds",
    "rationale",
    cut="<think> {reasoning}",
    reasons="<think> {reasoning} </think>",
)
"""For tasks that judge what a rationale does for the policy (`Task.measures`): no `task.form` names it."""
_FIXED = (
    TAGS,
    AnswerForm(
        "boxed",
        r"{reasoning} \boxed{{answer}}",
        "{reasoning}\n\n$\\boxed{{answer}}$",
        r"\boxed{{answer}}",
        r"the last \boxed{...} is closed and holds",
        "boxed",
    ),
    AnswerForm(
        "hash",
        "{reasoning}\n#### {answer}",
        "{reasoning}\n\n####{answer}\n",
        "#### {answer}\n",
        "the line of the last `####` holds",
        "hash",
    ),
    AnswerForm(
        "last_number",
        "{reasoning} The answer is {answer}.",
        "{reasoning}\n\nAnswer: {answer}\n",
        "{answer}",
        "the last number of the completion is",
        "last_number",
    ),
    AnswerForm("whole", "{answer}", "\n{answer}\n", "{answer}", "the whole completion is", "whole"),
)


def form_of(setting: str | Mapping[str, str]) -> AnswerForm:
    """The form that `task.form` names: a name, or `json: KEY` or `regex: PATTERN` as a text or a mapping.

    A pattern's mapping may have an `example`, a text with `{answer}` in it that the pattern reads. Raises UserError.
    """
    given: str | Mapping[str, str] = setting
    if isinstance(setting, str) and ":" in setting:
        name, _, value = setting.partition(":")
        given = {name.strip(): value.strip()}
    if isinstance(given, str):
        found = next((form for form in _FIXED if form.name == given), None)
        if found is not None:
            return found
    elif set(given) == {"json"} and given["json"]:
        return _json_form(given["json"])
    elif set(given) in ({"regex"}, {"regex", "example"}) and given["regex"]:
        return _regex_form(given["regex"], given.get("example"))
    raise UserError(
        f"task.form: got {setting!r}; allowed: tags, boxed, hash, last_number, whole, 'json: KEY', 'regex: PATTERN', or "
        "{regex: PATTERN, example: 'Answer: {answer}'}"
    )


def _json_form(key: str) -> AnswerForm:
    reasons = '"thoughts"' if key == "reasoning" else '"reasoning"'
    name = json.dumps(key, ensure_ascii=False)
    return AnswerForm(
        "json",
        f"{{{reasons}: {{reasoning}}, {name}: {{answer}}}}",
        f"{{\n  {reasons}: {{reasoning}},\n  {name}: {{answer}}\n}}",
        f"{{{name}: {{answer}}}}",
        f"the last JSON object with the key {name} has there",
        "json_key",
        (("KEY", key),),
        cut=f"{{{reasons}: {{reasoning}}",
    )


def _regex_form(pattern: str, example: str | None) -> AnswerForm:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(f"task.form: {pattern!r} is no regular expression ({error}); fix it") from None
    example = _example_of(pattern) if example is None else example
    if example is None or "{answer}" not in example:
        raise UserError(
            f"task.form: no text follows from the pattern {pattern!r}; give one that it reads, with {{answer}} in it: "
            "{regex: PATTERN, example: 'Answer: {answer}'}"
        )
    return AnswerForm(
        "regex",
        f"{{reasoning}}\n{example}",
        f"{{reasoning}}\n\n{example}\n",
        f"{example}\n",
        f"the last match of the pattern `{pattern}` finds",
        "regex",
        (("PATTERN", pattern),),
    )


def _example_of(pattern: str) -> str | None:
    """A text that a simple pattern reads, with `{answer}` for its first group; None where the pattern is not that simple."""
    found = re.fullmatch(r"(?:\(\?[a-z]+\))?\^?((?:[^()\\]|\\.)*)\((?!\?)(?:[^()\\]|\\.)+\)((?:[^()\\]|\\.)*)", pattern)
    if found is None:
        return None
    sides = [re.sub(r"\\s[*+]?", " ", side).replace(r"\b", "") for side in found.groups()]
    sides[1] = sides[1].removesuffix("$")
    if any(re.search(r"(?<!\\)[.*+?\[\]{}|^$]|\\[A-Za-z0-9]", side) for side in sides):
        return None
    before, after = (re.sub(r"\\(.)", r"\1", side) for side in sides)
    return f"{before}{{answer}}{after}"


def _json_value(text: str) -> str:
    """`text` in a JSON object: as it is where it is JSON in its one form already, such as 17 or a list, else as a JSON text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    own = (
        value is not None and not isinstance(value, str) and not (isinstance(value, float) and not math.isfinite(value))
    )
    if own and json.dumps(value, sort_keys=True, ensure_ascii=False) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


@lru_cache
def _code(file: str, constants: tuple[tuple[str, str], ...]) -> str:
    lines = Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8").splitlines()
    docstring, *nodes = ast.parse("\n".join(lines)).body
    values = dict(constants)
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in values:
            name = node.targets[0].id
            lines[node.lineno - 1 : node.end_lineno] = [f"{name} = {values[name]!r}"]
    return "\n".join(lines[docstring.end_lineno :]).strip() + "\n"


@lru_cache
def _compiled(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(code, "<answer form>", "exec"), namespace)
    return namespace
