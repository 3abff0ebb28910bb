"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168) from local JSON Lines files or the hub data set openai/gsm8k.

`val` is carved from the train file by the hash of the question, so that it is the same whatever the other sizes are.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from pathlib import Path

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, Row
from rewardsearch.tasks.any_form import right_number
from rewardsearch.tasks.base import COUNTS, FORM, Split, numeric_demonstration, numeric_labelled, numeric_outcome
from rewardsearch.tasks.hub import quiet_hub

SYSTEM = f"""You solve grade-school maths problems. Think step by step, then give the answer. Answer in exactly this form:
{FORM}"""

BRIEF = f"""\
GSM8K: grade-school maths word problems of two to eight steps in English.
The policy is a chat model asked to answer in the form {FORM}.
{COUNTS}"""

_CALCULATOR = re.compile(r"<<[^>]*>>")
Item = tuple[str, str, str]
"""Question, worked solution without calculator marks, gold number."""


class Gsm8kTask:
    name = "gsm8k"
    brief = BRIEF
    form = FORM
    classes: tuple[str, str] | None = None
    columns = ("question",)

    def __init__(self, config: TaskConfig) -> None:
        self._config = config
        self._read: dict[Split, list[Item]] = {}

    def rows(self, split: Split) -> list[Row]:
        size = {"train": self._config.train_rows, "val": self._config.val_rows, "test": self._config.test_rows}[split]
        return [self._row(split, item) for item in self._items(split)[:size]]

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        return numeric_outcome(row, completion, length)

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        return right_number(completion, row.answer)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        items = self._items("train")[:n]
        return numeric_labelled([self._row("train", item) for item in items], [solution for _, solution, _ in items])

    def demonstrations(self) -> list[Demonstration]:
        items = self._items("train")[: self._config.train_rows]
        return [numeric_demonstration(self._row("train", item), item[1]) for item in items]

    def rules(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        return {}

    def _row(self, split: Split, item: Item) -> Row:
        question, _, gold = item
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
        return Row(id=f"{split}-{_digest(question)[:10]}", prompt=messages, answer=gold, columns={"question": question})

    def _items(self, split: Split) -> list[Item]:
        """All that the data have for a split, in the order that rows are drawn in."""
        if split not in self._read:
            self._read[split] = self._shuffled(split)
        return self._read[split]

    def _shuffled(self, split: Split) -> list[Item]:
        items = _read("test" if split == "test" else "train", self._config)
        if split != "test":
            items = [item for item in items if (int(_digest(item[0])[:8], 16) % 10 == 0) == (split == "val")]
        random.Random(f"gsm8k {split} {self._config.seed}").shuffle(items)
        return items


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(part: str, config: TaskConfig) -> list[Item]:
    file = config.test_file if part == "test" else config.train_file
    if file is None:
        return [_item(row, f"openai/gsm8k {part} row {i}") for i, row in enumerate(_from_hub(part), start=1)]
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"task.{part}_file: no such file: {file}; give a JSON Lines file with question and answer")
    items = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            where = f"{file}:{number}"
            try:
                items.append(_item(json.loads(line), where))
            except json.JSONDecodeError as error:
                raise UserError(
                    f"{where}: not JSON ({error.msg}); each line is an object with question and answer"
                ) from None
    return items


def _item(row: object, where: str) -> Item:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("question", "answer")):
        raise UserError(f"{where}: got no question and answer texts; each row is an object with both")
    solution, mark, gold = row["answer"].rpartition("####")
    gold = gold.strip().replace(",", "")
    try:
        float(gold)
    except ValueError:
        mark = ""
    if not mark:
        raise UserError(f"{where}: answer does not end in `#### number`")
    return row["question"], _CALCULATOR.sub("", solution).strip(), gold


def _from_hub(part: str) -> list[object]:
    from datasets import load_dataset

    try:
        with quiet_hub():
            return list(load_dataset("openai/gsm8k", "main", split=part))
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"openai/gsm8k could not be loaded from the hub ({type(error).__name__}); "
            "without a connection set task.train_file and task.test_file to local JSON Lines files"
        ) from None
