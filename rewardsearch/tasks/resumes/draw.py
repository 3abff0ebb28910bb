"""Draws jobs and what people bring to them."""

from __future__ import annotations

import random

from rewardsearch.tasks.resumes.facts import Facts, Job
from rewardsearch.tasks.resumes.vocabulary import FIELDS, GENERAL, LEVELS, MUST, NICE, REASONS, ROLES, SKILLS

STATES = ("own", "equivalent", "course", "near", "missing")
"""How a must-have skill stands in a resume."""
_WEIGHTS = {
    "able": (12, 1.5, 1, 0.5, 0.5),
    "weak": (1.5, 1, 1, 3, 4),
    "equivalent": (1, 10, 1, 0, 1),
    "stuffed": (4, 0, 5, 0, 0),
}
"""How often each of STATES is drawn, by the kind of resume."""


def draw_job(rng: random.Random) -> Job:
    role = rng.choice(ROLES)
    must = rng.sample([skill.word for skill in MUST[role]], 3)
    return Job(role, tuple(must), rng.choice(NICE[role]), rng.randint(2, 6), rng.choice(LEVELS[:3]))


def draw_facts(rng: random.Random, job: Job, *, selected: bool, hard: bool) -> Facts:
    """Facts of a kind that often end in this label; which label they have follows from the rule alone."""
    kind = ("equivalent" if selected else "stuffed") if hard else ("able" if selected else "weak")
    if rng.random() < 0.15:
        kind = rng.choice(tuple(_WEIGHTS))
    worked, courses = [], []
    for skill in job.must:
        state = rng.choices(STATES, _WEIGHTS[kind])[0]
        if state == "own":
            worked.append(skill)
        elif state == "equivalent":
            worked.append(rng.choice(SKILLS[skill].equivalents))
        elif state == "course":
            courses.append(
                rng.choice((skill, skill, rng.choice(SKILLS[skill].equivalents))) if kind != "stuffed" else skill
            )
        elif state == "near":
            worked.append(SKILLS[skill].near)
    if rng.random() < (0.5 if selected else 0.35):
        worked.append(job.nice)
    worked += rng.sample(GENERAL, rng.choice((0, 1, 1)) if worked else 1)
    rng.shuffle(worked)
    rng.shuffle(courses)
    gap = rng.choice((0, 0, 1, 2, 3))
    return Facts(
        history=_history(rng, job, strong=selected),
        worked=tuple(worked),
        courses=tuple(courses),
        project=_project(rng, job),
        degree=rng.choice(LEVELS),
        gap=gap,
        explained=rng.choice(REASONS) if gap and rng.random() < 0.4 else None,
    )


def _history(rng: random.Random, job: Job, *, strong: bool) -> tuple[tuple[str, int], ...]:
    spells = []
    if rng.random() < 0.8:
        around = job.years + rng.randint(-2, 3 if strong else 1)
        spells.append((job.role, max(1, min(9, around))))
    if not spells or rng.random() < 0.45:
        spells.append((rng.choice([field for field in FIELDS if field != job.role]), rng.randint(2, 9)))
    rng.shuffle(spells)
    return tuple(spells)


def _project(rng: random.Random, job: Job) -> str | None:
    if rng.random() < 0.5:
        return None
    skill = SKILLS[rng.choice(job.must)]
    return rng.choice((skill.word, rng.choice(skill.equivalents), skill.near, rng.choice(GENERAL)))
