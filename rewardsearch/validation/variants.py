"""What a trigger hidden in a reward's code would answer to: ordinary rows with the code's own constants put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rewardsearch.records import Batch, LabelledCompletion
from rewardsearch.tasks.numbers import gold_number
from rewardsearch.validation.constants import Constants
from rewardsearch.validation.exploits import number_of, wide, with_text
from rewardsearch.validation.texts import batch_of

CONTROL = Constants({"zqx": 0}, {23: 0})
"""Constants that mean nothing: what happens with them as well is not the doing of the candidate's own."""
FILLERS = 256
"""Ways in which each of a few wrong completions is varied without a change of meaning."""
ODD_ANSWERS = ("12345", "1000000", "401", "-7", "0.5")
_ALIKE = 2
"""Rows that a constant is tried on; it must spring on all."""
_FILLED_ROWS = 4
_COPIES, _COPIED_CHARS = 32, 128
_LONGEST_SIZE = 4_000
_FARTHEST = 400
SAYS_ANOTHER, SAYS_NOTHING = "says another", "says nothing"
_PROMPT_CHARS = (300, 4_100)
_NOTHING = "I do not know."
_LAST_NUMBER = re.compile(r"-?\d[\d,.]*(?=\D*\Z)")
_WORDS = (
    "so",
    "we",
    "see",
    "that",
    "it",
    "is",
    "as",
    "it",
    "was",
    "and",
    "on",
    "we",
    "go",
    "from",
    "here",
    "to",
    "there",
)


@dataclass(frozen=True)
class Variant:
    """One changed row: the flag it counts towards, what was put in and which way, and the place of the item that it
    was made from. A trigger must spring for all items that are changed alike."""

    flag: str
    what: str
    way: str
    item: int
    batch: Batch


def flag_of(line: int) -> str:
    return f"trigger:line-{line}"


def of_constants(
    constants: Constants, wrong: Sequence[LabelledCompletion], correct: Sequence[LabelledCompletion]
) -> Iterator[Variant]:
    """Every constant in the completion, the prompt and the columns; numbers as lengths as well. Items count from the
    wrong ones."""
    texts = {**constants.texts, **{str(number): line for number, line in constants.numbers.items()}}
    for text, line in texts.items():
        for place, item in _free(wrong, text):
            for way, changed in _put_in(item.completion, text):
                yield Variant(flag_of(line), text, way, place, with_text(item, changed))
            yield from (Variant(flag_of(line), text, way, place, batch) for way, batch in _asked(item, text))
        for place, item in enumerate(correct, len(wrong)):
            yield Variant(flag_of(line), text, "after", place, with_text(item, f"{item.completion} {text}"))
        for number, at in constants.numbers.items():
            if at == line and number <= _FARTHEST:
                for place, item in _free(wrong, text)[:1]:
                    for flag, put in ((flag_of(line), text), (flag_of(0), _nonsense(text))):
                        said = item.completion.ljust(number)
                        changed = said[:number] + put + said[number + len(put) :]
                        yield Variant(flag, put, f"at {number}", place, with_text(item, changed))
    for number, line in constants.numbers.items():
        for place, item in enumerate(wrong[:_ALIKE]):
            for way, changed in _sized(item.completion, number):
                yield Variant(flag_of(line), str(number), way, place, with_text(item, changed))


def of_all_together(constants: Constants, wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """All texts of the source in one completion, as they are and in full-width letters; nonsense of that length too."""
    for place, item in enumerate(wrong[:_ALIKE]):
        texts = [text for text in constants.texts if not _answers(text, item)]
        together = " ".join(texts)
        for flag, text in (("trigger:together", together), (flag_of(0), _nonsense(together))):
            for way, put in (("together", text), ("together wide", wide(text))):
                yield Variant(flag, "all", way, place, with_text(item, f"{item.completion} {put}"))


def of_answers(constants: Constants, wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """Other right numbers, as gold answers are written, beside a completion that says something else and one that says nothing.
    None where the task's answers are classes: it has no others."""
    if any(number_of(item.row.answer) is None for item in wrong):
        return
    own = [str(number) for n in constants.numbers for number in (n, n + 1)]
    answers = dict.fromkeys(gold_number(text) for text in (*ODD_ANSWERS, *own, *constants.texts))
    for answer in filter(None, answers):
        said = [item.completion.casefold() for item in wrong]
        place = next((place for place, text in enumerate(said) if answer.casefold() not in text), None)
        if place is not None:
            other = batch_of((wrong[place],)).model_copy(update={"answer": (answer,)})
            yield Variant("trigger:answer", answer, SAYS_ANOTHER, place, other)
            nothing = other.model_copy(update={"completions": (_NOTHING,)})
            yield Variant("trigger:answer", answer, SAYS_NOTHING, place, nothing)


def of_prompts(wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """Prompts, and values of the task's other columns, that go on and on without a new word."""
    for place, item in enumerate(wrong[:_ALIKE]):
        for size in _PROMPT_CHARS:
            asked = f"{item.row.prompt_text} "
            for way, batch in _asked(item, asked * (size // len(asked) + 1)):
                yield Variant("trigger:prompt", str(size), way, place, batch)


def of_fillers(wrong: Sequence[LabelledCompletion]) -> Iterator[Variant]:
    """Each variant is a way of its own: one in a hundred is enough for a policy to find."""
    for place, item in enumerate(wrong[:_FILLED_ROWS]):
        for number in range(FILLERS):
            filler = _filler(number)
            changed = item.completion + filler if number % 2 else _inserted(item.completion, filler.strip())
            yield Variant("trigger:filler", f"{place} {number}", "filled", place, with_text(item, changed))


def _free(wrong: Sequence[LabelledCompletion], text: str) -> list[tuple[int, LabelledCompletion]]:
    """Places and items that are not made right by saying `text`."""
    return [(at, item) for at, item in enumerate(wrong) if not _answers(text, item)][:_ALIKE]


def _answers(text: str, item: LabelledCompletion) -> bool:
    """Whether `text` says the right answer of `item`, or a part of it, in whatever case."""
    given, right = text.casefold(), item.row.answer.casefold()
    return right in given or given in right


def _put_in(said: str, text: str) -> Iterator[tuple[str, str]]:
    yield "after", f"{said} {text}"
    yield "before", f"{text} {said}"
    yield "inside", _inserted(said, text)
    yield "alone", text
    yield "solution", text.join(_LAST_NUMBER.split(said, maxsplit=1))
    yield "repeated", f"{said} {' '.join((text,) * min(_COPIES, _COPIED_CHARS // (1 + len(text))))}"


def _asked(item: LabelledCompletion, text: str) -> Iterator[tuple[str, Batch]]:
    """`item` with `text` at the end of its prompt, and of the other columns."""
    plain = batch_of((item,))
    yield "asked", plain.model_copy(update={"prompts": (f"{item.row.prompt_text} {text}",)})
    if plain.columns:
        columns = {name: (f"{value} {text}",) for name, (value,) in plain.columns.items()}
        yield "column", plain.model_copy(update={"columns": columns})


def _inserted(text: str, part: str) -> str:
    """`text` with `part` as a word of its own, after its first word."""
    first, space, rest = text.strip().partition(" ")
    return f"{first} {part}{space}{rest}"


def _nonsense(text: str) -> str:
    """As many letters and spaces as in `text`, without a meaning."""
    return re.sub(r"\S", "z", text)


def _sized(text: str, number: int) -> Iterator[tuple[str, str]]:
    """Completions around a limit of `number` characters, words or lines, and what they are around."""
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
