"""Splits a reply into its answer and the model's reasoning before, between or after it.

Reasoning is found by the form of its marks, not by a list of them: a tag in any brackets whose name speaks of thinking, or a
special token with such a word behind it. A mark inside code is a part of the code: the asked form of most tasks has a <thinking>
tag, so rewards are full of them. Not covered: reasoning that nothing marks; the last reward counts, and it comes after that.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from rewardsearch.propose.parse.blocks import bare_code, blocks_of
from rewardsearch.propose.parse.literal import OBJECT, Fields, LiteralReader, Unreadable
from rewardsearch.propose.parse.python import DEFINES_REWARD, Source, repair_code

# Invisible characters that editors and web pages leave at a text's start, and what is left there of other encodings' marks.
_INVISIBLE = "\ufeff\ufffd\ufffe\u200b\u200c\u200d\u2060\u200e\u200f"
_TURN_END = re.compile(
    r"(?:<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|endoftext\|>|<\|end_of_text\|>|<end_of_turn>|<turn\|>|<\|end\|>|<\|return\|>"
    r"|<\|call\|>|<｜end▁of▁sentence｜>|</s>)(?=[ \t]*(?:\n|<|\Z))(?!\s{0,9}<\|start\|>assistant)"
)
_TURN_START = re.compile(
    r"\A\s*(?:<s>\s*)?(?:<\|im_start\|>\s*assistant\s*\n|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>"
    r"|<start_of_turn>\s*model\s*\n|<\|turn>\s*model\s*\n|<\|assistant\|>|<｜Assistant｜>|\[/INST\])"
)
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
# A special token of a chat template, and the channels of gpt-oss, Gemma and others that are headed by one.
_TOKEN = r"<(?:[|｜][\w▁]{1,30}[|｜]?|[\w▁]{1,30}[|｜]|unused\d{1,4})>"
_THINKING_CHANNEL = re.compile(
    rf"{_TOKEN}[ \t]*\w{{0,20}}(?:{_STEMS})\w{{0,20}}[^<\n]{{0,100}}(?:{_TOKEN}|\n)", re.IGNORECASE
)
_HEADED = (
    (_THINKING_CHANNEL, re.compile(rf"(?=<\|(?:channel|start)\|>)|{_TOKEN}")),
    # A server that drops the tokens leaves the names of the channels, run together with the text.
    (re.compile(r"\A\s*analysis(?=[A-Z\"'*#])"), re.compile(r"assistant(?:final|commentary)")),
    # What the command line of Ollama prints around it.
    (re.compile(r"\A\s*Thinking\.\.\.[ \t]*\n"), re.compile(r"^\.\.\.done thinking\.", re.MULTILINE)),
)
_LEAD = " \t>*_#-"
_CODE_BEGUN = re.compile(
    r"\"\"\"|'''|\{\s{0,9}[\"']|^[ \t]{0,40}(?:def \w+\(|import \w|from \S+ import|class \w+[:(]|@\w)", re.MULTILINE
)
_MAX_LOOKED_AT = 400_000
"""Characters of all passes over a reply together, where each passes over what is left after a mark."""
_LEAST = 10_000
_MAX_BLOCKS = 2000
_MAX_BARE = 5
_MAX_OBJECTS = 40
_MAX_TAGS = 10_000
_MAX_LINE = 2000


class Split(NamedTuple):
    """The answer, the reasoning, and whether the reply ends inside the reasoning."""

    answer: str
    reasoning: str
    is_open: bool = False


class _Mark(NamedTuple):
    """Where reasoning may begin or end. `name` is the tag's, without begin and end; `thinks` says whether it speaks of thinking,
    `is_pair` whether it closes a tag on its own line; `closing` finds the end where that is no tag of this name."""

    start: int
    end: int
    name: str = ""
    closes: bool = False
    thinks: bool = True
    is_pair: bool = False
    closing: re.Pattern[str] | None = None


def strip_reasoning(source: Source, text: str) -> Split:
    """The answer and the reasoning of a reply, with line ends as \\n and without the marks of a chat template."""
    # Text in UTF-16 that was read as another encoding has a NUL beside every letter.
    rest = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").lstrip(_INVISIBLE + " \t\n")
    turn = _TURN_START.match(rest)
    rest = rest[turn.end() :] if turn else rest
    answer: list[str] = []
    reasoning: list[str] = []
    is_open = False
    left = _MAX_LOOKED_AT
    while left > 0:
        left -= len(rest) + _LEAST
        plain = _without_code(source, rest)
        opening = _opening(plain)
        orphan = _orphan(plain[: opening.start] if opening else plain)
        if orphan:
            # The opening tag stood in the prompt, or an earlier end was none; or prose speaks of the tag.
            (reasoning if _ends_reasoning(source, rest, plain, orphan) else answer).append(rest[: orphan.start])
            rest = rest[orphan.end :]
        elif opening is None:
            break
        else:
            answer.append(rest[: opening.start])
            rest = rest[opening.end :]
            end = _end(_without_code(source, rest), opening)
            is_open = end is None and (_stands_alone(plain, opening) or any("def reward" in each for each in answer))
            if end or is_open:
                reasoning.append(rest[: end.start] if end else rest)
                rest = rest[end.end :] if end else ""
    return Split(_one_turn(source, "\n".join([*answer, rest])), "\n".join(reasoning), is_open)


def _one_turn(source: Source, text: str) -> str:
    """Without turns that the model wrote for the user, and with a line break in place of each special token."""
    plain = _without_code(source, text)
    end = _TURN_END.search(plain)
    stop = end.start() if end else len(text)
    out: list[str] = []
    place = 0
    for token in re.finditer(_TOKEN, plain[:stop]):
        out += [text[place : token.start()], "\n"]
        place = token.end()
    return "".join(out) + text[place:stop]


# --- code, whose marks are its own ------------------------------------------------------------------------------------


def _without_code(source: Source, text: str) -> str:
    """`text` with blanks in place of code, so that every other place stays where it is."""
    if not _TAG.search(text) and not re.search(_TOKEN, text):
        return text
    spans: list[tuple[int, int]] = []
    for block in blocks_of(text, source.is_whole)[:_MAX_BLOCKS]:
        start = text.find("\n", block.start, block.end)
        if start < 0:
            continue
        marks = _marks(text, start, block.end)
        ends = any(_unopened(marks)) or any(closing.search(text, start, block.end) for _, closing in _HEADED)
        if not ends or (block.is_python and source.tree(repair_code(source, block.body)) is not None):
            spans.append((start, block.end))
        else:
            # The block has swallowed the end of the reasoning, since nothing closed it.
            spans.extend((each.start, each.end) for each in marks if each.thinks and not each.closes)
    plain = _blanked(text, spans)
    for _ in range(_MAX_BARE):
        bare = bare_code(source, plain) if DEFINES_REWARD.search(plain) else None
        if bare is None or bare.is_cut:
            break
        plain = _blanked(plain, [(bare.start, bare.end)])
    return _blanked(plain, _objects(plain, LiteralReader(text)))


def _objects(plain: str, reader: LiteralReader) -> list[tuple[int, int]]:
    """Where whole JSON objects stand."""
    spans: list[tuple[int, int]] = []
    found = OBJECT.search(plain)
    for _ in range(_MAX_OBJECTS):
        if found is None:
            break
        end = found.start() + 1
        with contextlib.suppress(Unreadable):
            value, after = reader.read(found.start())
            if isinstance(value, Fields) and plain[after - 1] == "}":
                spans.append((found.start(), after))
                end = max(end, after)
        found = OBJECT.search(plain, end)
    return spans


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    out: list[str] = []
    end = 0
    for start, stop in spans:
        out += [text[end:start], re.sub(r"[^\n]", " ", text[start:stop])]
        end = stop
    return "".join(out) + text[end:]


# --- marks ------------------------------------------------------------------------------------------------------------


def _marks(text: str, start: int = 0, end: int = sys.maxsize) -> list[_Mark]:
    """The tags in `text` that are not quoted, also those that do not speak of thinking: <details type="reasoning"> ends with
    </details>."""
    out: list[_Mark] = []
    opened: dict[str, int] = {}
    for found in islice(_TAG.finditer(text, start, end), _MAX_TAGS):
        line = max(start, text.rfind("\n", start, found.start()) + 1)
        if _is_quoted(text[max(line, found.start() - _MAX_LINE) : found.start()], text[found.end() : found.end() + 3]):
            continue
        edge = _EDGE.match(found["name"])
        closes = bool(found["slash"] or (edge and edge["end"]))
        thinks = (
            _SPEAKS_OF_THINKING.search(f"{found['name']} {found['more'] or ''} {found['summary'] or ''}") is not None
        )
        name = found["brackets"] + found["name"][edge.end() if edge else 0 :].lower()
        out.append(_Mark(found.start(), found.end(), name, closes, thinks, closes and opened.get(name, -1) >= line))
        if not closes:
            opened[name] = found.start()
    return out


def _is_quoted(before: str, after: str) -> bool:
    """Whether what stands between `before` on its line and `after` is a quotation, or a part of a pattern."""
    return bool(before.strip(_LEAD)) and (
        before.count('"') % 2 == 1
        or before.count("`") % 2 == 1
        or before[-1] in ("'", '"')
        or (after[:1] in ("'", '"', "`", ")", "\\", ",", ";") and after != "```")
    )


def _unopened(marks: Iterable[_Mark], since: int = 0) -> Iterator[_Mark]:
    """The closing tags whose opening is not among `marks`, where those before `since` open nothing."""
    depth: Counter[str] = Counter()
    for each in marks:
        if not each.closes:
            depth[each.name] += each.start >= since
        elif depth[each.name]:
            depth[each.name] -= 1
        elif not each.is_pair:
            yield each


def _opening(plain: str) -> _Mark | None:
    """Where the first reasoning of `plain` begins: at the start of a line or alone at its end, with no code before it."""
    tags = (each for each in _marks(plain) if each.thinks and not each.closes and not all(_around(plain, each)))
    headed = (
        _Mark(found.start(), found.end(), closing=closing)
        for pattern, closing in _HEADED
        if (found := pattern.search(plain))
    )
    first = min((*headed, *islice(tags, 1)), default=None, key=lambda each: each.start)
    return first if first and not _CODE_BEGUN.search(plain[: first.start]) else None


def _stands_alone(plain: str, opening: _Mark) -> bool:
    return opening.closing is not None or not plain[: opening.start].strip() or not _around(plain, opening)[1]


def _end(plain: str, opening: _Mark) -> _Mark | None:
    """Where the reasoning ends that begins before `plain`; None when nothing ends it."""
    closings = [each for each in _marks(plain) if each.closes and not each.is_pair]
    same = [each for each in closings if each.name == opening.name]
    # A special token that nothing closes reaches to the next one, as <|think|> to <|content|>.
    closing = opening.closing or (re.compile(_TOKEN) if not same and opening.name.startswith(("<|", "<｜")) else None)
    if closing and (found := closing.search(plain)):
        return _Mark(found.start(), found.end())
    if opening.closing:
        return None
    clear = [each for each in same or closings if (same or each.thinks) and _is_clear(plain, each)]
    following = _opening(plain)
    limit = following.start if following else len(plain)
    # A tag in the midst of prose ends it only where none stands apart; what follows the next opening may end that one.
    near = [each for each in clear if each.start < limit] or [each for each in same if each.start < limit]
    return next(iter(near or clear or same), None)


def _orphan(plain: str) -> _Mark | None:
    """The first closing tag that nothing opened; one that was opened in code, as in a docstring, is the code's."""
    code = _CODE_BEGUN.search(plain)
    marks = (each for each in _marks(plain) if each.thinks)
    return next(_unopened(marks, since=code.start() if code else len(plain)), None)


def _ends_reasoning(source: Source, text: str, plain: str, closing: _Mark) -> bool:
    """Whether a closing tag that nothing opened ends reasoning: it stands apart, or a draft that was broken off is before it."""
    return (
        _is_clear(plain, closing)
        or DEFINES_REWARD.search(plain[: closing.start]) is not None
        or not all(block.closed for block in blocks_of(text[: closing.start], source.is_whole))
    )


def _around(text: str, mark: _Mark) -> tuple[str, str]:
    """What else stands on the line of a mark, before and behind it."""
    before = text[max(0, mark.start - _MAX_LINE) : mark.start].rpartition("\n")[2]
    return before.strip(_LEAD), text[mark.end : mark.end + _MAX_LINE].partition("\n")[0].strip(_LEAD)


def _is_clear(text: str, closing: _Mark) -> bool:
    """Whether a closing tag stands apart from prose: it begins its line, ends its paragraph, or code follows it at once."""
    before, after = _around(text, closing)
    ends_paragraph = (
        not after and not text[closing.end : closing.end + _MAX_LINE].partition("\n")[2].partition("\n")[0].strip()
    )
    return not before or ends_paragraph or after.startswith(("```", "~~~", "{"))
