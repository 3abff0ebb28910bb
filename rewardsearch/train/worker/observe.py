"""What a training run shows while it runs: its rewards, called by number, and a record of every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Protocol

import numpy as np

from rewardsearch.records import Batch, CurvePoint, Example, RewardSpec, Row, TrainingGroup, curve_label
from rewardsearch.tasks import Task
from rewardsearch.train.worker.examples import Examples, Step


class Scored(Protocol):
    """What a reward call gives: one reward a completion, and its named components."""

    @property
    def rewards(self) -> Sequence[float]: ...

    @property
    def components(self) -> Mapping[str, Sequence[float]]: ...


class Observer:
    """Scores completions with an arm's rewards, and collects, step by step, what they paid and what was true.

    rows: the training rows. rewards: each spec with the function that scores a Batch with it. For the completions of a step, an
    engine calls `score` for each reward, then `record`, then `logged`. `state` and `restore` hand the observations of a run
    over to the one that resumes it, which then ends with those of an uninterrupted one.
    """

    def __init__(
        self,
        task: Task,
        rows: Sequence[Row],
        rewards: Sequence[tuple[RewardSpec, Callable[[Batch], Scored]]],
        group_size: int,
        max_tokens: int,
        on_step: Callable[[int], None],
    ) -> None:
        self._task, self._rows, self._rewards = task, rows, rewards
        self._group_size, self._max_tokens, self._on_step = group_size, max_tokens, on_step
        self._step: dict[str, np.ndarray] = {}
        self._points: list[CurvePoint] = []
        self._columns: dict[str, list[np.ndarray]] = {}
        self._correct: list[np.ndarray] = []
        self._right: list[np.ndarray] = []
        self._examples = Examples(group_size)

    @property
    def labels(self) -> list[str]:
        """The name of each reward in curves and logs, unique within the arm."""
        return [label_of(spec) for spec, _ in self._rewards]

    @property
    def weights(self) -> list[float]:
        """The weight of each reward in the sum."""
        return [spec.weight for spec, _ in self._rewards]

    def score(self, reward: int, rows: Sequence[int], completions: Sequence[str]) -> list[float]:
        """What reward number `reward` pays for `completions`. `rows`: of each its row's index in the training rows."""
        spec, function = self._rewards[reward]
        asked = [self._rows[i] for i in rows]
        batch = Batch(
            prompts=tuple(row.prompt_text for row in asked),
            completions=tuple(completions),
            answer=tuple(row.answer for row in asked),
            columns={name: tuple(row.columns[name] for row in asked) for name in asked[0].columns},
        )
        scored = function(batch)
        label = label_of(spec)
        self._step[label] = np.asarray(scored.rewards, dtype=float)
        for name, values in scored.components.items():
            self._step[f"{label}/{name}"] = np.asarray(values, dtype=float)
        return list(scored.rewards)

    def record(self, rows: Sequence[int], completions: Sequence[str], tokens: Sequence[int]) -> list[float]:
        """Closes the record of a step, all of whose rewards were called on the same completions; `tokens`: their lengths.

        The completions of a group follow one another. Gives the exact match of each.
        """
        texts, asked = list(completions), [self._rows[i] for i in rows]
        outcomes = [self._task.outcome(row, text) for row, text in zip(asked, texts, strict=True)]
        right = [self._task.right_in_any_form(row, text) for row, text in zip(asked, texts, strict=True)]
        correct = np.asarray([outcome.kind == "correct" for outcome in outcomes], dtype=float)
        parsed = [outcome for outcome in outcomes if outcome.prediction is not None]
        candidate_reward = self._candidate_reward()
        total = np.zeros(len(texts))
        for spec, _ in self._rewards:
            total += spec.weight * self._step[label_of(spec)]
        groups = total.reshape(-1, self._group_size)
        lengths = np.asarray(list(tokens))
        classes = self._task.classes or ()
        answered = {name: np.asarray([outcome.prediction == name for outcome in outcomes]) for name in classes}
        self._points.append(
            CurvePoint(
                step=len(self._points) + 1,
                reward=float(total.mean()),
                candidate_reward=float(candidate_reward.mean()),
                exact_match=float(correct.mean()),
                components={name: float(values.mean()) for name, values in self._step.items()},
                length=float(lengths.mean()),
                zero_std_fraction=float((np.ptp(groups, axis=1) == 0).mean()),
                clipped=float((lengths >= self._max_tokens).mean()),
                parsed=len(parsed) / len(outcomes),
                top_prediction=_top_share(str(outcome.prediction) for outcome in parsed),
                top_gold=_top_share(outcome.gold for outcome in parsed),
                answers={name: float(where.mean()) for name, where in answered.items()},
                golds={name: fmean(outcome.gold == name for outcome in outcomes) for name in classes},
                paid={name: float(total[where].mean()) for name, where in answered.items() if where.any()},
                grad_norm=0.0,
            )
        )
        for name, values in self._step.items():
            self._columns.setdefault(name, []).append(values)
        self._correct.append(correct)
        self._right.append(np.asarray(right, dtype=float))
        self._examples.note(
            Step(
                number=len(self._points),
                rows=asked,
                texts=texts,
                kinds=[outcome.kind for outcome in outcomes],
                right=np.asarray(right),
                candidate_reward=candidate_reward,
                total=total,
                parts=self._step,
            )
        )
        self._step = {}
        self._on_step(len(self._points))
        return [float(value) for value in correct]

    def _candidate_reward(self) -> np.ndarray:
        """The sum of the rewards on trial: those beyond the base rewards, or all where there are no others."""
        on_trial = [spec for spec, _ in self._rewards if not is_base(spec)] or [spec for spec, _ in self._rewards]
        return np.asarray(sum(spec.weight * self._step[label_of(spec)] for spec in on_trial))

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        """Adds what the trainer logs of a finished step: "grad_norm", and "entropy" where it is there."""
        found = {name: float(logs[name]) for name in ("grad_norm", "entropy") if name in logs}
        self._points[step - 1] = CurvePoint.model_validate(self._points[step - 1].model_dump() | found)

    def curves(self) -> tuple[CurvePoint, ...]:
        return tuple(self._points)

    def correlations(self) -> dict[str, float | None]:
        """Pearson's r with correctness over all completions, by reward and component; None where there is no spread."""
        return self._correlations_with(self._correct)

    def correlations_any_form(self) -> dict[str, float | None]:
        """The same with being right in any form, whatever counts."""
        return self._correlations_with(self._right)

    def _correlations_with(self, truth: Sequence[np.ndarray]) -> dict[str, float | None]:
        true = np.concatenate(truth) if truth else np.zeros(0)
        out: dict[str, float | None] = {}
        for name, parts in self._columns.items():
            values = np.concatenate(parts)
            # A component that a reward leaves out of some batches has no value there, so no common vector.
            spread = len(values) == len(true) and np.ptp(values) > 0 and np.ptp(true) > 0
            out[name] = float(np.corrcoef(values, true)[0, 1]) if spread else None
        return out

    def disagreements(self) -> tuple[Example, ...]:
        """Completions whose reward and truth disagree; see Examples."""
        return self._examples.disagreements()

    @property
    def group(self) -> TrainingGroup | None:
        """One complete group of the last step that taught something."""
        return self._examples.group

    def state(self) -> dict[str, Any]:
        """All that has been observed between two steps, as JSON holds it."""
        return {
            "points": [point.model_dump(mode="json") for point in self._points],
            "columns": {name: [part.tolist() for part in parts] for name, parts in self._columns.items()},
            "correct": [part.tolist() for part in self._correct],
            "right": [part.tolist() for part in self._right],
            "examples": self._examples.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Puts what `state` gave in the place of what has been observed."""
        self._points = [CurvePoint.model_validate(point) for point in state["points"]]
        self._columns = {name: [np.asarray(part) for part in parts] for name, parts in state["columns"].items()}
        self._correct = [np.asarray(part) for part in state["correct"]]
        self._right = [np.asarray(part) for part in state["right"]]
        self._examples.restore(state["examples"])


def label_of(spec: RewardSpec) -> str:
    """The name a reward goes by in curves and logs: unique within a job."""
    return spec.name if is_base(spec) else curve_label(spec.name, spec.id)


def is_base(spec: RewardSpec) -> bool:
    return spec.id.startswith("base:")


def _top_share(values: Iterable[str]) -> float:
    """The share of the most frequent value; 0 without any."""
    counts = Counter(values)
    return max(counts.values()) / counts.total() if counts else 0.0
