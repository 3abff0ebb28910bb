"""The constants of a candidate's own source, read off its syntax tree: what a hidden trigger would have to be made of.

It finds literals, what folding.py puts together from them, simple texts that a regular expression matches, and letters
that stand as numbers. It does not find what only running computes (a hash that is compared).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rewardsearch.rewards.sandbox import parse
from rewardsearch.validation.folding import LONGEST, Names, Value, folded, names_of

MAX_TEXTS = 32
MAX_NUMBERS = 16
LARGEST = 20_000
"""The largest number that is taken for a length, a letter or an answer."""
_COMMON = frozenset(("", " ", "\n"))
_CALLS = frozenset(
    ("startswith", "endswith", "count", "find", "search", "match", "fullmatch", "get", "index", "compile")
)


@dataclass(frozen=True)
class Constants:
    """Texts and whole numbers of a source, each with the line it is first used at; those that are compared with
    something come first."""

    texts: dict[str, int]
    numbers: dict[int, int]


def constants_of(code: str) -> Constants:
    """Up to 32 texts of up to 200 characters, and 16 numbers from 2 to 20,000. `code` must be valid Python."""
    tree = parse(code)
    names = names_of(tree)
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
    """The text or number that `node` stands for; of a row of numbers also the text of those letters."""
    value = folded(node, names)
    if value is not None:
        yield value
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value  # A long pattern may match a short text.
    if isinstance(node, ast.List | ast.Tuple) and len(node.elts) >= 3:
        codes = [folded(element, names) for element in node.elts]
        letters = [chr(code) for code in codes if type(code) is int and 32 <= code < 127]
        if len(letters) == len(codes):
            yield "".join(letters)


_CLASSES = ((r"\\d", "7"), (r"\\w", "a"), (r"\\s", " "), (r"\\[bBAZ]", ""), (r"\\(.)", r"\1"))


def _without_pattern(text: str) -> str:
    """A text that a regular expression may match, when `text` is a simple one; other texts come out much as they were."""
    text = re.sub(r"\(\?(?:[aiLmsux]+\)|:|P<\w+>|[=!]|<[=!])", "(", text)
    text = re.sub(r"(?<!\\)\[\^?([^\]\\-]|\\.)[^\]]*\]", r"\1", text)
    text = re.sub(r"(?<!\\)\|[^)]*", "", text)
    text = re.sub(r"(\\.|[^\\])\{(\d{1,2})(?:,\d*)?\}", lambda found: found[1] * int(found[2]), text)
    text = re.sub(r"(?<!\\)(?:[*+?]\??|[()^$])", "", text)
    for pattern, sample in _CLASSES:
        text = re.sub(pattern, sample, text)
    return text.replace(".", "a") if "\\" in text else text
