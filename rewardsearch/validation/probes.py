"""The stages `sandbox`, `contract` and `behaviour`: a candidate is called on completions whose truth is known.

Faults of the process (time, memory, death) and of the contract end the probing; what is wrong in behaviour is
collected, so that the proposer hears all of it at once. Exploits and triggers that pay as much as a correct completion
are flagged, and refused where the config says so.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence

from rewardsearch.config import Config
from rewardsearch.records import FIXED_ARGUMENTS, Batch, Candidate, LabelledCompletion, Stage, Verdict
from rewardsearch.rewards.sandbox import RewardOutput, Sandbox, batch_dependent
from rewardsearch.tasks.base import Task
from rewardsearch.validation.constants import Constants, constants_of
from rewardsearch.validation.exploits import with_text
from rewardsearch.validation.fairness import Fairness
from rewardsearch.validation.long_texts import check_speed
from rewardsearch.validation.measures import correct_above_wrong, length_correlation, mean_by_kind, misjudgements
from rewardsearch.validation.probing import OWN, Probing, Refused, bits
from rewardsearch.validation.remedies import Source, inputs_of
from rewardsearch.validation.texts import (
    ODD_COMPLETIONS,
    UNKNOWN_COLUMNS,
    batch_of,
    joined,
    odd_inputs,
    other_forms,
    part_of,
)
from rewardsearch.validation.traps import Paid, Traps

ROWS = 16
"""Rows of the task that are probed, each with several completions."""
CONSTANT = "constant:probes"
"""The flag of a reward that pays all probes the same. The policy's own completions may differ from them."""
CHUNK = 256
"""Completions of one call: small enough that a reward that is fast enough for training is for this."""
CALLS = 200
"""Calls in one process, after which a reward that counts them would have paid out."""
_WIDER = (1, 2, 3)
"""Numbers of further columns that are passed."""
_OWN_WIDTHS = 2
_GUARDS = {"wrong": 2, "correct": 1, "unparsed": 1}
"""Ordinary completions, by kind, that stand beside those that are made to game a reward, and must not be moved by them."""
_GOLDS = "a gold answer may be zero, negative or a decimal: read it with `float`, `Decimal` or `Fraction`"
_REMEDY = "pay what the completion says in its solution, once and compared with `answer`, rather than what stands anywhere in it"


