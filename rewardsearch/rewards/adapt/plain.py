"""Rewrites the few things of a trainer that have a plain equivalent: tensors of lists, base classes, types, `async`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from rewardsearch.rewards.adapt.conventions import OPENRLHF, FunctionNode
from rewardsearch.rewards.adapt.edits import Edit, Positions
from rewardsearch.rewards.adapt.reading import read_names
from rewardsearch.rewards.sandbox.static.allowed import BUILTINS

_TENSORS = frozenset(("tensor", "as_tensor", "FloatTensor"))
_FLOATS = frozenset(("float", "float32", "float64", "double"))


def plain(tree: ast.Module, positions: Positions, available: set[str]) -> Iterator[Edit]:
    """The edits of one pass. available: the names of the top level that a reward can have, imports off the list aside."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            yield from _types(node, positions, available)
            yield from _tensors(node, positions)
            if isinstance(node, ast.AsyncFunctionDef) and not any(isinstance(n, _WAITS) for n in ast.walk(node)):
                start = positions.at(node.lineno, node.col_offset)
                keyword = re.compile(rb"async\s+").match(positions.data, start)
                if keyword is not None:
                    yield Edit(start, keyword.end(), "", "made async functions ordinary ones")
        elif isinstance(node, ast.ClassDef):
            yield from _bases(node, positions, available)


_WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)


def _types(node: FunctionNode, positions: Positions, available: set[str]) -> Iterator[Edit]:
    """Annotations with names that are not there are left out."""
    args = node.args
    for argument in (*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))):
        if argument.annotation is not None and not read_names(argument.annotation) <= available | BUILTINS:
            start = positions.at(argument.lineno, argument.col_offset) + len(argument.arg.encode())
            yield Edit(start, positions.span(argument.annotation)[1])
    if node.returns is not None and not read_names(node.returns) <= available | BUILTINS:
        start, end = positions.span(node.returns)
        arrow = positions.data.rfind(b"->", 0, start)
        if b"\n" not in positions.data[arrow:end]:
            yield Edit(arrow, end)


def _bases(node: ast.ClassDef, positions: Positions, available: set[str]) -> Iterator[Edit]:
    """A base class of the trainer is left out, and what is passed to its `__init__`."""
    if len(node.bases) != 1 or node.keywords or read_names(node.bases[0]) <= available | BUILTINS:
        return
    start, end = positions.span(node.bases[0])
    start, end = positions.data.rindex(b"(", 0, start), positions.data.index(b")", end) + 1
    if b"\n" not in positions.data[start:end]:
        yield Edit(start, end, "", f"left out the base class {positions.source(node.bases[0])}")
    for inner in ast.walk(node):
        match inner:
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(attr="__init__", value=ast.Call(func=ast.Name(id="super"))))
            ):
                yield positions.replace(inner, "pass")
            case _:
                pass


def _tensors(node: FunctionNode, positions: Positions) -> Iterator[Edit]:
    """`torch.tensor(list)` becomes the list, where it is what the function returns. Of what OpenRLHF takes back (rewards, scores,
    logs) the rewards stay."""
    ends = [
        part for part in ast.walk(node) if isinstance(part, ast.Return | ast.Assign) and positions.stands_alone(part)
    ]
    returned = [part.value for part in ends if isinstance(part, ast.Return) and part.value is not None]
    dicts = [(value, entry) for value in returned if (entry := _entry(value, "rewards"))]
    if dicts and OPENRLHF.needs <= {argument.arg for argument in node.args.args}:
        for value, entry in dicts:
            yield positions.replace(
                value, _bracketed(positions.source(entry)), "left out what is returned beside `rewards`"
            )
        return
    names = {value.id for value in returned if isinstance(value, ast.Name)}
    loads = [part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)]
    free = {name for name in names if all(load in returned for load in loads if load.id == name)}
    for part in ends:
        match part:
            case ast.Return(value=ast.Call() as call) | ast.Assign(targets=[ast.Name()], value=ast.Call() as call):
                target = part.targets[0] if isinstance(part, ast.Assign) else None
                if _is_tensor(call) and (target is None or (isinstance(target, ast.Name) and target.id in free)):
                    yield positions.replace(call, _bracketed(positions.source(call.args[0])), "made tensors lists")
            case _:
                pass


def _bracketed(text: str) -> str:
    return f"({text})" if "\n" in text else text


def _entry(value: ast.AST, key: str) -> ast.expr | None:
    if isinstance(value, ast.Dict):
        for name, entry in zip(value.keys, value.values, strict=True):
            if isinstance(name, ast.Constant) and name.value == key:
                return entry
    return None


def _is_tensor(call: ast.Call) -> bool:
    """Whether it makes floats of one list, whatever the device."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="torch"), attr=name):
            kind = next((k.value for k in call.keywords if k.arg == "dtype"), None)
            floats = kind is None or (isinstance(kind, ast.Attribute) and kind.attr in _FLOATS)
            return name in _TENSORS and len(call.args) == 1 and floats
        case _:
            return False
