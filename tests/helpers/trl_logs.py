"""Logs as TRL's GRPOTrainer writes them, of made trainings whose numbers stay or jump halfway."""

from __future__ import annotations

from typing import Any

Ends = float | tuple[float, float] | None
WOBBLE = (0.02, -0.02, 0.01, -0.01)
NAMES = {
    "reward": "reward",
    "right": "rewards/is_right/mean",
    "form": "rewards/form/mean",
    "length": "completions/mean_length",
    "clipped": "completions/clipped_ratio",
    "dead": "frac_reward_zero_std",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
}


def entries(steps: int = 16, **ends: Ends) -> list[dict[str, Any]]:
    """The log history of a training. Reward and correctness wobble a little; a measure that is None is not logged."""
    level: dict[str, Ends] = {
        "reward": 1.0, "right": 0.4, "form": 0.5, "length": 20.0, "clipped": 0.0, "dead": 0.1, "entropy": 0.3, "grad_norm": 0.5,
        **ends,
    }  # fmt: skip
    found = []
    for place in range(steps):
        values = {name: end[place >= steps / 2] if isinstance(end, tuple) else end for name, end in level.items()}
        for name in ("reward", "right"):
            if values[name]:
                values[name] += WOBBLE[place % 4]  # type: ignore[operator]
        logged = {NAMES[name]: value for name, value in values.items() if value is not None}
        found.append({"loss": 0.0, "epoch": 0.1 * place, "kl": 0.0, **logged, "step": place + 1})
    # What a trainer logs beside its steps.
    return [*found, {"eval_reward": 0.3, "step": steps}, {"train_runtime": 3.0, "train_loss": 0.0, "step": steps}]
