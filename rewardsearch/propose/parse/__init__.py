"""Finds reward functions in what a language model replied: JSON, fenced blocks, bare code; with thoughts and prose around,
damaged or cut off. Nothing of a reply is ever run, and reading it takes a bounded time.

What a reply was meant to be is decided by what is Python and defines `reward`: a repair is kept only where it makes code
parse that did not. Whether the code is allowed is validation's to say.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from rewardsearch.propose.base import whole
from rewardsearch.propose.parse.bare import bare_code, begins_as_code
from rewardsearch.propose.parse.fences import Block, blocks_of
from rewardsearch.propose.parse.found import MAX_RATIONALE_CHARS, WANTED, Found, NoCode
from rewardsearch.propose.parse.mend import mended
from rewardsearch.propose.parse.reason import why_no_code
from rewardsearch.propose.parse.rewards import Outcome, Piece, rewards_of
from rewardsearch.propose.parse.source import DEFINES_REWARD, Source
from rewardsearch.propose.parse.spoken import spoken
from rewardsearch.propose.parse.structured import structured

__all__ = ["MAX_RATIONALE_CHARS", "WANTED", "Found", "NoCode", "parse_reply"]

_FINAL = re.compile(
    r"^[ \t>*_#]{0,20}(?:(?:here is |here's )?(?:the |my )?(?:final|revised|corrected) "
    r"(?:answer|reward|version|code|reply|solution|output|file|implementation|response)\b|answer[*_]{0,3}:)[^\n]{0,120}$",
    re.MULTILINE | re.IGNORECASE,
)


def parse_reply(text: str) -> list[Found]:
    """The rewards of a reply, in its order; whether their code is allowed is validation's to say.

    Raises NoCode when there is none, and nothing else for any text.
    """
    answer = spoken(whole(text))
    source = Source()
    in_json = structured(source, answer)
    outcomes = [rewards_of(source, in_json.pieces)]
    if not outcomes[-1].found:
        outcomes.append(_from_blocks(source, answer))
    if not outcomes[-1].found and not any(each.is_cut for each in outcomes):
        outcomes.append(_from_bare(source, answer))
    if outcomes[-1].found:
        return outcomes[-1].found
    is_cut = any(each.is_cut for each in outcomes)
    mistakes = [mistake for each in outcomes for mistake in each.mistakes]
    raise NoCode(why_no_code(answer, is_cut, mistakes, in_json.is_json, in_json.is_cut))


def _from_blocks(source: Source, text: str) -> Outcome:
    """The rewards in fenced blocks, each with what is said before it."""
    blocks = [each for each in blocks_of(text, source.is_whole) if _may_be_reward(source, each)]
    # An answer that is called final makes drafts of what comes before it.
    starts = [each.start for each in blocks]
    final = 0
    for marked in _FINAL.finditer(text):
        before = bisect_right(starts, marked.start())
        if before == 0 or blocks[before - 1].end <= marked.start():
            final = marked.start()
    pieces: list[Piece] = []
    end = 0
    for block in blocks:
        piece = Piece(block.body, block.closed, before=text[end : block.start], is_draft=block.start < final)
        pieces.append(piece)
        end = max(end, block.end)
    return rewards_of(source, pieces, text[end:])


def _may_be_reward(source: Source, block: Block) -> bool:
    return block.is_python or (block.language != "diff" and source.is_whole(block.body))


def _from_bare(source: Source, text: str) -> Outcome:
    """The reward that stands in the text without a fence."""
    if not DEFINES_REWARD.search(text):
        text = mended(source, text)
    found = bare_code(source, text)
    if found is None and DEFINES_REWARD.search(text) and not begins_as_code(text):
        return Outcome([], False, ["what stands outside a fence is no Python"])
    if found is None:
        return rewards_of(source, [Piece(text, True)])
    piece = Piece(found.code, True, before=text[: found.start], is_cut=found.is_cut)
    return rewards_of(source, [piece], text[found.end :])
