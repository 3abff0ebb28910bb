"""The rewards in JSON, or in what was meant as JSON: objects with "code", whatever is around, inside or wrong with them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from rewardsearch.propose.base import replace_surrogates
from rewardsearch.propose.parse.blocks import blocks_of
from rewardsearch.propose.parse.literal import OBJECT, Fields, Items, LiteralReader, Text, Unreadable, Value, decoded
from rewardsearch.propose.parse.python import MAX_RATIONALE_CHARS, Source, repair_code, short
from rewardsearch.propose.parse.rewards import MAX_NAME_CHARS, Piece

_CODE_KEYS = frozenset(
    (
        "code",
        "python_code",
        "reward_code",
        "source",
        "source_code",
        "python",
        "implementation",
        "reward_function",
        "file",
        "reward",
        "function",
    )
)
_NAME_KEYS = ("name", "title", "reward_name")
_WHY_KEYS = ("rationale", "hypothesis", "reasoning", "why", "description", "explanation")
_LIST_BEGINS = re.compile(r"\[\s*\Z")
_FENCE = re.compile(r"^[ \t]*(?:`{3}|~{3})", re.MULTILINE)
_CODE_BEGINS = re.compile(r"[\"'](?:code|python_code|reward_code)[\"'][ \t]*:[ \t\n]{0,40}\"")
# Where a string ends whose own quotes were not escaped: before the next key, or before the object's end.
_CODE_ENDS = re.compile(r"\"(?=\s{0,200}(?:,\s{0,200}[\"'][\w -]{1,40}[\"']\s{0,20}:|,?\s{0,200}\}))")
_KEYWORD = re.compile(r"\b(?:code|python_code|reward_code)[ \t]*=[ \t]*(?=[rR]?[\"'])")
_SAID = r"\b{key}[\"']?\s{{0,40}}[:=]\s{{0,40}}([\"'])((?:(?!\1)[^\\]|\\.){{0,2000}})\1"
_MAX_OBJECTS = 40
_MAX_ENDS = 12
_MAX_DEPTH = 3


class Structured(NamedTuple):
    """The pieces of code in JSON and where the last of them ends, whether there was an object at all, and whether the last object
    has no end."""

    pieces: list[Piece]
    end: int
    is_json: bool
    is_cut: bool = False


def structured(source: Source, text: str, depth: int = 0) -> Structured:
    """What the JSON of a reply holds."""
    start = text.lstrip()[:40]
    if re.match(r"[\"'](?:name|code|hypothesis)[\"']\s*:", start):
        text = "{" + text  # A server that was given the reply's beginning gives the rest.
    reader = LiteralReader(text)
    if start[:1] in ('"', "'") and depth < _MAX_DEPTH:
        inner = _double_encoded(source, reader, depth)
        if inner is not None:
            return inner
    pieces: list[Piece] = []
    is_json = is_cut = False
    last = 0
    found = OBJECT.search(text)
    for _ in range(_MAX_OBJECTS):
        if found is None:
            break
        end = found.start() + 1
        listed = _LIST_BEGINS.search(text, max(0, found.start() - 200), found.start())
        try:
            value, after = reader.read(listed.start() if listed else found.start())
        except Unreadable:
            pass
        else:
            end = max(end, after)
            is_json = is_json or isinstance(value, Fields | Items)
            is_cut = after == len(text) and not text.rstrip().endswith(("}", "]"))
            if of_value := list(_pieces(source, value, depth)):
                pieces.extend(of_value)
                last = end
        found = OBJECT.search(text, end)
    if not any(source.is_whole(piece.code) and not piece.is_cut for piece in pieces):
        pieces = _keyword(source, text) or _salvaged(source, text) or pieces
    return Structured(pieces, last, is_json, is_cut)


def _double_encoded(source: Source, reader: LiteralReader, depth: int) -> Structured | None:
    try:
        value, _ = reader.read(0)
    except Unreadable:
        return None
    if not isinstance(value, Text) or "{" not in value.value:
        return None
    inner = structured(source, value.value, depth + 1)
    if not inner.pieces:
        return None
    if value.cut:
        return inner._replace(pieces=[_cut_if_open(source, piece) for piece in inner.pieces])
    return inner


def _cut_if_open(source: Source, piece: Piece) -> Piece:
    return piece if source.is_whole(piece.code) else piece._replace(is_cut=True)


def _pieces(source: Source, value: Value, depth: int) -> Iterator[Piece]:
    """The code in a value: an object's own, else that of what it holds."""
    if isinstance(value, Items):
        alternatives = object()
        for each in value.values:
            for piece in _pieces(source, each, depth):
                yield piece._replace(alternatives=piece.alternatives or alternatives)
    elif isinstance(value, Text):
        if depth < _MAX_DEPTH and "{" in value.value[:100] and "code" in value.value:
            yield from structured(source, value.value, depth + 1).pieces
    elif isinstance(value, Fields):
        codes = [_text(each) for key, each in value.pairs if key.strip().lower() in _CODE_KEYS]
        texts = [
            each for each in codes if each is not None and ("def " in each.value or "class " in each.value or each.cut)
        ]
        if not texts:
            for _, each in value.pairs:
                yield from _pieces(source, each, depth)
            return
        name = short(_said(value, _NAME_KEYS), MAX_NAME_CHARS)
        why = short(_said(value, _WHY_KEYS), MAX_RATIONALE_CHARS)
        options = [_of_code(source, text, depth) for text in reversed(texts)]
        # Of a key that comes twice the last counts, unless it holds no whole reward.
        chosen = next(
            (each for each in options if any(source.is_whole(p.code) and not p.is_cut for p in each)), options[0]
        )
        for piece in chosen:
            yield piece._replace(name=piece.name or name, why=piece.why or why)


