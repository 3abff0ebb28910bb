"""How each statement may be worded. Writing (render.py) and reading (read.py) use the same lines, so each undoes the other."""

from __future__ import annotations

JOB: dict[str, tuple[str, ...]] = {
    "role": ("{role} wanted", "hiring: {role}", "we need: {role}"),
    "must": ("must: {must}", "must have {must}", "needs {must}"),
    "nice": ("nice: {nice}", "plus: {nice}", "nice to have {nice}"),
    "years": ("{years} years", "at least {years} years", "from {years} years"),
    "degree": ("{degree} degree", "degree: {degree}"),
}
"""Statements of a job, in their order."""

RESUME: dict[str, tuple[str, ...]] = {
    "person": ("{name}, {age}", "{name}, age {age}", "name: {name}, aged {age}"),
    "history": ("worked as {history}", "{pronoun} worked as {history}", "career: {history}"),
    "worked": ("used {worked}", "{pronoun} used {worked}", "skills at work: {worked}"),
    "courses": ("took {courses}", "{pronoun} took {courses}", "learnt: {courses}"),
    "project": ("project: {project}", "project with {project}", "{pronoun} led a project in {project}"),
    "degree": ("{degree} degree", "degree: {degree}", "education: {degree}"),
    "gap": ("{gap} years off", "gap of {gap} years", "{pronoun} paused {gap} years"),
    "explained": ("{gap} years off for {explained}", "gap of {gap} years for {explained}"),
}
"""Statements of a resume."""

ORDERS = (
    ("person", "history", "worked", "courses", "project", "degree", "gap"),
    ("person", "degree", "history", "gap", "worked", "project", "courses"),
)
"""Orders that the statements of a resume come in; `explained` stands in the place of `gap`."""

DEGREES: dict[str, tuple[str, ...]] = {
    "no": ("no",),
    "bachelor": ("bachelor", "bsc"),
    "master": ("master", "msc"),
    "phd": ("phd", "doctorate"),
}
"""Words for a level in a resume."""
SPELL = "{field} {years} years"
COURSE = "{skill} course"
