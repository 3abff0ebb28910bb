"""The training runs of a search: what is owed of them is run, and booked in the journal as it ends.

Every method looks in the run's state first and does what is still missing, so that starting and resuming are the same thing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from rewardsearch.arms import final_job, policy_job, screen_job, spec_of, stretch_jobs
from rewardsearch.bank import bank_mark, bank_path, load_bank, save_bank
from rewardsearch.brief import current_ranking
from rewardsearch.budget import Budget
from rewardsearch.config import Config
from rewardsearch.errors import Interrupted, MachineError
from rewardsearch.journal import Journal
from rewardsearch.rank import race
from rewardsearch.records import (
    BASELINE,
    FULL,
    POLICY,
    Candidate,
    FinalArm,
    Outcome,
    Rollout,
    ScreenJob,
    ScreenResult,
    SftResult,
)
from rewardsearch.screen import LocalWorkers, Reading, read_test, sample_bank, screen, tune
from rewardsearch.store import CHECKPOINT, fingerprint
from rewardsearch.tasks import load_task
from rewardsearch.tuned import SFT, copy_tuned, load_tuned, sft_mark, tuned_cache

BANK = "bank.jsonl"
"""The run's own copy of its rollout bank."""


class Progress(Protocol):
    """What a search tells while it runs."""

    def say(self, line: str) -> None: ...

    def jobs(self, names: Mapping[str, str], steps: int) -> None: ...

    def step(self, job: str, step: int, of: int) -> None: ...

    def tuning(self, step: int, of: int) -> None: ...

    def tuned(self, result: SftResult) -> None: ...

    def ended(self, job: ScreenJob, result: ScreenResult, name: str) -> None: ...


