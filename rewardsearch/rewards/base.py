"""Rewards as they are trained on: the base rewards, single candidates and ensembles, each with its weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rewardsearch.errors import UserError
from rewardsearch.files.resources import find, resource
from rewardsearch.records import Candidate, RewardSpec
from rewardsearch.rewards.definitions import with_definitions


def load_base_rewards(names: Sequence[str], definitions: Sequence[str] = ()) -> tuple[RewardSpec, ...]:
    """The base rewards by name in candidates/base/, or by path. Raises UserError for one that is not there.

    definitions: the task's `reward_code`, which those of candidates/base/ get in the place of their own. One that defines
    `reward` is the whole of the base reward `answer`.
    """
    whole = next((source for source in definitions if "\ndef reward(" in source), None)
    parts = [source for source in definitions if source != whole]
    specs: list[RewardSpec] = []
    for name in names:
        carried = resource("candidates") / "base" / f"{name}.py"
        if not carried.is_file() and not name.endswith(".py"):
            known = ", ".join(sorted(path.stem for path in carried.parent.glob("*.py")))
            raise UserError(f"train.base_rewards: no base reward {name}; allowed: {known}, or the path of a .py file")
        path = carried if carried.is_file() else find(name, what="base reward")
        stem = Path(name).stem
        if any(spec.name == stem for spec in specs):
            raise UserError(f"train.base_rewards: two of the name {stem}; give each file a name of its own")
        code = read_code(path, "train.base_rewards: ")
        if path == carried and stem == "answer" and whole is not None:
            code = whole
        elif path == carried and parts:
            code = with_definitions(code, parts)
        specs.append(RewardSpec(id=f"base:{stem}", name=stem, code=code))
    return tuple(specs)


def read_code(path: Path, setting: str = "") -> str:
    """The code in a reward file. Raises UserError, which begins with `setting`, for a file that cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UserError(f"{setting}cannot read {path}: {why}; name Python files with a function `reward`") from None


def spec_of(candidate: Candidate, weight: float = 1.0) -> RewardSpec:
    return RewardSpec(id=candidate.id, name=candidate.name, code=candidate.code, weight=weight)


def ensemble(members: Sequence[str], candidates: Mapping[str, Candidate]) -> tuple[RewardSpec, ...]:
    """The mean of the members' rewards: each at weight 1/k, so that an ensemble weighs as much as a single candidate."""
    return tuple(spec_of(candidates[id], 1 / len(members)) for id in members)
