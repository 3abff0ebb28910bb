"""Controls: what an ensemble has to beat for its gain to be its own.

format-only: whether the form of the answer is all that is learnt. random-reward: whether any reward at all would do, as it
does for some base models (spurious rewards). random-k: whether choosing candidates by their results does better than drawing
them from all that validation accepted, also those that the race stopped. average: whether it does better than the mean of all of
them (DERL, arXiv 2512.13399). a-a: whether the table finds a gain where there is none. A control trains on its members' rewards
together, so that no member needs a training of its own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence

from rewardsearch.config import Config, FinalizeConfig
from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource
from rewardsearch.finalize.field import Field
from rewardsearch.finalize.references import Judged, check_references
from rewardsearch.records import RewardSpec

FORMAT = "format"
"""How the names of the base rewards begin that pay for the form of an answer alone."""
AGAIN = "a-a"
"""The control that trains the base rewards again, with seeds of its own."""


def format_rewards(base: Sequence[RewardSpec]) -> tuple[RewardSpec, ...]:
    """The base rewards that pay for form. Raises UserError where there is none."""
    found = tuple(spec for spec in base if spec.name.startswith(FORMAT))
    if not found:
        raise UserError(
            f"finalize.controls: format-only needs a base reward whose name begins with {FORMAT!r}, train.base_rewards has "
            f"{', '.join(spec.name for spec in base)}; name the file that pays for form so, or leave format-only out"
        )
    return found


def random_reward() -> RewardSpec:
    """The carried reward that pays at random."""
    path = resource("candidates") / "control" / "random_reward.py"
    return RewardSpec(id="control:random_reward", name="random_reward", code=path.read_text(encoding="utf-8"))


def random_draws(
    field: Field, config: FinalizeConfig, seed: int, taken: Collection[frozenset[str]] = ()
) -> dict[str, tuple[str, ...]]:
    """The members of each random-k control by its name: different draws from every candidate that validation accepted, as many
    as asked for, or as there are. What was chosen by its results stays out of the draw as far as it can: a draw that is one of
    `taken` is made anew while there is another."""
    ids = field.accepted
    k = min(config.random_k, len(ids))
    if not k:
        return {}
    avoided = {members for members in taken if len(members) == k and members.issubset(ids)}
    there = math.comb(len(ids), k)
    avoided = avoided if len(avoided) < there else set()
    rng = random.Random(f"random control {seed}")
    draws: list[tuple[str, ...]] = []
    while len(draws) < min(config.random_draws, there - len(avoided)):
        drawn = tuple(sorted(rng.sample(ids, k)))
        if drawn not in draws and frozenset(drawn) not in avoided:
            draws.append(drawn)
    stem = f"random-{config.random_k}"
    if config.random_draws == 1:
        return {stem: draws[0]}
    return {f"{stem}-{chr(ord('a') + i)}": drawn for i, drawn in enumerate(draws)}


def check(config: Config, base: Sequence[RewardSpec], references: Sequence[Judged] = ()) -> None:
    """Raises UserError where a control that is asked for cannot be made from the base rewards, or a reference cannot be trained
    on."""
    if config.finalize.enabled and "format-only" in config.finalize.controls:
        format_rewards(base)
    check_references(references)
