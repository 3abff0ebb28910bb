"""Texts of other groups that share most words with a text: hard negatives, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from rewardsearch.tasks.splitting import words

_BLOCK = 256
"""Texts that are compared with all others at once."""


def near_texts(texts: Sequence[str], groups: Sequence[str], size: int, number: int) -> list[tuple[int, ...]]:
    """For each of the first `size` texts the indices of the `number` nearest of other groups, the nearest first; fewer where
    fewer share a word with it.

    Nearness is the cosine of inverse document frequencies; a word counts once in a text. Of equally near ones the first count.
    """
    if not texts:
        return []
    vectors, owners = _weighted(texts), np.unique(np.asarray(groups), return_inverse=True)[1]
    found: list[tuple[int, ...]] = []
    for start in range(0, min(size, len(texts)), _BLOCK):
        places = np.arange(start, min(start + _BLOCK, size, len(texts)))
        scores = (vectors[places] @ vectors.T).toarray()
        scores[owners[places][:, None] == owners] = 0.0
        # Apart by the place, so that the choice does not depend on how a machine sorts equal numbers.
        ranked = np.where(scores > 0, scores - 1e-9 * np.arange(len(texts)), -np.inf)
        nearest = np.argpartition(-ranked, min(number, len(texts) - 1), axis=1)[:, :number]
        for line, candidates in zip(ranked, nearest, strict=True):
            order = candidates[np.argsort(-line[candidates])]
            found.append(tuple(int(place) for place in order if np.isfinite(line[place])))
    return found


def _weighted(texts: Sequence[str]) -> csr_array:
    """(texts, words), each line of length 1."""
    found = [list(dict.fromkeys(words(text).split())) for text in texts]
    counts = Counter(word for each in found for word in each)
    places = {word: place for place, word in enumerate(counts)}
    weight = np.log((1 + len(texts)) / np.array(list(counts.values())))
    columns = np.array([places[word] for each in found for word in each])
    lines = np.repeat(np.arange(len(texts)), [len(each) for each in found])
    values = weight[columns]
    norms = np.sqrt(np.bincount(lines, values**2, minlength=len(texts)))
    return csr_array((values / norms[lines], (lines, columns)), shape=(len(texts), len(counts)))
