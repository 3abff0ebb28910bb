"""Spearman's rank correlation of two lists of scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The correlation of the ranks, equal values sharing their mean rank; None for fewer than three pairs, or without spread.

    Raises ValueError for lists of different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"rank correlation of {len(a)} and {len(b)} scores")
    x, y = (np.sign(np.subtract.outer(values, values)).sum(axis=1) for values in map(np.asarray, (a, b)))
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / scale if len(a) > 2 and scale > 0 else None
