"""Rank correlation: of two lists of scores (Spearman's), and pooled within groups.

Arrays have one row per group and one column per value of the group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's rank correlation, with mean ranks for ties; None for fewer than three pairs, or without spread.

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
    """Each value's rank within its group less the mean rank, with mean ranks for ties.

    cells: rank each value only among the values of its group that are in the same cell.
    """
    from scipy.stats import rankdata

    size = values.shape[1]
    ranks = rankdata(values, axis=1)
    if cells is None:
        return np.asarray(ranks - (size + 1) / 2)
    # Cells are set apart by more than any rank. The tied rank of a cell is the mean rank of its values.
    return np.asarray(rankdata(ranks + cells * (size + 1), axis=1) - rankdata(cells, axis=1))
