"""Finds the model's reasoning in a reply: before, between or after the answer.

Reasoning stands between tags, in any brackets, whose name speaks of thinking. A tag inside code is a part of the code: the asked
form of most tasks has a <thinking> tag, so rewards are full of them. Not covered: reasoning that nothing marks; the last reward
counts, and it comes after that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

_STEMS = (
    r"think|thought|reason|reflect|analy[sz]|scratch|monolog|deliberat|ponder|brainstorm|draft|(?<![a-z])cot(?![a-z])"
)
_SPEAKS_OF_THINKING = re.compile(_STEMS, re.IGNORECASE)
_TAG = re.compile(
    r"(?P<brackets>[<\[◁【⟨〈]{1,2}[|｜]?)(?P<slash>/?)(?P<name>[\w:.▁-]{1,60})"
    r"(?P<more>[ \t]+\w[^<>\[\]\n]{0,200})?[|｜]?[>\]▷】⟩〉]{1,2}"
    r"(?P<summary>\s{0,9}<summary>[^<\n]{0,100}</summary>)?"
)
_EDGE = re.compile(r"\A(?P<end>end)?(?:begin|start)?[_▁.-]*(?:of)?[_▁.-]*", re.IGNORECASE)
_LEAD = " \t>*_#-"
_CODE_BEGUN = re.compile(
    r"\"\"\"|'''|\{\s{0,9}[\"']|^[ \t]{0,40}(?:def \w+\(|import \w|from \S+ import|class \w+[:(])", re.M
)
_MAX_TAGS = 1000
_MAX_LINE = 2000


class Reasoning(NamedTuple):
    """Where reasoning stands, and whether the reply ends inside it."""

    spans: list[tuple[int, int]]
    is_open: bool


class _Mark(NamedTuple):
    """A tag. `name` is without begin and end. `begins`, `ends`: whether it stands first or last on its line; `is_apart`: whether
    it stands apart from prose."""

    start: int
    end: int
    name: str
    closes: bool
    thinks: bool
    begins: bool
    ends: bool
    is_apart: bool


def reasoning_in(text: str, code: Sequence[tuple[int, int]]) -> Reasoning:
    """The reasoning of a text in which code stands at the places `code`."""
    plain = blanked(text, code)
    marks = _marks(plain)
    spans: list[tuple[int, int]] = []
    place = 0
    begun = _CODE_BEGUN.search(plain)
    for k, mark in enumerate(marks):
        if mark.start < place or not mark.thinks:
            continue
        if mark.closes and mark.is_apart:
            # The opening tag stood in the prompt, or an earlier end was none.
            spans, place = [(0, mark.end)], mark.end
        elif mark.closes or not (mark.begins or mark.ends):
            continue
        elif end := _end(marks, k + 1, mark):
            spans.append((mark.start, end.end))
            place = end.end
        elif begun is None or begun.start() > mark.start:
            is_first = not text[: mark.start].strip()
            if mark.ends or is_first or any(stop <= mark.start for _, stop in code):
                return Reasoning([*spans, (mark.start, len(text))], True)
        begun = _CODE_BEGUN.search(plain, place) if begun and begun.start() < place else begun
    return Reasoning(spans, False)


def blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """`text` with blanks in place of some of it, so that every other place stays where it is."""
    out: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        start = max(start, end)
        if stop > start:
            out += [text[end:start], re.sub(r"[^\n]", " ", text[start:stop])]
            end = stop
    return "".join(out) + text[end:]


def _end(marks: Sequence[_Mark], first: int, opening: _Mark) -> _Mark | None:
    """The tag that ends the reasoning that `opening` begins; one of another name where none of this name does."""
    depth = Counter([opening.name])
    other: _Mark | None = None
    for mark in marks[first:]:
        if not mark.closes:
            depth[mark.name] += mark.begins or mark.ends
        elif depth[mark.name] and (mark.begins or mark.ends or mark.is_apart):
            depth[mark.name] -= 1
            if mark.name == opening.name and not depth[mark.name]:
                return mark
        elif mark.thinks and mark.is_apart and other is None:
            other = mark
    return other


def _marks(text: str) -> list[_Mark]:
    """The tags in `text` that are neither quoted nor a pair within a line."""
    out: list[_Mark] = []
    for found in islice(_TAG.finditer(text), _MAX_TAGS):
        before = text[max(0, found.start() - _MAX_LINE) : found.start()].rpartition("\n")[2]
        after, below, *_ = [*text[found.end() : found.end() + _MAX_LINE].split("\n", 2), ""]
        if _is_quoted(before, after[:3]):
            continue
        edge = _EDGE.match(found["name"])
        closes = bool(found["slash"] or (edge and edge["end"]))
        words = f"{found['name']} {found['more'] or ''} {found['summary'] or ''}"
        name = found["brackets"] + found["name"][edge.end() if edge else 0 :].lower()
        begins, ends = not before.strip(_LEAD), not after.strip(_LEAD)
        last = out[-1] if out else None
        is_pair = (
            last and closes and not last.closes and last.name == name and "\n" not in text[last.end : found.start()]
        )
        if is_pair and last and not last.begins:
            out.pop()
            continue
        # What follows a tag at once is no sentence about the tag.
        is_apart = (
            begins
            or (ends and (not below.strip() or below.startswith(("```", "~~~"))))
            or bool(re.match(r"[\w{`<*#]", after))
        )
        thinks = _SPEAKS_OF_THINKING.search(words) is not None
        out.append(_Mark(found.start(), found.end(), name, closes, thinks, begins, ends, is_apart))
    return out


def _is_quoted(before: str, after: str) -> bool:
    """Whether what stands between `before` on its line and `after` is a quotation, or a part of a pattern."""
    return bool(before.strip(_LEAD)) and (
        before.count('"') % 2 == 1
        or before.count("`") % 2 == 1
        or before[-1] in ("'", '"')
        or (after[:1] in ("'", '"', "`", ")", "\\", ",", ";") and after != "```")
    )