class Prober:
    """Probes candidate after candidate in two warm workers that differ in their hash seed. Not thread-safe.

    items: labelled completions of the task. config: the margin of correct over wrong ones, what becomes of exploits, and how long
    the completions of training can be. decides: whether nothing is asked after the probes: then they refuse a reward that pays
    everything the same, which they else leave to what the policy writes.
    """

    def __init__(
        self,
        items: Sequence[LabelledCompletion],
        task: Task,
        config: Config,
        sandbox: Sandbox,
        other: Sandbox,
        decides: bool = True,
    ) -> None:
        self._items, self._config, self._screen = list(items), config.validation, config.train
        self._classes, self._inputs, self._decides = task.classes, inputs_of(task, items), decides
        self._sandbox, self._other = sandbox, other
        self._batch = batch_of(self._items)
        self._traps, self._fairness = Traps(self._items, task.classes), Fairness(self._items)
        kinds: dict[str, list[int]] = {kind: [] for kind in _GUARDS}
        for place in self._fairness.said:
            kinds[self._items[place].kind].append(place)
        self._guards = [place for kind, count in _GUARDS.items() for place in kinds[kind][:count]]

    def probe(self, candidate: Candidate, stop: threading.Event | None = None) -> Verdict:
        """The verdict of the probes on a candidate that passed the static policy. Raises CancelledError once `stop` is
        set."""
        started = time.perf_counter()
        probing = self.probing(candidate, stop or threading.Event())
        checks: dict[str, float | bool | str] = {}
        components: tuple[str, ...] = ()
        stage: Stage | None = None
        reasons: list[str] = []
        flags: list[str] = []
        try:
            source = self._source(candidate)
            before = time.perf_counter()
            whole = probing.call(self._batch, OWN)
            checks["seconds_per_call"] = time.perf_counter() - before
            components = tuple(whole.components)
            means = mean_by_kind(self._items, whole.rewards)
            checks.update({f"mean_{kind}": mean for kind, mean in means.items()})
            checks["length_correlation"] = length_correlation(self._items, whole.rewards)
            above = correct_above_wrong(self._items, whole.rewards)
            if above is not None:
                checks["correct_above_wrong"] = above
            constants = constants_of(candidate.code)
            constant = len(set(whole.rewards)) == 1
            if constant:
                flags.append(CONSTANT)
                hints = "; ".join((*source.expected(), self._inputs.told))
                told = f"gives {whole.rewards[0]:g} to all {len(self._items)} probes, which no policy wrote"
                checks["constant_probes"] = f"{told}: a search asks its policy's own completions; {hints}"
                reasons += self._constant(probing, whole.rewards[0], constants, hints)
            reasons += self._judged(self._items, whole.rewards)
            reasons += self._faithful(probing, whole, constants)
            if batch_dependent(candidate.code):
                judge = self._judged if constant else self._told_apart
                reasons += self._fairness.declared_faults(probing, whole, constants, judge)
            else:
                reasons += self._fairness.faults(probing, whole, constants)
            reasons += self._robust(probing)
            if not reasons and "correct" in means:
                gamed = list(self._gamed(probing, whole, constants))
                flags += gamed
                if gamed and self._config.exploits == "refuse":
                    reasons.append(f"can be gamed ({', '.join(gamed)}): {_REMEDY}")
            stage = "behaviour" if reasons else None
        except Refused as refused:
            stage, reasons = refused.stage, [refused.reason]
        if probing.printed:
            checks["printed"] = probing.printed
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

    def probing(self, candidate: Candidate, stop: threading.Event) -> Probing:
        """For the calls of one candidate."""
        return Probing(self._sandbox, candidate.code, stop, self._inputs)

    def _source(self, candidate: Candidate) -> Source:
        """The candidate's source. Raises Refused where it takes an argument that it is not passed."""
        source = Source(candidate.code, self._inputs)
        if source.missing:
            names = ", ".join(f"`{name}`" for name in source.missing)
            reason = f"`reward` takes {names} without a default, and the task has no such column; {self._inputs.told}"
            raise Refused("contract", reason)
        return source

    def _judged(self, items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> Iterator[str]:
        return misjudgements(items, rewards, self._config.margin, self._classes)

    def _told_apart(self, items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> Iterator[str]:
        if len(set(rewards)) == 1:
            yield f"gives {rewards[0]:g} to every completion: nothing can be learnt from it; make it tell completions apart"
        else:
            yield from self._judged(items, rewards)

    def _constant(self, probing: Probing, value: float, constants: Constants, hints: str) -> Iterator[str]:
        """Whether nothing that a completion may say changes what it is paid: not the reward's own constants in it, nor a right
        answer in another form. With a bank, that decides."""
        if not self._decides:
            return
        item = self._items[0]
        texts = [*ODD_COMPLETIONS.values(), *other_forms(item.row.answer)]
        batch = joined([*(with_text(item, text) for text in texts), self._traps.all_texts(constants)])
        for start in range(0, len(batch), CHUNK):
            part = part_of(batch, range(start, min(start + CHUNK, len(batch))))
            if set(probing.call(part, "on completions in other forms").rewards) != {value}:
                return
        yield f"gives {value:g} to every completion, whatever it says: nothing can be learnt from it; {hints}"

    def _faithful(self, probing: Probing, whole: RewardOutput, constants: Constants) -> Iterator[str]:
        """Same input, same output, whatever was called before and in whatever process; inputs are left as they are."""
        if whole.changed:
            yield f"changes the list `{whole.changed[0]}` in place; work on a copy"
        again = probing.call(self._batch, "when it was called again", repeats=2)
        other = probing.call(self._batch, "in a fresh process", sandbox=self._other)
        if not bits(again) == bits(other) == bits(whole):
            yield "gives other values in another process: it depends on the order of a set or on addresses; sort first"
        self._remembers_nothing(probing)
        names = (
            *UNKNOWN_COLUMNS,
            *(text for text in constants.texts if text.isidentifier() and text not in FIXED_ARGUMENTS),
        )
        strange = tuple(dict.fromkeys(name for name in names if name not in self._batch.columns))
        if not (self._ignores(probing, strange, whole) and self._ignores_numbers_of(probing, strange, constants)):
            yield "gives other values when further columns are passed; use only the task's own columns"

    def _remembers_nothing(self, probing: Probing) -> None:
        """Many calls in one process, as many as fit well into one deadline. Raises Refused when two differ."""
        few = part_of(self._batch, self._guards[:3])
        # The fastest of three: a moment in which the machine was busy is not to cut the calls short.
        seconds = math.inf
        for _ in range(3):
            started = time.perf_counter()
            probing.call(few, "on a batch of 3")
            seconds = min(seconds, time.perf_counter() - started)
        repeats = min(CALLS, int(probing.call_s / 2 / seconds))
        if repeats > 1:
            probing.call(few, f"when it was called {repeats} times", repeats=repeats)

    def _ignores(self, probing: Probing, names: tuple[str, ...], whole: RewardOutput) -> bool:
        """Whether columns of those names change nothing. A reward that raises on one of them, as a helper with a
        parameter of that name does, gains nothing by it."""
        try:
            return bits(self._wider(probing, self._batch, names)) == bits(whole)
        except Refused as refused:
            if refused.stage != "contract":
                raise
            return len(names) < 2 or all(self._ignores(probing, (name,), whole) for name in names)

    def _ignores_numbers_of(self, probing: Probing, names: tuple[str, ...], constants: Constants) -> bool:
        """Whether it is all the same how many further columns there are."""
        own = (more for number in constants.numbers if (more := number - len(self._batch.columns)) > max(_WIDER))
        widths = (*_WIDER, *[more for more in own if more < len(names)][:_OWN_WIDTHS])
        guards = part_of(self._batch, self._guards)
        expected = bits(self._wider(probing, guards, ()))
        for width in widths:
            try:
                if bits(self._wider(probing, guards, names[:width])) != expected:
                    return False
            except Refused as refused:
                if refused.stage != "contract":
                    raise
        return True

    def _wider(self, probing: Probing, batch: Batch, names: tuple[str, ...]) -> RewardOutput:
        strange = {name: ("7",) * len(batch) for name in names}
        wider = batch.model_copy(update={"columns": batch.columns | strange})
        return probing.call(wider, "when it was passed further columns")

    def _robust(self, probing: Probing) -> Iterator[str]:
        """Odd texts and answers get a number too."""
        inputs = odd_inputs(self._items[0], self._classes)
        try:
            probing.call(joined(list(inputs.values())), "on odd texts")
            check_speed(probing, self._items[0], self._screen)
            return
        except Refused as refused:
            if refused.stage == "sandbox":
                raise
        for what, batch in inputs.items():
            try:
                probing.call(batch, f"on {what}")
            except Refused as alone:
                fault = alone.reason.partition("; ")[0]
                gold = batch.answer != self._batch.answer[:1]
                yield f"{fault}; {_GOLDS if gold else 'give every text a finite number, such as 0.0 where nothing is found'}"
                return
        yield "fails on a batch of odd texts although not on each alone; score each completion by itself"

    def _gamed(self, probing: Probing, whole: RewardOutput, constants: Constants) -> Iterator[str]:
        """The flags of the traps that spring: what they pay is held against what correct completions are paid."""
        spread = max(whole.rewards) - min(whole.rewards)
        # A reward that looks at its whole batch is asked about the traps among ordinary completions.
        dependent = batch_dependent(probing.code)
        places = self._fairness.said if dependent else self._guards
        beside, expected = part_of(self._batch, places), [bits(whole)[place] for place in places]
        items = [self._items[place] for place in places]
        correct = mean_by_kind(self._items, whole.rewards)["correct"]

        def score(batch: Batch) -> list[Paid]:
            paid: list[Paid] = []
            for start in range(0, len(batch), CHUNK):
                chunk = part_of(batch, range(start, min(start + CHUNK, len(batch))))
                output = probing.call(joined((beside, chunk)), "on completions made to game it")
                said = bits(output)
                if not dependent and said[: len(beside)] != expected:
                    reason = "a completion's reward depends on what its neighbours say; score each by itself"
                    raise Refused("behaviour", reason)
                mean = mean_by_kind(items, output.rewards[: len(beside)])["correct"] if dependent else correct
                rows = list(zip(output.rewards, said, strict=True))[len(beside) :]
                paid += [Paid(value - mean, row) for value, row in rows]
            return paid

        yield from self._traps.sprung(score, spread, constants)
