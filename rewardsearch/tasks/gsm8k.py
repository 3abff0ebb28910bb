"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168) from local JSON Lines files or the hub data set openai/gsm8k.

`val` is carved from the train file by the hash of the question, so that it is the same whatever the other sizes are. solved.py
says what the rows must hold and which are left out.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from functools import cached_property
from typing import get_args

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, Row
from rewardsearch.tasks.any_form import right_number
from rewardsearch.tasks.base import (
    COUNTS,
    FORM,
    SourceReport,
    Split,
    numeric_demonstration,
    numeric_labelled,
    numeric_outcome,
)
from rewardsearch.tasks.hub import HubError
from rewardsearch.tasks.solved import Part, Questions, Solved, read_questions, unseen

SYSTEM = f"""You solve grade-school maths problems. Think step by step, then give the answer. Answer in exactly this form:
{FORM}"""

BRIEF = f"""\
GSM8K: grade-school maths word problems of two to eight steps in English.
The policy is a chat model asked to answer in the form {FORM}.
{COUNTS}"""


class Gsm8kTask:
    name = "gsm8k"
    brief = BRIEF
    form = FORM
    classes: tuple[str, str] | None = None
    columns = ("question",)

    def __init__(self, config: TaskConfig) -> None:
        self._config = config
        self._sizes: dict[Split, int] = {"train": config.train_rows, "val": config.val_rows, "test": config.test_rows}
        self._given: dict[Part, Questions] = {}
        self._ordered: dict[Split, list[Solved]] = {}

    def rows(self, split: Split) -> list[Row]:
        return [self._row(split, each) for each in self._drawn(split)]

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        return numeric_outcome(row, completion, length)

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        return right_number(completion, row.answer)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        found = self._found("train")[:n]
        return numeric_labelled([self._row("train", each) for each in found], [_working(each) for each in found])

    def demonstrations(self) -> list[Demonstration]:
        return [numeric_demonstration(self._row("train", each), _working(each)) for each in self._drawn("train")]

    def rules(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        return {}

    @property
    def source(self) -> SourceReport:
        mistakes: list[str] = []
        for part in get_args(Part):
            try:
                self._read(part)
            except HubError:
                raise
            except UserError as error:
                mistakes += error.mistakes
        if mistakes:
            raise UserError(*dict.fromkeys(mistakes))
        given, tested = self._read("train"), self._tested
        found: dict[Split, int] = {split: len(self._found(split)) for split in ("train", "val", "test")}
        bare = sum(not each.solution for each in self._found("train"))
        notes = (
            f"{bare:,} of {found['train']:,} training rows have no worked solution: SFT teaches their answer alone",
        )
        return SourceReport(
            {given.name: given.read, f"{tested.name} (test)": tested.read},
            dict(Counter(given.left_out) + Counter(tested.left_out)),
            notes if bare else (),
            found,
        )

    def _read(self, part: Part) -> Questions:
        if part not in self._given:
            self._given[part] = read_questions(self._config, part)
        return self._given[part]

    @cached_property
    def _tested(self) -> Questions:
        return unseen(self._read("test"), self._read("train"))

    def _found(self, split: Split) -> list[Solved]:
        """All that the data have for a split, in the order that rows are drawn in."""
        if split not in self._ordered:
            given = self._tested if split == "test" else self._read("train")
            found = [each for each in given.questions if split == "test" or _of_val(each) == (split == "val")]
            random.Random(f"gsm8k {split} {self._config.seed}").shuffle(found)
            self._ordered[split] = found
        return self._ordered[split]

    def _drawn(self, split: Split) -> list[Solved]:
        return self._found(split)[: self._sizes[split]]

    def _row(self, split: Split, each: Solved) -> Row:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": each.question}]
        id, columns = f"{split}-{_digest(each.question)[:16]}", {"question": each.question}
        return Row(id=id, prompt=messages, answer=each.gold, columns=columns)


def _of_val(each: Solved) -> bool:
    return int(_digest(each.question)[:8], 16) % 10 == 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _working(each: Solved) -> str:
    return each.solution or f"The answer is {each.gold}."
