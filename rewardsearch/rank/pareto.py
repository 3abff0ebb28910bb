"""The Pareto front over questions: whom the next round builds on.

One number hides what a candidate is good at. A candidate is on the front unless another answers every question right that
it does, and more. Candidates are weighed by the contested questions they win, each worth the more the fewer win it
(as in GEPA, arXiv 2507.19457, which draws by the number of instances on which a candidate is among the best).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import fsum

from rewardsearch.records import Front, TrainingResult

MOST = 8
"""Members of the front that are kept, those of the greatest shares."""


def front(results: Mapping[str, TrainingResult], candidates: Collection[str]) -> tuple[Front, ...]:
    """The front of the screened ones among `candidates`, the greatest share first, equal ones by id.

    results: by arm id, outcomes on the same questions of `val`. Of candidates with the same right answers one is kept, the
    first by id.
    """
    right = {
        id: frozenset(outcome.id for outcome in results[id].outcomes if outcome.kind == "correct")
        for id in sorted(candidates)
        if id in results and results[id].status == "done"
    }
    members: dict[str, frozenset[str]] = {}
    for id, won in right.items():
        beaten = any(won < other for other in right.values())
        if not beaten and won not in members.values():
            members[id] = won
    if not members:
        return ()
    winners = _count(right)
    among = _count(members)
    contested = {question for question in among if among[question] < len(members)}
    # A set has no order: an exact sum is the same in every process.
    worth = {id: fsum(1 / among[question] for question in won & contested) for id, won in members.items()}
    kept = sorted(worth, key=lambda id: (-worth[id], id))[:MOST]
    whole = sum(worth[id] for id in kept)
    return tuple(
        Front(
            id=id,
            share=worth[id] / whole if whole else 1 / len(kept),
            right=len(members[id]),
            alone=sum(winners[question] == 1 for question in members[id]),
            only={other: len(members[id] - members[other]) for other in kept if other != id},
        )
        for id in kept
    )


def _count(right: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """How many answer each question right."""
    out: dict[str, int] = {}
    for won in right.values():
        for question in won:
            out[question] = out.get(question, 0) + 1
    return out
