"""The curve of a training in a log, as CurvePoints for the rules: what TRL's GRPOTrainer logs, or the curve of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from rewardsearch.errors import UserError
from rewardsearch.monitor.rules import MEASURED, TRUTH
from rewardsearch.records import CurvePoint

_NAMES = {
    "reward": "reward",
    "length": "completions/mean_length",
    "zero_std_fraction": "frac_reward_zero_std",
    "clipped": "completions/clipped_ratio",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
}
"""Fields of a CurvePoint, and what TRL calls them."""
_PREFIX, _FUNCTION, _MEAN = "train/", "rewards/", "/mean"


@dataclass(frozen=True)
class Curve:
    """The points of a log, and those of the fields in MEASURED that each of its entries has."""

    points: tuple[CurvePoint, ...]
    measured: frozenset[str]


def functions_in(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The reward functions whose means are logged."""
    names = (key.removeprefix(_PREFIX) for entry in entries for key in entry)
    return list(
        dict.fromkeys(
            name[len(_FUNCTION) : -len(_MEAN)] for name in names if name.startswith(_FUNCTION) and name.endswith(_MEAN)
        )
    )


def curve_of(entries: Sequence[Mapping[str, Any]], correct: str | None = None) -> Curve:
    """The curve of a log, one point for each entry with a reward and a step.

    correct: the reward function that is 1 for a right completion and 0 for any other, whatever its weight. Its mean is the exact
    match. Raises UserError where none of that name is logged, or its mean is not between 0 and 1.
    """
    if own := _own_curve(entries):
        return Curve(own, MEASURED)
    rows = [row for row in map(_numbers, entries) if row.get("reward") is not None and "step" in row]
    if correct is not None and rows and correct not in (known := functions_in(rows)):
        raise UserError(
            f"correct: no reward function {correct!r} is logged; logged: {', '.join(known) or 'none'}; name one of these"
        )
    points, measured = [], set(MEASURED)
    for row in rows:
        found = {field: row.get(name) for field, name in _NAMES.items()}
        right = found[TRUTH] = None if correct is None else row.get(f"{_FUNCTION}{correct}{_MEAN}")
        if right is not None and not 0 <= right <= 1:
            raise UserError(
                f"correct: {correct} is {right:g} in step {row['step']:g}; its mean must be between 0 and 1: "
                "let the function give 1 for a right completion and 0 for any other"
            )
        given = {field for field, value in found.items() if value is not None}
        # A gradient that is not finite is logged, and is None in a CurvePoint.
        given |= {"grad_norm"} if "grad_norm" in row else set()
        measured &= given
        points.append(
            CurvePoint(
                step=int(row["step"] or 0),
                reward=found["reward"] or 0.0,
                candidate_reward=found["reward"] or 0.0,
                exact_match=right or 0.0,
                components={
                    name: value
                    for name in functions_in([row])
                    if (value := row[f"{_FUNCTION}{name}{_MEAN}"]) is not None
                },
                length=found["length"] or 0.0,
                zero_std_fraction=found["zero_std_fraction"] or 0.0,
                clipped=found["clipped"] or 0.0,
                entropy=found["entropy"],
                grad_norm=found["grad_norm"],
            )
        )
    return Curve(tuple(points), frozenset(measured) if points else frozenset())


def _numbers(entry: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of an entry by their names without a prefix; None where one is not finite."""
    row: dict[str, float | None] = {}
    for key, value in entry.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            row[key.removeprefix(_PREFIX)] = float(value) if math.isfinite(value) else None
    step = row.get("step", row.get("global_step", row.get("_step")))
    if step is not None:
        row["step"] = step
    return row


def _own_curve(entries: Sequence[Mapping[str, Any]]) -> tuple[CurvePoint, ...]:
    """The points of a search's curve; none where the entries are something else."""
    try:
        return tuple(CurvePoint.model_validate(entry) for entry in entries)
    except ValidationError:
        return ()
