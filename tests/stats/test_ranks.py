"""Spearman's rank correlation is scipy's."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from rewardsearch.stats import spearman


@pytest.mark.parametrize(("seed", "values"), [(0, 100), (1, 5), (2, 2)])
def test_it_is_scipys_with_and_without_ties(seed: int, values: int) -> None:
    a, b = np.random.default_rng(seed).integers(0, values, (2, 12)).tolist()
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_it_says_nothing_of_two_pairs_or_of_scores_without_spread() -> None:
    assert spearman([1, 2], [1, 2]) is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    with pytest.raises(ValueError, match="3 and 2"):
        spearman([1, 2, 3], [1, 2])
