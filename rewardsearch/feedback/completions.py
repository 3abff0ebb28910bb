"""Single completions in the feedback: where reward and correctness disagree, one group of late training, and held-out questions
that a policy gets wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

from rewardsearch.records import Example, GroupMember, Outcome, Row, TrainingResult, curve_label
from rewardsearch.records.feedback import Disagreement, Group, GroupLine, Mistake

T = TypeVar("T")
MISTAKES = 6
"""Wrongly answered questions that are kept; each request shows other ones of them."""
MEMBERS = 8
"""Completions shown of a group."""
TEXT = 300
"""Characters shown of a prompt or completion."""
_LONG_TEXT = 1200
"""Characters shown of a wrong completion to a held-out question."""
_DISAGREES = {
    "wrong": "not right, yet paid more than the correct ones",
    "right elsewhere": "right in a form that does not count, paid more than the correct ones",
    "correct": "correct, yet paid less than the others",
}


def disagreements(result: TrainingResult) -> tuple[Disagreement, ...]:
    """The disagreements of a training, by kind, the clearest of each kind first."""
    return tuple(_disagreement(example) for example in result.disagreements if example.against is not None)


def _disagreement(example: Example) -> Disagreement:
    kind = "correct" if example.kind == "correct" else "right elsewhere" if example.right else "wrong"
    return Disagreement(
        what=_DISAGREES[kind],
        reward=f"{number(example.reward)} against {number(example.against)}, step {example.step}",
        prompt=quoted(example.prompt),
        completion=quoted(example.completion),
        answer=example.answer,
        kind=kind,
    )


def group_of(result: TrainingResult, own: tuple[str, str] | None = None) -> Group | None:
    """The group that a training kept. own: name and id of the candidate; its components are shown by their names in the code."""
    group = result.group
    if group is None:
        return None
    label = curve_label(*own) if own else ""
    # Equal completions get equal rewards and are shown once.
    equal: dict[str, list[GroupMember]] = {}
    for member in sorted(group.members, key=lambda member: -member.reward):
        equal.setdefault(member.completion, []).append(member)
    return Group(
        step=group.step,
        prompt=quoted(group.prompt),
        answer=group.answer,
        lines=tuple(
            GroupLine(
                what=f"{_what(same[0])}{f', {len(same)} times' if len(same) > 1 else ''}",
                reward=number(same[0].reward),
                parts=", ".join(f"{name} {number(value)}" for name, value in _parts(same[0].parts, label).items()),
                completion=quoted(text),
            )
            for text, same in evenly(list(equal.items()), MEMBERS)
        ),
    )


def _what(member: GroupMember) -> str:
    if member.kind == "correct":
        return "correct"
    if member.right:
        return "right in a form that does not count"
    return "wrong" if member.kind == "wrong" else "no answer that counts"


def _parts(parts: Mapping[str, float], label: str) -> dict[str, float]:
    """Rewards and components that are not 0, by their names in the code; a reward with components is shown by them."""
    found = {}
    for name, value in parts.items():
        if value and not any(other.startswith(f"{name}/") for other in parts):
            found[name.removeprefix(f"{label}/") if label else name] = value
    return found


def mistakes(
    outcomes: Sequence[Outcome], rows: Mapping[str, Row], completions: Mapping[str, str]
) -> tuple[Mistake, ...]:
    """MISTAKES of the questions that are not answered correctly, evenly spaced; none where rows may not be shown.

    rows: of the held-out questions, by id. completions: what the policy wrote, by id.
    """
    wrong = [each for each in outcomes if each.kind != "correct" and each.id in rows and each.id in completions]
    return tuple(
        Mistake(
            prompt=quoted(rows[each.id].prompt_text),
            completion=quoted(completions[each.id], _LONG_TEXT),
            answer=each.gold,
            given="no answer that counts" if each.prediction is None else quoted(each.prediction, 40),
        )
        for each in evenly(wrong, MISTAKES)
    )


def evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` of the items, evenly spaced, with the first and the last; all items where there are no more."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def missed(outcomes: Sequence[Outcome]) -> str:
    """How many questions are not answered correctly, and how; empty where all are correct."""
    wrong, unparsed = (sum(each.kind == kind for each in outcomes) for kind in ("wrong", "unparsed"))
    count = f"{wrong + unparsed} of {len(outcomes)}"
    if wrong and unparsed:
        return f"{count}: {wrong} answered wrong, {unparsed} without an answer that counts"
    return f"{count}, all {'answered wrong' if wrong else 'without an answer that counts'}" if wrong or unparsed else ""


def quoted(text: str, max_length: int = TEXT) -> str:
    """A text as one line in quotes, cut in its middle."""
    cut = text if len(text) <= max_length else f"{text[: max_length // 2]} ... {text[-max_length // 2 :]}"
    return json.dumps(cut, ensure_ascii=False)


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
