r"""Reads JSON and Python literals as models write them, and says what was cut off.

Beside both grammars it takes: missing and doubled commas, real line ends inside strings, escapes that are none (`\d`),
triple-quoted and adjacent strings, keys without quotes, keys that come twice, and text that ends anywhere.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

MAX_DEPTH = 20
MAX_STEPS = 60_000


OBJECT = re.compile(r"\{\s*(?:\"\"\"|[\"'“`])?[A-Za-z_][\w -]{0,40}(?:\"\"\"|[\"'”`])?\s*:")
"""How an object begins."""


class Text(NamedTuple):
    """A string: its value, what was written between its quotes, and whether it was cut off."""

    value: str
    raw: str
    cut: bool = False


class Fields(NamedTuple):
    """An object or dict: its keys and values in their order, those that come twice as well."""

    pairs: tuple[tuple[str, Value], ...]


class Items(NamedTuple):
    """A list, tuple or set; `cut` when it does not end."""

    values: tuple[Value, ...]
    cut: bool


Value: TypeAlias = Text | Fields | Items | None
"""None is any other value: a number, true, null."""


class Unreadable(Exception):
    """No literal starts here."""


_QUOTE = re.compile(r"([rR]?)(\"\"\"|'''|\"|'|`|“)")
_CLOSING = {"“": "”"}
_SKIP = re.compile(r"\s*")
_JOIN = re.compile(r"\s*\+?\s*")
_WORD = re.compile(r"[A-Za-z_][\w-]{0,60}")
_OTHER = re.compile(r"[\w.+-]{1,400}")
_BODIES = {quote: re.compile(rf"[^{quote}\\]*(?:\\.[^{quote}\\]*)*", re.DOTALL) for quote in "\"'`”"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_KEPT = frozenset("\"'`\\/")


def decoded(raw: str) -> str:
    r"""What a string with escapes means; an escape that is none keeps its backslash, half a character is left as it is."""

    def meant(found: re.Match[str]) -> str:
        escape = found.group(1)
        if len(escape) > 1:
            return chr(int(escape[1:], 16))
        return escape if escape in _KEPT else _ESCAPED.get(escape, found.group())

    text = _ESCAPE.sub(meant, raw)
    # Two escapes make one character outside the Basic Multilingual Plane.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class LiteralReader:
    """Reads literals in one text; all its reading together takes a bounded number of steps."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._steps = MAX_STEPS

    def read(self, place: int) -> tuple[Value, int]:
        """The literal at `place`, and where it ends. Raises Unreadable."""
        return self._value(place, 0)

    def _skip(self, place: int) -> int:
        found = _SKIP.match(self._text, place)
        return found.end() if found else place

    def _value(self, place: int, depth: int) -> tuple[Value, int]:
        self._steps -= 1
        if depth > MAX_DEPTH or self._steps < 0:
            raise Unreadable
        place = self._skip(place)
        sign = self._text[place : place + 1]
        if sign == "{":
            return self._fields(place + 1, depth)
        if sign in ("[", "(") and sign:
            return self._items(place + 1, depth, "]" if sign == "[" else ")")
        if _QUOTE.match(self._text, place):
            return self._strings(place)
        other = _OTHER.match(self._text, place)
        if other is None and sign:
            raise Unreadable
        return None, other.end() if other else place

    def _fields(self, place: int, depth: int) -> tuple[Fields, int]:
        pairs: list[tuple[str, Value]] = []
        while True:
            place = self._skip(place)
            sign = self._text[place : place + 1]
            if sign in ("}", ""):
                return Fields(tuple(pairs)), place + len(sign)
            if sign == ",":
                place += 1
                continue
            key, place = self._key(place)
            place = self._skip(place)
            if place == len(self._text):
                return Fields(tuple(pairs)), place
            if self._text[place] != ":":
                raise Unreadable
            value, place = self._value(place + 1, depth + 1)
            pairs.append((key, value))

    def _items(self, place: int, depth: int, end: str) -> tuple[Value, int]:
        values: list[Value] = []
        while True:
            place = self._skip(place)
            sign = self._text[place : place + 1]
            if sign == end or not sign:
                # A string in parentheses is that string.
                alone = end == ")" and len(values) == 1 and sign
                return values[0] if alone else Items(tuple(values), cut=not sign), place + len(sign)
            if sign == ",":
                place += 1
                continue
            value, place = self._value(place, depth + 1)
            values.append(value)

    def _key(self, place: int) -> tuple[str, int]:
        self._steps -= 1
        if self._steps < 0:
            raise Unreadable
        if _QUOTE.match(self._text, place):
            key, place = self._string(place)
            return key.value, place
        word = _WORD.match(self._text, place)
        if word is None:
            raise Unreadable
        return word.group(), word.end()

    def _strings(self, place: int) -> tuple[Text, int]:
        """A string, with those that follow it at once: Python joins them."""
        first, place = self._string(place)
        parts = [first]
        while not parts[-1].cut:
            joint = _JOIN.match(self._text, place)
            other = joint.end() if joint else place
            if not _QUOTE.match(self._text, other):
                break
            text, end = self._string(other)
            if self._text[self._skip(end) : self._skip(end) + 1] == ":":
                break  # It is the next key, whose comma is missing.
            parts.append(text)
            place = end
        if len(parts) == 1:
            return first, place
        return Text("".join(p.value for p in parts), "".join(p.raw for p in parts), parts[-1].cut), place

    def _string(self, place: int) -> tuple[Text, int]:
        self._steps -= 1
        opening = _QUOTE.match(self._text, place)
        if opening is None or self._steps < 0:
            raise Unreadable
        quote = _CLOSING.get(opening[2], opening[2])
        start = opening.end()
        end = self._triple_end(quote, start) if len(quote) == 3 else self._single_end(quote, start)
        stop = len(self._text) if end is None else end
        raw = self._text[start:stop]
        text = Text(raw if opening[1] else decoded(raw), raw, cut=end is None)
        return text, stop if end is None else stop + len(quote)

    def _single_end(self, quote: str, start: int) -> int | None:
        body = _BODIES[quote].match(self._text, start)
        end = body.end() if body else start
        return end if self._text[end : end + 1] == quote else None

    def _triple_end(self, quote: str, start: int) -> int | None:
        end = self._text.find(quote, start)
        while end >= 0 and _is_escaped(self._text, end):
            end = self._text.find(quote, end + 1)
        return end if end >= 0 else None


def _is_escaped(text: str, place: int) -> bool:
    backslashes = 0
    while backslashes < 100 and place - backslashes > 0 and text[place - backslashes - 1] == "\\":
        backslashes += 1
    return backslashes % 2 == 1
