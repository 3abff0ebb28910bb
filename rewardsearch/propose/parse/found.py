"""What reading a reply gives: the rewards, or the reason why there is none; and the names and ideas told beside the code."""

from __future__ import annotations

import re

from rewardsearch.records import Record

MAX_RATIONALE_CHARS = 600
MAX_NAME_CHARS = 200
MAX_TOLD_CHARS = 20_000
"""Of the prose before a reward, this much is looked at: its end, where name and idea stand."""

WANTED = "reward(prompts, completions, answer, **columns)"

_MARKUP = r"[ \t>*_#`-]*"
_LEAD = rf"{_MARKUP}(?:\d{{1,2}}[.)]{_MARKUP})?"
_NAME = re.compile(rf"^{_LEAD}(?:reward )?name{_MARKUP}[:=]{_MARKUP}(\S.*)$", re.IGNORECASE)
_WHY = re.compile(rf"^{_LEAD}(?:rationale|hypothesis|reasoning|why){_MARKUP}[:=]{_MARKUP}(.*)$", re.IGNORECASE)
# A heading has its text on the lines below.
_HEADING = re.compile(rf"^[ \t]*[#*]{_MARKUP}(name|rationale|hypothesis){_MARKUP}:?{_MARKUP}$", re.IGNORECASE)
_QUOTED = re.compile(r"\A[ \t]*>[ \t]?")
_TRAILING = " \t>*_#-"


class Found(Record):
    """One reward in a reply; `name` and `rationale` are empty when the reply gives none."""

    name: str
    rationale: str
    code: str


class NoCode(Exception):
    """A reply without a reward; the message says why, in words for the proposer."""


def told(prose: str) -> tuple[str, str]:
    """The last name and the last rationale in `prose`, without their Markdown; empty where there is none."""
    name = why = ""
    lines = [_QUOTED.sub("", line) for line in prose[-MAX_TOLD_CHARS:].split("\n")]
    for place, line in enumerate(lines):
        if found := _NAME.match(line[:1000]):
            name = short(found.group(1).rstrip(_TRAILING).strip("`\"' "), MAX_NAME_CHARS)
        elif found := _WHY.match(line[: 10 * MAX_RATIONALE_CHARS]):
            below = lines[place + 1 :]
            why = _paragraph([found.group(1), *below]) if found.group(1) else _paragraph(_after_blanks(below))
        elif found := _HEADING.match(line[:1000]):
            paragraph = _paragraph(_after_blanks(lines[place + 1 :]))
            if found.group(1).lower() == "name":
                name = short(paragraph.strip("`\"'*_ "), MAX_NAME_CHARS)
            else:
                why = paragraph
    return name, why


def _after_blanks(lines: list[str]) -> list[str]:
    first = next((place for place, line in enumerate(lines[:5]) if line.strip()), 0)
    return lines[first:]


def _paragraph(lines: list[str]) -> str:
    """The lines up to an empty one, or to the next thing that is told, as one line."""
    out: list[str] = []
    for line in lines[:50]:
        told_next = out and (_NAME.match(line[:1000]) or _WHY.match(line[:1000]) or _HEADING.match(line[:1000]))
        if not line.strip() or told_next:
            break
        out.append(line)
    return short(" ".join(out), MAX_RATIONALE_CHARS)


def short(text: str, limit: int) -> str:
    """`text` on one line, cut to `limit` characters."""
    return " ".join(text[: 10 * limit].split())[:limit]
