"""What to write instead, where a reward was written for other inputs than a task passes: messages, columns that it does not have,
golds that are whole solutions, another form of answer.

Such a reward is not mended by a guard: it would pay every completion the same. What it expects is read off its source, beside the
line that raised; what it expects and does not say (an index into a text, say) is not found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rewardsearch.records import FIXED_ARGUMENTS, LabelledCompletion
from rewardsearch.rewards.sandbox import parse
from rewardsearch.tasks.base import Task
from rewardsearch.validation.syntax import called, holds_line, is_rest, left_out, required, values_of

GUARD = "guard that line so that every completion gets a number"
_LISTS = (
    "prompts, completions, answer and columns are lists of texts, one entry a completion: go through them with `zip`"
)
_MESSAGE_KEYS = frozenset(
    (
        *("content", "role", "text", "message", "messages", "choices", "generated_text"),
        *("completion", "response", "output", "answer", "solution"),
    )
)
_MATCHERS = frozenset(("search", "match", "fullmatch", "groupdict"))
_TEXT_METHODS = frozenset(name for name in vars(str) if not name.startswith("_")) - frozenset(vars(list))
_READERS = frozenset(
    ("search", "match", "fullmatch", "findall", "finditer", "sub", "split", "float", "int", "Decimal", "Fraction")
)
_CONVERTERS = frozenset(("float", "int", "Decimal", "Fraction"))
_TAG = re.compile(r"(?<!\?P)<\\?/?(\w+)>")
_MARKS = {"####": "####", "<<": "<<", r"\boxed": "boxed"}
_SHAPE = ("TypeError", "AttributeError", "KeyError", "IndexError")


@dataclass(frozen=True)
class Inputs:
    """What a task passes to its rewards. answers: gold answers as they are written, `"17"` say. form: what a policy is asked to
    answer in. numeric: whether answers are numbers."""

    columns: tuple[str, ...]
    answers: str
    form: str
    numeric: bool

    @property
    def told(self) -> str:
        """One line for the proposer."""
        others = ", ".join(f"`{name}`" for name in self.columns) or "none"
        return (
            f"here prompts and completions are texts, the gold answer is `answer`, such as {self.answers}, other columns: "
            f"{others}; completions are asked for in the form {self.form}"
        )


def inputs_of(task: Task, items: Sequence[LabelledCompletion]) -> Inputs:
    """items: labelled completions of the task."""
    answers = task.classes or [item.row.answer for item in items[:1]]
    return Inputs(
        columns=tuple(task.columns),
        answers=" or ".join(f'"{answer}"' for answer in answers),
        form=task.form,
        numeric=task.numeric,
    )


class Source:
    """What a file that passed the static policy expects of its inputs."""

    def __init__(self, code: str, inputs: Inputs) -> None:
        self._inputs = inputs
        self._tree = parse(code)
        self._functions = {node.name: node for node in ast.walk(self._tree) if isinstance(node, ast.FunctionDef)}
        self._known = {*FIXED_ARGUMENTS, *inputs.columns}
        self._values = values_of(self._tree)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Arguments that `reward` takes without a default and that it is not passed."""
        return tuple(name for name in required(self._functions["reward"].args) if name not in self._known)

    def expected(self) -> Iterator[str]:
        """What it looks for and will not find, in words, on whatever line."""
        texts = {id(node.value) for node in ast.walk(self._tree) if isinstance(node, ast.Expr)}
        nodes = [node for node in ast.walk(self._tree) if id(node) not in texts]
        if any(map(self._message, nodes)):
            yield "prompts and completions are texts, not messages"
        if absent := self._absent_in(nodes):
            yield f"the task has no column {_listed(absent)}"
        if marks := self._foreign(nodes):
            yield f"it looks for {_listed(marks)}, which the asked form does not have"

    def remedy(self, error: str | None, line: int | None) -> str:
        """What to do where the file raised `error` in `line`."""
        there = [
            node for node in ast.walk(self._tree) if isinstance(node, ast.expr | ast.keyword) and holds_line(node, line)
        ]
        if absent := self._absent_in(there) or (self._unknown_keys(there) if error == "KeyError" else []):
            return f"the task has no column {_listed(absent)}"
        if error in _SHAPE and (message := next(filter(None, map(self._message, there)), None)):
            return f"prompts and completions are texts, not messages: write {message}"
        if error in ("JSONDecodeError", "ValueError", "TypeError") and "loads" in called(there):
            return "completions are plain text, not JSON: find the parts of the asked form with `re`"
        if error in (*_SHAPE, "ValueError") and (marks := self._foreign(self._with_values(there))):
            return (
                f"{_listed(marks)} stands neither in `answer`, which is the final answer alone, nor in the asked form"
            )
        if error in ("TypeError", "AttributeError") and any(_takes_for_text(node, self._lists) for node in there):
            return _LISTS
        if not self._inputs.numeric and error in ("ValueError", "InvalidOperation") and _CONVERTERS & called(there):
            return f"`answer` is {self._inputs.answers}, no number"
        return GUARD

    def _with_values(self, nodes: Sequence[ast.AST]) -> list[ast.AST]:
        """`nodes` and, for the names among them, all that they are set to anywhere in the file."""
        found, met = list(nodes), set[str]()
        for node in found:
            if isinstance(node, ast.Name) and node.id not in met:
                met.add(node.id)
                found += [inner for value in self._values.get(node.id, ()) for inner in ast.walk(value)]
        return found

    @cached_property
    def _columns(self) -> str:
        """What `reward` calls the dict of its further columns."""
        rest = self._functions["reward"].args.kwarg
        return rest.arg if rest is not None else ""

    @cached_property
    def _absent(self) -> dict[str, str]:
        """Names of the file that stand for a column which is not there, with the column's."""
        found = {name: name for name in left_out(self._functions["reward"].args) if name not in self._known}
        for name, values in self._values.items():
            looked_up = [key for value in values for inner in ast.walk(value) for key in self._looked_up(inner)]
            if looked_up:
                found[name] = looked_up[0]
        return found

    def _absent_in(self, nodes: Sequence[ast.AST]) -> list[str]:
        """The columns that the task does not have and that `nodes` ask for."""
        found: dict[str, None] = {}
        for node in nodes:
            found |= dict.fromkeys(self._looked_up(node))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self._absent:
                found[self._absent[node.id]] = None
            if isinstance(node, ast.Call) and any(is_rest(word, self._columns) for word in node.keywords):
                found |= dict.fromkeys(self._not_passed_on(node))
        return list(found)

    def _looked_up(self, node: ast.AST) -> Iterator[str]:
        """The column that `columns["x"]` or `columns.get("x")` looks up, where the task has none of that name."""
        match node:
            case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value=str(key))):
                pass
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr="get" | "pop"),
                args=[ast.Constant(value=str(key)), *_],
            ):
                pass
            case _:
                return
        if owner == self._columns and key not in self._known:
            yield key

    def _unknown_keys(self, nodes: Sequence[ast.AST]) -> list[str]:
        """Keys that `nodes` look up in what a function is passed, a dict of columns say, and that are no columns."""
        found: dict[str, None] = {}
        for node in nodes:
            match node:
                case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value=str(key))):
                    if owner not in self._values and key not in self._known:
                        found[key] = None
                case _:
                    pass
        return list(found)

    def _not_passed_on(self, call: ast.Call) -> Iterator[str]:
        """What a function of the file needs and `f(completions, **columns)` does not give it."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in self._functions:
            given = {*(word.arg for word in call.keywords), *self._inputs.columns}
            yield from (arg for arg in required(self._functions[name].args)[len(call.args) :] if arg not in given)

    @cached_property
    def _lists(self) -> frozenset[str]:
        """The lists that `reward` is passed, and parameters of the file's functions that it hands them on to."""
        found = set(FIXED_ARGUMENTS)
        for node in ast.walk(self._functions["reward"]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._functions:
                pairs = zip(self._functions[node.func.id].args.args, node.args, strict=False)
                found |= {to.arg for to, arg in pairs if isinstance(arg, ast.Name) and arg.id in FIXED_ARGUMENTS}
        return frozenset(found)

    def _message(self, node: ast.AST) -> str:
        """What to write for an expression that takes a text for messages: `completion` for `completion[0]["content"]`; "" where
        it is none."""
        match node:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))) if key in _MESSAGE_KEYS:
                if isinstance(owner, ast.Name) and (owner.id == self._columns or self._is_match(owner.id)):
                    return ""
                if isinstance(owner, ast.Subscript):
                    return f"`{ast.unparse(owner.value)}` for `{ast.unparse(node)}`".replace("'", '"')
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(value=str(key)), *_]) if (
                key in _MESSAGE_KEYS
            ):
                if isinstance(owner, ast.Name) and owner.id == self._columns:
                    return ""
            case ast.Attribute(attr="content" | "role" | "message" | "messages" | "choices"):
                pass
            case _:
                return ""
        return '`completion` for `completion[0]["content"]`'

    def _is_match(self, name: str) -> bool:
        """Whether a name stands for what a pattern found, whose groups have names."""
        nodes = [inner for value in self._values.get(name, ()) for inner in ast.walk(value)]
        return bool(_MATCHERS & called(nodes))

    def _foreign(self, nodes: Sequence[ast.AST]) -> list[str]:
        """Marks and tags in the texts among `nodes` by which other data and other prompts mark an answer."""
        own = set(_TAG.findall(self._inputs.form))
        found: dict[str, None] = {}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {mark: None for mark, text in _MARKS.items() if text in node.value}
                found |= {f"<{name}>": None for name in _TAG.findall(node.value) if name not in own}
        return list(found)


def _takes_for_text(node: ast.AST, lists: frozenset[str]) -> bool:
    """Whether one of `lists` is used as a text."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return name in lists and attr in _TEXT_METHODS
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=args):
            return function in _READERS and any(isinstance(arg, ast.Name) and arg.id in lists for arg in args)
        case _:
            return False


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
