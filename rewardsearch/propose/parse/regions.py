"""Where the code of a reply stands: in the "code" of JSON, between fences, or bare between lines of prose.

Fences split a text into chunks. In each chunk, the code is the largest run of lines around `def reward` that Python parses. Not
covered: a docstring with a fence in it, which is left out, and code that is indented without a fence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rewardsearch.propose.parse.python import DEFINES_REWARD, Mistake, Source, is_cut_short, repair_code
from rewardsearch.rewards.identity import MAX_CODE_CHARS


class Piece(NamedTuple):
    """Some code of a reply and its place. `is_cut`: its end may be missing; no reward is read from it then."""

    code: str
    start: int
    end: int
    is_cut: bool = False
    name: str = ""
    why: str = ""


class _Chunk(NamedTuple):
    """The lines between two fences, from `first` to before `last`; `language` is None where no fence stands before it."""

    first: int
    last: int
    language: str | None
    is_closed: bool


class _Run(NamedTuple):
    """Lines from `first` to before `last` that are Python; `code` is empty where the text ends in the midst of it."""

    code: str
    first: int
    last: int
    is_cut: bool


_FENCE = re.compile(r"(?:[ \t>]|[-*+] |\d{1,3}[.)] ){0,40}(?:`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)\Z")
_CODE_START = re.compile(
    r"(?:import \w|from \w[\w.]* import |def \w|class \w|@\w"
    r"|[A-Za-z_]\w* ?(?::[^=\n]{1,60})?= |\"\"\"|'''|r\"\"\"|#)"
)
_CODE_LIKE = re.compile(
    r"(?:import |from \S+ import|def |class |async |return\b|if .*:|elif |else:|for .* in |while |try:|except|finally:"
    r"|with |raise\b|assert |pass$|@|[)\]}\"']|[A-Za-z_][\w.]*(?: ?[-+*/|&%]?= |\(|\[(?!/)))"
)
_AT_THE_END = ("was never closed", "unterminated triple-quoted", "unexpected EOF", "expected an indented block")
_MAX_LINE = 500
_MAX_CHUNKS = 200
_MAX_RUNS = 30
_MAX_TRIES = 60
_MAX_ABOVE = 1000


def pieces_in(source: Source, text: str) -> list[Piece]:
    """The Python of `text` in its order: rewards, and what they may need."""
    lines = text.split("\n")
    places = [0]
    for line in lines:
        places.append(places[-1] + len(line) + 1)
    out: list[Piece] = []
    # The last chunks come first: the work is bounded, and the answer stands behind the drafts.
    for chunk in reversed(_chunks(lines)[-_MAX_CHUNKS:]):
        runs = [] if chunk.language == "diff" else list(_runs(source, lines, chunk))
        out = [Piece(run.code, places[run.first], places[run.last] - 1, run.is_cut) for run in runs] + out
    return out


def _chunks(lines: Sequence[str]) -> list[_Chunk]:
    out: list[_Chunk] = []
    first, language = 0, None
    for place, line in enumerate(lines):
        found = _FENCE.match(line) if len(line) <= _MAX_LINE else None
        if found:
            out.append(_Chunk(first, place, language, True))
            words = found["info"].strip("{}. \t").lower().split()
            first, language = place + 1, words[0] if words else ""
    return [*out, _Chunk(first, len(lines), language, False)]


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip("\n") + "\n"


def _runs(source: Source, lines: Sequence[str], chunk: _Chunk) -> Iterator[_Run]:
    """The runs of Python in a chunk; where it has none, the chunk as it is, for what defines a reward and is no Python."""
    own = list(lines[chunk.first : chunk.last])
    if not any(line.strip() for line in own):
        return
    whole = repair_code(source, _joined(own))
    if tree := source.tree(whole):
        code = _without_trailing(whole, tree)
        if not code:
            return
        is_cut = not chunk.is_closed and code == whole and "def " in code and is_cut_short(source, code)
        yield _Run(code, chunk.first, chunk.last, is_cut)
        return
    place = 0
    definitions = [k for k, line in enumerate(own) if DEFINES_REWARD.match(line)]
    for definition in definitions[-_MAX_RUNS:]:
        if definition < place:
            continue
        found = _largest_run(source, own, place, definition)
        if found and (found.code or not chunk.is_closed):
            yield found._replace(
                first=chunk.first + found.first,
                last=chunk.first + found.last,
                is_cut=found.is_cut and not chunk.is_closed,
            )
            place = found.last
    if place or chunk.language is None:
        return
    if definitions and chunk.is_closed:
        yield _Run(_joined(own), chunk.first, chunk.last, False)
    elif "def " in whole and not chunk.is_closed:
        yield _Run("", chunk.first, chunk.last, True)


def _largest_run(source: Source, lines: list[str], above: int, definition: int) -> _Run | None:
    """The largest run of lines around the one that defines `reward`, from `above` on, that Python parses."""
    start = max(above, definition - _MAX_ABOVE)
    for _ in range(_MAX_TRIES):
        while start < definition and not _CODE_START.match(lines[start]):
            start += 1
        result = _run_from(source, lines, start, definition)
        if not isinstance(result, int):
            return result
        if start == definition:
            return None
        start = max(start, result) + 1
    return None


def _run_from(source: Source, lines: list[str], start: int, definition: int) -> _Run | int | None:
    """The code from line `start` on; the line of a mistake before the definition; None for a mistake in the code itself."""
    stop, room = start, MAX_CODE_CHARS
    while stop < len(lines) and room > len(lines[stop]):
        room -= len(lines[stop]) + 1
        stop += 1
    for _ in range(_MAX_TRIES):
        code = repair_code(source, _joined(lines[start:stop])) if stop == len(lines) else _joined(lines[start:stop])
        read = source.read(code)
        if isinstance(read, ast.Module):
            kept = _without_trailing(code, read)
            is_cut = stop == len(lines) and kept == code and is_cut_short(source, code)
            return _Run(kept, start, stop if kept == code else start + kept.count("\n"), is_cut)
        place = start + read.line - 1
        if place < start:
            return None
        if place < definition:
            return place
        place = min(place, stop - 1)
        line = lines[place]
        if not line.strip() or line[:1] in (" ", "\t") or _CODE_LIKE.match(line):
            return _Run("", start, stop, True) if stop == len(lines) and _is_open(read, lines, start, stop) else None
        stop = place
    return None


def _is_open(mistake: Mistake, lines: Sequence[str], start: int, stop: int) -> bool:
    """Whether the text ends in the midst of what it began."""
    last = max((place for place in range(start, stop) if lines[place].strip()), default=start)
    return start + mistake.line - 1 >= last or any(message in mistake.message for message in _AT_THE_END)


def _without_trailing(code: str, tree: ast.Module) -> str:
    """Without last lines that happen to be Python and do nothing, such as `Done` or `Note: short`, and what runs as a script;
    empty where nothing else stands in it."""
    body = list(tree.body)
    while body and _does_nothing(body[-1]):
        body.pop()
    if not body:
        return ""
    if len(body) == len(tree.body):
        return code
    return "\n".join(code.split("\n")[: tree.body[len(body)].lineno - 1]).rstrip() + "\n"


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return "__name__" in ast.dump(node.test) and not node.orelse
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call | ast.Await)
