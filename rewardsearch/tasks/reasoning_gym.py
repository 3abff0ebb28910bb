"""Tasks of the package reasoning-gym (an extra): its generators make the rows, its verifiers judge the answers.

A question belongs to a split by the hash of its text. Items whose own answer the verifier does not accept are left out. The
verifier runs in a process of its own: with a few generators it evaluates what the policy wrote.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Row
from rewardsearch.tasks import served
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.base import SPLITS, Split, refuse_data_keys
from rewardsearch.tasks.equal import Digits, Text
from rewardsearch.tasks.examples import ASKS
from rewardsearch.tasks.judged import JudgedTask
from rewardsearch.tasks.labelled import SAID, Worked
from rewardsearch.tasks.numbers import gold_number
from rewardsearch.tasks.served import CallFault, Served
from rewardsearch.tasks.splitting import digest, sign_form, split_of

_LEAST = 1000
_DRAWN = 20
"""Items that are drawn at most, for each row that the config asks for, before a split is left with fewer rows."""
_APART = 1_000_003
_CALL_S = 5.0
"""Seconds that the verifier has for an answer."""
_SAMPLE = 50
"""Items by which a generator counts as one of numbers."""


@dataclass(frozen=True)
class Verified(Answers):
    """Answers that a verifier of the generator judges. place: of the generator's item of a row, by the row's id."""

    served: Served = field(kw_only=True)
    place: Callable[[str], int] = field(kw_only=True)
    min_score: float = 1.0

    @property
    def counts(self) -> str:
        return (
            f"An answer counts only when {self.form.where} something. It is correct when the generator's own verifier scores it "
            f"{self.min_score:g} or more; `answer` is one that it accepts."
        )

    def read(self, text: str) -> str | None:
        return text or None

    def is_right(self, value: Any, row: Row) -> bool:
        return value is not None and self.score(value, row.id) >= self.min_score

    def score(self, answer: str, row_id: str) -> float:
        """The verifier's score; 0 for a text that it cannot read, or not in time."""
        try:
            return float(self.served.call("score", self.place(row_id), answer))
        except CallFault as fault:
            if fault.start:
                raise UserError(f"task.dataset: reasoning-gym {fault.reason}; choose another generator") from None
            return 0.0


class ReasoningGymTask(JudgedTask):
    """Rows of one generator; see the module's docstring."""

    stuffed = True

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, ("dataset", "config", "min_score", "form"))
        if config.min_score is not None and config.min_score > 1:
            raise UserError(f"task.min_score: got {config.min_score:g}; a verifier of reasoning-gym gives at most 1")
        sizes = config.train_rows + config.val_rows + config.test_rows
        self._most = _LEAST + _DRAWN * sizes
        settings = {**config.config, "size": self._most, "seed": config.seed * _APART}
        self._dataset, self._places = _dataset(config, settings), dict[str, int]()
        golds = (self._dataset[place]["answer"] for place in range(_SAMPLE))
        numeric = all(gold_number(gold) == gold for gold in golds)
        super().__init__(config, Digits() if numeric else Text())
        self.answers: Verified = Verified(
            *(self.answer_form, self.answers.equal),
            served=Served(
                Path(served.__file__).with_name("puzzles.py"),
                {"name": config.dataset, **settings},
                keys=False,
                call_s=_CALL_S,
            ),
            place=self._place,
            min_score=1.0 if config.min_score is None else config.min_score,
        )
        self.name = config.label
        kind = "chat messages" if config.chat else "plain text"
        self.description = (
            f"The generator {config.dataset} of reasoning-gym. A prompt is {kind} with the question.\n"
            f"The policy is asked to answer in the form {self.form}\n{self.answers.counts}"
        )

    def rows(self, split: Split) -> list[Row]:
        return self._drawn[split][: self._sizes[split]]

    def worked(self) -> list[Worked]:
        return [Worked(row, (reason := SAID.format(row.answer),), reason) for row in self.rows("train")]

    def _place(self, row_id: str) -> int:
        if row_id not in self._places:
            _ = self._drawn
        return self._places[row_id]

    @cached_property
    def _drawn(self) -> dict[Split, list[Row]]:
        found: dict[Split, list[Row]] = {split: [] for split in SPLITS}
        for place in range(self._most):
            item = self._dataset[place]
            key = digest("question", sign_form(item["question"]))
            split = split_of(key, own_test=False)
            row_id, answer = f"{split}-{key[:16]}", item["answer"]
            usable = isinstance(answer, str) and answer.strip() and (not self.numeric or gold_number(answer) == answer)
            if len(found[split]) >= self._sizes[split] or row_id in self._places or not usable:
                continue
            self._places[row_id] = place
            row = Row(id=row_id, prompt=self._prompt(item["question"]), answer=answer)
            if self.answers.outcome(row, self.answer_form.write(answer)).kind == "correct":
                found[split].append(row)
            if all(len(rows) >= self._sizes[each] for each, rows in found.items()):
                break
        return found

    def _prompt(self, question: str) -> str | list[dict[str, str]]:
        asks = ASKS.replace("{{ form }}", self.form)
        if self._config.chat:
            return [{"role": "system", "content": asks}, {"role": "user", "content": question}]
        return f"{question}\n\n{asks}\n"


def _dataset(config: TaskConfig, settings: dict[str, Any]) -> Any:
    """The generator that the config names. Raises UserError where the package, the name or a setting is wrong."""
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError:
        raise UserError(
            "task.kind: reasoning_gym needs the package reasoning-gym; install it (pip install 'rewardsearch[reasoning-gym]')"
        ) from None
    if config.dataset not in DATASETS:
        close = difflib.get_close_matches(str(config.dataset), DATASETS, n=3)
        hint = (
            f"did you mean {', '.join(close)}?" if close else f"there are {len(DATASETS)}, such as chain_sum, countdown"
        )
        raise UserError(f"task.dataset: reasoning-gym has no generator {config.dataset!r}; {hint}")
    if taken := sorted({"size", "seed"} & {*config.config}):
        raise UserError(f"task.config: {' and '.join(taken)} follow from task.train_rows and so on; leave them out")
    try:
        # The generator draws item i with seed + i.
        return reasoning_gym.create_dataset(config.dataset, **settings)
    except (TypeError, AssertionError, ValueError) as error:
        why = str(error).replace("Config.__init__()", "") or type(error).__name__
        raise UserError(f"task.config: {config.dataset} refuses its settings ({why}); correct them") from None
