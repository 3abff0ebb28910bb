"""The stage `static`: what is refused before any of the code runs."""

from __future__ import annotations

from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.sandbox import SIGNATURE, check_static
from rewardsearch.tasks.base import Task
from rewardsearch.validation.remedies import inputs_of


def static_verdict(candidate: Candidate, task: Task) -> Verdict | None:
    """The refusal of a candidate by the static policy, or None when it may be run. Where `reward` itself is written otherwise
    than it is called, the refusal says what the task passes."""
    fault = check_static(candidate.code)
    if fault is None:
        return None
    reason = f"{fault}; {inputs_of(task, task.labelled(1)).told}" if fault.instead == SIGNATURE else str(fault)
    return Verdict(candidate=candidate.id, accepted=False, stage="static", reason=reason)
