"""The training runs of a search: what is pending of them is run, and booked in the journal as it ends.

Every method looks in the run's state first and does what is still missing, so that starting and resuming are the same thing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rewardsearch.config import Config
from rewardsearch.errors import Interrupted, MachineError, NothingAccepted, UserError
from rewardsearch.records import (
    BASELINE,
    DIVERGED,
    FULL,
    POLICY,
    Candidate,
    FinalArm,
    LostFile,
    Outcome,
    TrainingJob,
    TrainingResult,
)
from rewardsearch.rewards.base import spec_of
from rewardsearch.run.artifacts import (
    ADAPTER,
    CHECKPOINT,
    RESULT,
    ArtifactError,
    check_files,
    outcomes_digest,
    result_digest,
)
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import (
    ArmsChosen,
    Evaluated,
    Lost,
    Raced,
    SealedTestOpened,
    SealedTestRead,
    Trained,
)
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import final_job, policy_job, segment_jobs, training_job
from rewardsearch.run.journal import Journal
from rewardsearch.run.progress import Tracker
from rewardsearch.train import LocalWorkers, TestEvaluation, read_test, train
from rewardsearch.train.race import baseline_noise, race, rank_agreement
from rewardsearch.train.solvable import nothing_to_rank, solves_enough

_TRIES = 3
"""How often a session tries a run that ends in infrastructure errors."""


class Trainings:
    """The training runs of one session on a run."""

    def __init__(
        self,
        journal: Journal,
        config: Config,
        workers: LocalWorkers,
        budget: Budget,
        progress: Tracker,
        leaders: Callable[[], Sequence[str]],
    ) -> None:
        """leaders: gives the trained arms by rank, best first."""
        self.journal, self.config, self.progress = journal, config, progress
        self.workers, self.budget = workers, budget
        self.state = journal.state
        self._leaders = leaders
        self.folder = journal.state.folder
        self._errors: Counter[str] = Counter()
        """Infrastructure errors of this session, by the job's folder."""
        self._in_a_row: dict[str, str] = {}
        """What ended in one since the last run that did not, by arm."""

    def references(self) -> None:
        """The policy before any GRPO and the baseline, with every seed of its own: what candidates are held against, and how far
        that moves by itself."""
        if self.config.paper_protocol and not self.state.test_opened:
            self.journal.append(
                SealedTestOpened(readings=("every training run: paper_protocol ranks on the test split",))
            )
        base = self.state.base
        policy, segments = policy_job(self.config.seed), segment_jobs(BASELINE, (), base, self.config)
        seeds = self.config.baseline_seeds[1:]
        again = [training_job(BASELINE, (), base, seed, self.config.train.steps) for seed in seeds]
        self.run([policy, segments[0]])
        before = self._required(policy)
        # Candidates are held against the baseline at every rung.
        self._required(segments[0])
        if solves_enough([before], self.config):
            self.run([*segments[1:2], *again])
        for job in segments[1:]:
            self.run([job])
            self._required(job)
        reason = nothing_to_rank(before, self.state.baselines, self.config)
        if reason is not None:
            raise NothingAccepted(reason)
        self.run(again)
        for job in again:
            self._required(job, errors=False)

    def _required(self, job: TrainingJob, errors: bool = True) -> TrainingResult:
        """The result of the policy or of a baseline run, without which there is no search.

        Raises UserError where it failed, MachineError for an infrastructure error (if `errors`).
        """
        result = self.state.trainings[job.folder]
        if result.status == "error" and errors:
            raise MachineError(
                f"{self._told(job)} could not be trained: {result.reason}; fix it and run the same command"
            )
        if result.status == "failed":
            raise UserError(
                f"{self._told(job)} failed: {result.reason}; {self._remedy(job, result)}, in another --run-dir"
            )
        return result

    def _remedy(self, job: TrainingJob, result: TrainingResult) -> str:
        if job.id == POLICY:
            return "take another policy.model or policy.dtype"
        if DIVERGED in result.flags:
            return f"lower train.learning_rate (got {self.config.train.learning_rate:g})"
        return f"fix train.base_rewards ({', '.join(self.config.train.base_rewards)})"

    def race(self, number: int, candidates: Sequence[Candidate]) -> None:
        """Screens a round's accepted candidates, rung by rung; who is dropped at a rung is not trained on."""
        jobs = {c.id: segment_jobs(c.id, [spec_of(c)], self.state.base, self.config) for c in candidates}
        running = set(jobs)
        for segment in zip(*jobs.values(), strict=True):
            self.run([job for job in segment if job.id in running])
            at_rung = {job.id: result for job in segment if (result := self._screened(job)) is not None}
            if segment[0].rung != FULL:
                self._race(number, segment[0].rung, at_rung)
                running = {id for id in at_rung if self.state.promotions[segment[0].rung, id].promoted}
                for job in segment:
                    if job.id not in running:
                        # Nothing carries it on; with the optimiser it is the largest of a run's files.
                        shutil.rmtree(self.folder / job.folder / CHECKPOINT, ignore_errors=True)

    def again(self, candidates: Sequence[Candidate]) -> None:
        """Trains again what was lost of the runs of `candidates`, and nothing else."""
        jobs = (job for c in candidates for job in segment_jobs(c.id, [spec_of(c)], self.state.base, self.config))
        self.run([job for job in jobs if job.folder in self.state.lost])

    def _race(self, number: int, rung: str, at_rung: Mapping[str, TrainingResult]) -> None:
        """Decides who goes on from a rung; who has a promotion already keeps it."""
        undecided = [id for id in at_rung if (rung, id) not in self.state.promotions]
        if not undecided:
            return
        # The leader of the leaderboard; what was screened before it has been at this rung too.
        screened = ((id, self._at(id, rung)) for id in self._leaders())
        incumbent, its_result = next((id, result) for id, result in screened if result is not None)
        # Of the baseline's seeds the search's alone is trained through the rungs.
        name = f"the baseline with seed {self.config.seed}" if incumbent == BASELINE else self._name(incumbent)
        results = {incumbent: its_result, **at_rung}
        config = self.config
        noise = baseline_noise(self.state.baselines, config.rank, config.seed)
        agreement = rank_agreement(self._trained_past(rung, number), config.race)
        found = race(results, list(at_rung), incumbent, name, config.race, config.rank, config.seed, noise, agreement)
        promotions = [found[id] for id in undecided]
        self.journal.append(Raced(round=number, rung=rung, promotions=tuple(promotions)))
        for promotion in promotions:
            self.progress.say(f"  {self._name(promotion.id)} {promotion.message}")

    def _trained_past(self, rung: str, number: int) -> list[tuple[TrainingResult, TrainingResult]]:
        """The results at a rung and at the end of the candidates proposed before round `number` that have both."""
        earlier = (id for id, candidate in self.state.candidates.items() if candidate.round < number)
        pairs = ((self._at(id, rung), self._at(id, FULL)) for id in earlier)
        return [(early, late) for early, late in pairs if early is not None and late is not None]

    def train(self, arms: Sequence[FinalArm]) -> dict[tuple[str, int], TrainingResult]:
        """The arms of finalize under each of their seeds, by arm and seed. Raises UserError where the test was opened for others.

        A run that ended in an infrastructure error is tried again until the test is opened, and not after that: which arms it is
        read for was decided by then.
        """
        if list(self.state.arms.values()) != list(arms):
            if self.sealed_is_open:
                known = list(self.state.arms.values())
                other = sorted({arm.id for arm in (*arms, *known) if arm not in arms or arm not in known})
                raise UserError(
                    f"{self.folder}: the sealed test was opened for other arms ({', '.join(other)} changed since), and is read "
                    "once: restore their reward files, base rewards and numbers of seeds, or name another --run-dir"
                )
            self.journal.append(ArmsChosen(arms=tuple(arms)))
        jobs = {(arm.id, seed): final_job(arm, seed) for arm in arms for seed in arm.seeds}
        self.run([job for job in jobs.values() if not (self.sealed_is_open and self._errored(job))])
        self._check_adapters([job for job in jobs.values() if self.state.trainings[job.folder].status == "done"])
        return {key: self.state.trainings[job.folder] for key, job in jobs.items()}

    @property
    def sealed_is_open(self) -> bool:
        """Whether the sealed test has been opened; where candidates are ranked on it, it never was sealed."""
        return bool(self.state.test_opened) and not self.config.paper_protocol

    def read_test(self, readings: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Sequence[Outcome]]:
        """Opens the sealed test, once, and gives the outcomes of each arm trained under each seed."""
        self.budget.check()
        wanted = {f"{id}-{seed}": (id, seed) for id, seed in readings}
        jobs = [final_job(self.state.arms[id], seed) for id, seed in readings if id != POLICY]
        self.run([*(policy_job(seed) for id, seed in readings if id == POLICY), *jobs])
        self._check_adapters(jobs)
        files = [self._reading(name, *key) for name, key in wanted.items()]
        self._clear_damaged(files)
        if not self.state.test_opened:
            self.journal.append(SealedTestOpened(readings=tuple(wanted)))
        self.progress.say(f"the sealed test is read for {len(wanted)} policies")
        self.progress.doing("reading the sealed test")
        found = read_test(files, self.workers, self.folder, self.budget.may_start, self.progress.step)
        outcomes: dict[tuple[str, int], Sequence[Outcome]] = {}
        for name, each in found:
            outcomes[wanted[name]] = each
            file = next(reading.file for reading in files if reading.name == name)
            if file not in self.state.test_files:
                self.journal.append(SealedTestRead(file=file, digest=outcomes_digest(self.folder / file)))
        if len(outcomes) < len(wanted):
            self.budget.check()
            raise Interrupted("stopped while the test was read; the same command carries on")
        return outcomes

    def _check_adapters(self, jobs: Sequence[TrainingJob]) -> None:
        """Trains again what has an adapter that is missing or damaged, unless it was read on the test before."""
        lost = []
        for job in jobs:
            if (self.folder / self._reading(f"{job.id}-{job.seed}", job.id, job.seed).file).is_file():
                continue
            try:
                check_files(self.folder / job.folder, ADAPTER)
            except ArtifactError as error:
                file = LostFile(path=f"{job.folder}/{error.name}", what=error.what)
                self.journal.append(Lost(folder=job.folder, file=file))
                lost.append(job)
        self.run(lost)

    def _clear_damaged(self, readings: Sequence[TestEvaluation]) -> None:
        """Removes outcomes on the test that are not those that were read; they are read again, of the same policy."""
        for reading in readings:
            path, digest = self.folder / reading.file, self.state.test_files.get(reading.file)
            if digest is not None and path.is_file() and outcomes_digest(path) != digest:
                self.progress.say(f"warning: {reading.file} is damaged; it is read again, of the same policy")
                path.unlink()

    def _reading(self, name: str, id: str, seed: int) -> TestEvaluation:
        folder = (policy_job(seed) if id == POLICY else final_job(self.state.arms[id], seed)).folder
        return TestEvaluation(
            name=name,
            adapter=None if id == POLICY else f"{folder}/adapter",
            fingerprint=self.state.fingerprints[folder],
        )

    def run(self, jobs: Sequence[TrainingJob]) -> None:
        """Runs what is pending of `jobs`; what ended in an infrastructure error is tried once more after the others.

        Raises when a budget or the STOP file left some of it undone, and MachineError when as many candidates in a row as
        `train.max_infrastructure_errors` allows ended in such an error.
        """
        self._run(jobs)
        self._run([job for job in jobs if self._errored(job)])

    def _run(self, jobs: Sequence[TrainingJob]) -> None:
        fingerprints = {job.folder: fingerprint("training", self.config, job) for job in jobs}
        pending = [job for job in jobs if self.state.fingerprints.get(job.folder) != fingerprints[job.folder]]
        # What fails every time is not to take up the night.
        pending = [job for job in pending if self._errors[job.folder] < _TRIES]
        if not pending:
            return
        self.budget.check()
        self._clear_lost(pending)
        limit = self.config.train.max_infrastructure_errors
        self.progress.jobs({job.folder: self._told(job) for job in pending}, max(job.steps for job in pending))
        left = {job.folder for job in pending}

        def may_start() -> bool:
            return len(self._in_a_row) < limit and self.budget.may_start()

        for job, result in train(pending, self.workers, self.folder, self.config, may_start, self.progress.step):
            left.discard(job.folder)
            if result.status == "error":
                self._errors[job.folder] += 1
                self._in_a_row[job.id] = f"{self._told(job)}: {result.reason}"
            else:
                self._in_a_row.clear()
            self.journal.append(
                Trained(
                    folder=job.folder,
                    fingerprint=fingerprints[job.folder],
                    digest=result_digest(self.folder / job.folder) if result.status != "error" else None,
                    evaluated=_evaluated(result, self.config),
                    result=result,
                )
            )
            self.progress.ended(job, result, self._told(job))
        if len(self._in_a_row) >= limit:
            raise MachineError(
                f"infrastructure errors in a row (train.max_infrastructure_errors: {limit}): "
                f"{'; '.join(self._in_a_row.values())}; fix the cause and run the same command"
            )
        if left:
            self.budget.check()
            raise Interrupted(f"stopped before {len(left)} training runs were done; the same command carries on")

    def errored(self, id: str) -> bool:
        """Whether an infrastructure error ended the training of a candidate, which is pending since."""
        result = self.state.results.get(id)
        return result is not None and result.status == "error"

    def _errored(self, job: TrainingJob) -> bool:
        result = self.state.trainings.get(job.folder)
        return result is not None and result.status == "error"

    def _clear_lost(self, jobs: Sequence[TrainingJob]) -> None:
        """Removes what is left of results that are damaged, so that it is not taken for one."""
        for job in jobs:
            if (lost := self.state.lost.get(job.folder)) is not None:
                self.progress.say(f"warning: {lost.path} is {lost.what}; {self._told(job)} is trained again")
                (self.folder / job.folder / RESULT).unlink(missing_ok=True)

    def _screened(self, job: TrainingJob) -> TrainingResult | None:
        """The result of a job that was carried through; None for one that failed, or is pending."""
        result = self.state.trainings.get(job.folder)
        return result if result is not None and result.status == "done" else None

    def _at(self, id: str, rung: str) -> TrainingResult | None:
        jobs = segment_jobs(id, self.state.members(id), (), self.config)
        return next((self._screened(job) for job in jobs if job.rung == rung), None)

    def _name(self, id: str) -> str:
        if id == POLICY:
            return self.config.policy_name
        return self.state.candidates[id].name if id in self.state.candidates else id

    def _told(self, job: TrainingJob) -> str:
        """How a run is told: its arm's name, with its seed where that is not the search's."""
        name = self._name(job.id)
        return name if job.seed == self.config.seed else f"{name} (seed {job.seed})"


def _evaluated(result: TrainingResult, config: Config) -> Evaluated:
    """What a run was evaluated on, for the journal: the split, the number of questions, and a hash of their ids."""
    ids = "\n".join(outcome.id for outcome in result.outcomes)
    return Evaluated(
        split=config.ranked_on, questions=len(result.outcomes), sha256=hashlib.sha256(ids.encode()).hexdigest()
    )
