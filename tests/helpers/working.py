"""Jobs in a worker of the test's own process."""

from rewardsearch.records import TrainingJob, TrainingResult
from rewardsearch.run.artifacts import load_result
from rewardsearch.train.launcher import TrainArm
from rewardsearch.train.worker.jobs import Worker


def train_now(worker: Worker, job: TrainingJob) -> TrainingResult:
    """Carries out a training job, and gives its result as it is on the disk. Raises what broke down."""
    ((_, end),) = worker.carry_out([TrainArm(id=job.folder, training=job)], lambda *_: None)
    if isinstance(end, Exception):
        raise end
    result = load_result(worker.run / job.folder)
    assert end == "done" and result is not None
    return TrainingResult.model_validate(result.model_dump())
