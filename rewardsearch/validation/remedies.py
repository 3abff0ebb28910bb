"""Remedies for rewards that were written for other inputs than the task passes: messages, columns that the task does not have,
gold answers that are whole solutions, another form of answer.

A guard does not repair such a reward: it would then pay every completion the same. What the reward expects is read from its
source, near the line that raised. What it expects without saying so (an index into a text, for example) is not found.
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

GUARD = "guard that line, so that every completion gets a number"
_LISTS = (
    "prompts, completions, answer and columns are lists of strings, one entry per completion: loop over them with `zip`"
)
_MESSAGE_KEYS = frozenset(
    (
        *("content", "role", "text", "message", "messages", "choices", "generated_text"),
        *("completion", "response", "output", "answer", "solution"),
    )
)
_MESSAGE_ATTRIBUTES = ("content", "role", "message", "messages", "choices")
_MATCHERS = frozenset(("search", "match", "fullmatch", "groupdict"))
_TEXT_METHODS = frozenset(name for name in vars(str) if not name.startswith("_")) - frozenset(vars(list))
_READERS = frozenset(
    ("search", "match", "fullmatch", "findall", "finditer", "sub", "split", "float", "int", "Decimal", "Fraction")
)
_CONVERTERS = frozenset(("float", "int", "Decimal", "Fraction"))
_TAG = re.compile(r"(?<!\?P)<\\?/?(\w+)>")
_MARKERS = {"####": "####", "<<": "<<", r"\boxed": "boxed"}
_SHAPE = ("TypeError", "AttributeError", "KeyError", "IndexError")


@dataclass(frozen=True)
class Inputs:
    """What a task passes to its rewards. columns: those with texts. measured: those with numbers. answers: gold answers as they
    are written, such as `"17"`. form: the form that the prompt asks for. numeric: whether answers are numbers."""

    columns: tuple[str, ...]
    measured: tuple[str, ...]
    answers: str
    form: str
    numeric: bool

    @property
    def description(self) -> str:
        """One line for the proposer."""
        numbers = f", columns of floats: {_listed(self.measured)}" if self.measured else ""
        return (
            f"on this task prompts and completions are strings, the gold answer is `answer` (such as {self.answers}), "
            f"other columns: {_listed(self.columns) or 'none'}{numbers}; the prompt asks for the form {self.form}"
        )


def inputs_of(task: Task, items: Sequence[LabelledCompletion]) -> Inputs:
    """items: labelled completions of the task."""
    answers = task.classes or [item.row.answer for item in items[:1]]
    return Inputs(
        columns=tuple(task.columns),
        measured=() if task.measures is None else task.measures.columns,
        answers=" or ".join(f'"{answer}"' for answer in answers),
        form=task.form,
        numeric=task.numeric,
    )


class Source:
    """What a file that passed the static policy expects its inputs to be."""

    def __init__(self, code: str, inputs: Inputs) -> None:
        self._inputs = inputs
        self._tree = parse(code)
        self._functions = {node.name: node for node in ast.walk(self._tree) if isinstance(node, ast.FunctionDef)}
        self._known = {*FIXED_ARGUMENTS, *inputs.columns, *inputs.measured}
        self._values = values_of(self._tree)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Arguments of `reward` without a default that it is not passed."""
        return tuple(name for name in required(self._functions["reward"].args) if name not in self._known)

    def expected(self) -> Iterator[str]:
        """In words: what any line of it looks for and cannot find."""
        texts = {id(node.value) for node in ast.walk(self._tree) if isinstance(node, ast.Expr)}
        nodes = [node for node in ast.walk(self._tree) if id(node) not in texts]
        if any(map(self._message, nodes)):
            yield "prompts and completions are strings, not messages"
        if absent := self._absent_in(nodes):
            yield f"the task has no column {_listed(absent)}"
        if markers := self._foreign(nodes):
            yield f"it looks for {_listed(markers)}, which the asked form does not contain"

    def remedy(self, error: str | None, line: int | None) -> str:
        """What to do about `error`, which the file raised in `line`."""
        there = [
            node
            for node in ast.walk(self._tree)
            if isinstance(node, ast.expr | ast.keyword) and covers_line(node, line)
        ]
        if absent := self._absent_in(there) or (self._unknown_keys(there) if error == "KeyError" else []):
            return f"the task has no column {_listed(absent)}"
        if error in _SHAPE and (message := next(filter(None, map(self._message, there)), None)):
            return f"prompts and completions are strings, not messages: write {message}"
        if error in ("JSONDecodeError", "ValueError", "TypeError") and "loads" in called_names(there):
            return "completions are plain text, not JSON: find the parts of the asked form with `re`"
        if error in (*_SHAPE, "ValueError") and (markers := self._foreign(self._with_values(there))):
            return f"neither `answer`, which is only the final answer, nor the asked form contains {_listed(markers)}"
        if error in ("TypeError", "AttributeError") and any(_uses_as_string(node, self._lists) for node in there):
            return _LISTS
        if error in ("TypeError", "AttributeError") and (measured := self._measured_in(there)):
            return f"{_listed(measured)}: a list of floats, one per completion: loop over it with `zip`"
        if (
            not self._inputs.numeric
            and error in ("ValueError", "InvalidOperation")
            and _CONVERTERS & called_names(there)
        ):
            return f"`answer` is {self._inputs.answers}, not a number"
        return GUARD

    def _with_values(self, nodes: Sequence[ast.AST]) -> list[ast.AST]:
        """`nodes` and, for the names among them, everything they are set to anywhere in the file."""
        found, met = list(nodes), set[str]()
        for node in found:
            if isinstance(node, ast.Name) and node.id not in met:
                met.add(node.id)
                found += [inner for value in self._values.get(node.id, ()) for inner in ast.walk(value)]
        return found

    @cached_property
    def _columns(self) -> str:
        """The name of `reward`'s `**columns` argument."""
        rest = self._functions["reward"].args.kwarg
        return rest.arg if rest is not None else ""

    @cached_property
    def _absent(self) -> dict[str, str]:
        """Names in the file that hold a column which the task does not have, and that column."""
        found = {name: name for name in empty_when_omitted(self._functions["reward"].args) if name not in self._known}
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

    def _measured_in(self, nodes: Sequence[ast.AST]) -> list[str]:
        """The measured columns that `nodes` name."""
        names = {getattr(node, "id", getattr(node, "value", None)) for node in self._with_values(nodes)}
        return [name for name in self._inputs.measured if name in names]

    def _looked_up(self, node: ast.AST) -> Iterator[str]:
        """The column that `columns["x"]` or `columns.get("x")` looks up, if the task has none of that name."""
        owner, key = _lookup(node)
        if isinstance(owner, ast.Name) and owner.id == self._columns and key not in self._known:
            yield key

    def _unknown_keys(self, nodes: Sequence[ast.AST]) -> list[str]:
        """Keys that `nodes` look up in an argument of a function, such as a dict of columns, and that are no columns."""
        pairs = (_lookup(node) for node in nodes if isinstance(node, ast.Subscript))
        names = ((owner.id, key) for owner, key in pairs if isinstance(owner, ast.Name))
        return list(dict.fromkeys(key for owner, key in names if owner not in self._values and key not in self._known))

    def _not_passed_on(self, call: ast.Call) -> Iterator[str]:
        """Arguments that a function of the file needs and `f(completions, **columns)` does not pass."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in self._functions:
            given = {*(word.arg for word in call.keywords), *self._inputs.columns, *self._inputs.measured}
            yield from (arg for arg in required(self._functions[name].args)[len(call.args) :] if arg not in given)

    @cached_property
    def _lists(self) -> frozenset[str]:
        """The lists that `reward` is passed, and the parameters of the file's functions that it passes them to."""
        found = set(FIXED_ARGUMENTS)
        for node in ast.walk(self._functions["reward"]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._functions:
                pairs = zip(self._functions[node.func.id].args.args, node.args, strict=False)
                found |= {to.arg for to, arg in pairs if isinstance(arg, ast.Name) and arg.id in FIXED_ARGUMENTS}
        return frozenset(found)

    def _message(self, node: ast.AST) -> str:
        """What to write for an expression that treats a string as messages: `completion` for `completion[0]["content"]`; ""
        for any other expression."""
        owner, key = _lookup(node)
        if key not in _MESSAGE_KEYS and not (isinstance(node, ast.Attribute) and node.attr in _MESSAGE_ATTRIBUTES):
            return ""
        if isinstance(owner, ast.Name) and (owner.id == self._columns or self._is_match(owner.id)):
            return ""
        if isinstance(owner, ast.Subscript):
            return f"`{ast.unparse(owner.value)}` for `{ast.unparse(node)}`".replace("'", '"')
        return '`completion` for `completion[0]["content"]`'

    def _is_match(self, name: str) -> bool:
        """Whether a name holds a match of a pattern, whose groups have names."""
        nodes = [inner for value in self._values.get(name, ()) for inner in ast.walk(value)]
        return bool(_MATCHERS & called_names(nodes))

    def _foreign(self, nodes: Sequence[ast.AST]) -> list[str]:
        """Markers and tags among `nodes` that other data sets and prompts put around an answer."""
        own = set(_TAG.findall(self._inputs.form))
        found: dict[str, None] = {}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {marker: None for marker, text in _MARKERS.items() if text in node.value}
                found |= {f"<{name}>": None for name in _TAG.findall(node.value) if name not in own}
        return list(found)


def _lookup(node: ast.AST) -> tuple[ast.expr | None, str]:
    """The owner and the key of `owner["key"]`, `owner.get("key")` or `owner.pop("key")`; None and "" for other expressions."""
    match node:
        case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))):
            return owner, key
        case ast.Call(func=ast.Attribute(value=owner, attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_]):
            return owner, key
        case _:
            return None, ""


