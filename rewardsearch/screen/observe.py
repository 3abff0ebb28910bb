"""What a training run shows while it runs: reward functions as TRL calls them, and a record of every step.

Each reward function of a job becomes one function for TRL; the exact-match monitor comes last at weight 0, so it sees the
rewards of the same completions and closes the step's record without touching the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from rewardsearch.records import Batch, CurvePoint, Example, RewardSpec, Row, curve_label
from rewardsearch.tasks import Task

ROW = "rewardsearch_row"
"""The dataset column with a row's place in the training rows; no reward function sees it."""

Completion = str | list[dict[str, str]]
TrlReward = Callable[..., list[float]]


class Scored(Protocol):
    """What a reward call gives: one reward a completion, and its named components."""

    @property
    def rewards(self) -> Sequence[float]: ...

    @property
    def components(self) -> Mapping[str, Sequence[float]]: ...


class Observer:
    """Collects, step by step, what the rewards said and what was true.

    rows: the training rows. rewards: each spec with the function that scores a Batch with it.
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
        self._grad_norms: dict[int, float] = {}
        self._columns: dict[str, list[np.ndarray]] = {}
        self._correct: list[np.ndarray] = []
        self._examples: list[Example] = []

    def functions(self) -> tuple[list[TrlReward], list[float]]:
        """The reward functions for GRPOTrainer, with distinct names, and their weights."""
        functions = [self._function(spec, score) for spec, score in self._rewards]

        def exact_match(completions: list[Completion], completion_ids: list[list[int]], **columns: Any) -> list[float]:
            return self._close_step(completions, completion_ids, columns[ROW])

        return [*functions, exact_match], [spec.weight for spec, _ in self._rewards] + [0.0]

    def _function(self, spec: RewardSpec, score: Callable[[Batch], Scored]) -> TrlReward:
        def reward(completions: list[Completion], **columns: Any) -> list[float]:
            rows = [self._rows[i] for i in columns[ROW]]
            batch = Batch(
                prompts=tuple(row.prompt_text for row in rows),
                completions=tuple(map(text_of, completions)),
                answer=tuple(row.answer for row in rows),
                columns={name: tuple(row.columns[name] for row in rows) for name in rows[0].columns},
            )
            scored = score(batch)
            label = label_of(spec)
            self._step[label] = np.asarray(scored.rewards, dtype=float)
            for name, values in scored.components.items():
                self._step[f"{label}/{name}"] = np.asarray(values, dtype=float)
            return list(scored.rewards)

        reward.__name__ = label_of(spec)
        return reward

    def _close_step(
        self, completions: list[Completion], completion_ids: list[list[int]], places: list[int]
    ) -> list[float]:
        texts = list(map(text_of, completions))
        kinds = [self._task.outcome(self._rows[i], text).kind for i, text in zip(places, texts, strict=True)]
        correct = np.asarray([kind == "correct" for kind in kinds], dtype=float)
        total = np.zeros(len(texts))
        for spec, _ in self._rewards:
            total += spec.weight * self._step[label_of(spec)]
        groups = total.reshape(-1, self._group_size)
        lengths = np.asarray([len(ids) for ids in completion_ids])
        self._points.append(
            CurvePoint(
                step=len(self._points) + 1,
                reward=float(total.mean()),
                monitor=float(correct.mean()),
                components={name: float(values.mean()) for name, values in self._step.items()},
                length=float(lengths.mean()),
                dead_groups=float((np.ptp(groups, axis=1) == 0).mean()),
                clipped=float((lengths >= self._max_tokens).mean()),
                grad_norm=0.0,
            )
        )
        for name, values in self._step.items():
            self._columns.setdefault(name, []).append(values)
        self._correct.append(correct)
        judged = self._judged()
        self._examples.extend(
            Example(
                prompt=self._rows[i].prompt_text,
                completion=text,
                answer=self._rows[i].answer,
                reward=float(r),
                kind=kind,
            )
            for i, text, r, kind in zip(places, texts, judged, kinds, strict=True)
        )
        self._step = {}
        self._on_step(len(self._points))
        return [float(value) for value in correct]

    def _judged(self) -> np.ndarray:
        """The rewards that are on trial: those beyond the base rewards, or all where there are no others."""
        on_trial = [spec for spec, _ in self._rewards if not is_base(spec)] or [spec for spec, _ in self._rewards]
        return np.asarray(sum(spec.weight * self._step[label_of(spec)] for spec in on_trial))

    def gradient(self, step: int, norm: float) -> None:
        """Notes the gradient norm of a finished step."""
        self._grad_norms[step] = norm

    def curves(self) -> tuple[CurvePoint, ...]:
        return tuple(
            point.model_copy(update={"grad_norm": self._grad_norms.get(point.step, 0.0)}) for point in self._points
        )

    def correlations(self) -> dict[str, float | None]:
        """Pearson's r with correctness over all completions, by reward and component; None where there is no spread."""
        correct = np.concatenate(self._correct) if self._correct else np.zeros(0)
        out: dict[str, float | None] = {}
        for name, parts in self._columns.items():
            values = np.concatenate(parts)
            # A component that a reward leaves out of some batches has no value there, so no common vector.
            spread = len(values) == len(correct) and np.ptp(values) > 0 and np.ptp(correct) > 0
            out[name] = float(np.corrcoef(values, correct)[0, 1]) if spread else None
        return out

    def disagreements(self, n: int = 3) -> tuple[Example, ...]:
        """The `n` highest-rewarded completions that are not correct, then the `n` lowest-rewarded correct ones."""
        best = sorted(
            (e for e in self._examples if e.kind != "correct"), key=lambda e: (-e.reward, e.prompt, e.completion)
        )
        worst = sorted(
            (e for e in self._examples if e.kind == "correct"), key=lambda e: (e.reward, e.prompt, e.completion)
        )
        return (*_distinct(best, n), *_distinct(worst, n))


def label_of(spec: RewardSpec) -> str:
    """The name a reward goes by in curves and logs: unique within a job."""
    return spec.name if is_base(spec) else curve_label(spec.name, spec.id)


def is_base(spec: RewardSpec) -> bool:
    return spec.id.startswith("base:")


def text_of(completion: Completion) -> str:
    return completion if isinstance(completion, str) else completion[0]["content"]


def _distinct(examples: Sequence[Example], n: int) -> list[Example]:
    """The first `n` with different prompts; where there are fewer, others with completions of their own follow."""
    prompts: dict[str, Example] = {}
    completions: dict[str, Example] = {}
    for example in examples:
        prompts.setdefault(example.prompt, example)
        completions.setdefault(example.completion, example)
        if len(prompts) == n:
            break
    first = list(prompts.values())
    told = {example.completion for example in first}
    return [*first, *(each for text, each in completions.items() if text not in told)][:n]
