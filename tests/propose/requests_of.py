"""Requests to proposers, and the feedback that later rounds carry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rewardsearch.arms import load_base_rewards
from rewardsearch.config import Config, TaskConfig
from rewardsearch.propose import ProposalRequest
from rewardsearch.records import Candidate, Feedback, Parent, candidate_id
from rewardsearch.tasks import load_task

MakeRequest = Callable[..., ProposalRequest]
BASE = tuple((spec.name, spec.code) for spec in load_base_rewards(Config().screen.base_rewards))
BRIEF = load_task(TaskConfig()).brief
FEEDBACK_TEXT = "# What 1 round has shown\n\nThe baseline's F1 is 0.750.\n"


def make_request(folder: Path) -> MakeRequest:
    def make(**fields: object) -> ProposalRequest:
        values: dict[str, object] = {
            "round": 1,
            "count": 2,
            "seed": 0,
            "task": "arithmetic",
            "brief": BRIEF,
            "base_rewards": BASE,
            "folder": folder,
        }
        return ProposalRequest.model_validate(values | fields)

    return make


def parent_of(code: str, gain: float, name: str = "parent") -> Parent:
    """A screened candidate with this gain over a baseline of F1 0.75."""
    f1 = 0.75 + gain
    found = Candidate(id=candidate_id(code), name=name, code=code, rationale=f"why {name}", round=1)
    return Parent(candidate=found, f1=f1, f1_ci=(f1 - 0.02, f1 + 0.02), gain=gain)


def feedback_of(*parents: Parent, round: int = 1) -> Feedback:
    return Feedback(round=round, text=FEEDBACK_TEXT, parents=parents, seen=tuple(p.candidate.id for p in parents))
