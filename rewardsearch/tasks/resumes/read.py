"""Reads text back into facts, sentence by sentence, so that the rule can judge what is written rather than what was drawn."""

from __future__ import annotations

import re

from rewardsearch.tasks.resumes.facts import Facts, Job
from rewardsearch.tasks.resumes.wording import COURSE, DEGREES, JOB, RESUME, SPELL

_SLOT = re.compile(r"\\{(\w+)\\}")
_SHAPES = {"years": r"\d+", "gap": r"\d+", "age": r"\d+", "pronoun": "she|he|they", "name": r"\w+ \w+"}
_LISTS = ("must", "history", "worked", "courses")
_LEVEL = {word: level for level, words in DEGREES.items() for word in words}


def _pattern(line: str) -> re.Pattern[str]:
    def shape(found: re.Match[str]) -> str:
        slot = found.group(1)
        return f"(?P<{slot}>{_SHAPES.get(slot, '.+' if slot in _LISTS else '[a-z]+')})"

    return re.compile(_SLOT.sub(shape, re.escape(line)))


def _patterns(statements: dict[str, tuple[str, ...]]) -> list[re.Pattern[str]]:
    """The most particular lines first: `{history}` alone fits almost anything."""
    lines = [line for lines in statements.values() for line in lines]
    return [_pattern(line) for line in sorted(lines, key=lambda line: -len(_SLOT.sub("", re.escape(line))))]


_JOB, _RESUME, _SPELL, _COURSE = _patterns(JOB), _patterns(RESUME), _pattern(SPELL), _pattern(COURSE)


def _values(text: str, patterns: list[re.Pattern[str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for sentence in re.sub(r"\b1 year\b", "1 years", text).strip().removesuffix(".").split(". "):
        found = next((match for pattern in patterns if (match := pattern.fullmatch(sentence))), None)
        if found is None:
            raise ValueError(f"not a statement of a generated text: {sentence!r}")
        values.update(found.groupdict())
    return values


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(", ")) if text else ()


def _found(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"not an entry of a generated list: {text!r}")
    return found


def read_job(text: str) -> Job:
    """What a generated job asks for. Raises ValueError for a sentence that is not one of the generator's."""
    values = _values(text, _JOB)
    return Job(values["role"], _listed(values["must"]), values["nice"], int(values["years"]), values["degree"])


def read_resume(text: str) -> Facts:
    """What a generated resume tells of a person. Raises ValueError for a sentence that is not one of the generator's."""
    values = _values(text, _RESUME)
    history = [_found(_SPELL, spell) for spell in _listed(values.get("history", ""))]
    courses = [_found(_COURSE, course) for course in _listed(values.get("courses", ""))]
    return Facts(
        history=tuple((spell["field"], int(spell["years"])) for spell in history),
        worked=_listed(values.get("worked", "")),
        courses=tuple(course["skill"] for course in courses),
        project=values.get("project"),
        degree=_LEVEL[values["degree"]],
        gap=int(values.get("gap", 0)),
        explained=values.get("explained"),
    )
