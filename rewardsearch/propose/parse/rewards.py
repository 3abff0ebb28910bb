"""From pieces of code to rewards: which pieces are rewards, what they need of other pieces, which of several counts, and why a
reply has none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from rewardsearch.propose.base import docstring_of
from rewardsearch.propose.parse.python import (
    DEFINES_REWARD,
    MAX_RATIONALE_CHARS,
    Source,
    is_complete,
    short,
    signature,
    takes_contract,
)
from rewardsearch.propose.parse.regions import Piece
from rewardsearch.records import Record

MAX_NAME_CHARS = 200
MAX_PROSE_CHARS = 20_000
"""Of the prose before a reward, this much is looked at: its end, where name and idea stand."""

WANTED = "reward(prompts, completions, answer, **columns)"

_MARKUP = r"[ \t>*_#`-]*"
_SAID = re.compile(
    rf"^{_MARKUP}(?:\d{{1,2}}[.)]{_MARKUP})?(?:reward )?(?P<key>name|rationale|hypothesis|reasoning|why){_MARKUP}"
    rf"(?P<colon>[:=]?){_MARKUP}(?P<text>.*)$",
    re.IGNORECASE,
)
_TRAILING = " \t>*_#`\"'-"


class Found(Record):
    """One reward in a reply; `name` and `rationale` are empty when the reply gives none."""

    name: str
    rationale: str
    code: str


class NoCode(Exception):
    """A reply without a reward; the message says why, in words for the proposer."""


class Outcome(NamedTuple):
    """The reward that counts among pieces; whether it is complete; whether one was cut off; the mistakes of those that are none,
    in words."""

    found: Found | None
    is_complete: bool
    is_cut: bool
    mistakes: list[str]


def rewards_of(source: Source, pieces: Sequence[Piece], text: str) -> Outcome:
    """The last complete reward of the `pieces` of `text`: what a model that corrects itself means.

    A fragment or a stub counts only where nothing is complete.
    """
    found: list[tuple[Found, bool]] = []
    mistakes: list[str] = []
    prose = ""
    end = 0
    for place, piece in enumerate(pieces):
        # Name and rationale of a draft hold for the answer as well, unless the answer has its own.
        prose += text[end : piece.start]
        end = max(end, piece.end)
        if piece.is_cut:
            continue
        mistake = _mistake(source, piece.code)
        if mistake is not None:
            mistakes += [mistake] if mistake else []
            continue
        name, why = name_and_idea(prose)
        code = _joined(source, pieces, place)
        reward = Found(name=piece.name or name, rationale=piece.why or why or _idea(piece.code), code=code)
        found.append((reward, is_complete(source, code)))
    is_cut = any(piece.is_cut for piece in pieces)
    if not found:
        return Outcome(None, False, is_cut, mistakes)
    answer, complete = next((each for each in reversed(found) if each[1]), found[-1])
    if not answer.name:
        # Small models tell name and idea after the code.
        name, why = name_and_idea(text[end:])
        answer = answer.model_copy(update={"name": name, "rationale": why or answer.rationale})
    return Outcome(answer, complete, is_cut, mistakes)


def _idea(code: str) -> str:
    return short(docstring_of(code), MAX_RATIONALE_CHARS)


def _mistake(source: Source, code: str) -> str | None:
    """Why a piece is no reward, in words; empty when it is no attempt at one, None when it is a reward.

    What defines a reward and is no Python counts as one: its mistake is validation's to say.
    """
    tree = source.tree(code)
    if tree is None:
        return None if DEFINES_REWARD.search(code) else ""
    if rewards := source.rewards(code):
        return None if takes_contract(rewards[-1]) else f"found {signature(rewards[-1])}"
    functions: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "reward":
            return f"found async def {signature(node)}, a plain def is wanted"
        if isinstance(node, ast.ClassDef):
            return f"found class {short(node.name, 60)}, a plain top-level function is wanted"
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "reward" for t in node.targets):
            return "found reward = .., a plain top-level function is wanted"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(signature(node))
    return f"found {functions[-1]}" if functions else ""


def _joined(source: Source, pieces: Sequence[Piece], place: int) -> str:
    """The code of a piece with the other pieces that define the names it lacks; as it is when a name stays missing."""
    parts = {place: pieces[place].code}
    missing = source.missing(pieces[place].code)
    # The nearest piece before it comes first, then those that follow.
    for other in [*range(place - 1, -1, -1), *range(place + 1, len(pieces))]:
        if not missing:
            break
        if not pieces[other].is_cut and source.defined(pieces[other].code) & missing:
            parts[other] = _without_reward(source, pieces[other].code)
            missing = source.missing("\n\n".join(parts[k] for k in sorted(parts)))
    joined = "\n\n".join(parts[k] for k in sorted(parts))
    return pieces[place].code if missing or source.tree(joined) is None else joined


def _without_reward(source: Source, code: str) -> str:
    lines = code.split("\n")
    for node in reversed(source.rewards(code)):
        del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n") + "\n"


def name_and_idea(prose: str) -> tuple[str, str]:
    """The last name and the last rationale in `prose`, without their Markdown; empty where there is none."""
    name = why = ""
    lines = prose[-MAX_PROSE_CHARS:].split("\n")
    for place, line in enumerate(lines):
        found = _said(line)
        if found is None:
            continue
        text = found["text"]
        if not text:  # A heading has its text on the lines below.
            text = _paragraph(lines[place + 1 :])
        elif found["key"].lower() != "name":
            text = f"{text} {_paragraph(lines[place + 1 :], at_once=True)}"
        if found["key"].lower() == "name":
            name = short(text.strip(_TRAILING), MAX_NAME_CHARS)
        else:
            why = short(text, MAX_RATIONALE_CHARS)
    return name, why


def _said(line: str) -> re.Match[str] | None:
    """A line that tells the name or the rationale: `Name: ..`, or a heading."""
    found = _SAID.match(line[: 10 * MAX_RATIONALE_CHARS])
    is_heading = found and not found["text"] and line.lstrip()[:1] in ("#", "*")
    return found if found and (found["colon"] or is_heading) else None


def _paragraph(lines: Sequence[str], at_once: bool = False) -> str:
    """The lines up to an empty one, or to the next name or rationale; blank lines before it are skipped unless `at_once`."""
    out: list[str] = []
    for line in lines[:50]:
        if _said(line) or (not line.strip() and (out or at_once)):
            break
        if line.strip():
            out.append(line)
    return " ".join(out)


CUT = "the reply was cut off inside the code"
CUT_BEFORE = "the reply was cut off before the code"
_MAX_REFUSAL_CHARS = 1500
_DIFF = re.compile(r"^(?:@@ .{0,80}@@|--- \S|\+\+\+ \S|diff --git |\*\*\* (?:Begin|Update) )", re.MULTILINE)
_SEARCH_REPLACE = re.compile(r"^<{5,9} ?(?:SEARCH|HEAD|ORIGINAL)", re.MULTILINE)
_REFUSAL = re.compile(
    r"\b(?:can(?:not|'t| not)|could(?:n't| not)|won't|will not|(?:un|not )able to|not comfortable|decline to|refuse to)\b"
    r"(?: \w{1,12}){0,3}? (?:help|assist|provide|comply|create|write|fulfil+|generate|support|continue|do|answer|produce)\b"
    r"|\b(?:i'm|i am|we're) (?:really |very |so )?sorry\b|\bsorry, (?:but )?(?:i|we)\b|\bi apologi[sz]e\b"
    r"|\b(?:must|have to) decline\b|\bas an ai\b|\bi refuse\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t>]{0,40}(?:`{3}|~{3})", re.MULTILINE)


def why_no_code(text: str, outcome: Outcome, is_json: bool, is_json_cut: bool) -> str:
    """The reason for a reply in which no reward was found."""
    is_fenced = _FENCE.search(text) is not None
    if _SEARCH_REPLACE.search(text) or len(_DIFF.findall(text)) >= 2:
        return "the reply is a diff; the whole file is wanted"
    if outcome.is_cut:
        return CUT
    if is_json_cut:
        return CUT if re.search(r"\bcode\\*\"", text) else CUT_BEFORE
    if outcome.mistakes:
        where = "no code block of the reply" if is_fenced else "nothing in the reply"
        return f"{where} defines {WANTED}: {outcome.mistakes[-1]}"
    if len(text) <= _MAX_REFUSAL_CHARS and "def " not in text and _REFUSAL.search(text.replace("’", "'")):
        return "the model refused to write a reward"
    if is_json:
        return 'the JSON of the reply has no "code" that defines the reward'
    if is_fenced:
        return f"no code block of the reply defines {WANTED}"
    if DEFINES_REWARD.search(text):
        return "the code outside of a code block is no Python"
    return "the reply has no code block"
