"""Fenced blocks of Markdown, as models write them: indented, quoted, nested, closed at the end of a line, or never."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from rewardsearch.rewards.identity import MAX_CODE_CHARS

_MARK = re.compile(
    r"(?P<lead>(?:[ \t>]|[-*+][ ]|\d{1,3}[.)][ ]){0,40})(?P<mark>`{3,}|~{3,}|'{3}(?=py))[ \t]*(?P<info>[^`\n]*)\Z"
)
_AFTER_PROSE = re.compile(r"[^`\n]{1,300}(?P<mark>`{3,})(?P<info>python3?|py|json)[ \t]*\Z", re.IGNORECASE)
_BARE_QUOTES = re.compile(r"[ \t>]{0,40}'''[ \t]*\Z")
_PYTHON = ("", "tool_code", "code", "text", "txt", "plaintext", "none")
_WRAPPERS = ("", "markdown", "md", "text", "txt", "plaintext")
_MAX_TRIES = 6


class Block(NamedTuple):
    """A fenced block: its language in lower case, its text, and where it stands, fences included."""

    language: str
    body: str
    start: int
    end: int
    closed: bool

    @property
    def is_python(self) -> bool:
        return self.language in _PYTHON or self.language.startswith(("py", "ipy"))


class _Line(NamedTuple):
    """A line with a fence: `mark` is the fence, `opens` and `closes` say what it can be."""

    start: int
    end: int
    mark: str
    language: str
    quoted: bool
    opens: bool
    closes: bool


def blocks_of(text: str, is_whole: Callable[[str], bool], nested: bool = False) -> list[Block]:
    """The fenced blocks of `text`; one that is never closed runs to the end.

    `is_whole` says whether a text is a whole reward: such a text may hold fences, in a docstring, that would end its block.
    """
    lines = _fence_lines(text)
    out: list[Block] = []
    place = 0
    while place < len(lines):
        opening = lines[place]
        if not opening.opens:
            place += 1
            continue
        block, place = _block(text, lines, place, is_whole)
        inner = [] if nested or block.language not in _WRAPPERS else _inner(block, text, opening.end, is_whole)
        out.extend(inner or [block])
    return out


def _block(text: str, lines: list[_Line], place: int, is_whole: Callable[[str], bool]) -> tuple[Block, int]:
    """The block that opens with the fence at `place`, and the place of the first fence after it."""
    opening = lines[place]
    closings = (
        other
        for other in range(place + 1, len(lines))
        if lines[other].closes and lines[other].mark.startswith(opening.mark)
    )
    first = next(closings, None)
    stop, end = (lines[first].start, lines[first].end) if first is not None else (len(text), len(text))
    block = _made(text, opening, stop, end, first is not None)
    after = len(lines) if first is None else first + 1
    if not block.is_python or not _may_go_on(block.body) or is_whole(block.body):
        return block, after
    for other in [each for each in islice(closings, _MAX_TRIES) if lines[each].end - opening.end <= MAX_CODE_CHARS]:
        longer = _made(text, opening, lines[other].start, lines[other].end, True)
        if is_whole(longer.body):
            return longer, other + 1
    tail = text.find(opening.mark, opening.end, stop)
    if tail >= 0 and text[tail + len(opening.mark) : tail + len(opening.mark) + 1] in ("", "\n"):
        shorter = _made(text, opening, tail, tail + len(opening.mark), True)
        if is_whole(shorter.body):
            return shorter, next((k for k in range(place + 1, len(lines)) if lines[k].start >= shorter.end), len(lines))
    return block, after


def _may_go_on(body: str) -> bool:
    return "def " in body or '"""' in body or "'''" in body


def _inner(block: Block, text: str, offset: int, is_whole: Callable[[str], bool]) -> list[Block]:
    """The blocks inside a block of Markdown: some models fence their whole reply."""
    start = text.find(block.body[:-1], offset, block.end)
    if start < 0:
        return []
    inner = [each for each in blocks_of(block.body, is_whole, nested=True) if each.language]
    return [
        each._replace(start=start + each.start, end=start + each.end, closed=each.closed or block.closed)
        for each in inner
    ]


def _made(text: str, opening: _Line, stop: int, end: int, closed: bool) -> Block:
    body = text[opening.end : stop].strip("\n")
    if opening.quoted:
        body = "\n".join(re.sub(r"^[ \t]{0,8}>[ ]?", "", line) for line in body.split("\n"))
    return Block(opening.language, body + "\n", opening.start, end, closed)


def _fence_lines(text: str) -> list[_Line]:
    out: list[_Line] = []
    start, quotes = 0, False
    for line in text.split("\n"):
        end = start + len(line)
        # A line of code is shorter, and what is longer need not be looked at.
        found = _MARK.match(line) if len(line) <= 500 else None
        if found:
            mark, language = found["mark"], _language(found["info"])
            quotes = quotes or mark == "'''"
            out.append(_Line(start, end, mark, language, ">" in found["lead"], True, not found["info"].strip()))
        elif len(line) <= 500 and (found := _AFTER_PROSE.match(line)):
            out.append(_Line(start, end, found["mark"], found["info"].lower(), False, True, False))
        elif quotes and _BARE_QUOTES.match(line):
            # Three quotes close a block that three quotes opened, and mean nothing elsewhere.
            out.append(_Line(start, end, "'''", "", False, False, True))
        start = end + 1
    return out


def _language(info: str) -> str:
    words = info.strip().strip("{}. \t").lower().split()
    return words[0].split(":")[0].strip("{}.,") if words else ""
