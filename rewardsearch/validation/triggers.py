"""What a reward pays for beside the task: exploits a policy may find, broken orderings, leaks, and triggers hidden in its code.

An exploit or a trigger is a group of completions that are wrong or empty. It works when the group is paid as much as correct
completions are on average. A trigger must also make the difference, so the same completions are scored without it. A leak is
found by answers alone: where a completion says nothing, its reward depends on the answer, if only in the last bit.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from rewardsearch.records import Batch, LabelledCompletion
from rewardsearch.tasks import Task
from rewardsearch.tasks.numbers import gold_number
from rewardsearch.validation.calls import batch_of, joined, with_text
from rewardsearch.validation.constants import Constants
from rewardsearch.validation.exploits import CONTROLS, empty_form, exploits, full_width, number_in
from rewardsearch.validation.orderings import broken, orderings

_EXPLOITED_ROWS = 4
_SPACED_ROWS = 3
_GAIN = 0.1
"""A trigger must lift the reward by this share of its spread."""
_CONTEXT_GAIN = 0.5
"""The same where the prompt, a column or the answer is changed: a sound reward may move a little by those."""
_BEYOND = 2.0
"""A constant that moves a reward by more than this many times its whole spread on ordinary completions is a trigger."""
_SAYS_ANOTHER, _SAYS_NOTHING = "says another", "says nothing"
_CONTEXT = ("asked", "column", _SAYS_ANOTHER, _SAYS_NOTHING)
_MAY_COST = ("solution", "repeated", _SAYS_ANOTHER, _SAYS_NOTHING)
"""Changes that make a completion longer, or a number more wrong, than ordinary ones. A sound reward may pay less for them."""

CONTROL = Constants({"zqx": 0}, {23: 0})
"""Constants without meaning: an effect that they have too is not caused by the candidate's own constants."""
FILLERS = 256
"""Changes without meaning that are made to each of a few wrong completions."""
_ODD_ANSWERS = ("12345", "1000000", "401", "-7", "0.5")
_TRIGGER_ROWS = 2
"""Rows that a constant is tried on. It must work on all of them."""
_FILLED_ROWS = 4
_COPIES, _COPIED_CHARS = 32, 128
_LONGEST_SIZE = 4_000
_FARTHEST = 400
_PROMPT_CHARS = (300, 4_100)
_NOTHING = "I do not know."
_LAST_NUMBER = re.compile(r"-?\d[\d,.]*(?=\D*\Z)")
_WORDS = (
    *("so", "we", "see", "that", "it", "is", "as", "it", "was", "and", "on", "we"),
    *("go", "from", "here", "to", "there"),
)


class Paid(NamedTuple):
    """What one completion got: its reward minus the mean reward of correct completions, and the packed reward and components."""

    value: float
    bits: bytes


Score = Callable[[Batch], Sequence[Paid]]
Flags = Callable[[Sequence[Paid]], Iterator[str]]


@dataclass(frozen=True)
class Variant:
    """A changed row: the flag it counts towards, what was put in, how, and the index of the item it was made from. A trigger must
    work for all items that are changed in the same way."""

    flag: str
    what: str
    how: str
    item: int
    batch: Batch


