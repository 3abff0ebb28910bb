"""The single completions that a training run shows: where reward and truth disagree, and one complete group of late training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel

from rewardsearch.records import Example, GroupMember, OutcomeKind, Row, TrainingGroup

DISAGREEMENTS = 6
"""Completions of each kind of disagreement that a result carries."""
KINDS = ("wrong", "right elsewhere", "correct")
"""What a completion is that is paid against the truth: wrong in any form, right in a form that does not count, correct."""
_LEAST_GAP = 1e-9
"""By how much a reward must be on the wrong side of a mean for a disagreement: less is rounding."""


@dataclass(frozen=True)
class Step:
    """The completions of one training step, group by group, and what is known of each, in one order.

    right: whether it answers right in any form. candidate_reward: what the rewards on trial pay it, total: what all pay together,
    parts: each reward and component.
    """

    number: int
    rows: Sequence[Row]
    texts: Sequence[str]
    kinds: Sequence[OutcomeKind]
    right: np.ndarray
    candidate_reward: np.ndarray
    total: np.ndarray
    parts: Mapping[str, np.ndarray]

    @property
    def correct(self) -> np.ndarray:
        return np.asarray([kind == "correct" for kind in self.kinds])


class Examples(BaseModel):
    """Collects step by step. As JSON it passes to the process that resumes the run."""

    group_size: int
    kept: dict[str, list[Example]] = {kind: [] for kind in KINDS}
    """The disagreements of each kind."""
    group: TrainingGroup | None = None
    """The group of the last step that had a spread in reward: of its groups with a spread, those with correct and other
    completions first, the one with the most different completions, the wider spread first."""

    def note(self, step: Step) -> None:
        self._note_disagreements(step)
        self._note_group(step)

    def disagreements(self) -> tuple[Example, ...]:
        """DISAGREEMENTS of each kind at most, in the order of KINDS, the furthest on the wrong side of the mean first.

        What does not count disagrees where it is paid more than the mean of the correct completions of its group, or of its step
        where the group has none; a correct completion where it is paid less than the mean of the others.
        """
        return tuple(example for kind in KINDS for example in _distinct(self.kept[kind]))

    def _note_disagreements(self, step: Step) -> None:
        correct = step.correct
        found: dict[str, list[Example]] = {kind: [] for kind in KINDS}
        for index, text in enumerate(step.texts):
            paid = float(step.candidate_reward[index])
            against = self._mean_of_others(step.candidate_reward, correct, index)
            if against is None or (against - paid if correct[index] else paid - against) < _LEAST_GAP:
                continue
            right = bool(step.right[index])
            found["correct" if correct[index] else "right elsewhere" if right else "wrong"].append(
                Example(
                    prompt=step.rows[index].prompt_text,
                    completion=text,
                    answer=step.rows[index].answer,
                    reward=paid,
                    kind=step.kinds[index],
                    right=right,
                    against=against,
                    step=step.number,
                )
            )
        for kind, examples in found.items():
            self.kept[kind] = _needed(sorted([*self.kept[kind], *examples], key=_by_gap))

    def _mean_of_others(self, paid: np.ndarray, correct: np.ndarray, index: int) -> float | None:
        """The mean of the correct completions, or for a correct one of the others: of its group, else of the step."""
        others = correct != correct[index]
        start = index - index % self.group_size
        group = slice(start, start + self.group_size)
        if others[group].any():
            return float(paid[group][others[group]].mean())
        return float(paid[others].mean()) if others.any() else None

    def _note_group(self, step: Step) -> None:
        size, correct = self.group_size, step.correct
        groups = [range(start, start + size) for start in range(0, len(step.texts), size)]
        spread = {group: float(np.ptp(step.total[group])) for group in groups}

        def worth(group: range) -> tuple[bool, int, float]:
            mixed = 0 < sum(bool(correct[i]) for i in group) < size
            return mixed, len({step.texts[i] for i in group}), spread[group]

        members = max((group for group in groups if spread[group] > 0), key=worth, default=None)
        if members is None:
            return
        row = step.rows[members[0]]
        self.group = TrainingGroup(
            step=step.number,
            prompt=row.prompt_text,
            answer=row.answer,
            members=tuple(
                GroupMember(
                    completion=step.texts[i],
                    kind=step.kinds[i],
                    right=bool(step.right[i]),
                    reward=float(step.total[i]),
                    parts={name: float(values[i]) for name, values in step.parts.items()},
                )
                for i in members
            ),
        )


def _by_gap(example: Example) -> tuple[float, str, str, int]:
    return -abs(example.reward - (example.against or 0.0)), example.prompt, example.completion, example.step


def _needed(examples: Sequence[Example]) -> list[Example]:
    """Of examples in order, those that `_distinct` can come to need when others join them.

    The first of each of the first prompts, and of each of the first completions: what joins only moves the others back.
    """
    firsts = [
        *_first_of_each("prompt", examples)[:DISAGREEMENTS],
        *_first_of_each("completion", examples)[:DISAGREEMENTS],
    ]
    kept = set(map(id, firsts))
    return [example for example in examples if id(example) in kept]


def _distinct(examples: Sequence[Example]) -> list[Example]:
    """The first DISAGREEMENTS with different prompts; where there are fewer, others with different completions follow."""
    first = _first_of_each("prompt", examples)[:DISAGREEMENTS]
    shown = {example.completion for example in first}
    others = (each for each in _first_of_each("completion", examples) if each.completion not in shown)
    return [*first, *others][:DISAGREEMENTS]


def _first_of_each(field: Literal["prompt", "completion"], examples: Sequence[Example]) -> list[Example]:
    found: dict[str, Example] = {}
    for example in examples:
        found.setdefault(getattr(example, field), example)
    return list(found.values())
