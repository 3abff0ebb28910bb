"""A rubric of weighted criteria as frozen dataclasses, with functions as fields."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    prompt: str
    completion: str
    gold: str

    @property
    def solution(self) -> str | None:
        match = re.search(r"<solution>\s*(.*?)\s*</solution>", self.completion, flags=re.DOTALL)
        return match.group(1) if match else None


@dataclass(frozen=True)
class Criterion:
    name: str
    weight: float
    check: Callable[[Sample], float]
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"{self.name!r}: weight must not be negative, got {self.weight:.3f}")

    def score(self, sample: Sample) -> float:
        return self.weight * min(1.0, max(0.0, self.check(sample)))


def has_form(sample: Sample) -> float:
    return float(all(sample.completion.count(tag) == 1 for tag in ("<thinking>", "</thinking>", "<solution>")))


def is_right(sample: Sample) -> float:
    return float(sample.solution is not None and sample.solution.replace(",", "") == sample.gold.replace(",", ""))


@dataclass
class Rubric:
    criteria: list[Criterion] = field(default_factory=list)
    totals: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    def add(self, *criteria: Criterion) -> Rubric:
        self.criteria.extend(criteria)
        return self

    def grade(self, samples: Iterable[Sample]) -> Mapping[str, list[float]]:
        table: dict[str, list[float]] = {criterion.name: [] for criterion in self.criteria}
        for sample in samples:
            for criterion in self.criteria:
                table[criterion.name].append(criterion.score(sample))
        self.totals = {name: sum(values) for name, values in table.items()}
        return table


def build() -> Rubric:
    right = Criterion("right", 2.0, is_right, tags=("outcome",))
    brief = Criterion(name="brief", weight=0.25, check=lambda sample: 1 - len(sample.completion) / 600)
    form = dataclasses.replace(right, name="form", weight=0.5, check=has_form, tags=("form",))
    return Rubric().add(right, form, brief)


def reward(prompts, completions, answer, **columns):
    rubric = build()
    samples = [Sample(*fields) for fields in zip(prompts, completions, answer, strict=True)]
    table = rubric.grade(samples)
    for criterion in dataclasses.fields(Rubric):
        print(criterion.name, end="; ")
    return dict(table)
