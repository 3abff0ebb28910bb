"""The measured columns of contrastive rewards, as functions of embeddings.

A step has several rows, each a pair of texts that belong together: a query and a positive. Each row has several completions, the
rationales that a policy wrote about the positive. All that is compared are cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsearch.tasks.measuring import Vectors

Floats = NDArray[np.float64]
TEMPERATURE = 0.1
"""Of `log_share`."""
CONSTANT = ("query_negative", "query_batch")
"""The columns that are the same for all completions of a row."""


@dataclass(frozen=True)
class Step:
    """The embeddings of a step, each of length 1.

    completions: of each positive with its rationale, (completions, size). owner: the row of each, (completions,). queries: of
    each row's query with a rationale, (rows, size). negatives: of each row's hard negatives with a rationale, (number, size).
    bare: of each row's positive without a rationale, (rows, size). others: whether a row (second index) is another one for a row
    (first index), (rows, rows): neither itself nor of its group of texts.
    """

    completions: Vectors
    owner: NDArray[np.intp]
    queries: Vectors
    negatives: Sequence[Vectors]
    bare: Vectors
    others: NDArray[np.bool_]


def columns(step: Step) -> dict[str, Floats]:
    """The columns that follow from embeddings, (completions,) each. What has nothing to compare with is 0.0, and a rank 1.

    With m the completion, q its row's query, n its row's hard negatives, q' the queries of the other rows:

    - sim_query: cos(q, m)
    - sim_negative: the largest cos(m, n)
    - query_negative: the largest cos(q, n)
    - sim_group: the mean of cos(m, m') over the other completions m' of the row
    - sim_batch, sim_batch_max: the mean and the largest cos(m, q')
    - query_batch: for each other row the largest cos(q, m') over its completions m', of these the mean
    - rank: 1 + the number of q' that are at least as near to m as q
    - log_share: the logarithm of the share of q in a softmax of cos(m, .) / TEMPERATURE over q and all q'
    - sim_bare: cos of m and the positive without a rationale
    """
    m, q = step.completions.astype(np.float64), step.queries.astype(np.float64)
    owner, others = step.owner, step.others[step.owner]
    to_queries = m @ q.T
    own = np.take_along_axis(to_queries, owner[:, None], axis=1)[:, 0]
    negatives = [each.astype(np.float64) for each in step.negatives]
    return {
        "sim_query": own,
        "sim_negative": np.array([_largest(each @ negatives[row].T) for each, row in zip(m, owner, strict=True)]),
        "query_negative": np.array([_largest(each @ n.T) for each, n in zip(q, negatives, strict=True)])[owner],
        "sim_group": _means(m @ m.T, (owner[:, None] == owner) & ~np.eye(len(m), dtype=bool)),
        "sim_batch": _means(to_queries, others),
        "sim_batch_max": np.array([_largest(each[where]) for each, where in zip(to_queries, others, strict=True)]),
        "query_batch": _means(_nearest_of_rows(q @ m.T, owner), step.others)[owner],
        "rank": 1.0 + (others & (to_queries >= own[:, None])).sum(axis=1),
        "log_share": _log_share(own, to_queries, others),
        "sim_bare": (m * step.bare.astype(np.float64)[owner]).sum(axis=1),
    }


def _largest(values: Floats) -> float:
    return float(values.max()) if values.size else 0.0


def _means(values: Floats, where: NDArray[np.bool_]) -> Floats:
    """The mean of each line over the places that count; 0.0 where none does."""
    counts = where.sum(axis=1)
    return np.where(counts > 0, np.where(where, values, 0.0).sum(axis=1) / np.maximum(counts, 1), 0.0)


def _nearest_of_rows(to_completions: Floats, owner: NDArray[np.intp]) -> Floats:
    """The largest of each line over the completions of each row, (queries, rows)."""
    return np.stack([to_completions[:, owner == row].max(axis=1) for row in range(len(to_completions))], axis=1)


def _log_share(own: Floats, to_queries: Floats, others: NDArray[np.bool_]) -> Floats:
    beyond: Floats = np.where(others, np.exp((to_queries - own[:, None]) / TEMPERATURE), 0.0).sum(axis=1)
    return np.negative(np.log1p(beyond))


def ranked(query: Vectors, texts: Vectors, positive: int) -> tuple[int, int]:
    """The rank of text number `positive` by cosine to the query, and the number of the text that is ranked first.

    query: (size,). texts: (number, size). A tie counts against the positive.
    """
    near = texts.astype(np.float64) @ query.astype(np.float64)
    before = near >= near[positive]
    before[positive] = False
    first = int(np.where(before, near, -np.inf).argmax()) if before.any() else positive
    return 1 + int(before.sum()), first
