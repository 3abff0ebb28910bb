"""Rank correlation: of two lists of scores (Spearman's), and pooled within groups.

Arrays have a line for each group and a column for each of its values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The correlation of the ranks, equal values sharing their mean rank; None for fewer than three pairs, or without spread.

    Raises ValueError for lists of different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"rank correlation of {len(a)} and {len(b)} scores")
    return rank_correlation(np.array([a], dtype=float), np.array([b], dtype=float)) if len(a) > 2 else None


def rank_correlation(a: Values, b: Values, cells: NDArray[np.int_] | None = None) -> float | None:
    """Correlation of the ranks within groups (and cells), pooled; None where one of the two has no spread there."""
    x, y = centred_ranks(a, cells), centred_ranks(b, cells)
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / scale if scale > 0 else None


def centred_ranks(values: Values, cells: NDArray[np.int_] | None = None) -> Values:
    """Each value's rank among those of its group, mean ranks for ties, less the mean rank; with `cells`, among those of
    its group that are in the same cell."""
    signs = pair_signs(values)
    if cells is not None:
        signs *= cells[:, :, None] == cells[:, None, :]
    return np.asarray(signs.sum(2) / 2)


def pair_signs(values: Values) -> Values:
    """For each pair of a group's values, whether the first is higher (1), the same (0) or lower (-1)."""
    return np.sign(values[:, :, None] - values[:, None, :])
