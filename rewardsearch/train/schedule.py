"""The training runs of a search: pending ones are carried out, and recorded in the journal as they end.

Everything looks in the run's state first and does what is still missing, so starting and resuming are the same.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

from rewardsearch.config import Config
from rewardsearch.errors import Interrupted, MachineError
from rewardsearch.records import POLICY, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import RESULT, result_digest
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import DevicesHeld, Evaluated, Trained
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import segment_jobs
from rewardsearch.run.journal import Journal
from rewardsearch.run.progress import Tracker
from rewardsearch.train import train
from rewardsearch.train.interrupts import noted_interrupt
from rewardsearch.train.launcher import Launcher

_TRIES = 3
"""How often a session tries a run that ends in infrastructure errors."""
_BOOKED_EVERY_S = 600.0
"""Device seconds that may be unbooked in the journal while jobs run."""


class Trainings:
    """The training runs of one session. references.py, rounds.py and finals.py say which ones there are."""

    def __init__(
        self,
        journal: Journal,
        config: Config,
        launcher: Launcher,
        budget: Budget,
        progress: Tracker,
        leaders: Callable[[], Sequence[str]],
    ) -> None:
        """leaders: gives the trained arms by rank, best first."""
        self.journal, self.config, self.progress = journal, config, progress
        self.launcher, self.budget = launcher, budget
        self.state = journal.state
        self.leaders = leaders
        self.folder = journal.state.folder
        self._errors: Counter[str] = Counter()
        """Infrastructure errors of this session, by the job's folder."""
        self._in_a_row: dict[str, str] = {}
        """The infrastructure errors since the last run that ended without one, by arm."""

    def run(self, jobs: Sequence[TrainingJob]) -> None:
        """Carries out the pending ones of `jobs`; a job that ended in an infrastructure error is tried once more after the
        others.

        Raises Interrupted or BudgetReached where jobs were left out, and MachineError where as many candidates in a row as
        `train.max_infrastructure_errors` allows ended in an infrastructure error.
        """
        self._run(jobs)
        self._run([job for job in jobs if self.failed_to_run(job)])

    def _run(self, jobs: Sequence[TrainingJob]) -> None:
        fingerprints = {job.folder: fingerprint("training", self.config, job) for job in jobs}
        pending = [job for job in jobs if self.state.fingerprints.get(job.folder) != fingerprints[job.folder]]
        # A job that fails every time does not hold up the others all night.
        pending = [job for job in pending if self._errors[job.folder] < _TRIES]
        if not pending:
            return
        self.budget.check()
        self._clear_lost(pending)
        limit = self.config.train.max_infrastructure_errors
        self.progress.jobs({job.folder: self.label(job) for job in pending}, max(job.steps for job in pending))
        left = {job.folder for job in pending}
        with noted_interrupt() as interrupted:
            pausing = ""

            def may_start() -> bool:
                return len(self._in_a_row) < limit and self.budget.may_start()

            def may_continue() -> bool:
                nonlocal pausing
                if self.budget.unbooked > _BOOKED_EVERY_S:
                    self.book_devices()
                why = "interrupted" if interrupted() else self.budget.time_used() or ""
                if why and not pausing:
                    self.progress.say(
                        f"  {why}: running jobs are saved after the step in hand; Ctrl-C ends them at once"
                    )
                pausing = pausing or why
                return not pausing

            found = train(pending, self.launcher, self.folder, self.config, may_start, may_continue, self.progress.step)
            for job, result in found:
                left.discard(job.folder)
                self._record(job, fingerprints[job.folder], result)
            self.book_devices()
            if interrupted():
                raise Interrupted(f"interrupted with {len(left)} training runs to do; the same command resumes")
        if len(self._in_a_row) >= limit:
            raise MachineError(
                f"infrastructure errors in a row (train.max_infrastructure_errors: {limit}): "
                f"{'; '.join(self._in_a_row.values())}; fix the cause and run the same command"
            )
        if left:
            self.budget.check()
            raise Interrupted(f"stopped before {len(left)} training runs were done; the same command resumes")

    def _record(self, job: TrainingJob, fingerprint: str, result: TrainingResult) -> None:
        if result.status == "error":
            self._errors[job.folder] += 1
            self._in_a_row[job.id] = f"{self.label(job)}: {result.reason}"
        else:
            self._in_a_row.clear()
        self.journal.append(
            Trained(
                folder=job.folder,
                fingerprint=fingerprint,
                digest=result_digest(self.folder / job.folder) if result.status != "error" else None,
                evaluated=_evaluated(result, self.config),
                result=result,
            )
        )
        self.progress.ended(job, result, self.label(job))

    def book_devices(self) -> None:
        """Writes into the journal how long accelerators have been held since the last time."""
        if (seconds := self.budget.unbooked) > 0:
            self.journal.append(DevicesHeld(seconds=seconds))

    def errored(self, id: str) -> bool:
        """Whether the training of a candidate is pending because it ended in an infrastructure error."""
        result = self.state.results.get(id)
        return result is not None and result.status == "error"

    @property
    def sealed_is_open(self) -> bool:
        """Whether the sealed test has been opened. Where candidates are ranked on it, it never was sealed."""
        return bool(self.state.test_opened) and not self.config.paper_protocol

    def failed_to_run(self, job: TrainingJob) -> bool:
        """Whether a job ended in an infrastructure error."""
        result = self.state.trainings.get(job.folder)
        return result is not None and result.status == "error"

    def _clear_lost(self, jobs: Sequence[TrainingJob]) -> None:
        """Removes the rest of damaged results, so that it is not taken for a result."""
        for job in jobs:
            if (lost := self.state.lost.get(job.folder)) is not None:
                self.progress.say(f"warning: {lost.path} is {lost.what}; {self.label(job)} is trained again")
                (self.folder / job.folder / RESULT).unlink(missing_ok=True)

    def finished(self, job: TrainingJob) -> TrainingResult | None:
        """The result of a job that is done; None for one that failed, or is pending."""
        result = self.state.trainings.get(job.folder)
        return result if result is not None and result.status == "done" else None

    def result_at(self, id: str, rung: str) -> TrainingResult | None:
        """The result of an arm at a rung; None where it is not there."""
        jobs = segment_jobs(id, self.state.members(id), (), self.config)
        return next((self.finished(job) for job in jobs if job.rung == rung), None)

    def name(self, id: str) -> str:
        """What log lines call an arm."""
        if id == POLICY:
            return self.config.policy_name
        return self.state.candidates[id].name if id in self.state.candidates else id

    def label(self, job: TrainingJob) -> str:
        """What log lines call a job: its arm's name, with its seed where that is not the search's."""
        name = self.name(job.id)
        return name if job.seed == self.config.seed else f"{name} (seed {job.seed})"


def _evaluated(result: TrainingResult, config: Config) -> Evaluated:
    """What a run was evaluated on, for the journal: the split, the number of questions, and a hash of their ids."""
    ids = "\n".join(outcome.id for outcome in result.outcomes)
    return Evaluated(
        split=config.ranked_on, questions=len(result.outcomes), sha256=hashlib.sha256(ids.encode()).hexdigest()
    )
