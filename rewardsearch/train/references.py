"""The training runs that candidates are compared with: the policy before any GRPO, and the baseline under each of its seeds."""

from __future__ import annotations

from rewardsearch.errors import MachineError, NothingAccepted, UserError
from rewardsearch.records import BASELINE, DIVERGED, POLICY, TrainingJob, TrainingResult
from rewardsearch.run.events import SealedTestOpened
from rewardsearch.run.jobs import policy_job, segment_jobs, training_job
from rewardsearch.train.schedule import Trainings
from rewardsearch.train.solvable import nothing_to_rank, solves_enough


def train_references(trainings: Trainings) -> None:
    """The policy before any GRPO and the baseline. The baseline's further seeds show how much its score varies by itself.

    Raises UserError or MachineError where one of them could not be trained, NothingAccepted where candidates could not be ranked.
    """
    config, state = trainings.config, trainings.state
    if config.paper_protocol and not state.test_opened:
        trainings.journal.append(
            SealedTestOpened(readings=("every training run: paper_protocol ranks on the test split",))
        )
    policy, segments = policy_job(config.seed), segment_jobs(BASELINE, (), state.base, config)
    further = [training_job(BASELINE, (), state.base, seed, config.train.steps) for seed in config.baseline_seeds[1:]]
    trainings.run([policy, segments[0]])
    before = _required(trainings, policy)
    # Candidates are compared with the baseline at every rung.
    _required(trainings, segments[0])
    if solves_enough([before], config):
        trainings.run([*segments[1:2], *further])
    for job in segments[1:]:
        trainings.run([job])
        _required(trainings, job)
    reason = nothing_to_rank(before, state.baselines, config)
    if reason is not None:
        raise NothingAccepted(reason)
    trainings.run(further)
    for job in further:
        _required(trainings, job, errors=False)


def _required(trainings: Trainings, job: TrainingJob, errors: bool = True) -> TrainingResult:
    """The result of the policy or of a baseline run, which a search cannot do without.

    Raises UserError where it failed, MachineError for an infrastructure error (if `errors`).
    """
    result, label = trainings.state.trainings[job.folder], trainings.label(job)
    if result.status == "error" and errors:
        raise MachineError(f"{label} could not be trained: {result.reason}; fix it and run the same command")
    if result.status == "failed":
        raise UserError(f"{label} failed: {result.reason}; {_remedy(trainings, job, result)}, in another --run-dir")
    return result


def _remedy(trainings: Trainings, job: TrainingJob, result: TrainingResult) -> str:
    settings = trainings.config.train
    if job.id == POLICY:
        return "take another policy.model or policy.dtype"
    if DIVERGED in result.flags:
        return f"lower train.learning_rate (got {settings.learning_rate:g})"
    return f"fix train.base_rewards ({', '.join(settings.base_rewards)})"
