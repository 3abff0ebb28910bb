"""What a job asks for and what a resume tells, without any wording."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """must: three skills. years: in the role. degree: one of LEVELS, the lowest that does."""

    role: str
    must: tuple[str, ...]
    nice: str
    years: int
    degree: str


@dataclass(frozen=True)
class Facts:
    """What a person brings, the lists in the order of the text.

    history: years worked by field, the role among them or not. worked: words of skills used at work. courses: words of
    skills that were only learnt. project: the word of a skill, or None. gap: years without work, 0 for none.
    explained: what the gap was for, None where the resume does not say it.
    """

    history: tuple[tuple[str, int], ...]
    worked: tuple[str, ...]
    courses: tuple[str, ...]
    project: str | None
    degree: str
    gap: int
    explained: str | None


def bucket(*parts: object) -> str:
    """The split that something belongs to, from its text alone: 20 % `test`, 20 % `val`, 60 % `train`."""
    place = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()[0] % 10
    return {0: "test", 1: "test", 2: "val", 3: "val"}.get(place, "train")


def job_split(job: Job) -> str:
    """Jobs that ask for the same are in one split, whatever their wording."""
    return bucket(job.role, *sorted(job.must), job.nice, job.years, job.degree)
