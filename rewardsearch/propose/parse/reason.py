"""Why a reply has no reward, in words for the proposer and the user."""

from __future__ import annotations

import re

from rewardsearch.propose.parse.found import WANTED
from rewardsearch.propose.parse.rewards import Outcome

CUT = "the reply was cut off inside the code"
CUT_BEFORE = "the reply was cut off before the code"
_MAX_REFUSAL_CHARS = 1500
_DIFF = re.compile(r"^(?:@@ .{0,80}@@|--- \S|\+\+\+ \S|diff --git |\*\*\* (?:Begin|Update) )", re.MULTILINE)
_SEARCH_REPLACE = re.compile(r"^<{5,9} ?(?:SEARCH|HEAD|ORIGINAL)", re.MULTILINE)
_VERB = (
    r"(?:help|assist|provide|comply|create|write|fulfil+|generate|support|complete|continue"
    r"|engage|participate|do|answer|produce|share)"
)
_CANNOT = (
    r"can(?:not|'t| not)|could(?:n't| not)|won't|will not|unable to|not able to|not comfortable|(?:must|have to) decline"
    r"|decline to|refuse to|(?:would|'d) rather not|not (?:permitted|allowed|going) to|not appropriate (?:for me )?to"
)
_REFUSAL = re.compile(
    rf"\b(?:{_CANNOT})(?: \w{{1,12}}){{0,3}}? {_VERB}\b"
    r"|\b(?:i'm|i am|we're) (?:really |very |so )?sorry\b|\bsorry, (?:but )?(?:i|we)\b"
    r"|\bi apologi[sz]e\b|\bi (?:must|have to) decline\b|\bas an ai\b|\bi refuse\b"
    r"|\b(?:against|violates?) (?:my|our|the) (?:\w+ )?(?:guidelines|polic|principles|programming)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t>]{0,40}(?:`{3}|~{3})", re.MULTILINE)


def is_diff(text: str) -> bool:
    """Whether code is told as the changes of a file."""
    return _SEARCH_REPLACE.search(text) is not None or len(_DIFF.findall(text)) >= 2


def is_refusal(text: str) -> bool:
    """Whether a short reply without code says that the model will not do it."""
    plain = text.replace("’", "'")
    return len(text) <= _MAX_REFUSAL_CHARS and "def " not in text and _REFUSAL.search(plain[:600]) is not None


def why_no_code(text: str, outcome: Outcome, is_json: bool, is_json_cut: bool) -> str:
    """The reason for a reply in which no reward was found."""
    fenced = _FENCE.search(text) is not None
    if is_diff(text):
        return "the reply is a diff; the whole file is wanted"
    if outcome.is_cut:
        return CUT
    if outcome.mistakes:
        where = "no code block of the reply" if fenced else "nothing in the reply"
        return f"{where} defines {WANTED}: {outcome.mistakes[-1]}"
    if is_refusal(text):
        return "the model refused to write a reward"
    if is_json_cut:
        return CUT_BEFORE
    if is_json:
        return 'the JSON of the reply has no "code" that defines the reward'
    if fenced:
        return f"no code block of the reply defines {WANTED}"
    return "the reply has no code block"
