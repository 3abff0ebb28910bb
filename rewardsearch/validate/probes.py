"""The stages `sandbox`, `contract` and `behaviour`: a candidate is called on completions whose truth is known.

Faults of the process (time, memory, death) and of the contract end the probing; what is wrong in behaviour is
collected, so that the proposer hears all of it at once. Exploits that pay as much as a correct completion are
flagged, not refused.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from rewardsearch.records import Batch, Candidate, LabelledCompletion, Stage, Verdict
from rewardsearch.sandbox import RewardFault, RewardOutput, Sandbox, batch_dependent
from rewardsearch.validate.measures import correct_above_wrong, length_correlation, mean_by_kind
from rewardsearch.validate.texts import UNKNOWN_COLUMNS, batch_of, exploits, joined, odd_inputs

ROWS = 16
"""Rows of the task that are probed, each with several completions."""
SIZES = {1: 12, 2: 16, 7: 28}
"""Batch sizes that are compared with the whole batch, and on how many completions."""
_NOISE = 0.01
"""Below this share of a reward's spread, a lead of wrong over correct completions is that of their digits' lengths."""
_EXPLOITED_ROWS = 8
_TOTAL_CALLS = 6
"""A candidate's probes together may take this many call deadlines of wall clock."""

SandboxFactory = Callable[[int], Sandbox]
"""Makes a Sandbox whose worker has the given hash seed."""


class Refused(Exception):
    """A refusal that ends the probing: the stage, and the reason for the proposer."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage, self.reason = stage, reason


class Prober:
    """Probes candidate after candidate in two warm workers that differ in their hash seed. Not thread-safe.

    items: labelled completions of the task. margin: how far the mean of correct ones must be above that of wrong ones.
    """

    def __init__(self, items: Sequence[LabelledCompletion], margin: float, factory: SandboxFactory) -> None:
        self._items, self._margin = list(items), margin
        self._sandbox, self._other = factory(0), factory(1)
        self._batch = batch_of(self._items)
        self._exploits = exploits(_one_a_row(self._items)[:_EXPLOITED_ROWS])

    def close(self) -> None:
        self._sandbox.close()
        self._other.close()

    def probe(self, candidate: Candidate) -> Verdict:
        """The verdict of the probes on a candidate that passed the static policy."""
        started = time.perf_counter()
        probing = _Probing(self._sandbox, candidate.code)
        checks: dict[str, float | bool | str] = {}
        components: tuple[str, ...] = ()
        stage: Stage | None = None
        reasons: list[str] = []
        flags: list[str] = []
        try:
            before = time.perf_counter()
            whole = probing.call(self._batch, "on the task's own completions")
            checks["seconds_per_call"] = time.perf_counter() - before
            components = tuple(whole.components)
            means = mean_by_kind(self._items, whole.rewards)
            checks.update({f"mean_{kind}": mean for kind, mean in means.items()})
            checks["length_correlation"] = length_correlation(self._items, whole.rewards)
            above = correct_above_wrong(self._items, whole.rewards)
            if above is not None:
                checks["correct_above_wrong"] = above
            reasons += [*self._judgement(whole, above), *self._faithful(probing, whole)]
            if not batch_dependent(candidate.code):
                reasons += self._fair(probing, whole)
            reasons += self._robust(probing)
            if not reasons and "correct" in means:
                flags = list(self._gamed(probing, means["correct"]))
            stage = "behaviour" if reasons else None
        except Refused as refused:
            stage, reasons = refused.stage, [refused.reason]
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

    def _judgement(self, whole: RewardOutput, above: float | None) -> Iterator[str]:
        """Whether the reward tells completions apart, and never pays wrong ones more than correct ones of their
        style."""
        spread = max(whole.rewards) - min(whole.rewards)
        if spread == 0:
            value = whole.rewards[0]
            yield f"gives {value:g} to every completion: nothing can be learnt from it; make it tell completions apart"
        elif above is not None and above < self._margin - _NOISE * spread:
            least = f"at least {self._margin:g} more" if self._margin > 0 else "no less"
            yield (
                f"pays a correct completion {above:+.4g} against a wrong one of the same style: "
                f"it must be paid {least}; compare what the completion says with `answer`"
            )

    def _faithful(self, probing: _Probing, whole: RewardOutput) -> Iterator[str]:
        """Same input, same output, whatever was called before and in whatever process; inputs are left as they are."""
        if whole.changed:
            yield f"changes the list `{whole.changed[0]}` in place; work on a copy"
        again = probing.call(self._batch, "when it was called again", repeats=2)
        other = probing.call(self._batch, "in a fresh process", sandbox=self._other)
        if not _same(again, whole) or not _same(other, whole):
            yield "gives other values in another process: it depends on the order of a set or on addresses; sort first"
        strange = {name: ("7",) * len(self._batch) for name in UNKNOWN_COLUMNS if name not in self._batch.columns}
        wider = self._batch.model_copy(update={"columns": self._batch.columns | strange})
        if not _same(probing.call(wider, "when it was passed further columns"), whole):
            yield "gives other values when further columns are passed; use only the task's own columns"

    def _fair(self, probing: _Probing, whole: RewardOutput) -> Iterator[str]:
        """A completion's reward does not depend on its neighbours."""
        remedy = "score each completion by itself, or say BATCH_DEPENDENT = True at the top of the file"
        order = list(range(len(self._items)))
        random.Random(0).shuffle(order)
        shuffled = probing.call(batch_of([self._items[i] for i in order]), "on the completions in another order")
        if any(value != whole.rewards[i] for value, i in zip(shuffled.rewards, order, strict=True)):
            yield f"a completion's reward depends on its place in the batch; {remedy}"
            return
        for size, count in SIZES.items():
            values: list[float] = []
            for start in range(0, min(count, len(self._items)), size):
                part = batch_of(self._items[start : start + size])
                values.extend(probing.call(part, f"on a batch of {size}").rewards)
            if tuple(values) != whole.rewards[: len(values)]:
                sizes = f"a batch of {size} than in one of {len(self._items)}"
                yield f"a completion's reward is another in {sizes}; {remedy}"
                return

    def _robust(self, probing: _Probing) -> Iterator[str]:
        """Odd texts and answers get a number too."""
        inputs = odd_inputs(self._items[0])
        try:
            probing.call(joined(list(inputs.values())), "")
            return
        except Refused as refused:
            if refused.stage == "sandbox":
                raise
        for what, batch in inputs.items():
            try:
                probing.call(batch, f"on {what}")
            except Refused as alone:
                fault = alone.reason.partition("; ")[0]
                yield f"{fault}; give every text a finite number, such as 0.0 where nothing is found"
                return
        yield "fails on a batch of odd texts although not on each alone; score each completion by itself"

    def _gamed(self, probing: _Probing, mean_correct: float) -> Iterator[str]:
        """Exploits whose mean reward reaches that of correct completions."""
        values = probing.call(joined(list(self._exploits.values())), "on empty, stuffed and echoed completions").rewards
        start = 0
        for name, batch in self._exploits.items():
            if statistics.fmean(values[start : start + len(batch)]) >= mean_correct:
                yield f"exploit:{name}"
            start += len(batch)