class Trials:
    """The training runs of one session on a run."""

    def __init__(
        self, journal: Journal, config: Config, workers: LocalWorkers, budget: Budget, progress: Progress
    ) -> None:
        self.journal, self.config, self.progress = journal, config, progress
        self.workers, self.budget = workers, budget
        self.state = journal.state
        self.folder = journal.state.folder
        self._told_of_bank = False

    def sft(self) -> SftResult | None:
        """The supervised fine-tuning that every training run starts from; None where the config does without."""
        if not self.config.sft.enabled:
            return None
        path, mark = self.folder / SFT, sft_mark(self.config)
        known = load_tuned(path, mark)
        if known is not None and self.state.tuned == known:
            return known
        self.budget.check()
        if known is None:
            known = self._kept_sft(path, mark) or self._tuned_here(path)
        self.journal.append("tuned", mark=mark, split="val", questions=len(known.after), steps=known.steps)
        self.progress.tuned(known)
        return known

    def _kept_sft(self, path: Path, mark: str) -> SftResult | None:
        """The fine-tuning from the cache, now in the run; None where the cache has none."""
        cache = tuned_cache(self.config)
        known = load_tuned(cache, mark)
        if known is not None:
            copy_tuned(cache, path)
            self.progress.say(
                f"SFT: {known.rows:,} demonstrations, {known.steps:,} steps, as an earlier run trained it"
            )
        return known

    def _tuned_here(self, path: Path) -> SftResult:
        settings, demonstrations = self.config.sft, len(load_task(self.config.task).demonstrations())
        self.progress.say(f"SFT: {demonstrations:,} demonstrations, {settings.steps:,} steps")
        tuned = tune(self.folder, self.config, self.workers, self.budget.may_start, self._tuning)
        if tuned is None:
            self.budget.check()
            raise Interrupted("stopped before the policy was fine-tuned; the same command carries on")
        cache = tuned_cache(self.config)
        try:
            copy_tuned(path, cache)
        except OSError as error:
            self.progress.say(
                f"warning: the fine-tuned policy is not kept for other runs: {cache}: {error.strerror or error}"
            )
        return tuned

    def _tuning(self, job: str, step: int, of: int) -> None:
        self.progress.tuning(step, of)

    def bank(self) -> tuple[Rollout, ...] | None:
        """The run's rollout bank; None where the config does without."""
        if not self.config.bank.enabled:
            return None
        path = self.folder / BANK
        known = load_bank(path)
        if known is not None:
            self._hold_bank_against_now()
            return known
        self.budget.check()
        settings = self.config.bank
        self.progress.say(f"rollout bank: {settings.questions} questions x {settings.group_size} completions")
        cache = bank_path(self.config)
        try:
            sampled = load_bank(cache)
        except OSError:
            sampled = None
        if sampled is None:
            sampled = sample_bank(path, self.workers, self.budget.may_start)
            if sampled is None:
                self.budget.check()
                raise Interrupted("stopped before the rollout bank was sampled; the same command carries on")
            try:
                save_bank(cache, sampled)
            except OSError as error:
                self.progress.say(f"warning: the rollout bank is not kept for other runs: {cache}: {error.strerror}")
        save_bank(path, sampled)
        self.journal.append("bank", mark=bank_mark(self.config), split="train", completions=len(sampled))
        return sampled

    def _hold_bank_against_now(self) -> None:
        """Tells, once a session, where the run's bank was sampled of something else than is there now."""
        if not self._told_of_bank and self.state.bank_mark not in (None, bank_mark(self.config)):
            self._told_of_bank = True
            self.progress.say(
                "warning: policy, data or task have changed since the rollout bank of this run was sampled; the verdicts "
                "stand on the old one: start anew in another --run-dir"
            )

    def references(self) -> None:
        """The policy before any GRPO and the baseline, with every seed of its own: what candidates are held against, and how far
        that moves by itself."""
        if self.config.paper_protocol and not self.state.test_opened:
            self.journal.append("test_opened", readings="every screen: paper_protocol ranks on the test split")
        base = self.state.base
        policy, stretches = policy_job(self.config.seed), stretch_jobs(BASELINE, (), base, self.config)
        seeds = self.config.baseline_seeds[1:]
        again = [screen_job(BASELINE, (), base, seed, self.config.screen.steps) for seed in seeds]
        self.run([policy, stretches[0], *again])
        for before, job in pairwise(stretches):
            if self._screened(before) is not None:
                self.run([job])
        # Candidates are held against the baseline at every rung.
        for job in (policy, *stretches):
            result = self.state.screens.get(job.folder)
            if result is None or result.status != "done":
                raise MachineError(
                    f"the {job.id} could not be screened: {result.reason if result else 'it gave no result'}"
                )

    def race(self, number: int, candidates: Sequence[Candidate]) -> None:
        """Screens a round's accepted candidates, rung by rung; who is dropped at a rung is not trained on."""
        jobs = {c.id: stretch_jobs(c.id, [spec_of(c)], self.state.base, self.config) for c in candidates}
        running = set(jobs)
        for stretch in zip(*jobs.values(), strict=True):
            self.run([job for job in stretch if job.id in running])
            at_rung = {job.id: result for job in stretch if (result := self._screened(job)) is not None}
            if stretch[0].rung != FULL:
                self._race(number, stretch[0].rung, at_rung)
                running = {id for id in at_rung if self.state.fates[stretch[0].rung, id].promoted}
                for job in stretch:
                    if job.id not in running:
                        # Nothing carries it on; with the optimiser it is the largest of a run's files.
                        shutil.rmtree(self.folder / job.folder / CHECKPOINT, ignore_errors=True)

    def _race(self, number: int, rung: str, at_rung: Mapping[str, ScreenResult]) -> None:
        """Decides who goes on from a rung; who has a fate already keeps it."""
        undecided = [id for id in at_rung if (rung, id) not in self.state.fates]
        if not undecided:
            return
        # The leader of the leaderboard; what was screened before it has been at this rung too.
        ranked = [row.id for row in current_ranking(self.state).rows if row.rank is not None and row.id != POLICY]
        screened = ((id, self._at(id, rung)) for id in ranked)
        incumbent, its_result = next((id, result) for id, result in screened if result is not None)
        names = {id: self._name(id) for id in (*at_rung, incumbent)}
        results = {incumbent: its_result, **at_rung}
        config = self.config
        found = race(results, list(at_rung), incumbent, names, config.race, config.rank, config.seed)
        fates = [found[id] for id in undecided]
        self.journal.append("raced", round=number, rung=rung, fates=[fate.model_dump(mode="json") for fate in fates])
        for fate in fates:
            self.progress.say(f"  {names[fate.id]} {'goes on' if fate.promoted else 'dropped'}: {fate.told}")

    def train(self, arms: Sequence[FinalArm], seeds: Sequence[int]) -> dict[tuple[str, int], ScreenResult]:
        """The arms of finalize under every seed, by arm and seed.

        Raises MachineError where one could not be trained: the test is opened once, not before every arm that can be trained
        has been.
        """
        if list(self.state.arms.values()) != list(arms):
            self.journal.append("arms", arms=[arm.model_dump(mode="json") for arm in arms])
        jobs = {(arm.id, seed): final_job(arm, seed) for arm in arms for seed in seeds}
        self.run(list(jobs.values()))
        results = {key: self.state.screens[job.folder] for key, job in jobs.items()}
        broken = [f"{id}: {result.reason}" for (id, _), result in results.items() if result.status == "error"]
        if broken:
            raise MachineError(f"not finalized: {'; '.join(broken)}; mend it and run the same command")
        return results

    def read_test(self, readings: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Sequence[Outcome]]:
        """Opens the sealed test, once, and gives the outcomes of each arm trained under each seed."""
        self.budget.check()
        wanted = {f"{id}-{seed}": (id, seed) for id, seed in readings}
        files = [self._reading(name, *key) for name, key in wanted.items()]
        if not self.state.test_opened:
            self.journal.append("test_opened", readings=list(wanted))
        self.progress.say(f"the sealed test is read for {len(wanted)} policies")
        found = read_test(files, self.workers, self.folder, "final/test", self.budget.may_start)
        outcomes: dict[tuple[str, int], Sequence[Outcome]] = {wanted[name]: each for name, each in found}
        if len(outcomes) < len(wanted):
            self.budget.check()
            raise Interrupted("stopped while the test was read; the same command carries on")
        return outcomes

    def _reading(self, name: str, id: str, seed: int) -> Reading:
        folder = (policy_job(seed) if id == POLICY else final_job(self.state.arms[id], seed)).folder
        return Reading(name=name, adapter=None if id == POLICY else f"{folder}/adapter", mark=self.state.marks[folder])

    def run(self, jobs: Sequence[ScreenJob]) -> None:
        """Runs what is owed of `jobs`. Raises when a budget or the STOP file left some of it undone, and when the machine
        failed on all of it."""
        marks = {job.folder: fingerprint(job, self.config) for job in jobs}
        owed = [job for job in jobs if self.state.marks.get(job.folder) != marks[job.folder]]
        if not owed:
            return
        self.budget.check()
        self.progress.jobs({job.folder: self._told(job) for job in owed}, max(job.steps for job in owed))
        left, errors = {job.folder for job in owed}, []
        for job, result in screen(
            owed, self.workers, self.folder, self.config, self.budget.may_start, self.progress.step
        ):
            left.discard(job.folder)
            event: dict[str, Any] = {
                "id": job.id,
                "folder": job.folder,
                "mark": marks[job.folder],
                "status": result.status,
                "evaluated": _evaluated(result, self.config),
            }
            if result.status == "error":
                errors.append(f"{self._told(job)}: {result.reason}")
                event["result"] = result.model_dump(mode="json")
            self.journal.append("screened", **event)
            self.progress.ended(job, result, self._told(job))
        if left:
            self.budget.check()
            raise Interrupted(f"stopped before {len(left)} training runs were done; the same command carries on")
        if len(errors) == len(owed):
            raise MachineError(f"no training run could be carried out: {errors[0]}; mend it and run the same command")

    def _screened(self, job: ScreenJob) -> ScreenResult | None:
        """The result of a job that was carried through; None for one that failed, or is owed."""
        result = self.state.screens.get(job.folder)
        return result if result is not None and result.status == "done" else None

    def _at(self, id: str, rung: str) -> ScreenResult | None:
        jobs = stretch_jobs(id, self.state.members(id), (), self.config)
        return next((self._screened(job) for job in jobs if job.rung == rung), None)

    def _name(self, id: str) -> str:
        if id == POLICY:
            return self.config.policy_name
        return self.state.candidates[id].name if id in self.state.candidates else id

    def _told(self, job: ScreenJob) -> str:
        """How a run is told: its arm's name, with its seed where that is not the search's."""
        name = self._name(job.id)
        return name if job.seed == self.config.seed else f"{name} (seed {job.seed})"


def _evaluated(result: ScreenResult, config: Config) -> dict[str, Any]:
    """What a run was evaluated on, for the journal: the split, the number of questions, and a hash of their ids."""
    ids = "\n".join(outcome.id for outcome in result.outcomes)
    return {
        "split": config.ranked_on,
        "questions": len(result.outcomes),
        "sha256": hashlib.sha256(ids.encode()).hexdigest(),
    }
