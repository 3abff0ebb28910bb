"""Finds the reward function in what a language model replied: JSON, fenced blocks, bare code; with reasoning and prose around,
damaged or cut off. Nothing of a reply is ever run, and reading it takes a bounded time.

A reading counts when it is Python that defines `reward`; a repair is kept only where it makes code parse that did not. Whether
the code is allowed is decided by validation. The readers of JSON and Markdown are our own because general ones are not bounded in
time: json-repair takes minutes on 150 KB of `{'`, markdown-it-py on 200 KB of nested quotes.
"""

from __future__ import annotations

from typing import NamedTuple

from rewardsearch.propose.base import replace_surrogates
from rewardsearch.propose.parse.blocks import apart, bare_code, begins_as_code, blocks_of
from rewardsearch.propose.parse.json_objects import structured
from rewardsearch.propose.parse.python import DEFINES_REWARD, MAX_RATIONALE_CHARS, Source, repair_code
from rewardsearch.propose.parse.reasoning import strip_reasoning
from rewardsearch.propose.parse.rewards import WANTED, Found, NoCode, Outcome, Piece, rewards_of, why_no_code

__all__ = ["MAX_RATIONALE_CHARS", "WANTED", "Found", "NoCode", "parse_reply"]

CUT_THINKING = "the reply was cut off while thinking, before any code"
EMPTY = "the reply is empty"
_MAX_TAILS = 10


class _Reading(NamedTuple):
    """What a text holds, and why it holds no more."""

    outcome: Outcome
    end: int = 0
    is_json: bool = False
    is_json_cut: bool = False


def parse_reply(text: str, is_ended: bool = False) -> list[Found]:
    """The reward of a reply: the last complete one outside any reasoning; in a list, with its alternatives in their order.
    Whether their code is allowed is validation's to say.

    is_ended: whether the server says that the model came to its end. Where nothing stands outside the reasoning, a reward inside
    it counts then, as it does where the reasoning is closed. Raises NoCode when there is none, and nothing else for any text.
    """
    source = Source()
    answer, reasoning, is_open = strip_reasoning(source, replace_surrogates(text))
    reading = _read(source, answer)
    if reading.outcome.found:
        return reading.outcome.found
    if is_open and not is_ended:
        raise NoCode(CUT_THINKING)
    if answer.strip() and not is_open:
        raise NoCode(why_no_code(answer, reading.outcome, reading.is_json, reading.is_json_cut))
    outcome = _read(source, reasoning).outcome
    if outcome.is_complete:
        return outcome.found
    raise NoCode(f"{EMPTY} after its thoughts" if reasoning else EMPTY)


def _read(source: Source, text: str, tails: int = _MAX_TAILS) -> _Reading:
    """The reward that counts in `text`: in JSON, in a fenced block, else bare; or a complete one in what follows that."""
    in_json = structured(source, text)
    outcomes = [rewards_of(source, in_json.pieces)]
    end = in_json.end
    if not outcomes[-1].found:
        outcome, end = _from_blocks(source, text)
        outcomes.append(outcome)
    if not outcomes[-1].found and not any(each.is_cut for each in outcomes):
        outcome, end = _from_bare(source, text)
        outcomes.append(outcome)
    outcome = outcomes[-1]
    if outcome.found and tails and DEFINES_REWARD.search(text, end):
        later = _read(source, text[end:], tails - 1).outcome
        if later.is_complete:
            said = {"name": later.found[0].name or outcome.found[-1].name}
            outcome = later._replace(found=[later.found[0].model_copy(update=said), *later.found[1:]])
    mistakes = [mistake for each in outcomes for mistake in each.mistakes]
    is_cut = any(each.is_cut for each in outcomes)
    return _Reading(outcome._replace(is_cut=is_cut, mistakes=mistakes), end, in_json.is_json, in_json.is_cut)


def _from_blocks(source: Source, text: str) -> tuple[Outcome, int]:
    """The reward in fenced blocks, each with what is said before it; and where the last block ends."""
    pieces: list[Piece] = []
    end = 0
    for block in blocks_of(text, source.is_whole):
        if block.is_python or (block.language != "diff" and source.is_whole(block.body)):
            pieces.append(Piece(block.body, block.closed, before=text[end : block.start]))
            end = max(end, block.end)
    return rewards_of(source, pieces, text[end:]), end


def _from_bare(source: Source, text: str) -> tuple[Outcome, int]:
    """The reward that stands in the text without a fence, and where it ends."""
    if not DEFINES_REWARD.search(text):
        text = repair_code(source, text)
    text = apart(text)
    found = bare_code(source, text)
    if found is None and DEFINES_REWARD.search(text) and not begins_as_code(text):
        return Outcome([], False, False, ["what stands outside a fence is no Python"]), 0
    if found is None:
        return rewards_of(source, [Piece(text, True)]), len(text)
    piece = Piece(found.code, True, before=text[: found.start], is_cut=found.is_cut)
    return rewards_of(source, [piece], text[found.end :]), found.end
