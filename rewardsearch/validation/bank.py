"""The stage `bank`: what a reward pays the policy's own completions, before any training on it.

The measures say how a reward would move the policy as it is now. What the policy could find later is for the probes.
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
from rewardsearch.validation.calls import CHUNK, batch_of, chunks_of
from rewardsearch.validation.measures import (
    KINDS,
    Auc,
    ConstantAnswer,
    Rewards,
    auc,
    best_constant,
    spread,
    zero_std,
)

Score = Callable[[Batch], Sequence[float]]
"""The rewards of a batch. An exception ends the measuring."""
MIN_MIXED_GROUPS = 8
"""With fewer mixed groups, a reward is not flagged or refused for its AUC or its groups without spread."""
ERRORS = 2.0
"""Standard errors that make an AUC clearly different from a threshold."""
_WEAK = 0.75
"""From this AUC among answered completions on, a reward for length is only a preference among right answers."""
_LENGTHENED = 0.25
"""Standard deviations that empty words must earn for a reward to count as one for length."""
_SILENCE = 0.95
"""The share of completions, and of correct ones, that are paid less than an empty completion by a penalty."""
_DECIMALS = 8
"""Rewards that differ by less are equal: TRL's advantages cannot separate them either."""
_UNWANTED = {
    "bank:no-signal": (
        "it does not separate right from wrong among the policy's own completions, neither in the asked form nor outside it; "
        "reward what makes an answer right"
    ),
    "bank:form": (
        "it separates answered from unanswered completions, as the base rewards do, but not right answers from wrong ones; "
        "reward what makes an answer right"
    ),
    "bank:length": "it pays for length, even of empty words, and hardly for right answers; reward what the words say",
    "bank:penalty": (
        "it pays an empty completion more than nearly any other, even a correct one, so the policy learns to say nothing; "
        "pay a correct completion more than an empty one"
    ),
}
_FILLER = ("we", "look", "at", "this", "as", "it", "is", "here")


@dataclass(frozen=True)
class BankResult:
    """A reward on the bank: its rewards (a row for each question), checks, flags, and the reasons that refuse it."""

    rewards: Rewards
    checks: dict[str, float | bool | str]
    flags: tuple[str, ...]
    reasons: tuple[str, ...]


