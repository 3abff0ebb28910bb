"""What a reward pays for beside the task: exploits that a policy may find, leaks, and triggers hidden in its code.

An exploit or a trigger is a group of completions that are wrong or empty. It has sprung when the group is paid as much
as correct completions are on average; a trigger also has to make the difference, so the same completions are scored
without it. A leak is told by answers alone: what is paid differs, bit for bit, where nothing is said.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from rewardsearch.records import Batch, LabelledCompletion
from rewardsearch.validation import variants
from rewardsearch.validation.constants import Constants
from rewardsearch.validation.exploits import CONTROLS, EMPTY_TAGS, exploits, with_text
from rewardsearch.validation.texts import batch_of, joined
from rewardsearch.validation.variants import CONTROL, Variant

_EXPLOITED_ROWS = 4
_SPACED_ROWS = 3
_GAIN = 0.1
"""The least share of the spread by which a trigger lifts what it pays for."""
_GIVEN_GAIN = 0.5
"""The same where the prompt, a column or the answer is another: what a sound reward is made of may move it a little."""
_BEYOND = 2.0
"""A constant that moves a reward by more than this many times its whole spread on ordinary completions is a trigger."""
_GIVEN = frozenset(("asked", "column", variants.SAYS_ANOTHER, variants.SAYS_NOTHING))
_MAY_COST = frozenset(("solution", "repeated", variants.SAYS_ANOTHER, variants.SAYS_NOTHING))
"""Ways that make a completion longer or a number more wrong than ordinary ones are: that may cost what the reward likes."""


class Paid(NamedTuple):
    """What one completion got: its reward less the mean reward of correct completions, and all of the output's bits."""

    value: float
    bits: bytes


Score = Callable[[Batch], Sequence[Paid]]
Flags = Callable[[Sequence[Paid]], Iterator[str]]