def _uses_as_string(node: ast.AST, lists: frozenset[str]) -> bool:
    """Whether one of `lists` is used as a string."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return name in lists and attr in _TEXT_METHODS
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=args):
            return function in _READERS and any(isinstance(arg, ast.Name) and arg.id in lists for arg in args)
        case _:
            return False


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def values_of(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """What each name is set to in the file."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                for target in names:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(value)
            case _:
                pass
    return found


def required(args: ast.arguments) -> list[str]:
    """The parameters without a default that can be passed by name, the positional ones first."""
    positional = args.args[: len(args.args) - len(args.defaults)]
    named = [arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    return [arg.arg for arg in (*positional, *named)]


def empty_when_omitted(args: ast.arguments) -> list[str]:
    """The parameters that hold nothing when they are not passed: without a default, or with a default of None or empty."""
    positional = zip(args.args[len(args.args) - len(args.defaults) :], args.defaults, strict=True)
    pairs = (*positional, *zip(args.kwonlyargs, args.kw_defaults, strict=True))
    empty = (arg.arg for arg, default in pairs if default and ast.unparse(default) in ("None", "()", "[]", "''"))
    return [*required(args), *empty]


def covers_line(node: ast.expr | ast.keyword, line: int | None) -> bool:
    """Whether a line of the file belongs to the node."""
    return line is not None and node.lineno <= line <= (node.end_lineno or node.lineno)


def is_rest(word: ast.keyword, columns: str) -> bool:
    """Whether a keyword of a call is `**columns`."""
    return word.arg is None and isinstance(word.value, ast.Name) and word.value.id == columns


def called_names(nodes: Sequence[ast.AST]) -> set[str]:
    """The names of the functions that `nodes` call."""
    functions = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = (getattr(each, "id", getattr(each, "attr", None)) for each in functions)
    return {name for name in names if name is not None}
