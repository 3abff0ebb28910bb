"""Capital cities, as a task in one file outside the package:

task:
  name: task.py:Capitals    # the path of this file, relative to the config
  data: capitals.jsonl      # lines such as {"country": "France", "capital": "Paris"}
"""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

from rewardsearch.config import TaskConfig
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks import SourceReport, Split, Task, solution_of


class Capitals(Task):
    name = "capitals"
    form = "<thinking> your reasons </thinking> <solution> the city alone </solution>"
    description = f"""\
Capital cities. A prompt asks for the capital of one country. The policy is asked to answer in the form {form}.
An answer counts when the first <solution> tag is closed and not empty. It is correct when it equals `answer` in any case."""
    columns = ("country",)

    def __init__(self, config: TaskConfig) -> None:
        self._file = Path(config.data or "")
        self._sizes = {"train": config.train_rows, "val": config.val_rows, "test": config.test_rows}
        self._splits: dict[Split, list[Row]] = {"train": [], "val": [], "test": []}
        for line in self._file.read_text(encoding="utf-8").splitlines():
            fact = json.loads(line)
            self._splits[split_of(fact["country"])].append(row_of(fact["country"], fact["capital"]))
        for rows in self._splits.values():
            random.Random(config.seed).shuffle(rows)

    @property
    def source(self) -> SourceReport:
        found = {split: len(rows) for split, rows in self._splits.items()}
        return SourceReport(name=self._file.name, read={self._file.name: sum(found.values())}, found=found)

    def rows(self, split: Split) -> list[Row]:
        return self._splits[split][: self._sizes[split]]

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        city = solution_of(completion) or None
        kind: OutcomeKind = "unparsed"
        if city is not None:
            kind = "correct" if city.casefold() == row.answer.casefold() else "wrong"
        return Outcome(id=row.id, kind=kind, gold=row.answer, prediction=city, length=length)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        rows = self._splits["train"]
        items = []
        for row, other in zip(rows[:n], [*rows[1:], rows[0]], strict=False):
            texts: tuple[tuple[str, OutcomeKind], ...] = (
                (answered(row, row.answer), "correct"),
                (f"<thinking>\nI know it.\n</thinking>\n<solution>\n{row.answer.upper()}\n</solution>", "correct"),
                (answered(row, other.answer), "wrong"),
                (f"<thinking> I know it. </thinking> <solution> {other.answer} </solution>", "wrong"),
                (f"The capital is {row.answer}.", "unparsed"),
                (f"<thinking> I know it: <solution> {row.answer}", "unparsed"),
                ("", "unparsed"),
            )
            items += [LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in texts]
        return items

    def demonstrations(self) -> list[Demonstration]:
        return [Demonstration(row=row, completion=answered(row, row.answer)) for row in self.rows("train")]


def row_of(country: str, capital: str) -> Row:
    prompt = f"What is the capital of {country}?\n"
    return Row(id=country, prompt=prompt, answer=capital, columns={"country": country})


def answered(row: Row, city: str) -> str:
    return f"<thinking> {row.columns['country']} is ruled from {city}. </thinking> <solution> {city} </solution>"


def split_of(country: str) -> Split:
    """By a hash of the text, so that no row moves when others are added; Python's own hash() changes with every process."""
    return ("test", "val", "train", "train", "train")[hashlib.sha256(country.encode()).digest()[0] % 5]