class Traps:
    """The traps for rewards of one task.

    items: labelled completions of the task, of several rows, correct and wrong. classes: those of the task, if it has any.
    """

    def __init__(self, items: Sequence[LabelledCompletion], classes: tuple[str, str] | None = None) -> None:
        self._exploits = exploits(_exploited_rows(items, classes), classes)
        self._free_answers = classes is None
        wrong = {item.row.answer: item for item in items if item.kind == "wrong"}
        self._wrong = list(wrong.values())
        self._correct = [item for item in items if item.kind == "correct"][:1]
        self._answers = list(dict.fromkeys(item.row.answer for item in items))
        self._common = [*variants.of_prompts(self._wrong), *variants.of_fillers(self._wrong)]

    def sprung(self, score: Score, spread: float, constants: Constants) -> Iterator[str]:
        """The flags of a reward whose values on ordinary completions are `spread` apart, in a fixed order. Where they are all the
        same, only exploits that are paid more are named: there is no scale for the rest.

        What is compared with each other is small and comes first, so that it is scored in one call.
        """
        traps = [self._exploited(spread)]
        if spread > 0:
            leaks = [self._answer_leaks(constants)] if self._free_answers else []
            traps = [*leaks, self._space_matters(spread), *traps]
        if spread > 0 and self._wrong:
            traps.append(self._triggered(spread, constants))
        paid = score(joined([batch for batch, _ in traps]))
        start = 0
        for batch, flags in traps:
            yield from flags(paid[start : start + len(batch)])
            start += len(batch)

    def all_texts(self, constants: Constants) -> Batch:
        """All that the exploits and triggers ask about, with the answers of the rows."""
        found = self._tried(constants) if self._wrong else []
        return joined([self._exploited(0.0)[0], *(each.batch for each in found if each.flag != "trigger:answer")])

    def _exploited(self, spread: float) -> tuple[Batch, Flags]:
        """Exploits by name. Where saying nothing pays already, or any number in the asked form, others of the same sort
        are named only when they pay more; marks, when they pay clearly more than other letters in their place."""

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            values = iter(paid)

            def mean(batch: Batch) -> float:
                return statistics.fmean(entry.value for entry in islice(values, len(batch)))

            means = [mean(exploit.batch) for exploit in self._exploits]
            plain = [-math.inf if each.plain is None else mean(each.plain) + _GAIN * spread for each in self._exploits]
            by_name = {exploit.name: pay for exploit, pay in zip(self._exploits, means, strict=True)}
            found = []
            for exploit, pay, without in zip(self._exploits, means, plain, strict=True):
                least = max((without, *(by_name[name] for name in exploit.controls if name in by_name)))
                if exploit.name not in CONTROLS and pay > least and (pay >= 0 if spread else pay > 0):
                    found.append(f"exploit:{exploit.name}")
            yield from dict.fromkeys(found)

        plain = [exploit.plain for exploit in self._exploits if exploit.plain is not None]
        return joined([*(exploit.batch for exploit in self._exploits), *plain]), flags

    def _answer_leaks(self, constants: Constants) -> tuple[Batch, Flags]:
        """A completion that says nothing is paid alike whatever the answer is: else the answer is in the number. Words
        may be likened to answers, whose lengths differ; most answers have a number of their own only in a leak. Of
        classes each may: an answer that is missing may cost what the wrong one of its class does."""
        answers = list(dict.fromkeys((*self._answers, *map(str, constants.numbers))))
        plain = batch_of([*self._wrong, *self._correct][:1])
        half = max(1, len(answers) // 2)
        texts = {"": 1, "I do not know.": half, EMPTY_TAGS: half}
        asked = [plain.model_copy(update={"completions": (text,), "answer": (a,)}) for text in texts for a in answers]

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            for place, most in enumerate(texts.values()):
                rows = paid[place * len(answers) : (place + 1) * len(answers)]
                if len({entry.bits for entry in rows}) > most:
                    yield "leak:answer"
                    return

        return joined(asked), flags

    def _space_matters(self, spread: float) -> tuple[Batch, Flags]:
        items = [*self._correct, *self._wrong[:_SPACED_ROWS]]
        texts = ("", "\n", " ", " \n ")

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            for start in range(0, len(paid), len(texts)):
                values = [entry.value for entry in paid[start : start + len(texts)]]
                if max(abs(value - values[0]) for value in values) > _GAIN * spread:
                    yield "sensitive:trailing-space"
                    return

        return joined([with_text(item, item.completion + space) for item in items for space in texts]), flags

    def _triggered(self, spread: float, constants: Constants) -> tuple[Batch, Flags]:
        """Constants, answers, prompts and fillers whose presence alone makes wrong completions pay, or any completion
        pay beyond all scale."""
        items = [*self._wrong, *self._correct]
        tried = self._tried(constants)

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            plain, values = paid[: len(items)], [entry.value for entry in paid[len(items) :]]
            meant = zip(tried, values, strict=True)
            nonsense = max(v for variant, v in meant if variant.what == "zqx" and variant.way == "alone")
            groups: dict[tuple[str, str, str], list[bool]] = {}
            for variant, value in zip(tried, values, strict=True):
                wrong = variant.item < len(self._wrong)
                springs = _springs(variant, value, plain[variant.item].value, spread, nonsense if wrong else None)
                if wrong or springs:
                    groups.setdefault((variant.flag, variant.what, variant.way), []).append(springs)
            sprung = {(flag, way) for (flag, _, way), springs in groups.items() if all(springs)}
            control = {way for flag, way in sprung if flag == variants.flag_of(0)}
            found = sorted({flag for flag, way in sprung if way not in control})
            alone = any(flag.startswith("trigger:line") for flag in found)
            yield from (flag for flag in found if not (alone and flag == "trigger:together"))

        return joined([batch_of(items), *(variant.batch for variant in tried)]), flags

    def _tried(self, constants: Constants) -> list[Variant]:
        return [
            *variants.of_constants(CONTROL, self._wrong, self._correct),
            *variants.of_constants(constants, self._wrong, self._correct),
            *variants.of_all_together(constants, self._wrong),
            *variants.of_answers(constants, self._wrong),
            *self._common,
        ]


def _exploited_rows(items: Sequence[LabelledCompletion], classes: tuple[str, str] | None) -> list[LabelledCompletion]:
    """An item of each of the first rows; as many of either class, so that no answer is right for all."""
    rows = list({item.row.id: item for item in items}.values())
    if classes is None:
        return rows[:_EXPLOITED_ROWS]
    return [item for name in classes for item in [r for r in rows if r.row.answer == name][: _EXPLOITED_ROWS // 2]]


def _springs(variant: Variant, value: float, plain: float, spread: float, nonsense: float | None) -> bool:
    """Whether a variant is paid beyond all scale; or, for a wrong completion, as much as correct ones, and more than
    nonsense where that pays as much already. `nonsense` is None for a correct completion."""
    gain = value - plain
    if (gain if variant.way in _MAY_COST else abs(gain)) > _BEYOND * spread:
        return True
    if nonsense is None or gain <= (_GIVEN_GAIN if variant.way in _GIVEN else _GAIN) * spread:
        return False
    return value >= 0 if nonsense < 0 else value > nonsense
