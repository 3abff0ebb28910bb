"""How groups of people fare under the arms that matter on the test: the policy that training started from, what was chosen, and
the references."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from rewardsearch.config import Config
from rewardsearch.records import Fairness, FinalReport, GroupGap, GroupRate, Outcome
from rewardsearch.stats import fairness

Groups = Mapping[str, Mapping[str, str]]
"""A person's group by attribute, by question id."""
_RATE = [name for name in GroupRate.model_fields if name != "rate_ci"]
_GAP = ("gap", "ratio", "p", "p_adjusted", "flagged")


def group_rates(
    arms: Mapping[str, Sequence[Sequence[Outcome]]], groups: Groups, config: Config
) -> tuple[Fairness, ...]:
    """Fairness of each arm, given its outcomes under each seed; empty where nobody has a group or there are no classes."""
    if not any(groups.values()):
        return ()
    settings = config.rank
    found = (
        fairness(arm, seeds, groups, seed=config.seed, permutations=settings.resamples, confidence=settings.confidence)
        for arm, seeds in arms.items()
    )
    return tuple(each for each in found if each is not None)


def fairness_csv(report: FinalReport) -> str:
    """Every group of every arm as CSV text, with a header; a line has the gap of its attribute too, empty where there is none."""
    out = io.StringIO()
    header = ["arm", *_RATE, "rate_low", "rate_high", *_GAP]
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    for arm in report.fairness:
        gaps = {gap.attribute: gap for gap in arm.gaps}
        writer.writerows(_line(arm.arm, rate, gaps.get(rate.attribute)) for rate in arm.groups)
    return out.getvalue()


def _line(arm: str, rate: GroupRate, gap: GroupGap | None) -> dict[str, object]:
    low, high = rate.rate_ci
    told = gap.model_dump(include=set(_GAP)) if gap else {}
    return {"arm": arm, **rate.model_dump(include=set(_RATE)), "rate_low": low, "rate_high": high, **told}
