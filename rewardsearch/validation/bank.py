"""The stage `bank`: what a reward pays the policy's own completions, before anything is trained on it.

What is measured says how a reward would pull the policy as it is now; what the policy would find later is for the probes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsearch.config import BankConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Batch, LabelledCompletion, RewardSpec, Rollout, Row
from rewardsearch.rewards.sandbox import RewardFault, Sandbox
from rewardsearch.stats import rank_correlation
from rewardsearch.tasks.base import Task
from rewardsearch.tasks.questions import bank_weights
from rewardsearch.validation.collapse import Constant, best_constant, decided
from rewardsearch.validation.groups import Auc, Rewards, auc, dead, spread
from rewardsearch.validation.measures import KINDS
from rewardsearch.validation.texts import batch_of, part_of

Score = Callable[[Batch], Sequence[float]]
"""The rewards of a batch; raises what ends the measuring."""
CHUNK = 256
"""Completions of one call, where whole groups fit into it."""
FEWEST = 8
"""Mixed groups from which on something is held against a reward for its AUC or its dead groups."""
ERRORS = 2.0
"""Standard errors from which on an AUC is clearly another than a threshold."""
_WEAK = 0.75
"""An AUC among answered completions below which a reward for length is more than a preference among right answers."""
_LENGTHENED = 0.25
"""Standard deviations that empty words must earn for a reward to be one for length."""
_SILENCE = 0.95
"""Share of completions, and of the correct ones, that are paid less than silence where silence pays best."""
_DECIMALS = 8
"""Rewards that differ by less are the same: TRL's advantages cannot tell them apart either."""
_UNWANTED = {
    "bank:no-signal": (
        "on the policy's own completions it does not tell right from wrong, neither in the asked form nor outside it; "
        "pay what makes an answer right"
    ),
    "bank:form": (
        "it separates answered from unanswered completions, as the base rewards do, but not right answers from wrong ones; "
        "reward what makes an answer right"
    ),
    "bank:length": "it pays for length, even of empty words, and hardly for being right; reward what the words say",
    "bank:penalty": (
        "saying nothing is paid more than nearly every completion, correct ones too, so the policy is taught to say nothing; "
        "pay a correct completion more than an empty one"
    ),
}
_FILLER = ("we", "look", "at", "this", "as", "it", "is", "here")


@dataclass(frozen=True)
class Measured:
    """What a reward did on the bank: its rewards, a line a question; the checks; the flags; what it is refused for."""

    rewards: Rewards
    checks: dict[str, float | bool | str]
    flags: tuple[str, ...]
    reasons: tuple[str, ...]


