"""Completions as a verifier judges them, in the place of answer form and equality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Outcome, OutcomeKind, Row
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.served import CallFault
from rewardsearch.tasks.verifier.runners import Pair, Runner, VerifierFault

_REMEMBERED = 4096
_SHOWN = 200


@dataclass(frozen=True)
class VerifiedAnswers(Answers):
    """runner: calls the verifier. key, named, function: what messages call it: the key of the config, what that names, and what
    is called, such as `verify`. advice: what to do where it does not do, for one that the user did not write; else empty.
    tolerated: the share of gold answers that it may refuse. known: verdicts so far, of which some are kept."""

    runner: Runner = field(kw_only=True)
    key: str = field(kw_only=True)
    named: str = field(kw_only=True)
    function: str = field(default="verify", kw_only=True)
    advice: str = field(default="", kw_only=True)
    tolerated: float = field(default=0.0, kw_only=True)
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
            return self.runner.verdicts(pairs)
        except VerifierFault as fault:
            row, text = pairs[fault.place]
            on, remedy = f", on {text[:60]!r} for row {row.id}", "let it return None where there is no answer"
            made = MachineError if fault.lost and not fault.start else UserError
            raise made(self.fault_line(fault, self.function, on, remedy)) from None

    def fault_line(self, fault: CallFault, function: str, on: str, remedy: str) -> str:
        """The message for a fault. on: with what `function` was called."""
        name = f"{self.key}: {self.named}"
        if fault.start:
            return f"{name} cannot be used: the file {fault.reason}; correct its imports and its top level"
        if fault.lost:
            return f"{name}: {function} {fault.reason}{on}; see whether the machine has memory left, and run the command again"
        return f"{name}: {function} {fault.reason}{on}; {self.advice or remedy}"

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
