"""Which arms the sealed test is read for: chosen on `val` alone, before any of them is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rewardsearch.config import Config
from rewardsearch.finalize.controls import AGAIN, format_rewards, random_draws, random_reward
from rewardsearch.finalize.ensembles import Recipe, alike, build
from rewardsearch.finalize.field import Field, is_flagged
from rewardsearch.finalize.plan import final_seeds, fresh_seeds, longer_steps
from rewardsearch.finalize.references import Judged, check_references, reference_arms
from rewardsearch.records import BASELINE, POLICY, FinalArm, RankedRow, Record, RewardSpec
from rewardsearch.rewards.base import spec_of

UNTRAINED = ("policy", "rule")
"""Kinds of arms that finalize has nothing to train for, and that no seed moves: these have no seeds."""


class Lineup(Record):
    """The arms, the policy that training starts from the last of them.

    `same` has the arms that would be trained exactly as one that is there, by name; `notes` what could not be put together.
    """

    arms: tuple[FinalArm, ...]
    same: dict[str, str]
    notes: tuple[str, ...]

    @property
    def trained(self) -> tuple[FinalArm, ...]:
        return tuple(arm for arm in self.arms if arm.kind not in UNTRAINED)


def choose_arms(
    field: Field,
    base: Sequence[RewardSpec],
    config: Config,
    references: Sequence[Judged] = (),
    rules: Iterable[str] = (),
) -> Lineup:
    """The baseline, the finalists by themselves, the ensembles and controls that the config asks for, the references, the task's
    rules by name, the policy that training starts from.

    The finalists are the best eligible candidates. Arms with the same rewards, weights, training and seeds are one arm, under
    the name that comes first in that order. Raises UserError for format-only without a base reward that pays for form, and for a
    reference that cannot be trained on.
    """
    check_references(references)
    steps = config.train.steps
    arms = [FinalArm(id=BASELINE, kind="baseline", rewards=tuple(base), steps=steps, how="the base rewards alone")]
    notes: list[str] = []
    finalists = field.eligible[: config.finalize.finalists]
    for place, row in enumerate(finalists, start=1):
        how = f"number {place} of the search by F1 on {field.split}{_flags(row)}"
        arms.append(_arm(field, base, row.id, "single", {row.id: 1.0}, steps, how))
    for name in config.finalize.ensembles:
        recipe = build(name, field, config.finalize)
        if recipe is None:
            notes.append(f"ensemble-{name} is left out: no candidate fits it")
            continue
        whole = longer_steps(config) if recipe.longer > 1 else steps
        arm = _arm(field, base, f"ensemble-{name}", "ensemble", recipe.weights, whole, _named(field, recipe))
        arms.append(arm.model_copy(update={"aggregation": recipe.aggregation}))
    arms += _controls(field, base, config, [frozenset(arm.members) for arm in arms], notes)
    arms += reference_arms(references, base, steps)
    seeds = final_seeds(config)
    kept, same = _distinct([arm if arm.seeds else arm.model_copy(update={"seeds": seeds}) for arm in arms])
    kept += [FinalArm(id=name, kind="rule", how="a rule of the task, without a model") for name in rules]
    how = "the policy after supervised fine-tuning alone" if config.sft.enabled else "the untrained policy"
    return Lineup(arms=(*kept, FinalArm(id=POLICY, kind="policy", how=how)), same=same, notes=tuple(notes))


def _controls(
    field: Field, base: Sequence[RewardSpec], config: Config, chosen: Sequence[frozenset[str]], notes: list[str]
) -> Iterable[FinalArm]:
    """chosen: the members of the arms that were chosen by their results, which no random draw should repeat."""
    steps = config.train.steps
    settings = config.finalize
    for name in settings.controls:
        if name == "format-only":
            how = "the base rewards for form alone"
            yield FinalArm(id=name, kind="control", rewards=format_rewards(base), steps=steps, how=how)
        elif name == "random-reward":
            how = "pays at random, by a hash of prompt and completion, without the base rewards"
            yield FinalArm(id=name, kind="control", rewards=(random_reward(),), steps=steps, how=how)
        elif name == AGAIN:
            seeds = fresh_seeds(config)
            how = f"the base rewards again, with seeds of its own ({', '.join(map(str, seeds))}): its gain is noise"
            yield FinalArm(id=name, kind="control", rewards=tuple(base), steps=steps, seeds=seeds, how=how)
        elif name == "average":
            members = field.accepted
            if not members:
                notes.append("average is left out: no candidate was accepted")
                continue
            how = f"the mean of all {len(members)} accepted candidates"
            yield _arm(field, base, name, "control", alike(members), steps, how)
        else:
            found = len(field.accepted)
            draws = random_draws(field, settings, config.seed, chosen)
            short = (len(drawn) < settings.random_k or frozenset(drawn) in chosen for drawn in draws.values())
            if len(draws) < settings.random_draws or any(short):
                notes.append(
                    f"random-k: {found} accepted candidate{'' if found == 1 else 's'}, too few for {settings.random_draws} "
                    f"draw{'' if settings.random_draws == 1 else 's'} of {settings.random_k} other than the ensembles"
                )
            for id, members in draws.items():
                names = ", ".join(field.candidates[member].name for member in members)
                how = f"drawn from all {found} accepted candidates: {names}"
                yield _arm(field, base, id, "control", alike(members), steps, how)


def _arm(
    field: Field,
    base: Sequence[RewardSpec],
    id: str,
    kind: str,
    weights: Mapping[str, float],
    steps: int,
    how: str,
) -> FinalArm:
    """An arm of the base rewards and candidates at these weights."""
    rewards = (*base, *(spec_of(field.candidates[member], weight) for member, weight in weights.items()))
    return FinalArm.model_validate(
        {"id": id, "kind": kind, "members": tuple(weights), "rewards": rewards, "steps": steps, "how": how}
    )


def _distinct(arms: Sequence[FinalArm]) -> tuple[list[FinalArm], dict[str, str]]:
    """The arms that are trained differently, and the others with the arm that each is the same as. A reference has a row of its
    own whatever the search found."""
    kept: dict[object, FinalArm] = {}
    same: dict[str, str] = {}
    for arm in arms:
        # Shares of one are not exact: three times a third may differ from one in the last bit.
        weights = frozenset((spec.id, round(spec.weight, 9)) for spec in arm.rewards)
        key = (weights, arm.steps, arm.seeds, arm.aggregation, arm.id if arm.kind == "reference" else None)
        twin = kept.get(key)
        if twin is None:
            kept[key] = arm
        else:
            same[arm.id] = twin.id
            kept[key] = twin.model_copy(update={"how": f"{twin.how}; {arm.id} is the same"})
    return list(kept.values()), same


def _named(field: Field, recipe: Recipe) -> str:
    """How an ensemble was put together, with its members' names, and their weights where these differ."""
    weights = recipe.weights
    uneven = max(weights.values()) - min(weights.values()) > 1e-9
    names = (field.candidates[id].name + (f" {weight:.2f}" if uneven else "") for id, weight in weights.items())
    return f"{recipe.how}: {', '.join(names)}"


def _flags(row: RankedRow) -> str:
    return f", in spite of {', '.join(row.flags)}" if is_flagged(row) else ""
