"""A resume beside a job, and whether the person should be selected."""

from __future__ import annotations

from dataclasses import dataclass, field

SELECTED, REJECTED = "SELECTED", "REJECTED"
CLASSES = (SELECTED, REJECTED)
"""The positive class first."""


@dataclass(frozen=True)
class Pair:
    """One resume beside one job. `reasons` are reasons of the label, the fullest first; empty where the data have none.

    columns: further texts of the prompt, by name. groups: the person's group by attribute, for fairness tables. demonstrated:
    the reason that supervised fine-tuning teaches for this pair. hard: the words of job and resume mislead about the label.
    """

    id: str
    resume: str
    job: str
    selected: bool
    reasons: tuple[str, ...] = ()
    demonstrated: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    hard: bool = False

    @property
    def label(self) -> str:
        return SELECTED if self.selected else REJECTED
