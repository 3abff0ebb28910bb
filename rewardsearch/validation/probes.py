"""The stages `sandbox`, `contract` and `behaviour`: a candidate is called on completions whose truth is known.

Faults of the process (time, memory, death) and of the contract end the tests. Faults of behaviour are collected, so that the
proposer sees all of them at once. Exploits and triggers that pay as much as a correct completion are flagged, and refused where
the config says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from rewardsearch.config import Config
from rewardsearch.records import FIXED_ARGUMENTS, Batch, Candidate, LabelledCompletion, Stage, Verdict
from rewardsearch.rewards.sandbox import RewardOutput, batch_dependent
from rewardsearch.tasks.base import Task
from rewardsearch.validation.calls import (
    ON_TASK,
    UNKNOWN_COLUMNS,
    CandidateCalls,
    Refused,
    batch_of,
    check_speed,
    chunks_of,
    joined,
    odd_completions,
    odd_inputs,
    other_forms,
    output_bytes,
    part_of,
    with_text,
)
from rewardsearch.validation.constants import Constants, constants_of
from rewardsearch.validation.invariance import BatchInvariance
from rewardsearch.validation.measures import (
    correct_above_wrong,
    length_correlation,
    mean_by_kind,
    ordering_violations,
)
from rewardsearch.validation.orderings import ORDERING, dominant
from rewardsearch.validation.remedies import Source, inputs_of
from rewardsearch.validation.triggers import Paid, TriggerChecks

ROWS = 16
"""Rows of the task that are probed, each with several completions."""
CONSTANT = "constant:probes"
"""The flag of a reward that pays all probes the same. The policy's own completions may differ from the probes."""
CALLS = 200
"""Calls in one process, enough for a reward that counts its calls to show it."""
IN_GROUPS = "constant:group"
"""The flag of a reward of measured columns that are the same in a group, and of nothing else."""
_EXTRA_COLUMNS = (1, 2, 3)
"""Numbers of extra columns that are passed."""
_OWN_WIDTHS = 2
_GUARDS = {"wrong": 2, "correct": 1, "unparsed": 1}
"""Ordinary completions, by kind, that are scored beside exploits. The exploits must not change their rewards."""
_GOLDS = "a gold answer may be zero, negative or a decimal: read it with `float`, `Decimal` or `Fraction`"
_NUMBER = "give every text a finite number, such as 0.0 where nothing is found"
_REMEDY = (
    "pay only what the solution says, once and compared with `answer`, not what appears anywhere in the completion"
)


