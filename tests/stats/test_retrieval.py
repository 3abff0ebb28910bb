import math

import numpy as np
import pytest

from rewardsearch.records import Outcome
from rewardsearch.stats import Bootstrap

RANKS = {"a": [1, 2, 11, None, 50, 3], "b": [1, 1, 1, 1, 1, 1], "c": [None] * 6}


def outcomes(ranks: list[int | None]) -> list[Outcome]:
    kinds = {None: "unparsed", 1: "correct"}
    return [
        Outcome.model_validate(
            {
                "id": str(question),
                "kind": kinds.get(rank, "wrong"),
                "gold": "g",
                "prediction": None if rank is None else "g" if rank == 1 else "p",
                "length": 1,
                "rank": rank,
            }
        )
        for question, rank in enumerate(ranks)
    ]


def worth(ranks: list[int | None]) -> tuple[np.ndarray, np.ndarray]:
    """1 / rank, and the discounted gain of one relevant text among the first ten, question by question."""
    mrr = [0.0 if rank is None else 1 / rank for rank in ranks]
    ndcg = [0.0 if rank is None or rank > 10 else 1 / math.log2(1 + rank) for rank in ranks]
    return np.asarray(mrr), np.asarray(ndcg)


def test_mrr_and_ndcg_are_means_over_questions_with_percentile_intervals() -> None:
    bootstrap = Bootstrap({arm: outcomes(ranks) for arm, ranks in RANKS.items()}, resamples=2_000, seed=3)
    scores = bootstrap.retrieval_scores("a")
    assert scores is not None
    drawn = np.random.default_rng(3).integers(0, 6, size=(2_000, 6))
    for found, values in zip((scores.mrr, scores.ndcg), worth(RANKS["a"]), strict=True):
        assert found.value == pytest.approx(values.mean(), abs=1e-8)
        assert found.ci == pytest.approx(np.quantile(values[drawn].mean(axis=1), [0.025, 0.975]), abs=1e-8)
    best, worst = bootstrap.retrieval_scores("b"), bootstrap.retrieval_scores("c")
    assert best is not None and best.mrr.value == best.ndcg.value == 1.0 and best.mrr.ci == (1.0, 1.0)
    assert worst is not None and worst.mrr.value == worst.ndcg.value == 0.0
    both = bootstrap.retrieval_scores("a", "b")
    assert both is not None and both.mrr.value == pytest.approx((scores.mrr.value + 1) / 2)


def test_a_task_that_ranks_no_texts_has_none() -> None:
    plain = [outcome.model_copy(update={"rank": None}) for outcome in outcomes(RANKS["b"])]
    assert Bootstrap({"a": plain}, resamples=10, seed=0).retrieval_scores("a") is None
