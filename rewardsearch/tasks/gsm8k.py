"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): local JSON Lines files, or the hub data set openai/gsm8k.

`answer` is a worked solution that ends in `#### number`, or the number alone, as a text or a JSON number. Two questions are the
same when they differ only in case, white space, invisible signs, or the form of quotes, dashes and wide letters. `val` is carved
from the train file by the hash of the question, so that it does not depend on the other sizes.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Row
from rewardsearch.tasks.base import SPLITS, SourceReport, Split, refuse_data_keys
from rewardsearch.tasks.equal import Digits, equality_of
from rewardsearch.tasks.hub import HubError
from rewardsearch.tasks.judged import JudgedTask
from rewardsearch.tasks.labelled import Worked
from rewardsearch.tasks.numbers import gold_number
from rewardsearch.tasks.sources import hub_rows, json_lines, read_text
from rewardsearch.tasks.splitting import sign_form
from rewardsearch.tasks.tables import Mistakes, Table, broken_letter, json_kind

Part = Literal["train", "test"]
HUB = "openai/gsm8k"
PROBLEMS = Path(__file__).with_name("problems.jsonl")
"""The package's own problems in the form of GSM8K, written for it, on which rewards can be validated without the hub."""
_COLUMNS = ("question", "answer")
_CALCULATOR = re.compile(r"<<[^>]*>>")

SYSTEM = """You solve grade-school maths problems. Think step by step, then give the answer. Answer in exactly this form:
{form}"""

DESCRIPTION = """\
GSM8K: grade-school maths word problems of two to eight steps in English.
The policy is a chat model asked to answer in the form {form}.
{counts}"""


@dataclass(frozen=True)
class Solved:
    """A question, its worked solution without calculator marks (empty where the data have none), and its gold number."""

    question: str
    solution: str
    gold: str

    @cached_property
    def key(self) -> str:
        """What two questions are compared by."""
        return sign_form(self.question)


@dataclass(frozen=True)
class Questions:
    """The questions of a source, each once. name: of the source. read: number of its rows. left_out: of these, by reason."""

    name: str
    questions: tuple[Solved, ...]
    read: int
    left_out: Mapping[str, int]


def read_questions(config: TaskConfig, part: Part) -> Questions:
    """The questions of task.train_file or task.test_file, or of a split of the hub data set where there is no file.

    A repeated row is left out, and so is every row of a question that has two answers; both are counted. Raises UserError with
    every mistake of the source. Messages about the sealed `test` name lines and show none of their text.
    """
    mistakes = Mistakes()
    file = config.train_file if part == "train" else config.test_file
    # The test is no secret where it is the train file.
    shown = part == "train" or file == config.train_file
    if file is None:
        name, table = f"{HUB} {part}", _of_hub(config, part)
    else:
        name, table = Path(file).name, _of_file(f"task.{part}_file", file, mistakes)
    table.need(_COLUMNS, name, mistakes)
    found = [_solved(where, row, shown, mistakes) for where, row in table.rows]
    mistakes.end(name)
    rows = [each for each in found if each is not None]
    if not rows:
        raise UserError(f"{name} has no rows; task.{part}_file needs JSON Lines with question and answer")
    left_out: Counter[str] = Counter()
    return Questions(name, tuple(_once(rows, left_out)), len(rows), left_out)


def unseen(tested: Questions, trained: Questions) -> Questions:
    """The test questions without those that are in the training data as well."""
    known = {each.key for each in trained.questions}
    kept = tuple(each for each in tested.questions if each.key not in known)
    left_out = Counter(tested.left_out)
    if lost := len(tested.questions) - len(kept):
        left_out["test rows with a question of the training rows"] += lost
    return Questions(tested.name, kept, tested.read, left_out)


def _of_hub(config: TaskConfig, part: Part) -> Table:
    try:
        remedy = "without a connection set task.train_file and task.test_file to local JSON Lines files"
        return hub_rows(HUB, part, remedy, "main")
    except HubError as error:
        error.offline = config.model_copy(update={"train_file": str(PROBLEMS), "test_file": str(PROBLEMS)})
        raise


def _of_file(key: str, file: str, mistakes: Mistakes) -> Table:
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"{key}: no such file: {file}; give a JSON Lines file with question and answer")
    text = read_text(path, path.name, f"{key} needs JSON Lines with question and answer")
    return json_lines(text, path.name, mistakes)


