"""Completions whose outcome is known, made from gold answers and their corruptions: the same for every kind of task.

Right: the gold answer in several wordings. Wrong: a near number, another class, or another row's answer in the same wordings.
Unparsed: the right answer outside the form, a completion that is cut off, an empty one. With `stuffed` also several answers in
the place of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from rewardsearch.records import Demonstration, LabelledCompletion, OutcomeKind, Row
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.numbers import number_text, read_number

SAID = "The answer is {}."
"""The answer in words, outside any form; also a reason where there is no other."""
OTHER_TEXTS = ("none of these", "something else")
"""Answers that are wrong nearly everywhere."""
_OFFSETS = (1, -3, 10, 7)
"""How far a near number is from the right one, in turn."""


@dataclass(frozen=True)
class Worked:
    """A row with reasons for its answer, the fullest first, and the one of them that supervised fine-tuning teaches."""

    row: Row
    reasons: tuple[str, ...]
    taught: str


@dataclass(frozen=True)
class Wording:
    """How completions speak, with `{}` for the answer. guess: reasons that are none, or "". said: the answer outside the form."""

    guess: str = "so the answer is {}"
    said: str = SAID


def demonstration(worked: Worked, answers: Answers) -> Demonstration:
    """The row answered right in the asked form."""
    return Demonstration(row=worked.row, completion=answers.form.write(worked.row.answer, worked.taught))


OTHERS = 8
"""Rows beside those that are asked for, whose answers may be wrong ones."""


def labelled_completions(
    worked: Sequence[Worked],
    answers: Answers,
    wording: Wording | None = None,
    stuffed: bool = False,
    n: int | None = None,
) -> list[LabelledCompletion]:
    """Right, wrong and unparsed completions for each of the first `n` rows, each once; for all rows without `n`.

    A text that is to be unparsed is left out where the form finds an answer in it, as where the answer is the whole completion.
    """
    wording = wording or Wording()
    rows = [each.row for each in worked]
    out = []
    for place, each in enumerate(worked[:n]):
        kinds: dict[str, OutcomeKind] = {}
        for text, kind in _texts(each, wrong_answer(rows, place, answers), answers, wording, stuffed):
            if kind != "unparsed" or answers.value(text) is None:
                kinds.setdefault(text, kind)
        out += [LabelledCompletion(row=each.row, completion=text, kind=kind) for text, kind in kinds.items()]
    return out


def wrong_answer(rows: Sequence[Row], place: int, answers: Answers) -> str:
    """An answer that is wrong for a row: a near number, another class, or the answer of the next row that has another one."""
    row = rows[place]
    if answers.classes is not None:
        others = [name for name in answers.classes if name != row.answer]
        return others[place % len(others)]
    number, texts = read_number(row.answer), [each.answer for each in (*rows[place + 1 :], *rows[:place])]
    if number is not None:
        offset = Decimal(_OFFSETS[place % len(_OFFSETS)])
        texts.insert(0, number_text(Context(prec=len(row.answer) + 100).add(number, offset)))
    texts += OTHER_TEXTS
    return next(text for text in texts if answers.outcome(row, answers.form.write(text)).kind == "wrong")


def _texts(
    worked: Worked, wrong: str, answers: Answers, wording: Wording, stuffed: bool
) -> Iterator[tuple[str, OutcomeKind]]:
    form, gold, (full, *others) = answers.form, worked.row.answer, worked.reasons

    def in_words(answer: str) -> list[str]:
        return [*others, *([wording.guess.format(answer)] if wording.guess else [])]

    yield form.write(gold, full), "correct"
    yield form.write_spread(gold, full), "correct"
    for reasons in in_words(gold):
        yield form.write(gold, reasons), "correct"
    for reasons in (full, *in_words(wrong)):
        yield form.write(wrong, reasons), "wrong"
    if stuffed:
        text = form.write(f"{wrong} or {gold}", full)
        kind = answers.outcome(worked.row, text).kind
        if kind != "correct":  # As where the last number counts.
            yield text, kind
    yield f"{full} {wording.said.format(gold)}", "unparsed"
    yield form.write_cut(full), "unparsed"
    yield "", "unparsed"
