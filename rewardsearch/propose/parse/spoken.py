"""What of a reply is its answer: without a byte-order mark, a chat template's marks, and what was thought before it."""

from __future__ import annotations

import re
from itertools import islice

from rewardsearch.propose.parse.found import NoCode

CUT_THINKING = "the reply was cut off while thinking, before any code"
EMPTY = "the reply is empty"

# Invisible characters that editors and web pages leave at a text's start.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u200e\u200f"
_TURN_END = re.compile(
    r"(?:<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|endoftext\|>|<\|end_of_text\|>|<end_of_turn>|<\|end\|>|<\|return\|>"
    r"|<｜end▁of▁sentence｜>|</s>)(?=[ \t]*(?:\n|<|\Z))"
)
_TURN_START = re.compile(
    r"\A\s*(?:<s>\s*)?(?:<\|im_start\|>\s*assistant\s*\n|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>"
    r"|<start_of_turn>\s*model\s*\n|<\|assistant\|>|<｜Assistant｜>|\[/INST\])"
)
_CHANNEL = re.compile(r"<\|channel\|>[ \t]*(\w+)(?:[^<\n]|<\|constrain\|>){0,100}?<\|message\|>")
# A server that drops the marks of the channels leaves their names, run together with the text.
_DROPPED_CHANNEL = re.compile(r"\A\s*analysis(?=[A-Z\"'*#])")
_TAGS = r"think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad"
_OPENING = re.compile(rf"\s*<({_TAGS})>", re.IGNORECASE)
_OPENING_LINE = re.compile(rf"^[ \t]*<({_TAGS})>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_ANY_CLOSING = re.compile(rf"</({_TAGS})>", re.IGNORECASE)
_FENCE_LINE = re.compile(r"^[ \t>]{0,40}(?:`{3}|~{3})", re.MULTILINE)
_CODE_BEGUN = re.compile(r"\"\"\"|'''|^[ \t]{0,40}(?:def |import |from \w|class |@|[{\[`~])", re.MULTILINE)
_MAX_THOUGHTS = 20
_MAX_CLOSINGS = 200
_MAX_LINE = 2000


def spoken(text: str) -> str:
    """The answer of a reply, its line ends as \\n.

    Raises NoCode for a reply that is empty, that is all thoughts, or that ends while thinking.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip(_INVISIBLE + " \t\n")
    turn = _final_channel(_one_turn(text))
    if not turn.strip():
        raise NoCode(EMPTY)
    answer = _without_thoughts(turn)
    if not answer.strip():
        raise NoCode(f"{EMPTY} after its thoughts")
    return answer


def _one_turn(text: str) -> str:
    """Without the chat template's marks around the turn, and without turns that the model wrote for the user."""
    if "<|channel|>" in text:
        return text
    start = _TURN_START.match(text)
    text = text[start.end() :] if start else text
    end = _TURN_END.search(text)
    return text[: end.start()] if end else text


def _final_channel(text: str) -> str:
    """Of a reply in channels (the format of gpt-oss), the final one."""
    channels = list(_CHANNEL.finditer(text))
    # Further down the marks are a part of what is said.
    if channels and not _CODE_BEGUN.search(text[: channels[0].start()]):
        final = [each for each in channels if each.group(1) == "final"]
        if not final:
            raise NoCode(CUT_THINKING)
        return _one_turn(text[final[-1].end() :])
    dropped = _DROPPED_CHANNEL.match(text)
    if dropped:
        _, mark, answer = text.partition("assistantfinal")
        if mark:
            return answer
    return text


def _without_thoughts(text: str) -> str:
    """Without sections in tags for thinking, which come before the answer; a tag in the answer's code belongs to it."""
    for _ in range(_MAX_THOUGHTS):
        opening = _OPENING.match(text) or _opening_below(text)
        if opening is None:
            break
        end = _end_of_thought(text, opening.end(), opening.group(1))
        if end is None:
            raise NoCode(CUT_THINKING)
        text = text[: opening.start()] + "\n" + text[end:]
    return text[_end_of_orphan(text) :]


def _opening_below(text: str) -> re.Match[str] | None:
    """A tag alone on its line, with nothing but prose before it."""
    opening = _OPENING_LINE.search(text)
    return opening if opening and not _CODE_BEGUN.search(text[: opening.start()]) else None


def _end_of_thought(text: str, start: int, tag: str) -> int | None:
    """Where the thought that starts at `start` ends: its closing tag outside quotes and drafts, else any alone on a line."""
    every = (each for each in _ANY_CLOSING.finditer(text, start) if each.group(1).lower() == tag.lower())
    closings = list(islice(every, _MAX_CLOSINGS))
    plain = _outside_fences(text, start, [each for each in closings if not _is_mention(text, each, start)])
    alone = (each for each in closings if _is_alone(text, each))
    chosen = next(iter(plain), None) or next(alone, None)
    return chosen.end() if chosen else None


def _end_of_orphan(text: str) -> int:
    """The end of a thought whose opening tag the server took; 0 when there is none."""
    orphans: list[re.Match[str]] = []
    opened: dict[str, bool] = {}
    for closing in _ANY_CLOSING.finditer(text):
        tag = closing.group(1).lower()
        if tag not in opened:
            # Only the first of each tag can be an orphan.
            opened[tag] = f"<{tag}>" in text[: closing.start()].lower()
            if not opened[tag] and not _is_mention(text, closing, 0):
                orphans.append(closing)
    plain = _outside_fences(text, 0, orphans)
    if plain:
        return plain[0].end()
    # A draft that was broken off leaves its fence open.
    lone = next((each for each in orphans if each.group(1).lower() == "think" and _is_alone(text, each)), None)
    return lone.end() if lone and "def reward" in text[lone.end() :] else 0


def _is_mention(text: str, closing: re.Match[str], start: int) -> bool:
    """Whether a closing tag is quoted, or closes one that was opened on the same line: a pattern, not the thought's end."""
    line = text[max(start, closing.start() - _MAX_LINE) : closing.start()].rpartition("\n")[2]
    after = text[closing.end() : closing.end() + 1]
    return (
        line.count('"') % 2 == 1
        or line.count("`") % 2 == 1
        or line[-1:] in ("'", '"')
        or (after != "" and after in "'\"`)\\,;")
        or f"<{closing.group(1)}>" in line
    )


def _is_alone(text: str, tag: re.Match[str]) -> bool:
    before = text[max(0, tag.start() - _MAX_LINE) : tag.start()].rpartition("\n")[2]
    after = text[tag.end() : tag.end() + _MAX_LINE].partition("\n")[0]
    return not before.strip() and not after.strip()


def _outside_fences(text: str, start: int, tags: list[re.Match[str]]) -> list[re.Match[str]]:
    """Those of `tags`, which are in order, that have an even number of fences before them."""
    fences = [each.start() for each in _FENCE_LINE.finditer(text, start)]
    out: list[re.Match[str]] = []
    passed = 0
    for tag in tags:
        while passed < len(fences) and fences[passed] < tag.start():
            passed += 1
        if passed % 2 == 0:
            out.append(tag)
    return out
