"""The training runs of finalize, and the one evaluation on the sealed test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rewardsearch.errors import Interrupted, UserError
from rewardsearch.records import POLICY, FinalArm, LostFile, Outcome, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import ADAPTER, ArtifactError, check_files, outcomes_digest
from rewardsearch.run.events import ArmsChosen, Lost, SealedTestOpened, SealedTestRead
from rewardsearch.run.jobs import final_job, policy_job
from rewardsearch.train import evaluate_test
from rewardsearch.train.launcher import EvaluateTest, evaluation_on_test
from rewardsearch.train.schedule import Trainings

Trained = tuple[str, int]
"""An arm and the seed that it was trained with."""


def train_finals(trainings: Trainings, arms: Sequence[FinalArm]) -> dict[Trained, TrainingResult]:
    """Trains the arms of finalize under each of their seeds. Raises UserError where the test was opened for other arms.

    A run that ended in an infrastructure error is tried again until the test is opened, and not after that: by then it is decided
    which arms are evaluated on the test.
    """
    state = trainings.state
    if list(state.arms.values()) != list(arms):
        if trainings.sealed_is_open:
            known = list(state.arms.values())
            other = sorted({arm.id for arm in (*arms, *known) if arm not in arms or arm not in known})
            raise UserError(
                f"{trainings.folder}: the sealed test was opened for other arms ({', '.join(other)} changed since), and is "
                "evaluated once: restore their reward files, base rewards and numbers of seeds, or name another --run-dir"
            )
        trainings.journal.append(ArmsChosen(arms=tuple(arms)))
    jobs = {(arm.id, seed): final_job(arm, seed) for arm in arms for seed in arm.seeds}
    trainings.run([job for job in jobs.values() if not (trainings.sealed_is_open and trainings.failed_to_run(job))])
    _check_adapters(trainings, [job for job in jobs.values() if state.trainings[job.folder].status == "done"])
    return {key: state.trainings[job.folder] for key, job in jobs.items()}


def evaluate_finals(trainings: Trainings, arms: Sequence[Trained]) -> dict[Trained, Sequence[Outcome]]:
    """Opens the sealed test, once, and gives the outcomes of each of `arms`."""
    state, progress = trainings.state, trainings.progress
    trainings.budget.check()
    wanted = {f"{id}-{seed}": (id, seed) for id, seed in arms}
    jobs = [final_job(state.arms[id], seed) for id, seed in arms if id != POLICY]
    trainings.run([*(policy_job(seed) for id, seed in arms if id == POLICY), *jobs])
    _check_adapters(trainings, jobs)
    evaluations = {name: _evaluation(trainings, *key) for name, key in wanted.items()}
    _clear_damaged(trainings, evaluations.values())
    if not state.test_opened:
        trainings.journal.append(SealedTestOpened(readings=tuple(wanted)))
    progress.say(f"the sealed test is read for {len(wanted)} policies")
    progress.doing("evaluating on the sealed test")
    found = evaluate_test(
        list(evaluations.values()),
        trainings.launcher,
        trainings.folder,
        trainings.budget.may_start,
        progress.step,
    )
    outcomes: dict[Trained, Sequence[Outcome]] = {}
    for name, each in found:
        outcomes[wanted[name]] = each
        file = evaluations[name].file
        if file not in state.test_files:
            trainings.journal.append(SealedTestRead(file=file, digest=outcomes_digest(trainings.folder / file)))
    if len(outcomes) < len(wanted):
        trainings.budget.check()
        raise Interrupted("stopped during the evaluation on the sealed test; the same command resumes")
    return outcomes


def _check_adapters(trainings: Trainings, jobs: Sequence[TrainingJob]) -> None:
    """Trains again the jobs whose adapter is missing or damaged, unless it was evaluated on the test before."""
    lost = []
    for job in (each for each in jobs if each.steps):
        file = _evaluation(trainings, job.id, job.seed).file
        if (trainings.folder / file).is_file():
            continue
        try:
            check_files(trainings.folder / job.folder, ADAPTER)
        except ArtifactError as error:
            missing = LostFile(path=f"{job.folder}/{error.name}", what=error.what)
            trainings.journal.append(Lost(folder=job.folder, file=missing))
            lost.append(job)
    trainings.run(lost)


def _clear_damaged(trainings: Trainings, evaluations: Iterable[EvaluateTest]) -> None:
    """Removes outcomes on the test whose digest is not the journal's; the same policy is evaluated again."""
    for each in evaluations:
        path, digest = trainings.folder / each.file, trainings.state.test_files.get(each.file)
        if digest is not None and path.is_file() and outcomes_digest(path) != digest:
            trainings.progress.say(f"warning: {each.file} is damaged; it is read again, of the same policy")
            path.unlink()


def _evaluation(trainings: Trainings, id: str, seed: int) -> EvaluateTest:
    """The evaluation of an arm. Its file is named after the arm and the fingerprint of its training."""
    job = policy_job(seed) if id == POLICY else final_job(trainings.state.arms[id], seed)
    adapter = f"{job.folder}/{ADAPTER}" if job.steps else None
    return evaluation_on_test(f"{id}-{seed}", adapter, trainings.state.fingerprints[job.folder], job.bare)
