"""`kind: verifiers`: environments of one turn of the package verifiers (an extra).

The environment is loaded in a process of its own, without the environment variables that may hold keys. Its data set makes the
rows, its rubric judges the whole completion. Rows of `eval_dataset` are the test rows where it has both data sets.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.tasks.base import SPLITS, Split, refuse_data_keys
from rewardsearch.tasks.carving import PARTS
from rewardsearch.tasks.forms import AnswerForm
from rewardsearch.tasks.served import CallFault, Served
from rewardsearch.tasks.tables import Mistakes, Table, table_of
from rewardsearch.tasks.verifier.answers import VerifiedAnswers
from rewardsearch.tasks.verifier.runners import Pair, VerifierFault
from rewardsearch.tasks.verifier.task import VerifiedTask

READS = (
    "environment",
    "arguments",
    "min_score",
    "reward_function",
    "answer",
    "solution",
    "columns",
    "group",
    "form",
    "equal",
)
_ADVICE = "set task.form to the form that the environment asks for, lower task.min_score, or choose another environment"
_TOLERATED = 0.05
"""The share of rows whose own answer a rubric may refuse: a user cannot mend the rows of an environment."""


@dataclass
class Rubric:
    """Judges completions by the environment's score; those that are not right and have no answer in `form` are unparsed.

    item: the environment's own row of the row of an id.
    """

    served: Served
    form: AnswerForm
    min_score: float
    item: Callable[[str], Mapping[str, Any]]

    @property
    def used_s(self) -> float:
        return self.served.used_s

    def verdicts(self, pairs: Sequence[Pair]) -> list[bool | None]:
        found: list[bool | None] = []
        for place, (row, text) in enumerate(pairs):
            try:
                right = self.served.call("score", self.item(row.id), text) >= self.min_score
            except CallFault as fault:
                raise VerifierFault(fault, place) from None
            found.append(True if right else False if self.form.parse(text) else None)
        return found


class EnvironmentTask(VerifiedTask):
    """An environment's rows and rubric; see the module's docstring."""

    rows_from = "its data set"

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, READS)
        if config.environment is None:
            raise UserError(
                "task.environment is not set; kind verifiers needs an installed environment, or its Python file"
            )
        if importlib.util.find_spec("verifiers") is None:
            raise UserError(
                "task.kind: verifiers needs the package verifiers; install it (pip install 'rewardsearch[verifiers]')"
            )
        settings = {
            "environment": config.environment,
            "arguments": config.arguments,
            "function": config.reward_function,
        }
        self._served = Served(Path(__file__).with_name("loaded.py"), settings, keys=False)
        self._least = 1.0 if config.min_score is None else config.min_score
        super().__init__(config.model_copy(update=dict.fromkeys(PARTS, config.environment)))
        verified = VerifiedAnswers(
            *(self.answer_form, self.answers.equal),
            runner=Rubric(self._served, self.answer_form, self._least, lambda id: self._items[id]),
            key="task.environment",
            named=config.environment,
            function=config.reward_function or "its rubric",
            advice=_ADVICE,
            tolerated=_TOLERATED,
        )
        self.judge_by(config, verified)

    def table(self, part: str, mistakes: Mistakes) -> Table | None:
        found = self._loaded
        if part == "data":
            return found["dataset"] or found["eval_dataset"]
        return found["eval_dataset"] if part == "test_data" and found["dataset"] else None

    @cached_property
    def _loaded(self) -> dict[str, Table | None]:
        """The environment's data sets; None for one that it does not have."""
        name = str(self._config.environment)
        try:
            if refusal := self._served.started():
                raise UserError(f"task.environment: {name} {refusal}")
            found = {part: self._served.call("rows", part) for part in ("dataset", "eval_dataset")}
        except CallFault as fault:
            raise UserError(f"task.environment: {name}: {fault.reason}; choose another environment") from None
        return {part: table_of(rows, f"{name} {part}") if rows else None for part, rows in found.items()}

    @cached_property
    def _items(self) -> dict[str, Mapping[str, Any]]:
        """The environment's own rows, by the ids of rows."""
        items = {where: row for table in self._loaded.values() if table for where, row in table.rows}
        return {self.id_of(split, each): items[each.where] for split in SPLITS for each in self._splits[split]}

    def check(self) -> None:
        try:
            super().check()
        except UserError as error:
            try:
                logged = self._served.call("first_error")
            except CallFault:
                logged = ""
            if not logged:
                raise
            raise UserError(*(f"{line} (the rubric logged: {logged})" for line in error.mistakes)) from None

    def _remedy(self, split: Split) -> str:
        return "see whether task.arguments can give more rows, or choose another environment"

    def _describe(self) -> str:
        config = self._config
        columns = ", ".join(f"`{name}`" for name in self.columns) or "none"
        scored = config.reward_function or "its rubric"
        return f"""\
The environment {config.environment} of verifiers. A prompt is chat messages.
The policy is asked to answer in the form {self.form}
A completion is correct when {scored} scores it {self._least:g} or more; `answer` is what that compares with.
Columns that a reward has beside prompts, completions and answer, a text each: {columns}."""