def _text(value: Value) -> Text | None:
    """The text of a value that is one, or a list of its lines."""
    if isinstance(value, Items):
        lines = [each for each in value.values if isinstance(each, Text)]
        if not lines or len(lines) != len(value.values):
            return None
        joint = "" if all(each.value.endswith("\n") for each in lines[:-1]) and len(lines) > 1 else "\n"
        return Text(joint.join(each.value for each in lines), "", value.cut or lines[-1].cut)
    return value if isinstance(value, Text) else None


def _of_code(source: Source, text: Text, depth: int) -> list[Piece]:
    """The pieces of one "code"; Markdown in it, and JSON in it, is read as such."""
    codes = [repair_code(source, code) for code in _readings(text)]
    code = next((each for each in codes if source.is_whole(each)), codes[0])
    if not source.is_whole(code):
        if _FENCE.search(code):
            blocks = [each for each in blocks_of(code, source.is_whole) if each.is_python]
            if blocks:
                return [Piece(b.body, True, is_cut=not b.closed and text.cut) for b in blocks]
        if code.lstrip()[:1] == "{" and depth < _MAX_DEPTH:
            inner = structured(source, code, depth + 1).pieces
            if inner:
                return inner
    return [Piece(code, True, is_cut=text.cut)]


def _readings(text: Text) -> Iterator[str]:
    r"""What a string may mean as code: as JSON has it; escaped twice; with \n written as such beside real line ends."""
    # No code has these two signs: they are the \b and \f of a regular expression.
    value = replace_surrogates(text.value).replace("\b", "\\b").replace("\f", "\\f").replace("\r\n", "\n")
    yield value.strip("\n") + "\n"
    if "\n" not in value.strip() and "\\n" in value:
        yield replace_surrogates(decoded(value)).strip("\n") + "\n"
    if text.raw and text.raw != text.value:
        yield replace_surrogates(text.raw).replace('\\"', '"').strip("\n") + "\n"


def _said(value: Fields, keys: tuple[str, ...]) -> str:
    said = {key.strip().lower(): each.value for key, each in value.pairs if isinstance(each, Text)}
    return replace_surrogates(next((said[key] for key in keys if said.get(key, "").strip()), ""))


def _keyword(source: Source, text: str) -> list[Piece]:
    """Code that is an argument of a call written as Python; only if it is a whole reward."""
    reader = LiteralReader(text)
    for found in list(_KEYWORD.finditer(text))[-_MAX_ENDS:]:
        with contextlib.suppress(Unreadable):
            value, _ = reader.read(found.end())
            if isinstance(value, Text) and not value.cut and source.is_whole(value.value):
                return [
                    Piece(
                        value.value.strip("\n") + "\n",
                        True,
                        name=_beside(text, _NAME_KEYS),
                        why=_beside(text, _WHY_KEYS),
                    )
                ]
    return []


def _salvaged(source: Source, text: str) -> list[Piece]:
    """Code whose own quotes were not escaped, so that nothing can be read as JSON; only if it is a whole reward."""
    begin = _CODE_BEGINS.search(text)
    if begin is None:
        return []
    ends = [each.start() for each in _CODE_ENDS.finditer(text, begin.end())]
    for end in dict.fromkeys([*ends[: _MAX_ENDS // 2], *ends[-_MAX_ENDS // 2 :]]):
        raw = text[begin.end() : end]
        for code in _readings(Text(decoded(raw), raw)):
            plain = repair_code(source, code)
            if source.is_whole(plain):
                return [Piece(plain, True, name=_beside(text, _NAME_KEYS), why=_beside(text, _WHY_KEYS))]
    return []


def _beside(text: str, keys: tuple[str, ...]) -> str:
    for key in keys:
        if found := re.search(_SAID.format(key=key), text):
            return short(replace_surrogates(decoded(found.group(2))), MAX_RATIONALE_CHARS)
    return ""
