"""A user's rows, judged by a verifier in the place of answer form and equality."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import LabelledCompletion, Outcome, Row
from rewardsearch.tasks.base import SPLITS
from rewardsearch.tasks.data import DataTask
from rewardsearch.tasks.labelled import SAID
from rewardsearch.tasks.verifier.answers import VerifiedAnswers
from rewardsearch.tasks.verifier.check import check_verifier

_CHECKED = 64
"""Rows of train, and of val, whose gold answers the check uses."""


class VerifiedTask(DataTask):
    """The rows of a DataTask. A subclass calls `judge_by` at the end of its `__init__`."""

    rows_from: str = ""
    """What gives the rows, for the message where another process gets others; empty where they are read from files."""
    _passed = False

    def judge_by(self, given: TaskConfig, verified: VerifiedAnswers) -> None:
        """given: the config as the user gave it."""
        self._given, self.verified = given, verified
        self.answers = verified

    def outcomes(self, answered: Sequence[tuple[Row, str, int]]) -> list[Outcome]:
        self.verified.verdicts([(row, completion) for row, completion, _ in answered])
        return super().outcomes(answered)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        """As the verifier judges them: made from gold answers in the answer form, unless the user gives examples.

        Raises UserError for a verifier that cannot be used.
        """
        self.check()
        if (given := self.given_examples(n)) is not None:
            return given
        items = super().labelled(n)
        kinds = [each.kind for each in self.outcomes([(item.row, item.completion, 0) for item in items])]
        return [item.model_copy(update={"kind": kind}) for item, kind in zip(items, kinds, strict=True)]

    def given_examples(self, n: int) -> list[LabelledCompletion] | None:
        """Examples of the user for the first `n` training rows; None where there are none."""
        return None

    def check(self) -> None:
        """Raises UserError where the verifier is not what a search needs. Once it is, nothing is checked again."""
        if self._passed:
            return
        rows = [*self.rows("train")[:_CHECKED], *self.rows("val")[:_CHECKED]]
        given = self.given_examples(_CHECKED)
        texts = ((row, self.answer_form.write(row.answer, SAID.format(row.answer))) for row in rows)
        golds = [LabelledCompletion(row=row, completion=text, kind="correct") for row, text in texts]
        check_verifier(self.verified, rows, golds if given is None else given, given is not None)
        if self.rows_from:
            again = type(self)(self._given)
            for split in SPLITS:
                if again.rows(split) != self.rows(split):
                    raise UserError(
                        f"{self.verified.key}: {self.verified.named}: {self.rows_from} gave other {split} rows when called "
                        f"again in another process; {self.verified.advice or 'let them follow from their argument alone'}"
                    )
        self._passed = True
