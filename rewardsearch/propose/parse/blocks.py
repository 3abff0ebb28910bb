"""Code in a text: in fenced blocks of Markdown, or bare between lines of prose.

Fences may be indented, quoted, nested, closed at the end of a line, or never closed.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from rewardsearch.propose.parse.python import DEFINES_REWARD, Mistake, Source, is_cut_short, rewards_in
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


_CODE_START = re.compile(
    r"(?:import \w|from \w[\w.]* import |def \w|class \w|@\w"
    r"|[A-Za-z_]\w* ?(?::[^=\n]{1,60})?= |\"\"\"|'''|r\"\"\"|#)"
)
_CODE_LIKE = re.compile(
    r"(?:import |from \S+ import|def |class |async |return\b|if .*:|elif |else:|for .* in |while |try:|except|finally:"
    r"|with |raise\b|assert |pass$|@|[)\]}\"']|[A-Za-z_][\w.]*(?: ?[-+*/|&%]?= |\(|\[))"
)
_INDENTED = re.compile(r"^([ \t]{1,40})def reward[ \t]*\(", re.MULTILINE)
_BLOCK = re.compile(r"[ \t]{0,40}(?:class |def |async |if |elif |else:|for |while |with |try:)")
_AT_THE_END = ("was never closed", "unterminated triple-quoted", "unexpected EOF", "expected an indented block")
_GLUED = re.compile(
    r"\A((?:(?!def |import |from \w|class |@|\"\"\"|''').*\n)*.{0,300}>)"
    r"(?=\"\"\"|'''|import \w|from \w|def \w|class \w|@\w|#)"
)
_CLOSING_TAG = re.compile(r"(?:\]\]>)?</[\w:.=-]{1,40}>")
_MAX_STARTS = 60
_MAX_CUTS = 30


class Bare(NamedTuple):
    """Code in a text: where it stands, and whether it was cut off; the code is empty then."""

    code: str
    start: int
    end: int
    is_cut: bool


def bare_code(source: Source, text: str) -> Bare | None:
    """The reward that stands in `text` without a fence; None when there is none that is Python."""
    found = DEFINES_REWARD.search(text)
    if found is None:
        return _indented(source, text)
    lines = text.split("\n")
    definition = text.count("\n", 0, found.start())
    start = max(0, definition - 1000)
    seen_cut = False
    for _ in range(_MAX_STARTS):
        while start < definition and not _CODE_START.match(lines[start]):
            start += 1
        result = _from(source, lines, start, definition)
        if isinstance(result, int):
            if start == definition or result >= definition:
                return None
            start = max(start, result) + 1
        elif result is None:
            return None
        else:
            seen_cut = result.is_cut
            offset = sum(len(line) + 1 for line in lines[:start])
            return result._replace(start=offset, end=offset + result.end, is_cut=seen_cut)
    return None


def apart(text: str) -> str:
    """`text` with its first code on a line of its own, where that stands behind a tag, as in calls of tools written as XML."""
    return _GLUED.sub(r"\1\n", text, count=1)


def begins_as_code(text: str) -> bool:
    """Whether nothing stands before the code of `text`, which need not be Python."""
    return _CODE_START.match(text.lstrip("\n")) is not None


def _from(source: Source, lines: list[str], start: int, definition: int) -> Bare | int | None:
    """The code from line `start` on; the line of a mistake before the definition; None for a mistake in the code itself."""
    window = _window(lines, start)
    stop = len(window)
    for _ in range(_MAX_CUTS):
        code = "\n".join(window[:stop]).rstrip() + "\n"
        read = source.read(code)
        if isinstance(read, ast.Module):
            if not rewards_in(read):
                return definition
            kept = _without_prose(code, read)
            is_end = start + stop >= len(lines)
            return Bare(kept, 0, len(kept), is_end and kept == code and is_cut_short(source, code))
        place = read.line - 1
        if place < 0:
            return None
        if start + place < definition:
            return start + place
        place = min(place, stop - 1)
        if tag := _CLOSING_TAG.search(window[place]):
            window[place] = window[place][: tag.start()]
            stop = place + 1
            continue
        if not window[place].strip() or window[place][:1] in (" ", "\t") or _CODE_LIKE.match(window[place]):
            return Bare("", 0, 0, True) if start + stop >= len(lines) and _is_open(read, window, stop) else None
        stop = place
    return None


def _is_open(mistake: Mistake, window: list[str], stop: int) -> bool:
    """Whether the text ends in the midst of what it began."""
    last = max((place for place in range(stop) if window[place].strip()), default=0)
    return mistake.line - 1 >= last or any(message in mistake.message for message in _AT_THE_END)


def _window(lines: list[str], start: int) -> list[str]:
    size = 0
    for place in range(start, len(lines)):
        size += len(lines[place]) + 1
        if size > MAX_CODE_CHARS:
            return lines[start:place]
    return lines[start:]


def _without_prose(code: str, tree: ast.Module) -> str:
    """Without trailing lines that happen to be Python and do nothing, such as `Done` or `Note: short`."""
    body = list(tree.body)
    while body and _does_nothing(body[-1]):
        body.pop()
    if len(body) == len(tree.body):
        return code
    lines = code.split("\n")[: tree.body[len(body)].lineno - 1]
    return "\n".join(lines).rstrip() + "\n"


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call | ast.Await)


def _indented(source: Source, text: str) -> Bare | None:
    """Code that is indented as a whole, as in a list, a quotation, or a block of YAML."""
    found = _INDENTED.search(text)
    if found is None:
        return None
    indent = found.group(1)
    before = text[: found.start()].split("\n")
    first = len(before) - 1
    while first > 0 and (not before[first - 1].strip() or before[first - 1].startswith(indent)):
        first -= 1
    if first > 0 and _BLOCK.match(before[first - 1]):
        return None  # It is a part of that statement: a method, or a function in a function.
    start = sum(len(line) + 1 for line in before[:first])
    lines: list[str] = []
    for line in text[start:].split("\n"):
        if line.strip() and not line.startswith(indent):
            break
        lines.append(line)
    region = "\n".join(lines)
    inner = textwrap.dedent(region) if len(region) <= 2 * MAX_CODE_CHARS else ""
    if not DEFINES_REWARD.search(inner):
        return None
    bare = bare_code(source, inner)
    return bare._replace(start=start, end=start + len(region)) if bare else None