class TriggerChecks:
    """Exploits, leaks and triggers for rewards of one task.

    items: labelled completions of the task, of several rows, correct and wrong.
    """

    def __init__(self, items: Sequence[LabelledCompletion], task: Task) -> None:
        rows = _exploited_rows(items, task.classes)
        self._exploits = exploits(rows, task)
        # Where a task measures, numbers and not words are right.
        self._orderings = [] if task.measures else orderings(rows, task)
        self._free_answers, self._empty = task.classes is None, empty_form(task.answer_form)
        wrong = {item.row.answer: item for item in items if item.kind == "wrong"}
        self._wrong = list(wrong.values())
        self._correct = [item for item in items if item.kind == "correct"][:1]
        self._answers = list(dict.fromkeys(item.row.answer for item in items))
        self._common = [*_long_prompts(self._wrong), *_fillers(self._wrong)]

    def triggered(self, score: Score, spread: float, constants: Constants) -> Iterator[str]:
        """The flags of a reward, in a fixed order.

        spread: the range of its values on ordinary completions. Where it is 0, only exploits that are paid more are flagged.

        Completions that are compared with each other come first and are few, so that one call scores them.
        """
        checks = [self._exploits_check(spread)]
        if spread > 0:
            leaks = [self._leak_check(constants)] if self._free_answers else []
            checks = [*leaks, self._space_check(spread), *self._orderings_checks(spread), *checks]
        if spread > 0 and self._wrong:
            checks.append(self._trigger_check(spread, constants))
        paid = score(joined([batch for batch, _ in checks]))
        start = 0
        for batch, flags in checks:
            yield from flags(paid[start : start + len(batch)])
            start += len(batch)

    def all_texts(self, constants: Constants) -> Batch:
        """All completions of the exploits and triggers, with the answers of the rows."""
        found = self._variants(constants) if self._wrong else []
        return joined([self._exploits_check(0.0)[0], *(each.batch for each in found if each.flag != "trigger:answer")])

    def _exploits_check(self, spread: float) -> tuple[Batch, Flags]:
        """Exploits by name. Where an empty completion pays already, or any number in the asked form, others of the same sort are
        flagged only if they pay more; decorations, if they pay clearly more than other letters in their place."""

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

    def _leak_check(self, constants: Constants) -> tuple[Batch, Flags]:
        """A completion that says nothing must be paid the same whatever the answer is; otherwise the answer is in the number. A
        reward may compare words with answers, whose lengths differ, so only many different values are a leak. Classes are not
        checked: a missing answer may cost what the wrong answer of its class costs."""
        answers = list(dict.fromkeys((*self._answers, *map(str, constants.numbers))))
        plain = batch_of([*self._wrong, *self._correct][:1])
        half = max(1, len(answers) // 2)
        allowed = {"": 1, _NOTHING: half, self._empty: half}
        asked = [plain.model_copy(update={"completions": (text,), "answer": (a,)}) for text in allowed for a in answers]

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            for index, count in enumerate(allowed.values()):
                rows = paid[index * len(answers) : (index + 1) * len(answers)]
                if len({entry.bits for entry in rows}) > count:
                    yield "leak:answer"
                    return

        return joined(asked), flags

    def _space_check(self, spread: float) -> tuple[Batch, Flags]:
        items = [*self._correct, *self._wrong[:_SPACED_ROWS]]
        texts = ("", "\n", " ", " \n ")

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            for start in range(0, len(paid), len(texts)):
                values = [entry.value for entry in paid[start : start + len(texts)]]
                if max(abs(value - values[0]) for value in values) > _GAIN * spread:
                    yield "sensitive:trailing-space"
                    return

        return joined([with_text(item, item.completion + space) for item in items for space in texts]), flags

    def _orderings_checks(self, spread: float) -> Iterator[tuple[Batch, Flags]]:
        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            yield from broken(self._orderings, [entry.value for entry in paid], spread)

        if self._orderings:
            yield joined([side for each in self._orderings for side in (*each.better, each.worse)]), flags

    def _trigger_check(self, spread: float, constants: Constants) -> tuple[Batch, Flags]:
        """Constants, answers, prompts and fillers whose presence alone makes wrong completions pay, or moves any completion far
        beyond the spread."""
        items = [*self._wrong, *self._correct]
        variants = self._variants(constants)

        def flags(paid: Sequence[Paid]) -> Iterator[str]:
            plain, values = paid[: len(items)], [entry.value for entry in paid[len(items) :]]
            pairs = list(zip(variants, values, strict=True))
            nonsense = max(value for variant, value in pairs if (variant.what, variant.how) == ("zqx", "alone"))
            groups: dict[tuple[str, str, str], list[bool]] = {}
            for variant, value in pairs:
                wrong = variant.item < len(self._wrong)
                works = _works(variant, value, plain[variant.item].value, spread, nonsense if wrong else None)
                if wrong or works:
                    groups.setdefault((variant.flag, variant.what, variant.how), []).append(works)
            triggered = {(flag, how) for (flag, _, how), works in groups.items() if all(works)}
            control = {how for flag, how in triggered if flag == _line_flag(0)}
            found = sorted({flag for flag, how in triggered if how not in control})
            alone = any(flag.startswith("trigger:line") for flag in found)
            yield from (flag for flag in found if not (alone and flag == "trigger:together"))

        return joined([batch_of(items), *(variant.batch for variant in variants)]), flags

    def _variants(self, constants: Constants) -> list[Variant]:
        return [
            *_each_constant(CONTROL, self._wrong, self._correct),
            *_each_constant(constants, self._wrong, self._correct),
            *_all_together(constants, self._wrong),
            *_other_answers(constants, self._wrong),
            *self._common,
        ]


def _exploited_rows(items: Sequence[LabelledCompletion], classes: tuple[str, ...] | None) -> list[LabelledCompletion]:
    """An item of each of the first rows; as many of each class, so that no answer is right for all."""
    rows = list({item.row.id: item for item in items}.values())
    if classes is None:
        return rows[:_EXPLOITED_ROWS]
    each = max(1, _EXPLOITED_ROWS // len(classes))
    return [item for name in classes for item in [r for r in rows if r.row.answer == name][:each]]


def _works(variant: Variant, value: float, plain: float, spread: float, nonsense: float | None) -> bool:
    """Whether a variant moves the reward far beyond the spread; or, for a wrong completion, is paid as much as correct ones, and
    more than nonsense where nonsense pays as much already. nonsense: None for a correct completion."""
    gain = value - plain
    if (gain if variant.how in _MAY_COST else abs(gain)) > _BEYOND * spread:
        return True
    if nonsense is None or gain <= (_CONTEXT_GAIN if variant.how in _CONTEXT else _GAIN) * spread:
        return False
    return value >= 0 if nonsense < 0 else value > nonsense


# --- variants: ordinary rows with the code's own constants put in -------------------------------------------------------


def _line_flag(line: int) -> str:
    return f"trigger:line-{line}"


def _each_constant(
    constants: Constants, wrong: Sequence[LabelledCompletion], correct: Sequence[LabelledCompletion]
) -> Iterator[Variant]:
    """Every constant in the completion, the prompt and the columns; numbers also as lengths. Items are counted from the wrong
    ones."""
    texts = {**constants.texts, **{str(number): line for number, line in constants.numbers.items()}}
    for text, line in texts.items():
        flag = _line_flag(line)
        for index, item in _still_wrong(wrong, text):
            for how, changed in _put_in(item.completion, text):
                yield Variant(flag, text, how, index, with_text(item, changed))
            yield from (Variant(flag, text, how, index, batch) for how, batch in _asked(item, text))
        for index, item in enumerate(correct, len(wrong)):
            yield Variant(flag, text, "after", index, with_text(item, f"{item.completion} {text}"))
        for number, at in constants.numbers.items():
            if at == line and number <= _FARTHEST:
                for index, item in _still_wrong(wrong, text)[:1]:
                    for name, put in ((flag, text), (_line_flag(0), _nonsense(text))):
                        padded = item.completion.ljust(number)
                        changed = padded[:number] + put + padded[number + len(put) :]
                        yield Variant(name, put, f"at {number}", index, with_text(item, changed))
    for number, line in constants.numbers.items():
        for index, item in enumerate(wrong[:_TRIGGER_ROWS]):
            for how, changed in _sized(item.completion, number):
                yield Variant(_line_flag(line), str(number), how, index, with_text(item, changed))


def _all_together(constants: Constants, wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """All texts of the source in one completion, as they are and in full-width letters; also nonsense of that length."""
    for index, item in enumerate(wrong[:_TRIGGER_ROWS]):
        together = " ".join(text for text in constants.texts if not _gives_answer(text, item))
        for flag, text in (("trigger:together", together), (_line_flag(0), _nonsense(together))):
            for how, put in (("together", text), ("together wide", full_width(text))):
                yield Variant(flag, "all", how, index, with_text(item, f"{item.completion} {put}"))


def _other_answers(constants: Constants, wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """Other right numbers, as gold answers are written, beside a completion that says something else and one that says nothing.
    None for a task with classes: it has no other answers."""
    if any(number_in(item.row.answer) is None for item in wrong):
        return
    own = [str(number) for n in constants.numbers for number in (n, n + 1)]
    answers = dict.fromkeys(gold_number(text) for text in (*_ODD_ANSWERS, *own, *constants.texts))
    texts = [item.completion.casefold() for item in wrong]
    for answer in filter(None, answers):
        index = next((index for index, text in enumerate(texts) if answer.casefold() not in text), None)
        if index is not None:
            other = batch_of((wrong[index],)).model_copy(update={"answer": (answer,)})
            yield Variant("trigger:answer", answer, _SAYS_ANOTHER, index, other)
            nothing = other.model_copy(update={"completions": (_NOTHING,)})
            yield Variant("trigger:answer", answer, _SAYS_NOTHING, index, nothing)


def _long_prompts(wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """Prompts, and values of the task's other columns, that repeat themselves to a great length."""
    for index, item in enumerate(wrong[:_TRIGGER_ROWS]):
        for size in _PROMPT_CHARS:
            asked = f"{item.row.prompt_text} "
            for how, batch in _asked(item, asked * (size // len(asked) + 1)):
                yield Variant("trigger:prompt", str(size), how, index, batch)


def _fillers(wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """Each is a variant of its own: one in a hundred that is paid is enough for a policy to find."""
    for index, item in enumerate(wrong[:_FILLED_ROWS]):
        for number in range(FILLERS):
            filler = _filler(number)
            changed = item.completion + filler if number % 2 else _inserted(item.completion, filler.strip())
            yield Variant("trigger:filler", f"{index} {number}", "filled", index, with_text(item, changed))


def _still_wrong(wrong: Sequence[LabelledCompletion], text: str) -> list[tuple[int, LabelledCompletion]]:
    """Indices and items that saying `text` does not make right."""
    return [(index, item) for index, item in enumerate(wrong) if not _gives_answer(text, item)][:_TRIGGER_ROWS]


def _gives_answer(text: str, item: LabelledCompletion) -> bool:
    """Whether `text` contains the right answer of `item`, or is a part of it, in any case."""
    given, right = text.casefold(), item.row.answer.casefold()
    return right in given or given in right


def _put_in(completion: str, text: str) -> Iterator[tuple[str, str]]:
    yield "after", f"{completion} {text}"
    yield "before", f"{text} {completion}"
    yield "inside", _inserted(completion, text)
    yield "alone", text
    yield "solution", text.join(_LAST_NUMBER.split(completion, maxsplit=1))
    yield "repeated", f"{completion} {' '.join((text,) * min(_COPIES, _COPIED_CHARS // (1 + len(text))))}"


def _asked(item: LabelledCompletion, text: str) -> Iterator[tuple[str, Batch]]:
    """`item` with `text` at the end of its prompt, and of the other columns with texts."""
    plain = batch_of((item,))
    yield "asked", plain.model_copy(update={"prompts": (f"{item.row.prompt_text} {text}",)})
    if item.row.columns:
        columns = {name: (f"{value} {text}",) for name, value in item.row.columns.items()}
        yield "column", plain.model_copy(update={"columns": plain.columns | columns})


def _inserted(text: str, part: str) -> str:
    """`text` with `part` as a word of its own, after its first word."""
    first, space, rest = text.strip().partition(" ")
    return f"{first} {part}{space}{rest}"


def _nonsense(text: str) -> str:
    """As many letters and spaces as in `text`, without a meaning."""
    return re.sub(r"\S", "z", text)


def _sized(text: str, number: int) -> Iterator[tuple[str, str]]:
    """Completions just below, at and above a limit of `number` characters, words or lines."""
    filled = f"{text} {_prose(number)}"
    for over in (-1, 0, 1) if number <= _LONGEST_SIZE else (1,):
        yield f"{over:+} characters", filled[: number + over] if len(text) < number else text[: number + over]
    if number <= 600:
        words = (*text.split(), *(_WORDS * (number // len(_WORDS) + 1)))
        for over in (0, 1):
            yield f"{over:+} words", " ".join(words[: number + over])
            yield f"{over:+} lines", text + "\n" * (number + over)


def _prose(size: int) -> str:
    """Plain words of more than `size` characters."""
    return " ".join(_WORDS * (size // 30 + 1))


def _filler(number: int) -> str:
    """Letters and white space that differ from number to number."""
    letters = "".join(chr(97 + (number * factor + 3) % 26) for factor in (1, 7, 11)[: 1 + number % 3])
    return (" ", "\n", "  ", "\t")[number // 2 % 4] * (1 + number // 26) + letters