class _Probing:
    """The calls for one candidate: faults become refusals, component names must stay the same, time is bounded in
    all."""

    def __init__(self, sandbox: Sandbox, code: str) -> None:
        self._sandbox, self._code = sandbox, code
        self._total_s = _TOTAL_CALLS * sandbox.config.call_s
        self._end = time.monotonic() + self._total_s
        self._components: tuple[str, ...] | None = None

    def call(self, batch: Batch, where: str, *, sandbox: Sandbox | None = None, repeats: int = 1) -> RewardOutput:
        if time.monotonic() > self._end:
            raise Refused("sandbox", f"its probes took longer than {self._total_s:g} s together; make it faster")
        try:
            output = (sandbox or self._sandbox).call(self._code, batch, repeats=repeats)
        except RewardFault as fault:
            raise Refused(*_refusal(fault, where)) from None
        names = tuple(output.components)
        if self._components is None:
            self._components = names
        elif names != self._components:
            raise Refused(
                "contract",
                "returns other components for other completions; return the same names, in one order, always",
            )
        return output


def _refusal(fault: RewardFault, where: str) -> tuple[Stage, str]:
    if fault.kind == "static":
        return "static", fault.reason
    if fault.kind == "timeout":
        return "sandbox", f"{fault.reason}; look for endless loops and for patterns that backtrack, such as (a+)+"
    if fault.kind == "memory":
        return "sandbox", f"{fault.reason}; do not build large lists, numbers or strings"
    if fault.kind == "died":
        return "sandbox", f"{fault.reason}; recursion too deep for the interpreter does this"
    if fault.kind == "raised":
        return "contract", f"{fault.reason} {where}; guard that line so that every completion gets a number"
    return "contract", f"{fault.reason} {where}; return one finite float a completion, in their order"


def _same(a: RewardOutput, b: RewardOutput) -> bool:
    return a.rewards == b.rewards and a.components == b.components


def _one_a_row(items: Sequence[LabelledCompletion]) -> list[LabelledCompletion]:
    return list({item.row.id: item for item in items}.values())
