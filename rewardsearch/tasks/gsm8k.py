"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): local files, the hub data set openai/gsm8k, or a sample that comes
with the package; read as `kind: numeric` reads them.

`answer` is a worked solution that ends in `#### number`, or the number alone. `val` is carved from the train file by the hash of
the question, so that it does not depend on the other sizes.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import replace
from pathlib import Path

from rewardsearch.config import ColumnMap, TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import message_text
from rewardsearch.tasks.base import SourceReport, Split, refuse_data_keys
from rewardsearch.tasks.carving import Found
from rewardsearch.tasks.data import DataTask
from rewardsearch.tasks.equal import Digits, equality_of
from rewardsearch.tasks.examples import Example
from rewardsearch.tasks.hub import HubError

HUB = "openai/gsm8k:main"
SAMPLE = Path(__file__).with_name("gsm8k_sample")
"""256 train and 64 test rows that come with the package; its README says how they were chosen."""
_CALCULATOR = re.compile(r"<<[^>]*>>")

SYSTEM = """You solve grade-school maths problems. Think step by step, then give the answer. Answer in exactly this form:
{{ form }}"""

DESCRIPTION = """\
GSM8K: grade-school maths word problems of two to eight steps in English.
The policy is a chat model asked to answer in the form {form}.
{counts}"""


class Gsm8kTask(DataTask):
    name = "gsm8k"
    stuffed = False
    keys = {"data": "task.train_file", "test_data": "task.test_file"}

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, ("train_file", "test_file", "sample", "form", "equal"))
        if config.sample and config.train_file:
            raise UserError("task.sample: got true, and task.train_file too; give the files or the sample")
        self._given = config
        settings = {
            "data": str(SAMPLE / "train.jsonl") if config.sample else config.train_file or HUB,
            "test_data": str(SAMPLE / "test.jsonl") if config.sample else config.test_file or HUB,
            "prompt": "question",
            "system": SYSTEM,
            "chat": True,
            "solution": "{{ (answer|string).rpartition('####')[0] }}",
            "columns": ColumnMap(rewards=("question",)),
        }
        self._start(config.model_copy(update=settings), equality_of(config, Digits()))
        self.description = DESCRIPTION.format(form=self.form, counts=self.answers.counts)

    def read_sources(self) -> dict[str, Found[Example]]:
        try:
            return super().read_sources()
        except HubError as error:
            remedy = (
                "check the connection, set task.train_file and task.test_file to JSON Lines files, or set task.sample: true to "
                "use the 256 train and 64 test rows that come with the package"
            )
            raise HubError(error.problem, remedy, self._given.model_copy(update={"sample": True})) from None

    @property
    def source(self) -> SourceReport:
        found = super().source
        if not self._given.sample:
            return found
        note = f"task.sample: only the {sum(found.read.values())} rows of GSM8K that come with the package are used"
        return replace(found, name="sample of GSM8K", notes=(note, *found.notes))

    def id_of(self, split: Split, each: Example) -> str:
        return f"{split}-{_question_digest(each)[:16]}"

    def solution_of(self, each: Example) -> str:
        return _CALCULATOR.sub("", each.solution).strip()

    def carved_split(self, each: Example, group: str) -> Split:
        return "val" if int(_question_digest(each)[:8], 16) % 10 == 0 else "train"

    def in_order(self, split: Split, found: list[Example]) -> list[Example]:
        random.Random(f"gsm8k {split} {self._config.seed}").shuffle(found)
        return found


def _question_digest(each: Example) -> str:
    return hashlib.sha256(message_text(each.prompt).encode()).hexdigest()
