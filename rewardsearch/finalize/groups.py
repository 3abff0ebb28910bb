"""How groups of people fare under the arms that matter on the test: the policy that training started from, what was chosen, and
the references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rewardsearch.config import Config
from rewardsearch.records import Fairness, Outcome
from rewardsearch.stats import fairness

Groups = Mapping[str, Mapping[str, str]]
"""A person's group by attribute, by question id."""


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
