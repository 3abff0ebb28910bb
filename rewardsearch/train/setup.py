"""What every training run of a search starts from: the fine-tuned policy, and the rollout bank that rewards are tried on first.

Every method looks in the run's state first and does what is still missing, so starting and resuming are the same.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import Interrupted, UserError
from rewardsearch.files.disk import storage_error
from rewardsearch.records import Rollout, SftResult
from rewardsearch.run.artifacts import (
    SFT,
    adapter_digest,
    bank_path,
    copy_sft,
    load_bank,
    load_sft,
    result_digest,
    save_bank,
    sft_cache,
)
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import BankSampled, SftTrained
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.journal import Journal
from rewardsearch.run.progress import Tracker
from rewardsearch.stats import f1_accuracy, mcnemar
from rewardsearch.tasks import Task
from rewardsearch.tasks.questions import bank_rows, scarce_message
from rewardsearch.train import Launcher, fine_tune, sample_bank

BANK = "bank.jsonl"
"""The run's own copy of its rollout bank."""
_WORSE = 0.01
"""A fall in accuracy with a p below this gives a warning."""


class Setup:
    """The fine-tuning and the bank of one session on a run."""

    def __init__(
        self, journal: Journal, config: Config, task: Task, launcher: Launcher, budget: Budget, progress: Tracker
    ) -> None:
        self.journal, self.config, self.progress = journal, config, progress
        self.task = task
        self.launcher, self.budget = launcher, budget
        self.state = journal.state
        self.folder = journal.state.folder
        self._warned_of_bank = False

    def sft(self) -> SftResult | None:
        """The supervised fine-tuning that every training run starts from; None where the config does without.

        Raises UserError where it broke the policy, and where it is not the one that the run's results started from.
        """
        if not self.config.sft.enabled:
            return None
        path, wanted = self.folder / SFT, fingerprint("sft", self.config)
        # One whose numbers are not those of the journal does not count.
        known = None if SFT in self.state.lost else load_sft(path, wanted)
        if known is not None and self.state.sft == known and self.state.adapter == adapter_digest(path):
            return known
        if self.state.sft is not None and self.state.sft.fingerprint != wanted:
            raise UserError(
                f"{path}: the policy was fine-tuned by another version of rewardsearch; resume with that one, or name "
                "another --run-dir"
            )
        self.budget.check()
        if known is None:
            known = self._cached_sft(path, wanted) or self._fine_tuned(path)
        adapter = adapter_digest(path)
        if self.state.trainings and self.state.adapter not in (None, adapter):
            raise UserError(
                f"{path} was lost, and fine-tuning again gave other weights than those that the results of this run "
                "started from; restore it, or name another --run-dir"
            )
        self._compare_with_before(known)
        self.journal.append(SftTrained(adapter=adapter, digest=result_digest(path), result=known))
        self.progress.sft_done(known)
        return known

    def _compare_with_before(self, tuned: SftResult) -> None:
        """Raises UserError where fine-tuning left nothing right, and warns where it made the policy worse."""
        before, after = f1_accuracy(tuned.before), f1_accuracy(tuned.after)
        p = mcnemar(tuned.before, tuned.after).p
        if after.accuracy >= before.accuracy or p >= _WORSE:
            return
        change = (
            f"accuracy {before.accuracy:.3f} -> {after.accuracy:.3f} on {after.n} questions of val (McNemar p {p:.1g})"
        )
        if after.accuracy == 0:
            raise UserError(
                f"SFT broke the policy: {change}; lower sft.learning_rate or sft.steps, and name another --run-dir"
            )
        self.progress.say(f"warning: SFT made the policy worse: {change}; look at sft.learning_rate and sft.steps")

    def _cached_sft(self, path: Path, wanted: str) -> SftResult | None:
        """The fine-tuning from the cache, now in the run; None where the cache has none."""
        cache = sft_cache(self.config)
        if load_sft(cache, wanted) is None:
            return None
        try:
            copy_sft(cache, path)
        except OSError as error:
            if stored := storage_error(error, path):
                raise stored from error
            # Another process is replacing it.
            return None
        known = load_sft(path, wanted)
        if known is not None:
            self.progress.say(
                f"SFT: {known.rows:,} demonstrations, {known.steps:,} steps, as an earlier run trained it"
            )
        return known

    def _fine_tuned(self, path: Path) -> SftResult:
        self.progress.say(f"SFT: {len(self.task.demonstrations()):,} demonstrations, {self.config.sft.steps:,} steps")
        self.progress.doing("supervised fine-tuning")
        tuned = fine_tune(self.folder, self.config, self.launcher, self.budget.may_start, self.progress.step)
        if tuned is None:
            self.budget.check()
            raise Interrupted("stopped before the policy was fine-tuned; the same command resumes")
        cache = sft_cache(self.config)
        try:
            if load_sft(cache, tuned.fingerprint) is None:
                copy_sft(path, cache)
        except OSError as error:
            why = storage_error(error, cache) or f"{cache}: {error.strerror or error}"
            self.progress.say(f"warning: the fine-tuned policy is not kept for other runs: {why}")
        return tuned

    def bank(self) -> tuple[Rollout, ...] | None:
        """The run's rollout bank; None where the config does without.

        Warns, once a session, where policy, data or task are not those that it was sampled from.
        """
        if not self.config.bank.enabled:
            return None
        path, wanted = self.folder / BANK, fingerprint("bank", self.config)
        known = load_bank(path)
        bank = known or self._sampled(path)
        if known is None:
            save_bank(path, bank)
        # Without an event, the session was killed between the file and its event.
        if known is None or self.state.bank_fingerprint is None:
            self.journal.append(BankSampled(fingerprint=wanted, split="train", completions=len(bank)))
        elif self.state.bank_fingerprint != wanted and not self._warned_of_bank:
            self._warned_of_bank = True
            self.progress.say(
                "warning: policy, data or task have changed since the rollout bank of this run was sampled; the verdicts "
                "are those of the old one: start again in another --run-dir"
            )
        return bank

    def _sampled(self, path: Path) -> tuple[Rollout, ...]:
        """The bank from the cache, else sampled by the policy and kept there."""
        self.budget.check()
        settings, rows = self.config.bank, self.task.rows("train")
        asked = bank_rows(rows, settings.questions)
        self.progress.say(f"rollout bank: {len(asked)} questions x {settings.group_size} completions")
        if scarce := scarce_message(rows, asked, self.task.classes):
            self.progress.say(scarce)
        cache = bank_path(self.config)
        with contextlib.suppress(OSError):
            if (known := load_bank(cache)) is not None:
                return known
        self.progress.doing("sampling the rollout bank")
        sampled = sample_bank(path, self.launcher, self.budget.may_start, self.progress.step)
        if sampled is None:
            self.budget.check()
            raise Interrupted("stopped before the rollout bank was sampled; the same command resumes")
        try:
            save_bank(cache, sampled)
        except OSError as error:
            self.progress.say(f"warning: the rollout bank is not kept for other runs: {cache}: {error.strerror}")
        return sampled
