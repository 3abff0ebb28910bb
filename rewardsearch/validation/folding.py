"""Expressions of a candidate's source that stand for one text or whole number, worked out without running any of it.

It folds literals, names that are bound to them at module level, `+`, `-`, `*`, `%`, f-strings, indices and slices,
`chr`, `join`, `sorted`, `bytes.fromhex(...).decode()` and the plain methods of texts. It does not fold what takes a
loop, a dictionary or a function of the candidate's own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

LONGEST = 200
"""Characters of the longest text that is put together."""
_BIGGEST = 2**63
_METHODS = frozenset(
    ("upper", "lower", "title", "capitalize", "swapcase", "casefold", "strip", "lstrip", "rstrip", "replace")
)
_PLAIN_FORMAT = re.compile(r"(?:[^%]|%[sdic%])*\Z")

Value = str | int
Names = Mapping[str, Value]


def names_of(tree: ast.Module) -> dict[str, Value]:
    """The module-level names that are bound once, to what folds."""
    names: dict[str, Value] = {}
    seen: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        folds = folded(value, names)
        if name in seen:
            names.pop(name, None)
        elif folds is not None:
            names[name] = folds
        seen.add(name)
    return names


def folded(node: ast.AST, names: Names) -> Value | None:
    """The text of up to 200 characters or the whole number of up to 64 bits that `node` stands for, or None."""
    value = _value(node, names)
    if isinstance(value, str):
        return value if len(value) <= LONGEST else None
    return value if value is not None and abs(value) <= _BIGGEST else None


def _value(node: ast.AST, names: Names) -> Value | None:
    match node:
        case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return names.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = folded(operand, names)
            return -number if isinstance(number, int) else None
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _remainder(folded(left, names), right, names)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(folded(left, names), op, folded(right, names))
        case ast.JoinedStr(values=parts):
            return "".join(str(text) for part in parts if (text := folded(part, names)) is not None) or None
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return folded(inner, names)
        case ast.Subscript(value=value, slice=index):
            return _part(folded(value, names), index, names)
        case ast.Call(func=ast.Name(id="chr"), args=[argument]):
            code = folded(argument, names)
            return chr(code) if isinstance(code, int) and 0 <= code < 0xD800 else None
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id="bytes"), attr="fromhex"), args=[digits]),
                attr="decode",
            )
        ):
            return _decoded(folded(digits, names))
        case ast.Call(func=ast.Attribute(value=value, attr="join"), args=[parts]):
            glue, texts = folded(value, names), _texts(parts, names)
            return glue.join(texts) if isinstance(glue, str) and texts is not None else None
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=arguments, keywords=[]) if method in _METHODS:
            return _called(folded(value, names), method, [folded(argument, names) for argument in arguments])
        case _:
            return None


def _combined(a: Value | None, op: ast.operator, b: Value | None) -> Value | None:
    """Sums, differences and products; a text times a number stays within the longest text."""
    match a, op, b:
        case str(), ast.Add(), str():
            return a + b
        case int(), ast.Add(), int():
            return a + b
        case int(), ast.Sub(), int():
            return a - b
        case int(), ast.Mult(), int():
            return a * b
        case (str() as text, ast.Mult(), int() as times) | (int() as times, ast.Mult(), str() as text):
            return text * times if times * len(text) <= LONGEST else None
        case _:
            return None


def _remainder(a: Value | None, right: ast.expr, names: Names) -> Value | None:
    """`%` of numbers, or of a text whose fields have no width, which could make a small source a huge text."""
    if isinstance(a, int):
        b = folded(right, names)
        return a % b if isinstance(b, int) and b else None
    values = [folded(part, names) for part in (right.elts if isinstance(right, ast.Tuple) else (right,))]
    if a is None or None in values or not _PLAIN_FORMAT.match(a):
        return None
    try:
        return a % tuple(values)
    except (TypeError, ValueError, OverflowError):
        return None


def _part(text: Value | None, index: ast.expr, names: Names) -> str | None:
    """A letter or a slice of a text."""
    if not isinstance(index, ast.Slice):
        place = folded(index, names)
        return (
            text[place]
            if isinstance(text, str) and isinstance(place, int) and -len(text) <= place < len(text)
            else None
        )
    bounds = (index.lower, index.upper, index.step)
    places: list[int | None] = []
    for bound in bounds:
        place = None if bound is None else folded(bound, names)
        if isinstance(place, str) or (place is None and bound is not None):
            return None
        places.append(place)
    try:
        return text[slice(*places)] if isinstance(text, str) else None
    except ValueError:
        return None


def _decoded(digits: Value | None) -> str | None:
    try:
        return bytes.fromhex(digits).decode() if isinstance(digits, str) else None
    except ValueError:
        return None


def _texts(node: ast.expr, names: Names) -> Sequence[str] | None:
    """What `join` joins: a row of texts, the letters of a text, or those sorted or reversed."""
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            values = [folded(part, names) for part in parts]
            texts = [value for value in values if isinstance(value, str)]
            return texts if len(texts) == len(values) else None
        case ast.Call(func=ast.Name(id="sorted" | "reversed" | "list" as how), args=[inner], keywords=[]):
            row = _texts(inner, names)
            if row is None:
                return None
            return sorted(row) if how == "sorted" else row[::-1] if how == "reversed" else row
        case _:
            text = folded(node, names)
            return list(text) if isinstance(text, str) else None


def _called(text: Value | None, method: str, arguments: list[Value | None]) -> str | None:
    texts = [argument for argument in arguments if isinstance(argument, str)]
    if not isinstance(text, str) or len(texts) != len(arguments):
        return None
    try:
        changed = getattr(text, method)(*texts)
    except TypeError:
        return None
    return changed if isinstance(changed, str) else None