class Bank:
    """Labelled completions of the untrained policy, and what the base rewards pay them. They have two labels: their outcome, and
    whether they are right in any form, since right work outside the asked form counts as wrong.

    rollouts: groups of one size, each of one row. A rare class whose rows training repeats has fewer questions here; AUC and
    collapse give each of them more weight. Raises UserError where they are not completions of the task's training rows, labelled
    as the task labels them.
    """

    def __init__(self, rollouts: Sequence[Rollout], task: Task, config: BankConfig) -> None:
        self._config, self._form = config, task.answer_form
        rows = task.rows("train")
        self._items, self._size = _items(rollouts, task, rows), _group_size(rollouts)
        asked = [item.row for item in self._items[:: self._size]]
        weights = bank_weights(rows, asked) if task.classes else {}
        self._weights = np.asarray([weights.get(row.answer, 1.0) for row in asked])
        self.batch = batch_of(self._items)
        self._kinds = self._rows([KINDS.index(item.kind) for item in self._items]).astype(int)
        self._lengths = self._rows([rollout.length for rollout in rollouts])
        self._correct, self._answered = self._kinds == 0, self._kinds != KINDS.index("unparsed")
        self._right = self._rows([task.right_in_any_form(item.row, item.completion) for item in self._items]) == 1
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
        """Scores the base rewards, which every candidate is trained with. Raises UserError for one that fails."""
        for spec in base:
            try:
                rewards = self.score(_paid(sandbox, spec.code))
                constant = {
                    name: self.score(_paid(sandbox, spec.code), batch) for name, batch in self._constant.items()
                }
            except RewardFault as fault:
                raise UserError(
                    f"train.base_rewards: {spec.name} {fault.reason} on completions of the policy; fix the file"
                ) from None
            self._base = self._base + spec.weight * rewards
            for name, paid in constant.items():
                self._base_constant[name] = self._base_constant[name] + spec.weight * paid
            self._with_base = True

    def score(self, score: Score, batch: Batch | None = None) -> Rewards:
        """The rewards of the bank's completions (or of `batch`, which has others in their places), a row for each question.
        Calls contain whole groups."""
        step = max(1, CHUNK // self._size) * self._size
        values = [value for part in chunks_of(self.batch if batch is None else batch, step) for value in score(part)]
        return np.round(self._rows(values), _DECIMALS)

    def measure(self, score: Score, same_probes: object = None) -> BankResult:
        """All measures of one reward, its flags and its reasons for a refusal. same_probes: for a reward that pays all probes
        the same, the words for it; such a reward is refused if it also does so to this policy."""
        rewards = self.score(score)
        total = np.round(self._base + rewards, _DECIMALS)
        own = auc(rewards, self._correct, weights=self._weights)
        answered = auc(rewards, self._correct, self._answered, self._weights)
        any_form = auc(rewards, self._right, weights=self._weights)
        same, within = zero_std(rewards), spread(rewards)
        trained = auc(total, self._correct, weights=self._weights)
        base_spread = spread(self._base)
        below = self.score(score, self._silent)[:, -1:] > rewards
        gained = self.score(score, self._lengthened)[:, 0] - rewards[:, 0] if within > 0 else None
        measured = {
            "bank_mixed_groups": float(self._mixed.mean()),
            "bank_zero_std_fraction": float(same.mean()),
            "bank_auc": own.value if own else None,
            "bank_auc_se": own.se if own else None,
            "bank_auc_answered": answered.value if answered else None,
            "bank_auc_any_form": any_form.value if any_form else None,
            "bank_auc_total": trained.value if trained else None,
            "bank_length": rank_correlation(rewards, self._lengths, self._kinds),
            "bank_spread": within / base_spread if base_spread > 0 else None,
            "bank_base_agreement": rank_correlation(total, self._base) if self._with_base else None,
            "bank_below_silence": float(below.mean()),
            "bank_lengthened": None if gained is None else float(gained.mean()) / within,
        }
        checks = {name: value for name, value in measured.items() if value is not None}
        zero_std_mixed = float(same[self._mixed].mean()) if self._mixed.any() else 0.0
        enough = self._mixed.sum() >= MIN_MIXED_GROUPS
        flags = [*self._flags(own, answered, any_form, zero_std_mixed)] if enough else []
        if self._is_for_length(checks, answered):
            flags.append("bank:length")
        if checks["bank_below_silence"] >= _SILENCE and below[self._correct].sum() >= _SILENCE * self._correct.sum():
            flags.append("bank:penalty")
        explanations = dict(_UNWANTED)
        words: dict[str, str] = {}
        constant = self._best_constant(score, total)
        if constant is not None:
            checks |= {"bank_constant": constant.earned, "bank_honest": constant.honest}
            words["bank_constant_answer"] = constant.answer
            if constant.collapses:
                flags.append("bank:collapse")
                explanations["bank:collapse"] = words["bank_collapse"] = constant.explanation
        reasons = []
        if same_probes and same.mean() >= self._config.max_zero_std_fraction:
            reasons.append(
                f"{same_probes}; it also pays the policy's own completions of a question the same in {same.mean():.0%} of the "
                "questions, so nothing can be learnt from it"
            )
        if enough:
            reasons += self._reasons(own, answered, any_form, zero_std_mixed)
        unwanted = [flag for flag in flags if flag.removeprefix("bank:") in self._config.refuse]
        reasons += [f"{flag}: {explanations[flag]}" for flag in unwanted]
        return BankResult(rewards, {**checks, **words}, tuple(flags), tuple(reasons))

    def _best_constant(self, score: Score, total: Rewards) -> ConstantAnswer | None:
        """What the best constant answer would earn, and the policy's own answers; None for a task without classes."""
        if not self._constant:
            return None
        earned = {
            name: np.round(self._base_constant[name] + self.score(score, batch), _DECIMALS)
            for name, batch in self._constant.items()
        }
        return best_constant(total, earned, self._gold, self._predicted, MIN_MIXED_GROUPS, ERRORS, self._weights)

    def _flags(
        self, own: Auc | None, answered: Auc | None, any_form: Auc | None, zero_std_mixed: float
    ) -> Iterator[str]:
        """How the reward fails to know the outcome: at most one flag."""
        if zero_std_mixed >= self._config.max_zero_std_fraction:
            yield "bank:dead"
        elif own is None or (answered is not None and answered.above(0.5, ERRORS)):
            return
        elif own.above(0.5, ERRORS):
            # It separates answered from unanswered completions, which all of the pairs may be.
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

    def _reasons(
        self, own: Auc | None, answered: Auc | None, any_form: Auc | None, zero_std_mixed: float
    ) -> Iterator[str]:
        least = self._config.min_auc
        if zero_std_mixed >= self._config.max_zero_std_fraction:
            yield (
                f"pays all of the policy's completions of a question the same, in {zero_std_mixed:.0%} of the questions "
                "with right and other completions, so nothing can be learnt from it; make it separate completions of one question"
            )
        elif own is not None and _below(least, own, answered or any_form):
            yield (
                f"pays a correct completion of the policy more than an incorrect one of the same question in {own.value:.0%} of "
                f"pairs (AUC {own.value:.2f} ± {own.se:.2f}, must be at least {least:g}); pay right answers more"
            )

    def _changed(self, index: int, change: Callable[[str], str]) -> Batch:
        """The bank with one completion of each group changed; a reward that depends on its batch sees the others as they are."""
        texts = list(self.batch.completions)
        for at in range(index % self._size, len(texts), self._size):
            texts[at] = change(texts[at])
        return self.batch.model_copy(update={"completions": tuple(texts)})

    def _always(self, answer: str) -> Batch:
        """The bank with `answer` as the decision of every completion that has one."""
        pairs = zip(self.batch.completions, self._answered.ravel(), strict=True)
        texts = tuple(self._form.replace(text, answer) if answered else text for text, answered in pairs)
        return self.batch.model_copy(update={"completions": texts})

    def _texts(self, values: Sequence[str]) -> NDArray[np.str_]:
        return np.asarray(values, dtype=str).reshape(-1, self._size)

    def _rows(self, values: Sequence[float]) -> Rewards:
        return np.asarray(values, dtype=float).reshape(-1, self._size)


def _paid(sandbox: Sandbox, code: str) -> Score:
    return lambda batch: sandbox.call(code, batch).rewards


def _below(least: float, own: Auc, beside: Auc | None) -> bool:
    """Whether the AUC is clearly below `least`, and so is `beside`, which ignores the form: a reward for work that the policy
    shows mostly outside the form ranks unparsed completions high, and may still know right from wrong."""
    return own.below(least, ERRORS) and (beside is None or beside.below(least, ERRORS))


def _items(rollouts: Sequence[Rollout], task: Task, rows: Sequence[Row]) -> list[LabelledCompletion]:
    by_id = {row.id: row for row in rows}
    items = []
    for rollout in rollouts:
        row = by_id.get(rollout.row)
        if row is not None and rollout.measured:
            row = row.model_copy(update={"measured": rollout.measured})
        if row is None or task.outcome(row, rollout.completion).kind != rollout.kind:
            why = "is no training row of this task" if row is None else "has another outcome by this task"
            raise UserError(
                f"the rollout bank belongs to another task: its row {rollout.row} {why}; "
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
            "each row needs the same number (2 or more), one after the other; remove it from the cache"
        )
    return size


def _lengthened(text: str) -> str:
    """`text` with as many words again that say nothing, after its first word."""
    words = text.split()
    filler = (_FILLER * (len(words) // len(_FILLER) + 1))[: max(len(words), 1)]
    first, space, rest = text.strip().partition(" ")
    return f"{first} {' '.join(filler)}{space}{rest}"
