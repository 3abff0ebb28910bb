"""What a training run shows while it runs: its rewards, called by number, and a record of every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from rewardsearch.errors import MachineError
from rewardsearch.records import Batch, CurvePoint, Example, RewardSpec, Row, TrainingGroup, curve_label
from rewardsearch.tasks import Generation, Reader, Task
from rewardsearch.train.worker.examples import Examples, Step


class Scored(Protocol):
    """What a reward call gives: one reward a completion, and its named components."""

    @property
    def rewards(self) -> Sequence[float]: ...

    @property
    def components(self) -> Mapping[str, Sequence[float]]: ...


class _Observed(BaseModel):
    """All that is collected between two steps. Lists have an entry a completion."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    points: list[CurvePoint] = []
    columns: dict[str, list[float]] = {}
    """What each reward and component paid."""
    correct: list[float] = []
    right: list[float] = []
    """Whether it is right in any form."""
    examples: Examples


class Observer:
    """Scores completions with an arm's rewards, and collects, step by step, what they paid and what was true.

    rows: the training rows. rewards: each spec with the function that scores a Batch with it. seed: of what is measured. For the
    completions of a step, an engine calls `measure` where it `measures`, `score` for each reward, then `record`, then `logged`.
    `state` and `restore` pass the observations to the run that resumes this one, which then ends with those of an uninterrupted
    one.
    """

    def __init__(
        self,
        task: Task,
        rows: Sequence[Row],
        rewards: Sequence[tuple[RewardSpec, Callable[[Batch], Scored]]],
        group_size: int,
        max_tokens: int,
        on_step: Callable[[int], None],
        seed: int = 0,
    ) -> None:
        self._task, self._rows, self._rewards, self._seed = task, rows, rewards, seed
        self._measured: list[Row] | None = None
        self._group_size, self._max_tokens, self._on_step = group_size, max_tokens, on_step
        self._step: dict[str, np.ndarray] = {}
        self._seen = _Observed(examples=Examples(group_size=group_size))
        self.scoring: RewardSpec | None = None
        """The reward that was called last."""
        self.raised: Exception | None = None
        """What a reward raised, or what judging completions did."""

    @property
    def labels(self) -> list[str]:
        """The name of each reward in curves and logs, unique within the arm."""
        return [label_of(spec) for spec, _ in self._rewards]

    @property
    def weights(self) -> list[float]:
        """The weight of each reward in the sum."""
        return [spec.weight for spec, _ in self._rewards]

    @property
    def measures(self) -> bool:
        """Whether the rewards get measured columns, so that `measure` comes before `score`."""
        return self._task.measures is not None

    def measure(self, reader: Reader, rows: Sequence[int], answers: Sequence[Generation]) -> None:
        """Measures the completions of a step, group by group, with the policy as it stands. `rows`: as `score` has them."""
        measures = self._task.measures
        if measures is None:
            return
        with self._noting_errors():
            asked = [self._rows[i] for i in rows]
            seed = step_seed(self._seed, len(self._seen.points) + 1)
            self._measured = measures.in_training(reader, asked, answers, seed)

    def _asked(self, rows: Sequence[int]) -> list[Row]:
        if self.measures and self._measured is None:
            raise MachineError(
                "train.engine: the engine asks for rewards without Observer.measure, which this task needs"
            )
        return self._measured or [self._rows[i] for i in rows]

    def score(self, reward: int, rows: Sequence[int], completions: Sequence[str]) -> list[float]:
        """What reward number `reward` pays for `completions`. `rows`: of each its row's index in the training rows."""
        with self._noting_errors():
            return self._score(reward, rows, completions)

    def _score(self, reward: int, rows: Sequence[int], completions: Sequence[str]) -> list[float]:
        spec, function = self._rewards[reward]
        self.scoring = spec
        scored = function(Batch.of(self._asked(rows), completions))
        label = label_of(spec)
        self._step[label] = np.asarray(scored.rewards, dtype=float)
        for name, values in scored.components.items():
            self._step[f"{label}/{name}"] = np.asarray(values, dtype=float)
        return list(scored.rewards)

    def record(self, rows: Sequence[int], completions: Sequence[str], tokens: Sequence[int]) -> list[float]:
        """Closes the record of a step, all of whose rewards were called on the same completions; `tokens`: their lengths.

        The completions of a group follow one another. Gives the exact match of each.
        """
        with self._noting_errors():
            return self._record(rows, completions, tokens)

    @contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.raised = error
            raise

    def _record(self, rows: Sequence[int], completions: Sequence[str], tokens: Sequence[int]) -> list[float]:
        texts, asked, seen = list(completions), self._asked(rows), self._seen
        outcomes = self._task.outcomes([(row, text, 0) for row, text in zip(asked, texts, strict=True)])
        right = [self._task.right_in_any_form(row, text) for row, text in zip(asked, texts, strict=True)]
        correct = [float(outcome.kind == "correct") for outcome in outcomes]
        parsed = [outcome for outcome in outcomes if outcome.prediction is not None]
        candidate_reward = self._candidate_reward()
        total = np.zeros(len(texts))
        for spec, _ in self._rewards:
            total += spec.weight * self._step[label_of(spec)]
        groups = total.reshape(-1, self._group_size)
        lengths = np.asarray(list(tokens))
        classes = self._task.classes or ()
        answered = {name: np.asarray([outcome.prediction == name for outcome in outcomes]) for name in classes}
        seen.points.append(
            CurvePoint(
                step=len(seen.points) + 1,
                reward=float(total.mean()),
                candidate_reward=float(candidate_reward.mean()),
                exact_match=float(np.mean(correct)),
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
                measured={
                    name: fmean(row.measured[name] for row in asked) for name in (asked[0].measured if asked else ())
                },
                grad_norm=0.0,
            )
        )
        for name, values in self._step.items():
            seen.columns.setdefault(name, []).extend(values.tolist())
        seen.correct += correct
        seen.right += map(float, right)
        seen.examples.note(
            Step(
                number=len(seen.points),
                rows=asked,
                texts=texts,
                kinds=[outcome.kind for outcome in outcomes],
                right=np.asarray(right),
                candidate_reward=candidate_reward,
                total=total,
                parts=self._step,
            )
        )
        self._step, self._measured = {}, None
        self._on_step(len(seen.points))
        return correct

    def _candidate_reward(self) -> np.ndarray:
        """The sum of the rewards on trial: those beyond the base rewards, or all where there are no others."""
        on_trial = [spec for spec, _ in self._rewards if not is_base(spec)] or [spec for spec, _ in self._rewards]
        return np.asarray(sum(spec.weight * self._step[label_of(spec)] for spec in on_trial))

    def stepped(self, step: int) -> None:
        """Reports a step of a training without completions, of which nothing is recorded."""
        self._on_step(step)

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        """Adds what the trainer logs of a finished step: "grad_norm", and "entropy" where it is there."""
        found = {name: float(logs[name]) for name in ("grad_norm", "entropy") if name in logs}
        points = self._seen.points
        points[step - 1] = CurvePoint.model_validate(points[step - 1].model_dump() | found)

    def curves(self) -> tuple[CurvePoint, ...]:
        return tuple(self._seen.points)

    def correlations(self) -> dict[str, float | None]:
        """Pearson's r with correctness over all completions, by reward and component; None where there is no spread."""
        return self._correlations_with(np.asarray(self._seen.correct))

    def correlations_any_form(self) -> dict[str, float | None]:
        """The same with being right in any form, whatever counts."""
        return self._correlations_with(np.asarray(self._seen.right))

    def _correlations_with(self, true: np.ndarray) -> dict[str, float | None]:
        out: dict[str, float | None] = {}
        for name, column in self._seen.columns.items():
            values = np.asarray(column)
            # A component that a reward leaves out of some batches has no value there, so no common vector.
            spread = len(values) == len(true) and np.ptp(values) > 0 and np.ptp(true) > 0
            out[name] = float(np.corrcoef(values, true)[0, 1]) if spread else None
        return out

    def disagreements(self) -> tuple[Example, ...]:
        """Completions whose reward and truth disagree; see Examples."""
        return self._seen.examples.disagreements()

    @property
    def group(self) -> TrainingGroup | None:
        """One complete group of the last step that taught something."""
        return self._seen.examples.group

    def state(self) -> str:
        """All that has been observed between two steps, as JSON."""
        return self._seen.model_dump_json()

    def restore(self, state: str) -> None:
        """Puts what `state` gave in the place of what has been observed."""
        self._seen = _Observed.model_validate_json(state)


def label_of(spec: RewardSpec) -> str:
    """The name a reward goes by in curves and logs: unique within a job."""
    return spec.name if is_base(spec) else curve_label(spec.name, spec.id)


def is_base(spec: RewardSpec) -> bool:
    return spec.id.startswith("base:")


def _top_share(values: Iterable[str]) -> float:
    """The share of the most frequent value; 0 without any."""
    counts = Counter(values)
    return max(counts.values()) / counts.total() if counts else 0.0


def step_seed(seed: int, step: int) -> int:
    """The seed of what is drawn to measure the completions of a step."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
