"""Whether a reward is still fast when a policy babbles: long completions of many kinds, as many at once as in training.

A pattern that may begin at any character and reads on to the end takes time by the square of the length. On one text nobody
notices; on a batch of them the call misses its deadline, and the training run fails.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from rewardsearch.config import TrainConfig
from rewardsearch.records import LabelledCompletion
from rewardsearch.validation.exploits import with_text
from rewardsearch.validation.probing import Probing, Refused
from rewardsearch.validation.texts import joined

_CHARS_PER_TOKEN = 4
_CHARS = (8_000, 32_000)
"""Least and most characters of a long text: a policy is not always trained as briefly as it is screened."""
_BATCH = (64, 256)
_PARTS = {
    "words": "1 2 3 so we have ",
    "sentences": "so we think about it and go on. ",
    "calculations": "12 + 5 = 17. ",
    "equals signs": "= ",
    "numbers": "12 5 1,700 3.5 -4 ",
    "lines": "so we have 12\n",
    "blank lines": "12\n\n\n",
    "list items": "- so\n1. we\n* have\n",
    "brackets": "( [ { ",
    "marks": ", . ; : ! ? ",
    "quotes": "\"so\" 'we' `have` ",
    "backslashes": "\\frac{1}{2} $x$ ",
}
_RUNS = {"digits": "7", "letters": "a", "line breaks": "\n", "spaces": " ", "a run of equals signs": "="}
_RUN_SHARE, _TAGS_SHARE = 16, 4
"""Runs of one character are shorter, by so much, and so are repeated tags: what honest patterns take for them grows fast."""
_ENDED = ("words", "digits", "letters")
_END = "~"
"""What no pattern for an answer reads: one that can read what stands before it in many ways tries them all."""
_TAGS = {"opening tags": "<solution> so it is 12 ", "tags of both kinds": "<thinking> so <solution> it is 12 "}


def check_speed(probing: Probing, item: LabelledCompletion, train: TrainConfig) -> None:
    """Raises Refused (`sandbox`) for a reward that misses the deadline of a call on long texts.

    item: whose row the texts are put into. One text of every kind is tried, all in one call. Where a batch of one kind might be
    late by what that call took, each half of the kinds is tried, and so on; a kind that is left is tried on a whole batch.
    """
    chars = min(max(_CHARS[0], _CHARS_PER_TOKEN * train.max_completion_tokens), _CHARS[1])
    batch = min(max(_BATCH[0], train.prompts_per_step * train.group_size), _BATCH[1])
    pending = [list(long_texts(chars).items())]
    while pending:
        kinds = pending.pop()
        where = f"on {len(kinds)} long completions ({kinds[0][0]}{', ...' * (len(kinds) > 1)})"
        if _seconds(probing, item, [text for _, text in kinds], where) * batch < probing.call_s:
            continue
        if len(kinds) > 1:
            middle = len(kinds) // 2
            pending += [kinds[middle:], kinds[:middle]]
        else:
            ((kind, text),) = kinds
            where = f"on {batch} completions of {len(text):,} characters ({kind})"
            _seconds(probing, item, [f"{place} {text}" for place in range(batch)], where)


def long_texts(chars: int) -> dict[str, str]:
    """Completions by what they are full of, and where: inside the solution, inside the thinking, without tags, or with tags left
    open."""
    found = {}
    filled = {name: _filled(part, chars) for name, part in _PARTS.items()}
    filled |= {name: _filled(run, chars // _RUN_SHARE) for name, run in _RUNS.items()}
    for name in _ENDED:
        found[f"{name} alone"] = f"{filled[name]} {_END}"
        found[f"{name} and a mark in the solution"] = f"<solution> {filled[name]} {_END} </solution>"
    for name, text in filled.items():
        found[f"{name} in the solution"] = f"<thinking> so </thinking> <solution> {text} </solution>"
        found[f"{name} in the thinking"] = f"<thinking> {text} </thinking> <solution> 12 </solution>"
    return found | {name: _filled(tags, chars // _TAGS_SHARE) for name, tags in _TAGS.items()}


def _filled(part: str, chars: int) -> str:
    return part * (chars // len(part) + 1)


def _seconds(probing: Probing, item: LabelledCompletion, texts: Sequence[str], where: str) -> float:
    """How long a call took; for ever where it ended early in a fault that has nothing to do with time."""
    started = time.perf_counter()
    try:
        probing.call(joined([with_text(item, text) for text in texts]), where)
    except Refused as refused:
        if refused.stage == "sandbox":
            raise
        return math.inf
    return time.perf_counter() - started
