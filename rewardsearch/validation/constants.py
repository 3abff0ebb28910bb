"""The constants of a candidate's own source: what a hidden trigger would have to be made of.

They are read from the syntax tree; no code is run. It finds literals, simple texts that a regular expression matches, letters
written as numbers, and expressions that can be folded to one text or whole number. These may use names bound to such values at
module level, `+`, `-`, `*`, `%`, f-strings, indices, slices, `chr`, `join`, `sorted`, `bytes.fromhex(...).decode()` and plain
string methods. It does not find what needs a loop, a dictionary or a function of the candidate (a hash that is compared, say).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

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
_METHODS = (
    *("upper", "lower", "title", "capitalize", "swapcase", "casefold", "strip", "lstrip", "rstrip", "replace"),
    *("join", "decode"),
)
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "chr": lambda code: chr(code) if code < 0xD800 else None,
    "sorted": sorted,
    "reversed": reversed,
    "list": list,
}
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
    try:
        value = _evaluate(node, names)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return value if isinstance(value, str | int) else None


def _evaluate(node: ast.AST, names: Names) -> Any:
    """What `node` evaluates to. Raises one of the errors above for anything but a constant within the bounds."""
    value = _unbounded(node, partial(_evaluate, names=names), names)
    if (isinstance(value, str) and len(value) > LONGEST) or (isinstance(value, int) and abs(value) > _BIGGEST):
        raise ValueError
    return value


def _unbounded(node: ast.AST, of: Callable[[ast.AST], Any], names: Names) -> Any:
    """The same from bounded parts, which `of` evaluates."""
    match node:
        case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(of(left), op, of(right))
        case ast.List(elts=parts):
            return [of(part) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(of(part) for part in parts)
        case ast.JoinedStr(values=parts):
            return "".join(str(text) for part in parts if (text := fold(part, names)) is not None) or None
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return of(inner)
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if bound is None else of(bound) for bound in (lower, upper, step)))
        case ast.Subscript(value=value, slice=index):
            return of(value)[of(index)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _FUNCTIONS[name](*map(of, arguments))
        case ast.Call(func=ast.Attribute(value=ast.Name(id="bytes"), attr="fromhex"), args=[digits]):
            return bytes.fromhex(of(digits))
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=arguments, keywords=[]) if method in _METHODS:
            return getattr(of(value), method)(*map(of, arguments))
        case _:
            raise ValueError


def _combined(a: Any, op: ast.operator, b: Any) -> Any:
    """Arithmetic. A text times a number stays within the longest text, and a formatted text has no width, so that a small source
    cannot make a huge text."""
    match a, op, b:
        case (str(), ast.Add(), str()) | (int(), ast.Add(), int()):
            return a + b
        case int(), ast.Sub(), int():
            return a - b
        case int(), ast.Mult(), int():
            return a * b
        case (str() as text, ast.Mult(), int() as times) | (int() as times, ast.Mult(), str() as text):
            if times * len(text) <= LONGEST:
                return text * times
        case int(), ast.Mod(), int():
            return a % b
        case str(), ast.Mod(), _ if _PLAIN_FORMAT.match(a):
            return a % b
    raise ValueError
