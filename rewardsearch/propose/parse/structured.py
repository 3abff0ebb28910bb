"""The rewards in JSON: objects with "code", wherever they stand. Strict JSON is read by the standard library; for what is none,
one tolerant reader looks for the string after "code" that is a whole reward, whatever is wrong around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from rewardsearch.propose.base import replace_surrogates
from rewardsearch.propose.parse.python import MAX_RATIONALE_CHARS, Source, is_complete, repair_code, short
from rewardsearch.propose.parse.regions import Piece, pieces_in
from rewardsearch.rewards.identity import MAX_CODE_CHARS

MAX_NAME_CHARS = 200

_CODE_KEYS = (
    "code",
    "python_code",
    "reward_code",
    "source",
    "source_code",
    "python",
    "implementation",
    "reward_function",
)
_NAME_KEYS = ("name", "title", "reward_name")
_WHY_KEYS = ("rationale", "hypothesis", "reasoning", "why", "description", "explanation")
_BEGINS = re.compile(r"(?:\[\s{0,20})?\{\s{0,200}[\"'A-Za-z]|\A\s{0,20}\"(?=[{\[])")
_CODE = re.compile(r"\b(?:code|python_code|reward_code)[\"']?\s{0,20}[:=]\s{0,20}[rR]?(\"\"\"|'''|\"|'|`)")
_AFTER = r"(?=\s{0,50}(?:[,}\])]|[\"']?\w{1,40}[\"']?\s?[:=]|\Z))"
_ENDS = {quote: re.compile(quote + _AFTER) for quote in ('"""', "'''", '"', "'", "`")}
_SAID = r"\b{key}[\"']?\s{{0,40}}[:=]\s{{0,40}}([\"'])((?:(?!\1)[^\\]|\\.){{0,2000}})\1"
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", '"': '"', "'": "'", "/": "/", "\\": "\\"}
_MAX_OBJECTS = 40
_MAX_ENDS = 12
_MAX_DEPTH = 3


class Structured(NamedTuple):
    """The pieces of code in JSON, whether there was an object at all, and whether the text ends inside one."""

    pieces: list[Piece]
    is_json: bool = False
    is_cut: bool = False


def structured(source: Source, text: str, depth: int = 0) -> Structured:
    """What the JSON of a text holds."""
    pieces: list[Piece] = []
    is_json = False
    broken: int | None = None
    decoder = json.JSONDecoder(strict=False)
    found = _BEGINS.search(text)
    for _ in range(_MAX_OBJECTS):
        if found is None:
            break
        end = found.start() + 1
        try:
            value, end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            broken = found.start() if broken is None else broken
        else:
            is_json = is_json or isinstance(value, dict)
            of_value = list(_of_value(source, value, depth))
            pieces += [piece._replace(start=found.start(), end=end) for piece in of_value]
            broken = None if of_value else broken
        found = _BEGINS.search(text, end)
    if not pieces:
        pieces = _tolerant(source, text)
        broken = None if pieces else broken
    is_cut = broken is not None and not text.rstrip().endswith(("}", "]", "```", "~~~"))
    return Structured(pieces, is_json, is_cut)


def _of_value(source: Source, value: Any, depth: int) -> Iterator[Piece]:
    """The code in a value: an object's own, else that of what it holds."""
    if isinstance(value, list):
        for each in value:
            yield from _of_value(source, each, depth)
    elif isinstance(value, str):
        if depth < _MAX_DEPTH and "{" in value[:100] and "code" in value:
            yield from structured(source, value, depth + 1).pieces
    elif isinstance(value, dict):
        fields = {key.strip().lower(): each for key, each in value.items()}
        codes = [code for key in _CODE_KEYS if "def " in (code := _lines(fields.get(key))) or "class " in code]
        if not codes:
            for each in value.values():
                yield from _of_value(source, each, depth)
            return
        yield _of_code(source, codes[0])._replace(name=_said(fields, _NAME_KEYS), why=_said(fields, _WHY_KEYS))


def _lines(value: Any) -> str:
    """A text, or the lines of one; empty for anything else."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return "\n".join(each.removesuffix("\n") for each in value)
    return value if isinstance(value, str) else ""


def _said(fields: dict[str, Any], keys: tuple[str, ...]) -> str:
    said = (value for key in keys if isinstance(value := fields.get(key), str) and value.strip())
    return short(replace_surrogates(next(said, "")), MAX_RATIONALE_CHARS)


def _of_code(source: Source, value: str) -> Piece:
    """The piece of one "code", which may be fenced once more."""
    readings = list(_readings(value))
    for reading in readings:
        for piece in reversed(pieces_in(source, reading)):
            if not piece.is_cut and source.rewards(piece.code):
                return piece
    return Piece(repair_code(source, readings[0]), 0, 0)


def _readings(value: str) -> Iterator[str]:
    r"""What a string may mean as code: as JSON has it, or escaped twice."""
    # No code has these two signs: they are the \b and \f of a regular expression.
    code = replace_surrogates(value).replace("\b", "\\b").replace("\f", "\\f").replace("\r\n", "\n")
    yield code.strip("\n") + "\n"
    if "\n" not in code.strip() and "\\n" in code:
        yield _decoded(code).strip("\n") + "\n"


def _tolerant(source: Source, text: str) -> list[Piece]:
    """The string after "code" in what is no JSON: with its own quotes or line ends not escaped, or as a Python literal; only if
    it is a whole reward."""
    for begin in list(_CODE.finditer(text))[: -_MAX_ENDS - 1 : -1]:
        # A docstring may stand at once behind the quote.
        for quote in dict.fromkeys((begin.group(1), begin.group(1)[0])):
            start = begin.start(1) + len(quote)
            window = text[start : start + 2 * MAX_CODE_CHARS]
            ends = [found.start() for found in _ENDS[quote].finditer(window)]
            for end in dict.fromkeys([*ends[: _MAX_ENDS // 2], *ends[-_MAX_ENDS // 2 :]]):
                if code := _whole(source, window[:end]):
                    name, why = (_beside(text, keys) for keys in (_NAME_KEYS, _WHY_KEYS))
                    return [Piece(code, begin.start(), start + end + len(quote), name=name, why=why)]
    return []


def _whole(source: Source, raw: str) -> str:
    """The complete reward that a string means; empty where it means none."""
    readings = (_decoded(raw), replace_surrogates(raw).replace('\\"', '"'))
    codes = (repair_code(source, reading.strip("\n") + "\n") for reading in readings)
    return next((code for code in codes if is_complete(source, code)), "")


def _decoded(raw: str) -> str:
    """What a string with escapes means; an escape that is none keeps its backslash."""

    def meant(found: re.Match[str]) -> str:
        escape = found.group(1)
        return chr(int(escape[1:], 16)) if len(escape) > 1 else _ESCAPED.get(escape, found.group())

    text = _ESCAPE.sub(meant, raw)
    return replace_surrogates(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass"))


def _beside(text: str, keys: tuple[str, ...]) -> str:
    for key in keys:
        if found := re.search(_SAID.format(key=key), text):
            return short(_decoded(found.group(2)), MAX_RATIONALE_CHARS)
    return ""
