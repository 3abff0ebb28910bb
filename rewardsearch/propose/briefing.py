"""What a language model is asked: the prompts of a request, one for each candidate wanted, each with its move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rewardsearch.prompting import render
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.records import Operator, Parent, Record

Move = Literal["mutate", "crossover", "simplify", "fresh"]
MOVES: tuple[Move, ...] = ("mutate", "crossover", "fresh", "mutate", "simplify")
"""The moves of a later round, in turn."""


class Ask(Record):
    """One prompt, and what a candidate that answers it descends from."""

    text: str
    operator: Operator
    parents: tuple[str, ...] = ()


def system_prompt() -> str:
    """What every request begins with: the contract, what makes a reward good, the form of the reply."""
    return render("system.j2")


def asks_of(request: ProposalRequest) -> list[Ask]:
    """The prompts of a request: a repair of each rejected reward, else one for each of `count` candidates."""
    if request.repairs:
        return list(_repairs(request))[: request.count]
    if request.feedback is None:
        return [_first(request, place) for place in range(1, request.count + 1)]
    return [_later(request, place) for place in range(1, request.count + 1)]


def _first(request: ProposalRequest, place: int) -> Ask:
    text = render(
        "first.j2",
        task=request.task,
        brief=request.brief,
        base_rewards=request.base_rewards,
        place=place,
        count=request.count,
    )
    return Ask(text=text, operator="fresh")


def _later(request: ProposalRequest, place: int) -> Ask:
    assert request.feedback is not None
    move, focus = _move(place, request.feedback.parents)
    text = render(
        "later.j2",
        task=request.task,
        brief=request.brief,
        base_rewards=request.base_rewards,
        place=place,
        count=request.count,
        round=request.round,
        feedback=request.feedback.text,
        parents=request.feedback.parents,
        move=move,
        focus=focus,
    )
    return Ask(text=text, operator=move, parents=tuple(parent.candidate.id for parent in focus))


def _move(place: int, parents: tuple[Parent, ...]) -> tuple[Move, tuple[Parent, ...]]:
    """The move of candidate `place` (from 1) and the parents it works on, the best parents first."""
    move: Move = MOVES[(place - 1) % len(MOVES)]
    if not parents or move == "fresh":
        return "fresh", ()
    if move == "crossover" and len(parents) > 1:
        return move, parents[:2]
    # Those that change one parent go through the better half of them in turn.
    better = parents[: max(1, (len(parents) + 1) // 2)]
    turn = sum(other in ("mutate", "simplify") for other in MOVES) * ((place - 1) // len(MOVES))
    turn += sum(other in ("mutate", "simplify") for other in MOVES[: (place - 1) % len(MOVES)])
    return "mutate" if move == "crossover" else move, (better[turn % len(better)],)


def _repairs(request: ProposalRequest) -> Iterator[Ask]:
    for candidate, verdict in request.repairs:
        text = render(
            "repair.j2",
            task=request.task,
            brief=request.brief,
            base_rewards=request.base_rewards,
            candidate=candidate,
            stage=verdict.stage,
            reason=verdict.reason,
        )
        yield Ask(text=text, operator="repair", parents=(candidate.id,))
