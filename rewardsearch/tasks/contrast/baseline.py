"""Ranks texts by the words that they share with a query."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rewardsearch.tasks.splitting import words


def shared_words_rank(query: str, texts: Sequence[str]) -> tuple[int, int]:
    """The rank of the first of `texts`, the positive, and the index of the text that is ranked first. A tie counts against the
    positive.

    A text's score is the cosine of inverse document frequencies within `texts`; each word counts once.
    """
    found = [set(words(text).split()) for text in texts]
    counts = Counter(word for each in found for word in each)
    weight = {word: math.log((1 + len(texts)) / count) for word, count in counts.items()}
    asked = set(words(query).split())
    scores = [
        sum(weight[word] ** 2 for word in each & asked) / math.sqrt(sum(weight[word] ** 2 for word in each) or 1.0)
        for each in found
    ]
    before = [place for place, score in enumerate(scores) if place and score >= scores[0]]
    return 1 + len(before), max(before, key=lambda place: scores[place], default=0)
