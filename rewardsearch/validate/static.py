"""The stage `static`: what is refused before any of the code runs."""

from __future__ import annotations

from rewardsearch.records import Candidate, Verdict
from rewardsearch.sandbox import check_static


def static_verdict(candidate: Candidate) -> Verdict | None:
    """The refusal of a candidate by the static policy, or None when it may be run."""
    fault = check_static(candidate.code)
    if fault is None:
        return None
    return Verdict(candidate=candidate.id, accepted=False, stage="static", reason=str(fault))
