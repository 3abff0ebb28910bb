"""Finds the reward function in what a language model replied: JSON, fenced blocks, bare code; with reasoning and prose around,
damaged or cut off. Nothing of a reply is ever run, and reading it takes a bounded time.

The reply is normalised (`text`), its pieces of Python are collected (`structured` for JSON, `regions` for everything else), those
inside the model's `reasoning` are set aside, and `rewards` takes the last complete reward of the rest. Whether its code is
allowed is decided by validation.
"""

from __future__ import annotations

from rewardsearch.propose.parse.python import MAX_RATIONALE_CHARS, Source
from rewardsearch.propose.parse.reasoning import blanked, reasoning_in
from rewardsearch.propose.parse.regions import pieces_in
from rewardsearch.propose.parse.rewards import WANTED, Found, NoCode, rewards_of, why_no_code
from rewardsearch.propose.parse.structured import structured
from rewardsearch.propose.parse.text import normalised

__all__ = ["MAX_RATIONALE_CHARS", "WANTED", "Found", "NoCode", "parse_reply"]

CUT_THINKING = "the reply was cut off while thinking, before any code"
EMPTY = "the reply is empty"


def parse_reply(text: str, is_ended: bool = False) -> Found:
    """The reward of a reply: the last complete one outside any reasoning.

    is_ended: whether the server says that the model came to its end. Where nothing stands outside the reasoning, a reward inside
    it counts then, as it does where the reasoning is closed. Raises NoCode when there is none, and nothing else for any text.
    """
    text = normalised(text)
    source = Source()
    in_json = structured(source, text)
    bare = blanked(text, [(piece.start, piece.end) for piece in in_json.pieces])
    pieces = sorted([*in_json.pieces, *pieces_in(source, bare)], key=lambda piece: piece.start)
    code = [(piece.start, piece.end) for piece in pieces if source.rewards(piece.code)]
    reasoning = reasoning_in(text, code)
    thought = [piece for piece in pieces if any(start <= piece.start < end for start, end in reasoning.spans)]
    answer = blanked(text, reasoning.spans)
    outcome = rewards_of(source, [piece for piece in pieces if piece not in thought], answer)
    if outcome.found:
        return outcome.found
    if reasoning.is_open and not is_ended:
        raise NoCode(CUT_THINKING)
    if answer.strip() and not reasoning.is_open:
        raise NoCode(why_no_code(answer, outcome, in_json.is_json, in_json.is_cut))
    outcome = rewards_of(source, thought, text)
    if outcome.found and outcome.is_complete:
        return outcome.found
    raise NoCode(f"{EMPTY} after its thoughts" if reasoning.spans else EMPTY)
