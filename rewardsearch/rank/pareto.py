"""The Pareto front over questions: the candidates that the next round builds on.

A candidate is on the front unless another one answers all of its correct questions correctly, and more. The share of a member
depends on the contested questions that it wins; a question counts more the fewer members win it. GEPA (arXiv 2507.19457) draws
parents by the number of instances on which a candidate is among the best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from math import fsum

from rewardsearch.records import Front, TrainingResult

MAX_MEMBERS = 8
"""Members of the front that are kept: those with the largest shares."""


def front(results: Mapping[str, TrainingResult], candidates: Collection[str]) -> tuple[Front, ...]:
    """The front of the trained ones among `candidates`, the largest share first, equal ones by id.

    results: by arm id, outcomes on the same questions of `val`. Of candidates with the same correct answers only the first by id
    is kept.
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
    winners = Counter(question for won in right.values() for question in won)
    among = Counter(question for won in members.values() for question in won)
    contested = {question for question, count in among.items() if count < len(members)}
    # A set has no order: an exact sum is the same in every process.
    worth = {id: fsum(1 / among[question] for question in won & contested) for id, won in members.items()}
    kept = sorted(worth, key=lambda id: (-worth[id], id))[:MAX_MEMBERS]
    total = sum(worth[id] for id in kept)
    return tuple(
        Front(
            id=id,
            share=worth[id] / total if total else 1 / len(kept),
            right=len(members[id]),
            alone=sum(winners[question] == 1 for question in members[id]),
            only={other: len(members[id] - members[other]) for other in kept if other != id},
        )
        for id in kept
    )
