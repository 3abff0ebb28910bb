"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): local files, or the hub data set openai/gsm8k, as `kind: numeric` reads them.

`answer` is a worked solution that ends in `#### number`, or the number alone. `val` is carved from the train file by the hash of
the question, so that it does not depend on the other sizes.
"""

from __future__ import annotations

import hashlib
import random
import re
from pathlib import Path

from rewardsearch.config import ColumnMap, TaskConfig
from rewardsearch.records import message_text
from rewardsearch.tasks.base import Split, refuse_data_keys
from rewardsearch.tasks.data import DataTask
from rewardsearch.tasks.equal import Digits, equality_of
from rewardsearch.tasks.examples import Example, Found
from rewardsearch.tasks.hub import HubError

HUB = "openai/gsm8k:main"
PROBLEMS = Path(__file__).with_name("problems.jsonl")
"""The package's own problems in the form of GSM8K, written for it, on which rewards can be validated without the hub."""
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
        refuse_data_keys(config, ("train_file", "test_file", "form", "equal"))
        self._given = config
        settings = {
            "data": config.train_file or HUB,
            "test_data": config.test_file or HUB,
            "prompt": "question",
            "system": SYSTEM,
            "chat": True,
            "solution": "{{ (answer|string).rpartition('####')[0] }}",
            "columns": ColumnMap(rewards=("question",)),
        }
        self._start(config.model_copy(update=settings), equality_of(config, Digits()))
        self.description = DESCRIPTION.format(form=self.form, counts=self.answers.counts)

    def read_sources(self) -> dict[str, Found]:
        try:
            return super().read_sources()
        except HubError as error:
            error.offline = self._given.model_copy(update={"train_file": str(PROBLEMS), "test_file": str(PROBLEMS)})
            raise

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
