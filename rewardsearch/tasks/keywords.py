"""The keyword matcher: a baseline that screens by words, without a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rewardsearch.tasks.pairs import REJECTED, SELECTED, Pair

_WORD = re.compile(r"[^\W_]+(?:[+#]+)?")
_COMMON = 0.5
"""A word that is in more than this share of the training jobs is no keyword."""


@dataclass(frozen=True)
class KeywordRule:
    """Selects where the resume has at least the share `threshold` of the job's words. `common` words do not count."""

    threshold: float
    common: frozenset[str]

    @classmethod
    def fitted(cls, pairs: Sequence[Pair]) -> KeywordRule:
        """The rule with the threshold that is right most often on `pairs`; of equal ones the lowest. Raises ValueError without
        pairs."""
        jobs = {pair.job: words_of(pair.job) for pair in pairs}
        counts = Counter(word for words in jobs.values() for word in words)
        common = frozenset(word for word, count in counts.items() if len(jobs) > 1 and count > _COMMON * len(jobs))
        rule = cls(0.0, common)
        shares = sorted((rule.share(pair), pair.selected) for pair in pairs)
        if not shares:
            raise ValueError("no pairs to fit the keyword rule to")
        # At first everyone is selected; each pair below the threshold changes the number of right ones by one.
        right = best = sum(selected for _, selected in shares)
        threshold = shares[0][0]
        for place, (share, selected) in enumerate(shares):
            right += -1 if selected else 1
            following = shares[place + 1][0] if place + 1 < len(shares) else 1.1
            if following > share and right > best:
                best, threshold = right, (share + following) / 2
        return cls(threshold, common)

    def share(self, pair: Pair) -> float:
        """The share of the job's keywords that are in the resume; 0 for a job without any."""
        wanted = words_of(pair.job) - self.common
        return len(wanted & words_of(pair.resume)) / len(wanted) if wanted else 0.0

    def label(self, pair: Pair) -> str:
        return SELECTED if self.share(pair) >= self.threshold else REJECTED


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in lower case; `c++` and `c#` are words."""
    return frozenset(_WORD.findall(text.lower()))
