"""Writes facts as text, in wordings that a random generator chooses."""

from __future__ import annotations

import random
import re

from rewardsearch.tasks.resumes.facts import Facts, Job
from rewardsearch.tasks.resumes.people import Person
from rewardsearch.tasks.resumes.wording import COURSE, DEGREES, JOB, ORDERS, RESUME, SPELL


def write_job(job: Job, rng: random.Random) -> str:
    """A job's text; read.read_job undoes it."""
    values = {
        "role": job.role,
        "must": ", ".join(job.must),
        "nice": job.nice,
        "years": str(job.years),
        "degree": job.degree,
    }
    return _singular(" ".join(f"{rng.choice(lines).format(**values)}." for lines in JOB.values()))


def write_resume(facts: Facts, person: Person, rng: random.Random) -> str:
    """A resume's text; read.read_resume gives `facts` back. What `rng` draws does not depend on `person`."""
    values = {
        "name": person.name,
        "age": str(person.age),
        "pronoun": person.pronoun,
        "history": ", ".join(SPELL.format(years=years, field=field) for field, years in facts.history),
        "worked": ", ".join(facts.worked),
        "courses": ", ".join(COURSE.format(skill=skill) for skill in facts.courses),
        "project": facts.project,
        "degree": rng.choice(DEGREES[facts.degree]),
        "gap": str(facts.gap) if facts.gap else None,
        "explained": facts.explained,
    }
    sentences = []
    for statement in rng.choice(ORDERS):
        kind = "explained" if statement == "gap" and facts.explained else statement
        if kind == "person" or values[kind]:
            sentences.append(f"{rng.choice(RESUME[kind]).format(**values)}.")
    return _singular(" ".join(sentences))


def _singular(text: str) -> str:
    return re.sub(r"\b1 years\b", "1 year", text)
