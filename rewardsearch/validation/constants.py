"""The constants of a candidate's own source: what a hidden trigger would have to be made of.

They are read from the syntax tree; no code is run. It finds literals, simple texts that a regular expression matches, letters
written as numbers, and expressions that can be folded to one text or whole number. These may use names bound to such values at
module level, `+`, `-`, `*`, `%`, f-strings, indices, slices, `chr`, `join`, `sorted`, `bytes.fromhex(...).decode()` and plain
string methods. It does not find what needs a loop, a dictionary or a function of the candidate (a hash that is compared, say).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rewardsearch.rewards.sandbox import parse

MAX_TEXTS = 32
MAX_NUMBERS = 16
LARGEST = 20_000
"""The largest number that is tried as a length, a letter or an answer."""
_COMMON = frozenset(("", " ", "\n"))
_CALLS = ("startswith", "endswith", "count", "find", "search", "match", "fullmatch", "get", "index", "compile")
LONGEST = 200
"""Characters of the longest text that is built."""
_BIGGEST = 2**63
_METHODS = ("upper", "lower", "title", "capitalize", "swapcase", "casefold", "strip", "lstrip", "rstrip", "replace")
_PLAIN_FORMAT = re.compile(r"(?:[^%]|%[sdic%])*\Z")

Value = str | int
Names = Mapping[str, Value]


@dataclass(frozen=True)
class Constants:
    """Texts and whole numbers of a source, each with the line of its first use. Those in comparisons come first."""

    texts: dict[str, int]
    numbers: dict[int, int]


def constants_of(code: str) -> Constants:
    """Up to 32 texts of up to 200 characters, and 16 numbers from 2 to 20,000. `code` must be valid Python."""
    tree = parse(code)
    names = constant_names(tree)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    tested = {id(inner) for node in ast.walk(tree) if _tests(node) for inner in ast.walk(node)}
    found: list[tuple[bool, int, Value]] = []
    for node in ast.walk(tree):
        if id(node) not in documentation:
            found += [(id(node) not in tested, getattr(node, "lineno", 0), value) for value in _values(node, names)]
    found.sort(key=lambda entry: entry[:2])
    texts: dict[str, int] = {}
    numbers: dict[int, int] = {}
    for _, line, value in found:
        if isinstance(value, str):
            for text in (value, _without_pattern(value)):
                if text not in _COMMON and len(text) <= LONGEST:
                    texts.setdefault(text, line)
        elif 2 <= value <= LARGEST:
            numbers.setdefault(value, line)
            if value >= 128:
                texts.setdefault(chr(value), line)
    return Constants(dict(list(texts.items())[:MAX_TEXTS]), dict(list(numbers.items())[:MAX_NUMBERS]))


def _tests(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS
    )


def _values(node: ast.AST, names: Names) -> Iterator[Value]:
    """The text or number that `node` folds to; for a list of character codes also their text."""
    value = fold(node, names)
    if value is not None:
        yield value
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value  # A long pattern may match a short text.
    if isinstance(node, ast.List | ast.Tuple) and len(node.elts) >= 3:
        codes = [fold(element, names) for element in node.elts]
        letters = [chr(code) for code in codes if type(code) is int and 32 <= code < 127]
        if len(letters) == len(codes):
            yield "".join(letters)


_CLASSES = ((r"\\d", "7"), (r"\\w", "a"), (r"\\s", " "), (r"\\[bBAZ]", ""), (r"\\(.)", r"\1"))


def _without_pattern(text: str) -> str:
    """A text that `text` matches as a simple regular expression; other texts change little."""
    text = re.sub(r"\(\?(?:[aiLmsux]+\)|:|P<\w+>|[=!]|<[=!])", "(", text)
    text = re.sub(r"(?<!\\)\[\^?([^\]\\-]|\\.)[^\]]*\]", r"\1", text)
    text = re.sub(r"(?<!\\)\|[^)]*", "", text)
    text = re.sub(r"(\\.|[^\\])\{(\d{1,2})(?:,\d*)?\}", lambda found: found[1] * int(found[2]), text)
    text = re.sub(r"(?<!\\)(?:[*+?]\??|[()^$])", "", text)
    for pattern, sample in _CLASSES:
        text = re.sub(pattern, sample, text)
    return text.replace(".", "a") if "\\" in text else text


def constant_names(tree: ast.Module) -> dict[str, Value]:
    """The module-level names that are bound once, to an expression that can be folded."""
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
        folds = fold(value, names)
        if name in seen:
            names.pop(name, None)
        elif folds is not None:
            names[name] = folds
        seen.add(name)
    return names


def fold(node: ast.AST, names: Names) -> Value | None:
    """The text of up to 200 characters or the whole number of up to 64 bits that `node` evaluates to, or None."""
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
            number = fold(operand, names)
            return -number if isinstance(number, int) else None
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _remainder(fold(left, names), right, names)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(fold(left, names), op, fold(right, names))
        case ast.JoinedStr(values=parts):
            return "".join(str(text) for part in parts if (text := fold(part, names)) is not None) or None
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return fold(inner, names)
        case ast.Subscript(value=value, slice=index):
            return _part(fold(value, names), index, names)
        case ast.Call(func=ast.Name(id="chr"), args=[argument]):
            code = fold(argument, names)
            return chr(code) if isinstance(code, int) and 0 <= code < 0xD800 else None
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id="bytes"), attr="fromhex"), args=[digits]),
                attr="decode",
            )
        ):
            return _decoded(fold(digits, names))
        case ast.Call(func=ast.Attribute(value=value, attr="join"), args=[parts]):
            glue, texts = fold(value, names), _texts(parts, names)
            return glue.join(texts) if isinstance(glue, str) and texts is not None else None
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=arguments, keywords=[]) if method in _METHODS:
            return _called(fold(value, names), method, [fold(argument, names) for argument in arguments])
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
    """`%` of numbers, or of a text whose fields have no width (a width could turn a small source into a huge text)."""
    if isinstance(a, int):
        b = fold(right, names)
        return a % b if isinstance(b, int) and b else None
    values = [fold(part, names) for part in (right.elts if isinstance(right, ast.Tuple) else (right,))]
    if a is None or None in values or not _PLAIN_FORMAT.match(a):
        return None
    try:
        return a % tuple(values)
    except (TypeError, ValueError, OverflowError):
        return None


def _part(text: Value | None, index: ast.expr, names: Names) -> str | None:
    """A character or a slice of a text."""
    if not isinstance(text, str):
        return None
    try:
        if not isinstance(index, ast.Slice):
            at = fold(index, names)
            return text[at] if isinstance(at, int) else None
        bounds: list[int | None] = []
        for bound in (index.lower, index.upper, index.step):
            at = None if bound is None else fold(bound, names)
            if isinstance(at, str) or (at is None and bound is not None):
                return None
            bounds.append(at)
        return text[slice(*bounds)]
    except (IndexError, ValueError):
        return None


def _decoded(digits: Value | None) -> str | None:
    try:
        return bytes.fromhex(digits).decode() if isinstance(digits, str) else None
    except ValueError:
        return None


def _texts(node: ast.expr, names: Names) -> Sequence[str] | None:
    """What `join` joins: a list of texts, the characters of a text, or either sorted or reversed."""
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            values = [fold(part, names) for part in parts]
            texts = [value for value in values if isinstance(value, str)]
            return texts if len(texts) == len(values) else None
        case ast.Call(func=ast.Name(id="sorted" | "reversed" | "list" as how), args=[inner], keywords=[]):
            row = _texts(inner, names)
            if row is None:
                return None
            return sorted(row) if how == "sorted" else row[::-1] if how == "reversed" else row
        case _:
            text = fold(node, names)
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
