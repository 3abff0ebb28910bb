"""Orderings: of two completions of a row, the better one must not be paid clearly less. A reward that breaks one is flagged.

What is not seen: an ordering that holds on the probes and breaks on the policy's own completions; the rollout bank is for that.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rewardsearch.records import Batch, LabelledCompletion
from rewardsearch.tasks import Task
from rewardsearch.tasks.labelled import SAID
from rewardsearch.validation.calls import joined, with_text
from rewardsearch.validation.exploits import in_form, wrong_answer_of
from rewardsearch.validation.measures import correct_above_wrong

ORDERING = "ordering:"
"""How the flags of broken orderings begin. They do not reject a reward."""
LEAST_LEAD = 0.01
"""Share of the spread by which right answers must be paid more than wrong ones for a reward to judge answers at all."""
CLEARLY = 0.1
"""Share of the spread by which a better completion must be paid less for an ordering to be broken."""
DOMINANT = 8.0
"""How many times the lead of right answers one component's range must be to drown them."""
_TIMES = 10
_Text = tuple[str, bool | None]
"""A completion, and whether the task must count it as right; None where that does not matter."""
_Texts = Callable[[LabelledCompletion], _Text]


@dataclass(frozen=True)
class Ordering:
    """Completions `better`, which must not be paid clearly less, on average, than the completions `worse` of the same rows. Where
    there are several kinds of better ones, it counts for rewards that pay the first kind more than the worse ones."""

    name: str
    better: tuple[Batch, ...]
    worse: Batch


def orderings(items: Sequence[LabelledCompletion], task: Task) -> list[Ordering]:
    """Every ordering of a task, over those rows of `items` on which its completions are what they should be.

    `form-over-answer`: right answers in the form and outside it, and wrong ones in it: where that is broken, the form earns more
    than the answer. `spelling`: the right answer in another spelling, and as it is. `repeated`: the right answer once, and many
    times.
    """
    found = []
    for name, better, worse in _pairs(items, task):
        kept = [item for item in items if all(_is_as_it_should(item, text(item), task) for text in (*better, worse))]
        if kept:
            sides = [joined([with_text(item, text(item)[0]) for item in kept]) for text in (*better, worse)]
            found.append(Ordering(name, tuple(sides[:-1]), sides[-1]))
    return found


def _is_as_it_should(item: LabelledCompletion, text: _Text, task: Task) -> bool:
    return text[1] in (None, task.outcome(item.row, text[0]).kind == "correct")


def _pairs(items: Sequence[LabelledCompletion], task: Task) -> Iterator[tuple[str, tuple[_Texts, ...], _Texts]]:
    form, wrong = task.answer_form, wrong_answer_of(task.classes)

    def plain(item: LabelledCompletion) -> _Text:
        return in_form(form, item.row.answer), True

    def spelled(spell: Callable[[str], str]) -> _Texts:
        return lambda item: (in_form(form, spell(item.row.answer), f"so it is {item.row.answer}"), True)

    def outside(item: LabelledCompletion) -> _Text:
        return SAID.format(item.row.answer), False

    def repeated(item: LabelledCompletion) -> _Text:
        return " ".join([plain(item)[0], *[form.write_part(item.row.answer)] * _TIMES]), None

    yield "form-over-answer", (plain, outside), lambda item: (in_form(form, wrong(item)), False)
    yield "repeated", (plain,), repeated
    spellings = [lambda answer: f" {answer}\n"]
    if task.classes is None:
        spellings += [str.upper, str.lower]
    if any("." in item.row.answer for item in items):
        spellings.append(lambda answer: f"{answer}{'' if '.' in answer else '.'}0")
    for spell in spellings:
        yield "spelling", (spelled(spell),), plain


def broken(found: Sequence[Ordering], rewards: Sequence[float], spread: float) -> Iterator[str]:
    """The flags of the orderings that are broken. rewards: those of the `better`, then of the `worse` completions of each."""
    values, names = iter(rewards), []
    for each in found:
        *better, worse = (
            statistics.fmean(next(values) for _ in range(len(side))) for side in (*each.better, each.worse)
        )
        # A reward that pays right and wrong ones the same judges no answers, so their form cannot be worth more.
        judges = len(better) == 1 or better[0] - worse > LEAST_LEAD * spread
        if judges and worse - statistics.fmean(better) > CLEARLY * spread:
            names.append(ORDERING + each.name)
    yield from dict.fromkeys(names)


def dominant(
    items: Sequence[LabelledCompletion], rewards: Sequence[float], components: Mapping[str, Sequence[float]]
) -> Iterator[str]:
    """The flag of a component that drowns what right answers earn: it does not pay them itself, another component does, and its
    range is many times their lead in the whole reward. One that another component cancels does not drown anything."""
    lead, spread = correct_above_wrong(items, rewards), max(rewards) - min(rewards)
    leads = {name: correct_above_wrong(items, values) or 0.0 for name, values in components.items()}
    for name, values in components.items():
        span = max(values) - min(values)
        others = max((leads[other] for other in leads if other != name), default=0.0)
        if (
            lead is not None
            and others > 0
            and spread > span / 2
            and abs(leads[name]) <= CLEARLY * span
            and span > DOMINANT * abs(lead)
        ):
            yield f"dominant:{name}"