def _solved(where: str, row: Mapping[str, Any], shown: bool, mistakes: Mistakes) -> Solved | None:
    """The question of a row; None where it has mistakes. shown: values may stand in messages."""
    before = len(mistakes)
    question, answer = (row.get(column) for column in _COLUMNS)
    if missing := [column for column in _COLUMNS if row.get(column) is None or row.get(column) == ""]:
        mistakes.add(f"no {missing[0]}", f"{where}: no {' and no '.join(missing)}; every row has both")
        return None
    if not isinstance(question, str):
        mistakes.add("a question that is no text", f"{where}: question is {json_kind(question)}; write it as a text")
    elif wrong := broken_letter(question):
        mistakes.add("a broken letter", f"{where}, question: {wrong}")
    elif not question.strip():
        mistakes.add("no question", f"{where}: question is blank; write one, or take the row out")
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        mistakes.add(
            "an answer that is no text",
            f"{where}: answer is {json_kind(answer)}; write a solution that ends in `#### number`, or the number alone",
        )
        return None
    if wrong := broken_letter(str(answer)):
        mistakes.add("a broken letter", f"{where}, answer: {wrong}")
    gold = gold_number(answer)
    if gold is None:
        mistakes.add("no gold number", f"{where}: {_no_gold(answer, shown)}")
    if len(mistakes) > before or gold is None or not isinstance(question, str):
        return None
    solution = answer.rpartition("####")[0] if isinstance(answer, str) else ""
    return Solved(question, _CALCULATOR.sub("", solution).strip(), gold)


def _no_gold(answer: str | float, shown: bool) -> str:
    _, mark, gold = str(answer).rpartition("####")
    got = f" {gold.strip()[:40]!r}" if shown else ""
    if not mark and isinstance(answer, str) and len(gold.split()) > 1:
        return "answer has no `####`; end the solution in `#### number`, or write the number alone"
    return f"the gold answer{got} is no finite number; write `#### number` with digits, such as `#### 1200.5`"


def _once(rows: Iterable[Solved], left_out: Counter[str]) -> list[Solved]:
    """Each question once; none of those that have two answers."""
    by_key: dict[str, list[Solved]] = {}
    for each in rows:
        by_key.setdefault(each.key, []).append(each)
    out = []
    for same in by_key.values():
        if len({each.gold for each in same}) > 1:
            left_out["the same question with different answers"] += len(same)
            continue
        out.append(same[0])
        if len(same) > 1:
            left_out["the same question again"] += len(same) - 1
    return out


class Gsm8kTask(JudgedTask):
    name = "gsm8k"
    columns = ("question",)

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, ("train_file", "test_file", "form", "equal"))
        super().__init__(config, equality_of(config, Digits()))
        self.description = DESCRIPTION.format(form=self.form, counts=self.answers.counts)
        self._given: dict[Part, Questions] = {}
        self._ordered: dict[Split, list[Solved]] = {}

    def rows(self, split: Split) -> list[Row]:
        return [self._row(split, each) for each in self._drawn(split)]

    def worked(self) -> list[Worked]:
        return self.worked_examples(self._sizes["train"])

    def worked_examples(self, n: int) -> list[Worked]:
        found = ((self._row("train", each), _working(each)) for each in self._found("train")[:n])
        return [Worked(row, (working,), working) for row, working in found]

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
        found = {split: len(self._found(split)) for split in SPLITS}
        bare = sum(not each.solution for each in self._found("train"))
        note = f"{bare:,} of {found['train']:,} training rows have no worked solution: SFT teaches their answer alone"
        return SourceReport(
            name=self._config.train_file or HUB,
            read={given.name: given.read, f"{tested.name} (test)": tested.read},
            left_out=dict(Counter(given.left_out) + Counter(tested.left_out)),
            notes=(note,) if bare else (),
            found=found,
            remedies={
                "train": "give more rows in task.train_file",
                "val": "about one row in ten of task.train_file is for val, so give more there",
                "test": "give other rows in task.test_file",
            },
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
        messages = [
            {"role": "system", "content": SYSTEM.format(form=self.form)},
            {"role": "user", "content": each.question},
        ]
        id, columns = f"{split}-{_digest(each.question)[:16]}", {"question": each.question}
        return Row(id=id, prompt=messages, answer=each.gold, columns=columns)


def _of_val(each: Solved) -> bool:
    return int(_digest(each.question)[:8], 16) % 10 == 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _working(each: Solved) -> str:
    return each.solution or f"The answer is {each.gold}."
