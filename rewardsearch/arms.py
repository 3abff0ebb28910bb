"""Arms: what is trained on. Every arm is the base rewards plus none, one or several candidates, with weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.records import BASELINE, FULL, POLICY, Candidate, FinalArm, Record, RewardSpec, ScreenJob
from rewardsearch.resources import find, resource


def load_base_rewards(names: Sequence[str]) -> tuple[RewardSpec, ...]:
    """The base rewards by name in candidates/base/, or by path. Raises UserError for one that is not there."""
    specs: list[RewardSpec] = []
    for name in names:
        carried = resource("candidates") / "base" / f"{name}.py"
        if not carried.is_file() and not name.endswith(".py"):
            known = ", ".join(sorted(path.stem for path in carried.parent.glob("*.py")))
            raise UserError(f"screen.base_rewards: no base reward {name}; allowed: {known}, or the path of a .py file")
        path = carried if carried.is_file() else find(name, what="base reward")
        stem = Path(name).stem
        if any(spec.name == stem for spec in specs):
            raise UserError(f"screen.base_rewards: two of the name {stem}; give each file a name of its own")
        try:
            code = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"screen.base_rewards: {path} is not UTF-8 text") from None
        specs.append(RewardSpec(id=f"base:{stem}", name=stem, code=code))
    return tuple(specs)


def spec_of(candidate: Candidate, weight: float = 1.0) -> RewardSpec:
    return RewardSpec(id=candidate.id, name=candidate.name, code=candidate.code, weight=weight)


def ensemble(members: Sequence[str], candidates: Mapping[str, Candidate]) -> tuple[RewardSpec, ...]:
    """The mean of the members' rewards: each at weight 1/k, so that an ensemble weighs as much as a single candidate."""
    return tuple(spec_of(candidates[id], 1 / len(members)) for id in members)


class Stretch(Record):
    """A part of a screen, up to a rung: its name, the steps at its end, and the share of the questions that it is evaluated on
    (None for all)."""

    rung: str
    steps: int
    questions: float | None = None


def stretches(config: Config) -> tuple[Stretch, ...]:
    """The stretches of a screen in their order; the last, FULL, is the only one where screens are not raced."""
    whole = config.screen.steps
    found: list[Stretch] = []
    for rung in config.race.rungs if config.racing else ():
        steps = max(1, round(rung.steps * whole))
        if steps < whole and steps > (found[-1].steps if found else 0):
            found.append(Stretch(rung=f"rung{len(found) + 1}", steps=steps, questions=rung.questions))
    return (*found, Stretch(rung=FULL, steps=whole))


def policy_job(seed: int) -> ScreenJob:
    """The policy before any GRPO: evaluation alone."""
    return ScreenJob(id=POLICY, rewards=(), seed=seed, steps=0, folder=screen_folder(POLICY, FULL, seed))


def screen_job(id: str, rewards: Sequence[RewardSpec], base: Sequence[RewardSpec], seed: int, steps: int) -> ScreenJob:
    """The whole screen of a candidate, or of the base rewards alone (id BASELINE, no further rewards)."""
    assert rewards or id == BASELINE
    return ScreenJob(id=id, rewards=(*base, *rewards), seed=seed, steps=steps, folder=screen_folder(id, FULL, seed))


def stretch_jobs(
    id: str, rewards: Sequence[RewardSpec], base: Sequence[RewardSpec], config: Config
) -> tuple[ScreenJob, ...]:
    """The stretches of a screen under the search's seed, each carrying on the one before."""
    whole = screen_job(id, rewards, base, config.seed, config.screen.steps)
    jobs: list[ScreenJob] = []
    for stretch in stretches(config):
        part = {
            "rung": stretch.rung,
            "steps": stretch.steps,
            "questions": stretch.questions,
            "folder": screen_folder(id, stretch.rung, config.seed),
            "schedule": None if stretch.rung == FULL else whole.steps,
            "start": jobs[-1].folder if jobs else None,
        }
        jobs.append(whole.model_copy(update=part))
    return tuple(jobs)


def final_job(arm: FinalArm, seed: int) -> ScreenJob:
    """The training of an arm of finalize. A candidate and the baseline are trained as they are screened, in the same place."""
    own = arm.kind in ("ensemble", "control", "reference")
    folder = f"final/{arm.id}/full-{seed}" if own else screen_folder(arm.id, FULL, seed)
    return ScreenJob(
        id=arm.id, rewards=arm.rewards, seed=seed, steps=arm.steps, folder=folder, aggregation=arm.aggregation
    )


def screen_folder(id: str, rung: str, seed: int) -> str:
    """Where a screen, or a stretch of one, has its files, relative to the run folder."""
    return f"candidates/{id}/screens/{rung}-{seed}"
