"""Pairs of generated support requests: two requests of one meaning, with requests of its near-duplicates as hard negatives."""

from __future__ import annotations

from collections import defaultdict, deque

from rewardsearch.errors import UserError
from rewardsearch.tasks.base import Split
from rewardsearch.tasks.contrast.pairing import TextPair
from rewardsearch.tasks.contrast.support import NEAR, Request, rationale, stream, vague
from rewardsearch.tasks.splitting import digest

MOST = 10_000
"""Pairs of a split: the texts of `val` and `test` end some way above."""
_NEGATIVES = 3


def drawn_pairs(split: Split, size: int, seed: int) -> list[TextPair]:
    """The first `size` pairs of a split, no text in two of them as query or positive. More of them begin with fewer.

    Raises UserError for more than there are texts for.
    """
    if size > MOST:
        raise UserError(f"task.{split}_rows: got {size:,}; task contrast generates at most {MOST:,} rows a split")
    waiting: dict[str, Request] = {}
    latest: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_NEGATIVES))
    pairs: list[TextPair] = []
    for request in stream(split, seed):
        if len(pairs) == size:
            break
        latest[request.meaning].append(request.text)
        near = [text for intent in NEAR[request.intent] for text in latest[f"{intent} {request.subject}"]]
        if not near or request.meaning not in waiting:
            waiting[request.meaning] = request
            continue
        positive = waiting.pop(request.meaning)
        pairs.append(
            TextPair(
                key=digest(request.text, positive.text),
                query=request.text,
                positive=positive.text,
                negatives=tuple(near[-_NEGATIVES:]),
                group=request.meaning,
                rationale=rationale(positive),
                vague=vague(positive),
            )
        )
    return pairs
