"""From pieces of code to rewards: which pieces are rewards, what they need of other pieces, which of several counts, and why a
reply has none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from rewardsearch.propose.parse.blocks import bare_code
from rewardsearch.propose.parse.python import (
    DEFINES_REWARD,
    MAX_RATIONALE_CHARS,
    Source,
    docstring,
    is_complete,
    is_cut_short,
    repair_code,
    rewards_in,
    short,
    signature,
    takes_contract,
    without,
)
from rewardsearch.records import Record

MAX_NAME_CHARS = 200
MAX_PROSE_CHARS = 20_000
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


def name_and_idea(prose: str) -> tuple[str, str]:
    """The last name and the last rationale in `prose`, without their Markdown; empty where there is none."""
    name = why = ""
    lines = [_QUOTED.sub("", line) for line in prose[-MAX_PROSE_CHARS:].split("\n")]
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
    """The lines up to an empty one, or to the next name or rationale, as one line."""
    out: list[str] = []
    for line in lines[:50]:
        is_next = out and (_NAME.match(line[:1000]) or _WHY.match(line[:1000]) or _HEADING.match(line[:1000]))
        if not line.strip() or is_next:
            break
        out.append(line)
    return short(" ".join(out), MAX_RATIONALE_CHARS)


_MAX_PIECES = 200
_MAX_HELPERS = 20


class Piece(NamedTuple):
    """Some code of a reply. `ends` says whether its end is marked; those of one list have the same `alternatives`."""

    code: str
    ends: bool
    before: str = ""
    name: str = ""
    why: str = ""
    alternatives: object = None
    is_cut: bool = False


class Outcome(NamedTuple):
    """The reward that counts among pieces, with its alternatives if it comes in a list; whether it is complete; whether one was
    cut off; the mistakes of those that are none, in words."""

    found: list[Found]
    is_complete: bool
    is_cut: bool
    mistakes: list[str]


class _NoReward(Exception):
    """The piece is none; the message says why, and is empty when it is no attempt at one."""


class _Cut(Exception):
    """The piece does not have its end."""


def rewards_of(source: Source, pieces: Sequence[Piece], after: str = "") -> Outcome:
    """The last complete reward of `pieces`: what a model that corrects itself means. `after` is the prose behind the last piece.

    A fragment or a stub counts only where nothing is complete.
    """
    pieces = [piece._replace(code=repair_code(source, piece.code)) for piece in pieces[:_MAX_PIECES]]
    found: list[tuple[Piece, Found, bool]] = []
    mistakes: list[str] = []
    is_cut = False
    prose = ""
    for place, piece in enumerate(pieces):
        # Name and rationale of a draft hold for the answer as well, unless the answer has its own.
        prose += piece.before
        try:
            code, idea = _reward(source, pieces, place)
        except _NoReward as error:
            mistakes.extend(filter(None, [str(error)]))
        except _Cut:
            is_cut = True
        else:
            name, why = name_and_idea(prose)
            why = short(piece.why, MAX_RATIONALE_CHARS) or why or idea
            reward = Found(name=piece.name or name, rationale=why, code=code)
            found.append((piece, reward, is_complete(source, code)))
    if not found:
        return Outcome([], False, is_cut, mistakes)
    last, answer, complete = next((each for each in reversed(found) if each[2]), found[-1])
    if not answer.name:
        # Small models tell name and idea after the code.
        name, why = name_and_idea(after)
        answer = answer.model_copy(update={"name": name, "rationale": why or answer.rationale})
    if last.alternatives is None:
        return Outcome([answer], complete, is_cut, mistakes)
    listed = [reward for piece, reward, whole in found if piece.alternatives is last.alternatives and whole == complete]
    return Outcome(list({reward.code: reward for reward in listed}.values()), complete, is_cut, mistakes)


def _reward(source: Source, pieces: Sequence[Piece], place: int) -> tuple[str, str]:
    """The code and the docstring of the reward in one piece. Raises _NoReward and _Cut."""
    piece = pieces[place]
    code = piece.code
    if piece.is_cut:
        raise _Cut
    tree = source.tree(code)
    if tree is None and DEFINES_REWARD.search(code):
        bare = bare_code(source, code)
        if bare and not bare.is_cut:
            code, tree = bare.code, source.tree(bare.code)
        elif not piece.ends:
            raise _Cut
        else:
            return code, ""  # What is wrong with it is validation's to say.
    elif not piece.ends and "def " in code and (tree is None or is_cut_short(source, code)):
        raise _Cut
    rewards = rewards_in(tree) if tree else []
    if tree is None or not rewards:
        raise _NoReward(_other_definition(tree) if tree else "")
    if not takes_contract(rewards[-1]):
        raise _NoReward(f"found {signature(rewards[-1])}")
    code = _without_earlier(code, tree, rewards)
    return _joined(source, _without_main(code, source.tree(code)), pieces, place), docstring(tree)


def _other_definition(tree: ast.Module) -> str:
    """What a file defines in place of the reward, in words; empty when it is nothing of the kind."""
    functions: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef):
            if node.name == "reward":
                return f"found async def {signature(node)}, a plain def is wanted"
            functions.append(signature(node))
        elif isinstance(node, ast.ClassDef):
            return f"found class {short(node.name, 60)}, a plain top-level function is wanted"
        elif isinstance(node, ast.FunctionDef):
            functions.append(signature(node))
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "reward" for t in node.targets):
            return "found reward = .., a plain top-level function is wanted"
    return f"found {functions[-1]}" if functions else ""


def _without_earlier(code: str, tree: ast.Module, rewards: list[ast.FunctionDef]) -> str:
    """Of a function that is defined again and again the last definition, as Python has it; unless the others are used."""
    used = any(isinstance(n, ast.Name) and n.id == "reward" and isinstance(n.ctx, ast.Load) for n in ast.walk(tree))
    return code if len(rewards) == 1 or used else without(code, rewards[:-1])


def _without_main(code: str, tree: ast.Module | None) -> str:
    """Without a last `if __name__ == "__main__":`, which never runs in a reward."""
    last = tree.body[-1] if tree and tree.body else None
    is_main = isinstance(last, ast.If) and isinstance(last.test, ast.Compare) and not last.orelse
    if last is None or not is_main or not ast.unparse(last.test).startswith("__name__ == "):  # type: ignore[attr-defined]
        return code
    return "\n".join(code.split("\n")[: last.lineno - 1]).rstrip() + "\n"


def _joined(source: Source, code: str, pieces: Sequence[Piece], place: int) -> str:
    """`code` with the other pieces that define the names it lacks, in their order; as it is when a name stays missing."""
    missing = source.missing(code)
    chosen: dict[int, str] = {}
    # The nearest piece before it comes first, then those that follow.
    order = [*range(place - 1, -1, -1), *range(place + 1, len(pieces))]
    while missing and len(chosen) < _MAX_HELPERS:
        helper = next(
            (k for k in order if k not in chosen and not pieces[k].is_cut and source.defined(pieces[k].code) & missing),
            None,
        )
        if helper is None:
            return code
        tree = source.tree(pieces[helper].code)
        chosen[helper] = without(pieces[helper].code, rewards_in(tree) if tree else [])
        parts = chosen | {place: code}
        joined = "\n\n".join(parts[k] for k in sorted(parts))
        if source.tree(joined) is None:
            return code
        missing = source.missing(joined)
        if not missing:
            return joined
    return code


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
    """Whether code is given as a diff of a file."""
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