class Bank:
    """Labelled completions of the untrained policy, with what the base rewards pay them. They have two labels: their outcome, and
    whether they are right in any form, since right work outside the asked form counts as wrong.

    rollouts: groups of one size, each of one row. Where a class has fewer questions among them than among as many training
    rows, which come again there, AUC and collapse count each for more. Raises UserError where they are not completions of the
    task's training rows, labelled as the task labels them.
    """

    def __init__(self, rollouts: Sequence[Rollout], task: Task, config: BankConfig) -> None:
        self._config = config
        rows = task.rows("train")
        self._items, self._size = _items(rollouts, task, rows), _group_size(rollouts)
        asked = [item.row for item in self._items[:: self._size]]
        weights = bank_weights(rows, asked) if task.classes else {}
        self._weights = np.asarray([weights.get(row.answer, 1.0) for row in asked])
        self.batch = batch_of(self._items)
        self._kinds = self._lines([KINDS.index(item.kind) for item in self._items]).astype(int)
        self._lengths = self._lines([rollout.length for rollout in rollouts])
        self._correct, self._answered = self._kinds == 0, self._kinds != KINDS.index("unparsed")
        self._right = self._lines([task.right_in_any_form(item.row, item.completion) for item in self._items]) == 1
        self._mixed = self._correct.any(axis=1) & ~self._correct.all(axis=1)
        self._silent = self._changed(-1, lambda text: "")
        self._lengthened = self._changed(0, _lengthened)
        self._base = np.zeros_like(self._lengths)
        self._with_base = False
        self._gold = self._texts([item.row.answer for item in self._items])
        self._predicted = self._texts([rollout.prediction or "" for rollout in rollouts])
        self._constant = {name: self._always(name) for name in task.classes or ()}
        self._base_constant = {name: np.zeros_like(self._lengths) for name in self._constant}

    def add_base(self, base: Sequence[RewardSpec], sandbox: Sandbox) -> None:
        """Scores the base rewards, beside which a candidate is trained. Raises UserError for one that fails."""
        for spec in base:
            try:
                rewards = self.score(_paid(sandbox, spec.code))
                constant = {
                    name: self.score(_paid(sandbox, spec.code), batch) for name, batch in self._constant.items()
                }
            except RewardFault as fault:
                raise UserError(
                    f"train.base_rewards: {spec.name} {fault.reason} on completions of the policy; mend the file"
                ) from None
            self._base = self._base + spec.weight * rewards
            for name, paid in constant.items():
                self._base_constant[name] = self._base_constant[name] + spec.weight * paid
            self._with_base = True

    def score(self, score: Score, batch: Batch | None = None) -> Rewards:
        """The rewards of the bank's completions (or of `batch`, which holds others in their places), in lines; asked for
        in whole groups."""
        batch = self.batch if batch is None else batch
        step = max(1, CHUNK // self._size) * self._size
        values: list[float] = []
        for start in range(0, len(batch), step):
            values += score(part_of(batch, range(start, min(start + step, len(batch)))))
        return np.round(self._lines(values), _DECIMALS)

    def measure(self, score: Score) -> Measured:
        """All measures of one reward, and what follows from them."""
        rewards = self.score(score)
        total = np.round(self._base + rewards, _DECIMALS)
        own = auc(rewards, self._correct, weights=self._weights)
        answered = auc(rewards, self._correct, self._answered, self._weights)
        any_form = auc(rewards, self._right, weights=self._weights)
        lifeless, within = dead(rewards), spread(rewards)
        length = rank_correlation(rewards, self._lengths, self._kinds)
        checks = {
            "bank_mixed_groups": float(self._mixed.mean()),
            "bank_zero_std_fraction": float(lifeless.mean()),
        }
        if own is not None:
            checks |= {"bank_auc": own.value, "bank_auc_se": own.se}
        if answered is not None:
            checks["bank_auc_answered"] = answered.value
        if any_form is not None:
            checks["bank_auc_any_form"] = any_form.value
        if (trained := auc(total, self._correct, weights=self._weights)) is not None:
            checks["bank_auc_total"] = trained.value
        if length is not None:
            checks["bank_length"] = length
        if self._with_base:
            if (usual := spread(self._base)) > 0:
                checks["bank_spread"] = within / usual
            if (agreement := rank_correlation(total, self._base)) is not None:
                checks["bank_base_agreement"] = agreement
        below = self.score(score, self._silent)[:, -1:] > rewards
        checks["bank_below_silence"] = float(below.mean())
        if within > 0:
            gained = self.score(score, self._lengthened)[:, 0] - rewards[:, 0]
            checks["bank_lengthened"] = float(gained.mean()) / within
        mixed_dead = float(lifeless[self._mixed].mean()) if self._mixed.any() else 0.0
        enough = self._mixed.sum() >= FEWEST
        flags = [*self._flags(own, answered, any_form, mixed_dead)] if enough else []
        if self._is_for_length(checks, answered):
            flags.append("bank:length")
        if checks["bank_below_silence"] >= _SILENCE and below[self._correct].sum() >= _SILENCE * self._correct.sum():
            flags.append("bank:penalty")
        told = dict(_UNWANTED)
        words: dict[str, str] = {}
        constant = self._best_constant(score, total)
        if constant is not None:
            checks |= {"bank_constant": constant.earned, "bank_honest": constant.honest}
            words["bank_constant_answer"] = constant.answer
            if constant.collapses:
                flags.append("bank:collapse")
                told["bank:collapse"] = words["bank_collapse"] = constant.told
        reasons = [*self._reasons(own, answered, any_form, mixed_dead)] if enough else []
        unwanted = [flag for flag in flags if flag.removeprefix("bank:") in self._config.refuse]
        reasons += [f"{flag}: {told[flag]}" for flag in unwanted]
        return Measured(rewards, {**checks, **words}, tuple(flags), tuple(reasons))

    def _best_constant(self, score: Score, total: Rewards) -> Constant | None:
        """What one answer for everyone would be paid beside the policy's own; None for a task without classes."""
        if not self._constant:
            return None
        earned = {
            name: np.round(self._base_constant[name] + self.score(score, batch), _DECIMALS)
            for name, batch in self._constant.items()
        }
        return best_constant(total, earned, self._gold, self._predicted, FEWEST, ERRORS, self._weights)

    def _flags(self, own: Auc | None, answered: Auc | None, any_form: Auc | None, mixed_dead: float) -> Iterator[str]:
        """What is wrong with what the reward knows of the outcome: one flag at most."""
        if mixed_dead >= self._config.max_zero_std_fraction:
            yield "bank:dead"
        elif own is None or (answered is not None and answered.above(0.5, ERRORS)):
            return
        elif own.above(0.5, ERRORS):
            # It tells answers from completions without one, which all of the pairs may be.
            if answered is not None:
                yield "bank:form"
        elif _below(0.5, own, answered or any_form):
            yield "bank:inverted"
        elif any_form is None or not any_form.above(0.5, ERRORS):
            yield "bank:no-signal"

    def _is_for_length(self, checks: dict[str, float], answered: Auc | None) -> bool:
        length, lengthened = checks.get("bank_length", 0.0), checks.get("bank_lengthened", 0.0)
        weak = answered is None or answered.value < _WEAK
        moved = lengthened * np.sign(length) >= _LENGTHENED
        return bool(weak and abs(length) > self._config.max_length and moved)

    def _reasons(self, own: Auc | None, answered: Auc | None, any_form: Auc | None, mixed_dead: float) -> Iterator[str]:
        least = self._config.min_auc
        if mixed_dead >= self._config.max_zero_std_fraction:
            yield (
                f"pays all of the policy's completions of a question the same, in {mixed_dead:.0%} of the questions that "
                "it answers both right and otherwise: nothing can be learnt from it; tell completions of one question apart"
            )
        elif own is not None and _below(least, own, answered or any_form):
            yield (
                f"pays a correct completion of the policy more than another of the same question in {own.value:.0%} of "
                f"cases (AUC {own.value:.2f} ± {own.se:.2f}), at least {least:g} is asked for; pay right answers more"
            )

    def _changed(self, place: int, change: Callable[[str], str]) -> Batch:
        """The bank with one completion of each group changed, so that a reward that looks at its batch sees the rest."""
        texts = list(self.batch.completions)
        for at in range(place % self._size, len(texts), self._size):
            texts[at] = change(texts[at])
        return self.batch.model_copy(update={"completions": tuple(texts)})

    def _always(self, answer: str) -> Batch:
        """The bank with `answer` as the decision of every completion that has one."""
        said = zip(self.batch.completions, self._answered.ravel(), strict=True)
        texts = tuple(decided(text, answer) if answered else text for text, answered in said)
        return self.batch.model_copy(update={"completions": texts})

    def _texts(self, values: Sequence[str]) -> NDArray[np.str_]:
        return np.asarray(values, dtype=str).reshape(-1, self._size)

    def _lines(self, values: Sequence[float]) -> Rewards:
        return np.asarray(values, dtype=float).reshape(-1, self._size)


def _paid(sandbox: Sandbox, code: str) -> Score:
    return lambda batch: sandbox.call(code, batch).rewards


def _below(least: float, own: Auc, beside: Auc | None) -> bool:
    """Clearly below over all completions, and `beside` as well, which leaves the form aside: a reward for work that the policy
    shows mostly outside the form ranks unparsed completions high, and may yet know right from wrong."""
    return own.below(least, ERRORS) and (beside is None or beside.below(least, ERRORS))


def _items(rollouts: Sequence[Rollout], task: Task, rows: Sequence[Row]) -> list[LabelledCompletion]:
    by_id = {row.id: row for row in rows}
    items = []
    for rollout in rollouts:
        row = by_id.get(rollout.row)
        if row is None or task.outcome(row, rollout.completion).kind != rollout.kind:
            why = "is no training row of this task" if row is None else "has another outcome by this task"
            raise UserError(
                f"the rollout bank is not this task's: its row {rollout.row} {why}; "
                "sample it with this task, or remove it from the cache"
            )
        items.append(LabelledCompletion(row=row, completion=rollout.completion, kind=rollout.kind))
    return items


def _group_size(rollouts: Sequence[Rollout]) -> int:
    ids = [rollout.row for rollout in rollouts]
    size = len(ids) // max(len(set(ids)), 1)
    if size < 2 or ids != [id for id in dict.fromkeys(ids) for _ in range(size)]:
        raise UserError(
            f"the rollout bank holds {len(ids)} completions of {len(set(ids))} rows; "
            "each row needs the same number, 2 or more, one after the other: remove it from the cache"
        )
    return size


def _lengthened(text: str) -> str:
    """`text` with as many words again that say nothing, after its first."""
    words = text.split()
    filler = (_FILLER * (len(words) // len(_FILLER) + 1))[: max(len(words), 1)]
    first, space, rest = text.strip().partition(" ")
    return f"{first} {' '.join(filler)}{space}{rest}"
