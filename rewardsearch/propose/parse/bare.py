"""Code without a fence: between which lines of prose it stands, and whether its end is there."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import NamedTuple

from rewardsearch.propose.parse.source import DEFINES_REWARD, Mistake, Source, is_cut_short, rewards_in
from rewardsearch.rewards.identity import MAX_CODE_CHARS

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
