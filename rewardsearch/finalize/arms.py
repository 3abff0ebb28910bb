"""Which arms the sealed test is read for: chosen on `val` alone, before any of them is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rewardsearch.finalize.controls import (
    AGAIN,
    Judged,
    check_references,
    format_rewards,
    random_draws,
    random_reward,
    reference_arms,
)
from rewardsearch.finalize.ensembles import CandidatePool, Recipe, build, equal_weights, is_flagged
from rewardsearch.finalize.plan import FinalSetup
from rewardsearch.records import BASELINE, POLICY, FinalArm, RankedRow, Record, RewardSpec
from rewardsearch.rewards.base import spec_of

UNTRAINED = ("policy", "heuristic")
"""Kinds of arms that finalize does not train; they have no seeds."""


class FinalArms(Record):
    """The arms; the last one is the policy that training starts from.

    same: arms that would be trained exactly as another, with that one's name. notes: what could not be made, and why.
    """

    arms: tuple[FinalArm, ...]
    same: dict[str, str]
    notes: tuple[str, ...]

    @property
    def trained(self) -> tuple[FinalArm, ...]:
        return tuple(arm for arm in self.arms if arm.kind not in UNTRAINED)


def choose_arms(
    pool: CandidatePool,
    base: Sequence[RewardSpec],
    setup: FinalSetup,
    references: Sequence[Judged] = (),
    heuristics: Iterable[str] = (),
) -> FinalArms:
    """The baseline, the finalists as single candidates, the ensembles and controls of the config, the references, the task's
    heuristics by name, and the policy that training starts from.

    The finalists are the best eligible candidates. Arms with the same rewards, weights, training and seeds are one arm, under
    the name that comes first in that order. Raises UserError for format-only without a base reward that pays for format, and for
    a reference that cannot be trained on.
    """
    check_references(references)
    steps = setup.steps
    arms = [FinalArm(id=BASELINE, kind="baseline", rewards=tuple(base), steps=steps, how="the base rewards alone")]
    notes: list[str] = []
    for place, row in enumerate(pool.eligible[: setup.finalize.finalists], start=1):
        how = f"number {place} of the search by F1 on {pool.split}{_flags(row)}"
        arms.append(_arm(pool, base, row.id, "single", {row.id: 1.0}, steps, how))
    for name in setup.finalize.ensembles:
        recipe = build(name, pool, setup.finalize)
        if recipe is None:
            notes.append(f"ensemble-{name} is left out: no candidate fits it")
            continue
        whole = setup.longer_steps if recipe.longer > 1 else steps
        arm = _arm(pool, base, f"ensemble-{name}", "ensemble", recipe.weights, whole, _how(pool, recipe))
        arms.append(arm.model_copy(update={"aggregation": recipe.aggregation}))
    arms += _controls(pool, base, setup, [frozenset(arm.members) for arm in arms], notes)
    arms += reference_arms(references, base, steps, setup.finalize)
    kept, same = _distinct([arm if arm.seeds else arm.model_copy(update={"seeds": setup.seeds}) for arm in arms])
    kept += [FinalArm(id=name, kind="heuristic", how="a heuristic of the task, without a model") for name in heuristics]
    how = "the untrained policy" if setup.policy_name == POLICY else "the policy after supervised fine-tuning alone"
    return FinalArms(arms=(*kept, FinalArm(id=POLICY, kind="policy", how=how)), same=same, notes=tuple(notes))


def _controls(
    pool: CandidatePool,
    base: Sequence[RewardSpec],
    setup: FinalSetup,
    chosen: Sequence[frozenset[str]],
    notes: list[str],
) -> Iterable[FinalArm]:
    """chosen: the members of the arms that were chosen by their results, which no random draw should repeat."""

    def control(id: str, rewards: Sequence[RewardSpec], how: str, **more: Any) -> FinalArm:
        return FinalArm(id=id, kind="control", rewards=tuple(rewards), steps=setup.steps, how=how, **more)

    def mean_of(id: str, members: Sequence[str], how: str) -> FinalArm:
        return _arm(pool, base, id, "control", equal_weights(members), setup.steps, how)

    settings, accepted = setup.finalize, pool.accepted
    for name in settings.controls:
        if name == "format-only":
            yield control(name, format_rewards(base), "the base rewards for format alone")
        elif name == "random-reward":
            how = "pays at random, by a hash of prompt and completion, without the base rewards"
            yield control(name, [random_reward()], how)
        elif name == AGAIN:
            seeds = setup.fresh_seeds
            how = f"the base rewards again, with other seeds ({', '.join(map(str, seeds))}): its gain is noise"
            yield control(name, base, how, seeds=seeds)
        elif name == "average":
            if accepted:
                yield mean_of(name, accepted, f"the mean of all {len(accepted)} accepted candidates")
            else:
                notes.append("average is left out: no candidate was accepted")
        else:
            draws = random_draws(pool, settings, setup.seed, chosen)
            short = (len(drawn) < settings.random_k or frozenset(drawn) in chosen for drawn in draws.values())
            if len(draws) < settings.random_draws or any(short):
                notes.append(
                    f"random-k: {len(accepted)} accepted candidate{'' if len(accepted) == 1 else 's'}, too few for "
                    f"{settings.random_draws} draw{'' if settings.random_draws == 1 else 's'} of {settings.random_k} other than "
                    "the ensembles"
                )
            for id, members in draws.items():
                names = ", ".join(pool.candidates[member].name for member in members)
                yield mean_of(id, members, f"drawn from all {len(accepted)} accepted candidates: {names}")


def _arm(
    pool: CandidatePool,
    base: Sequence[RewardSpec],
    id: str,
    kind: str,
    weights: Mapping[str, float],
    steps: int,
    how: str,
) -> FinalArm:
    """An arm of the base rewards and candidates at these weights."""
    rewards = (*base, *(spec_of(pool.candidates[member], weight) for member, weight in weights.items()))
    return FinalArm.model_validate(
        {"id": id, "kind": kind, "members": tuple(weights), "rewards": rewards, "steps": steps, "how": how}
    )


def _distinct(arms: Sequence[FinalArm]) -> tuple[list[FinalArm], dict[str, str]]:
    """The arms that are trained differently, and for every other arm the one that it equals. References have their own rows."""
    kept: dict[object, FinalArm] = {}
    same: dict[str, str] = {}
    for arm in arms:
        # Three times a third may differ from one in the last bit.
        weights = frozenset((spec.id, round(spec.weight, 9)) for spec in arm.rewards)
        key = (weights, arm.steps, arm.seeds, arm.aggregation, arm.id if arm.kind == "reference" else None)
        twin = kept.get(key)
        if twin is None:
            kept[key] = arm
        else:
            same[arm.id] = twin.id
            kept[key] = twin.model_copy(update={"how": f"{twin.how}; {arm.id} is the same"})
    return list(kept.values()), same


def _how(pool: CandidatePool, recipe: Recipe) -> str:
    """How an ensemble was made, with its members' names, and their weights where these differ."""
    weights = recipe.weights
    uneven = max(weights.values()) - min(weights.values()) > 1e-9
    names = (pool.candidates[id].name + (f" {weight:.2f}" if uneven else "") for id, weight in weights.items())
    return f"{recipe.how}: {', '.join(names)}"


def _flags(row: RankedRow) -> str:
    return f", in spite of {', '.join(row.flags)}" if is_flagged(row) else ""