class Prober:
    """Tests candidates on labelled completions of one task. Thread-safe.

    config: the margin of correct over wrong ones, whether exploits are refused, and how long the completions of training can be.
    decides: whether no rollout bank follows. Then the probes refuse a reward that pays everything the same; otherwise the
    policy's own completions decide.
    """

    def __init__(self, task: Task, config: Config, decides: bool = True) -> None:
        self._items, self._config, self._train = task.labelled(ROWS), config.validation, config.train
        self._classes, self._form, self._decides = task.classes, task.answer_form, decides
        self._measures = task.measures
        self.inputs = inputs_of(task, self._items)
        self._batch = batch_of(self._items)
        self._triggers, self._invariance = TriggerChecks(self._items, task), BatchInvariance(self._items)
        kinds: dict[str, list[int]] = {kind: [] for kind in _GUARDS}
        for index in self._invariance.nonempty:
            kinds[self._items[index].kind].append(index)
        self._guards = [index for kind, count in _GUARDS.items() for index in kinds[kind][:count]]

    def probe(self, candidate: Candidate, calls: CandidateCalls) -> Verdict:
        """The verdict of the probes on a candidate that passed the static policy. Raises CancelledError as its calls do."""
        started = time.perf_counter()
        checks: dict[str, float | bool | str] = {}
        components: tuple[str, ...] = ()
        stage: Stage | None = None
        reasons: list[str] = []
        flags: list[str] = []
        try:
            source = self._source(candidate)
            output = calls.call(self._batch, ON_TASK)
            checks["seconds_per_call"] = calls.used_s
            components = tuple(output.components)
            means = mean_by_kind(self._items, output.rewards)
            checks.update({f"mean_{kind}": mean for kind, mean in means.items()})
            checks["length_correlation"] = length_correlation(self._items, output.rewards)
            above = correct_above_wrong(self._items, output.rewards)
            if above is not None:
                checks["correct_above_wrong"] = above
            constants = constants_of(candidate.code)
            constant = len(set(output.rewards)) == 1
            if constant:
                flags.append(CONSTANT)
                hints = "; ".join((*source.expected(), self.inputs.description))
                checks["constant_probes"] = (
                    f"gives {output.rewards[0]:g} to all {len(self._items)} probes, which no policy wrote; "
                    f"in a search the policy's own completions decide; {hints}"
                )
                reasons += self._constant(calls, output.rewards[0], constants, hints)
            elif same := list(self._same_in_groups(candidate, output)):
                flags.append(IN_GROUPS)
                reasons += same
            reasons += self._ordering(self._items, output.rewards)
            reasons += self._determinism(calls, output, constants)
            if batch_dependent(candidate.code):
                violations = self._ordering if constant else self._spread_and_ordering
                reasons += self._invariance.declared_faults(calls, output, constants, violations)
            else:
                reasons += self._invariance.faults(calls, output, constants)
            reasons += self._robustness(calls)
            if not reasons and "correct" in means:
                found = list(self._triggered(calls, output, constants))
                flags += [*found, *dominant(self._items, output.rewards, output.components)]
                gamed = [flag for flag in found if not flag.startswith(ORDERING)]
                if gamed and self._config.exploits == "refuse":
                    reasons.append(f"can be gamed ({', '.join(gamed)}): {_REMEDY}")
            stage = "behaviour" if reasons else None
        except Refused as refused:
            stage, reasons = refused.stage, [refused.reason]
        if calls.printed:
            checks["printed"] = calls.printed
        return Verdict(
            candidate=candidate.id,
            accepted=stage is None,
            stage=stage,
            reason="; ".join(reasons) or None,
            flags=tuple(flags),
            checks=checks,
            components=components,
            seconds=time.perf_counter() - started,
        )

    def _source(self, candidate: Candidate) -> Source:
        """The candidate's source. Raises Refused if it has an argument that it is not passed."""
        source = Source(candidate.code, self.inputs)
        if source.missing:
            names = ", ".join(f"`{name}`" for name in source.missing)
            reason = (
                f"`reward` takes {names} without a default, and the task has no such column; {self.inputs.description}"
            )
            raise Refused("contract", reason)
        return source

    def _ordering(self, items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> Iterator[str]:
        return ordering_violations(items, rewards, self._config.margin, self._classes)

    def _spread_and_ordering(self, items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> Iterator[str]:
        if len(set(rewards)) == 1:
            yield f"gives {rewards[0]:g} to every completion, so nothing can be learnt from it; make it separate completions"
        else:
            yield from self._ordering(items, rewards)

    def _constant(self, calls: CandidateCalls, value: float, constants: Constants, hints: str) -> Iterator[str]:
        """Whether no text changes the reward: neither the reward's own constants, nor a right answer in another form. Where a
        bank follows, the bank decides."""
        if not self._decides:
            return
        item = self._items[0]
        texts = [*odd_completions(self._form).values(), *other_forms(item.row.answer)]
        batch = joined([*(with_text(item, text) for text in texts), self._triggers.all_texts(constants)])
        for part in chunks_of(batch):
            if set(calls.call(part, "on completions in other forms").rewards) != {value}:
                return
        yield f"gives {value:g} to every completion, so nothing can be learnt from it; {hints}"

    def _same_in_groups(self, candidate: Candidate, output: RewardOutput) -> Iterator[str]:
        """Whether the reward reads measured columns that are the same in a group, and pays all completions of a row the same."""
        if self._measures is None:
            return
        read = [name for name in self._measures.constant if re.search(rf"\b{name}\b", candidate.code)]
        paid = {(item.row.id, reward) for item, reward in zip(self._items, output.rewards, strict=True)}
        if read and len(paid) == len({item.row.id for item in self._items}):
            others = ", ".join(f"`{name}`" for name in self._measures.columns if name not in self._measures.constant)
            yield (
                f"pays all completions of a row the same: {', '.join(f'`{name}`' for name in read)} "
                f"{'is' if len(read) == 1 else 'are'} the same for all completions of a group, so nothing can be learnt from it; "
                f"read a column that differs within a group: {others}"
            )

    def _determinism(self, calls: CandidateCalls, output: RewardOutput, constants: Constants) -> Iterator[str]:
        """Same input, same output, after any other calls and in any process; inputs are not changed."""
        if output.changed:
            yield f"changes the list `{output.changed[0]}` in place; work on a copy"
        again = calls.call(self._batch, "when it was called again", repeats=2)
        other = calls.call(self._batch, "in a fresh process", elsewhere=True)
        if not output_bytes(again) == output_bytes(other) == output_bytes(output):
            yield "gives other values in another process: it depends on the order of a set or on addresses; sort first"
        self._keeps_no_state(calls)
        names = (
            *UNKNOWN_COLUMNS,
            *(text for text in constants.texts if text.isidentifier() and text not in FIXED_ARGUMENTS),
        )
        strange = tuple(dict.fromkeys(name for name in names if name not in self._batch.columns))
        if not (self._ignores(calls, strange, output) and self._ignores_numbers_of(calls, strange, constants)):
            yield "gives other values when extra columns are passed; use only the task's own columns"

    def _keeps_no_state(self, calls: CandidateCalls) -> None:
        """Many calls in one process, as many as fit well into the limit of one. Raises Refused when two differ."""
        few = part_of(self._batch, self._guards[:3])
        before = calls.used_s
        calls.call(few, "on a batch of 3")
        repeats = min(CALLS, int(calls.call_s / 2 / max(calls.used_s - before, 1e-6)))
        if repeats > 1:
            calls.call(few, f"when it was called {repeats} times", repeats=repeats)

    def _ignores(self, calls: CandidateCalls, names: tuple[str, ...], output: RewardOutput) -> bool:
        """Whether extra columns of those names change nothing. A reward that raises on one of them (a helper has a parameter of
        that name, for example) gains nothing by it."""
        changes = self._changed_by_columns(calls, self._batch, names, output)
        if changes is None:
            return len(names) < 2 or all(self._ignores(calls, (name,), output) for name in names)
        return not changes

    def _ignores_numbers_of(self, calls: CandidateCalls, names: tuple[str, ...], constants: Constants) -> bool:
        """Whether the number of extra columns changes nothing."""
        own = (
            more for number in constants.numbers if (more := number - len(self._batch.columns)) > max(_EXTRA_COLUMNS)
        )
        widths = (*_EXTRA_COLUMNS, *[more for more in own if more < len(names)][:_OWN_WIDTHS])
        guards = part_of(self._batch, self._guards)
        expected = calls.call(guards, "when it was called again")
        return not any(self._changed_by_columns(calls, guards, names[:width], expected) for width in widths)

    def _changed_by_columns(
        self, calls: CandidateCalls, batch: Batch, names: tuple[str, ...], expected: RewardOutput
    ) -> bool | None:
        """Whether extra columns of those names change anything; None where the reward raises on them."""
        strange = {name: ("7",) * len(batch) for name in names}
        wider = batch.model_copy(update={"columns": batch.columns | strange})
        try:
            return output_bytes(calls.call(wider, "when it was passed extra columns")) != output_bytes(expected)
        except Refused as refused:
            if refused.stage != "contract":
                raise
            return None

    def _robustness(self, calls: CandidateCalls) -> Iterator[str]:
        """Odd texts and answers must get a number too."""
        meanings = self._measures.meanings if self._measures else None
        inputs = odd_inputs(self._items[0], self._form, self._classes, meanings)
        try:
            calls.call(joined(list(inputs.values())), "on odd texts")
            check_speed(calls, self._items[0], self._form, self._train)
            return
        except Refused as refused:
            if refused.stage == "sandbox":
                raise
        for what, batch in inputs.items():
            try:
                calls.call(batch, f"on {what}")
            except Refused as alone:
                fault = alone.reason.partition("; ")[0]
                gold = batch.answer != self._batch.answer[:1]
                yield f"{fault}; {_GOLDS if gold else _NUMBER}"
                return
        yield "fails on a batch of odd texts but not on each text alone; score each completion by itself"

    def _triggered(self, calls: CandidateCalls, output: RewardOutput, constants: Constants) -> Iterator[str]:
        """The flags of exploits, leaks and triggers, whose rewards are compared with those of correct completions."""
        spread = max(output.rewards) - min(output.rewards)
        # A reward that depends on its batch sees the exploits among all ordinary completions.
        dependent = batch_dependent(calls.code)
        indices = self._invariance.nonempty if dependent else self._guards
        beside, expected = part_of(self._batch, indices), [output_bytes(output)[index] for index in indices]
        items = [self._items[index] for index in indices]
        correct = mean_by_kind(self._items, output.rewards)["correct"]

        def score(batch: Batch) -> list[Paid]:
            paid: list[Paid] = []
            for chunk in chunks_of(batch):
                found = calls.call(joined((beside, chunk)), "on completions made to game it")
                packed = output_bytes(found)
                if not dependent and packed[: len(beside)] != expected:
                    reason = "a completion's reward depends on the other completions of its batch; score each by itself"
                    raise Refused("behaviour", reason)
                mean = mean_by_kind(items, found.rewards[: len(beside)])["correct"] if dependent else correct
                rows = list(zip(found.rewards, packed, strict=True))[len(beside) :]
                paid += [Paid(value - mean, row) for value, row in rows]
            return paid

        yield from self._triggers.triggered(score, spread, constants)
