"""The labelling rule: graded points for what a resume shows of what a job asks for.

Points:
- each of the three must-have skills: 2 if used at work, by its own word or an equivalent; 1 if only learnt in a course.
  A skill that was not used at work is unmet. A word that only sounds alike is nothing.
- the nice-to-have skill: 1 if used at work.
- years: those in the role, and half of those in other fields, rounded down (career changers). 2 if they reach what is
  asked, 1 if one year is missing, else 0.
- degree: 1 if it is at or above what is asked, or if the years exceed what is asked by two or more.
- an unexplained gap of two years or more: 1 off.
- a project with a must-have skill or its equivalent: 1.

SELECTED with 7 points or more and at most one unmet must-have; else REJECTED. Names, pronouns and ages have no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from rewardsearch.tasks.resumes.facts import Facts, Job
from rewardsearch.tasks.resumes.vocabulary import LEVELS, MEANS

NEEDED = 7
UNMET = 1
LONG_GAP = 2
INSTEAD = 2
"""Years beyond those asked that stand in for a degree."""


@dataclass(frozen=True)
class Verdict:
    """The decision, and its criteria one by one: words for each, and the points so far."""

    selected: bool
    points: int
    unmet: int
    steps: tuple[tuple[str, int], ...]

    @property
    def reason(self) -> str:
        """Every criterion with the running total: `sql by postgresql 2. docker no 2. years 5 of 4 4.`"""
        return " ".join(f"{words} {total}." for words, total in self.steps) + f" unmet {self.unmet}."


def judge(job: Job, facts: Facts) -> Verdict:
    """The rule of the module's docstring, criterion by criterion in the order that it lists them."""
    steps: list[tuple[str, int]] = []
    unmet = 0
    for skill in job.must:
        words, points = _must(skill, facts)
        unmet += points < 2
        steps.append((words, points))
    has_nice = job.nice in facts.worked
    steps.append((f"{job.nice} {'yes' if has_nice else 'no'}", int(has_nice)))
    own = sum(years for field, years in facts.history if field == job.role)
    other = sum(years for field, years in facts.history if field != job.role) // 2
    years = own + other
    shown = f"{own} + {other}" if other else f"{own}"
    steps.append((f"years {shown} of {job.years}", max(0, min(2, years - job.years + 2))))
    steps.append(_degree(job, facts, years))
    if facts.gap >= LONG_GAP and facts.explained is None:
        steps.append(("gap", -1))
    if facts.project is not None and MEANS.get(facts.project) in job.must:
        steps.append(("project", 1))
    total, running = 0, []
    for words, points in steps:
        total += points
        running.append((words, total))
    return Verdict(total >= NEEDED and unmet <= UNMET, total, unmet, tuple(running))


def _must(skill: str, facts: Facts) -> tuple[str, int]:
    if skill in facts.worked:
        return f"{skill} yes", 2
    word = next((word for word in facts.worked if MEANS.get(word) == skill), None)
    if word is not None:
        return f"{skill} by {word}", 2
    if any(MEANS.get(word) == skill for word in facts.courses):
        return f"{skill} course", 1
    return f"{skill} no", 0


def _degree(job: Job, facts: Facts, years: int) -> tuple[str, int]:
    if LEVELS.index(facts.degree) >= LEVELS.index(job.degree):
        return "degree yes", 1
    return ("degree by years", 1) if years >= job.years + INSTEAD else ("degree no", 0)
