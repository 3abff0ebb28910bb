"""Questions with solved answers, as GSM8K has them: a JSON Lines file of anyone's, or the hub data set openai/gsm8k.

`answer` is a worked solution that ends in `#### number`, or the number alone, as a text or a JSON number. Two questions are the
same when they differ in case, white space, invisible signs and the form of quotes, dashes and wide letters alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.tasks.mistakes import Mistakes
from rewardsearch.tasks.numbers import gold_number
from rewardsearch.tasks.sources import Raw, broken_letter, hub_rows, json_kind, json_lines, read_text
from rewardsearch.tasks.splitting import sign_form

Part = Literal["train", "test"]
HUB = "openai/gsm8k"
PROBLEMS = Path(__file__).with_name("problems.jsonl")
"""The package's own problems in the form of GSM8K, written for it, on which rewards can be validated without the hub."""
_COLUMNS = ("question", "answer")
_CALCULATOR = re.compile(r"<<[^>]*>>")


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
    """What a source gives: each question once. name: of the source. read: rows that it has. left_out: of these, by reason."""

    name: str
    questions: tuple[Solved, ...]
    read: int
    left_out: Mapping[str, int]


def read_questions(config: TaskConfig, part: Part) -> Questions:
    """The questions of task.train_file or task.test_file, or of a split of the hub data set where there is no file.

    A row that comes again is left out, and so is every row of a question that has two answers; both are counted. Raises UserError
    with every mistake of the source. Messages on the sealed `test` name lines and say nothing of what stands there.
    """
    mistakes = Mistakes()
    file = config.train_file if part == "train" else config.test_file
    # Where the test is no secret, its mistakes are told in the same words.
    shown = part == "train" or file == config.train_file
    if file is None:
        remedy = "without a connection set task.train_file and task.test_file to local JSON Lines files"
        name, raw = f"{HUB} {part}", hub_rows(HUB, part, remedy, "main")
    else:
        name, raw = Path(file).name, _of_file(f"task.{part}_file", file, mistakes)
    raw.need(_COLUMNS, name, mistakes)
    found = [_solved(where, row, shown, mistakes) for where, row in raw.rows]
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


def _of_file(key: str, file: str, mistakes: Mistakes) -> Raw:
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"{key}: no such file: {file}; give a JSON Lines file with question and answer")
    text = read_text(path, path.name)
    if not text.strip():
        raise UserError(f"{path.name} is empty; {key} needs JSON Lines with question and answer")
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
    alike: dict[str, list[Solved]] = {}
    for each in rows:
        alike.setdefault(each.key, []).append(each)
    out = []
    for same in alike.values():
        if len({each.gold for each in same}) > 1:
            left_out["the same question with different answers"] += len(same)
            continue
        out.append(same[0])
        if len(same) > 1:
            left_out["the same question again"] += len(same) - 1
    return out
