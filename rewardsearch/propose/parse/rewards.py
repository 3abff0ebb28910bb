"""From pieces of code to rewards: which of them is one, what it needs of the others, and which of several counts."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from rewardsearch.propose.parse.bare import bare_code
from rewardsearch.propose.parse.found import MAX_RATIONALE_CHARS, Found, short, told
from rewardsearch.propose.parse.mend import mended
from rewardsearch.propose.parse.source import (
    DEFINES_REWARD,
    Source,
    docstring,
    is_complete,
    is_cut_short,
    rewards_in,
    signature,
    takes_contract,
    without,
)

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
    pieces = [piece._replace(code=mended(source, piece.code)) for piece in pieces[:_MAX_PIECES]]
    found: list[tuple[Piece, Found, bool]] = []
    mistakes: list[str] = []
    is_cut = False
    prose = ""
    for place, piece in enumerate(pieces):
        # What is told of a draft holds for the answer as well, unless the answer tells its own.
        prose += piece.before
        try:
            code, idea = _reward(source, pieces, place)
        except _NoReward as error:
            mistakes.extend(filter(None, [str(error)]))
        except _Cut:
            is_cut = True
        else:
            name, why = told(prose)
            why = short(piece.why, MAX_RATIONALE_CHARS) or why or idea
            reward = Found(name=piece.name or name, rationale=why, code=code)
            found.append((piece, reward, is_complete(source, code)))
    if not found:
        return Outcome([], False, is_cut, mistakes)
    last, answer, complete = next((each for each in reversed(found) if each[2]), found[-1])
    if not answer.name:
        # Small models tell name and idea after the code.
        name, why = told(after)
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
