"""Completions as a verifier judges them, in the place of answer form and equality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Outcome, OutcomeKind, Row
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.verifier.runners import Asked, Runner, VerifierFault

_REMEMBERED = 4096
_SHOWN = 200
Pair = tuple[Row, str]
"""A row and a completion."""


@dataclass(frozen=True)
class VerifiedAnswers(Answers):
    """runner: calls `verify`. file: the name of the file, for messages. known: verdicts so far, of which some are kept."""

    runner: Runner = field(kw_only=True)
    file: str = field(kw_only=True)
    known: dict[tuple[str, str], bool | None] = field(default_factory=dict)

    def verdicts(self, pairs: Sequence[Pair]) -> list[bool | None]:
        """True, False, or None for no answer, of each. Raises UserError where `verify` fails, and MachineError where its process
        was lost twice."""
        new = [pair for pair in dict.fromkeys((row.id, text) for row, text in pairs) if pair not in self.known]
        if len(self.known) + len(new) > _REMEMBERED:
            self.known.clear()
            new = list(dict.fromkeys((row.id, text) for row, text in pairs))
        rows = {row.id: row for row, _ in pairs}
        self.known.update(zip(new, self.judge([(rows[id], text) for id, text in new]), strict=True))
        return [self.known[row.id, text] for row, text in pairs]

    def judge(self, pairs: Sequence[Pair]) -> list[bool | None]:
        """The same by new calls."""
        try:
            return self.runner.verdicts([Asked(text, row.answer, row.columns) for row, text in pairs])
        except VerifierFault as fault:
            row, text = pairs[fault.place]
            message = f"task.file: {self.file}: verify {fault.reason}, on {text[:60]!r} for row {row.id}"
            if fault.lost:
                raise MachineError(
                    f"{message}; see whether the machine has memory left, and run the command again"
                ) from None
            raise UserError(f"{message}; let it return None where there is no answer") from None

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        (verdict,) = self.verdicts([(row, completion)])
        # A verifier may say False of what says nothing.
        answered = verdict is not None and bool(completion.strip())
        kind: OutcomeKind = "unparsed" if not answered else "correct" if verdict else "wrong"
        prediction = self._shown(completion) if answered else None
        return Outcome(id=row.id, kind=kind, gold=row.answer, prediction=prediction, length=length)

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        return self.verdicts([(row, completion)]) == [True]

    def _shown(self, completion: str) -> str:
        """What is recorded as the prediction: the answer in the asked form, else the last line."""
        shown = self.form.parse(completion) or completion.strip().splitlines()[-1]
        return shown[:_SHOWN].encode("utf-8", "replace").decode()
