"""What the measured columns of the task `contrast` mean, for proposers, and made-up numbers of them, for validation."""

from __future__ import annotations

from rewardsearch.tasks.measuring import Meaning, ProbeKind


def _similarity(text: str) -> Meaning:
    """Similarities are cosines of embeddings by the policy in training."""
    return Meaning(text, -1.0, 1.0)


MEANINGS: dict[str, Meaning] = {
    "sim_query": _similarity("similarity to the query of the same row"),
    "sim_negative": _similarity("similarity to the nearest of the row's hard negatives; 0.0 without one"),
    "query_negative": _similarity(
        "similarity of the row's query to the nearest of its hard negatives; 0.0 without one"
    ),
    "sim_group": _similarity("mean similarity to the other completions of the same prompt"),
    "sim_batch": _similarity("mean similarity to the queries of other rows in the batch"),
    "sim_batch_max": _similarity("similarity to the nearest query of another row in the batch"),
    "query_batch": _similarity(
        "similarity of the row's query to the nearest completion of each other prompt, averaged"
    ),
    "rank": Meaning(
        "1 + the number of other rows' queries that are at least as near as the row's own; 1 is best", 1.0, None
    ),
    "log_share": Meaning(
        "log of exp(sim_query / 0.1) over its sum with those of other rows' queries (InfoNCE); 0.0 is best", None, 0.0
    ),
    "sim_bare": _similarity("similarity to the same text without a rationale: 1.0 where the rationale changes nothing"),
    "tokens": Meaning("length of the completion in tokens", 0.0, None),
    "finished": Meaning("1.0 where the rationale is closed, else 0.0", 0.0, 1.0),
}
_CONSTANT = {"query_negative": 0.6, "query_batch": 0.52}
_OTHERS = tuple(name for name in MEANINGS if name not in _CONSTANT)


def _numbers(*values: float) -> dict[str, float]:
    return {**dict(zip(_OTHERS, values, strict=True)), **_CONSTANT}


PROBES: dict[ProbeKind, dict[str, float]] = {
    # sim_query, sim_negative, sim_group, sim_batch, sim_batch_max, rank, log_share, sim_bare, tokens, finished
    "correct": _numbers(0.82, 0.58, 0.80, 0.48, 0.63, 1.0, -0.25, 0.74, 24.0, 1.0),
    "wrong": _numbers(0.66, 0.72, 0.70, 0.50, 0.74, 4.0, -1.65, 0.70, 24.0, 1.0),
    "unparsed": _numbers(0.70, 0.62, 0.72, 0.49, 0.66, 2.0, -0.95, 0.78, 30.0, 0.0),
    # A policy that writes the same rationale everywhere: all its embeddings are alike.
    "generic": _numbers(0.88, 0.88, 0.95, 0.86, 0.89, 6.0, -1.90, 0.55, 24.0, 1.0),
    # The embeddings are nearly those of the bare texts.
    "copied": _numbers(0.70, 0.66, 0.78, 0.50, 0.68, 3.0, -1.10, 0.97, 14.0, 1.0),
    "empty": _numbers(0.69, 0.67, 0.76, 0.51, 0.69, 3.0, -1.15, 0.98, 2.0, 1.0),
}
"""Right completions are near their query and farther from everything else; the others are near everything, or move nothing."""
