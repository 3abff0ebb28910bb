"""Screen: a short GRPO + LoRA run for each job on warm worker processes, and a greedy evaluation on `val`. What every run starts
from, where supervised fine-tuning is asked for, is trained first (`tune`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import MachineError
from rewardsearch.records import Outcome, Record, Rollout, SftResult, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import SFT, load_bank, load_outcomes, load_result, load_sft
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.progress import Unit
from rewardsearch.train.launch_local import Done, LocalWorkers, Message
from rewardsearch.train.policy_check import DEVICE, check_policy

__all__ = [
    "DEVICE",
    "LocalWorkers",
    "TestEvaluation",
    "check_policy",
    "read_test",
    "sample_bank",
    "start_workers",
    "tune",
]

OnStep = Callable[[str, int, int, Unit], None]
"""Called with a job's name (its folder, where it has one), the units it has done, how many there are, and what they are."""


def start_workers(run: Path, config: Config) -> LocalWorkers:
    """The pool that `train` and `read_test` work with; a context manager. No process starts before there is work."""
    settings = config.train
    hidden = config.propose.llm.key_variables
    stall_s = settings.stall_minutes * 60
    return LocalWorkers(run, settings.slots, settings.threads, settings.retries, stall_s, hidden)


def train(
    jobs: Sequence[TrainingJob],
    workers: LocalWorkers,
    run: Path,
    config: Config,
    may_start: Callable[[], bool],
    on_step: OnStep,
) -> Iterator[tuple[TrainingJob, TrainingResult]]:
    """Each job with its result as it ends, in whatever order; results already on disk come first, without work.

    A job whose process broke down
    again and again gives status "error": it is still pending. Jobs that may_start held back give nothing.
    """
    by_folder = {job.folder: job for job in jobs}
    pending = []
    for job in jobs:
        finished = load_result(run / job.folder, fingerprint("training", config, job))
        if finished is not None:
            yield job, finished
        else:
            pending.append(job)
    messages: list[Message] = [
        {"kind": "train", "id": job.folder, "job": job.model_dump(mode="json")} for job in pending
    ]
    for done in workers.run(messages, may_start, on_step):
        job = by_folder[done.id]
        result = load_result(run / job.folder, fingerprint("training", config, job)) if done.error is None else None
        yield (
            job,
            result
            or TrainingResult(
                id=job.id,
                rung=job.rung,
                seed=job.seed,
                steps=0,
                status="error",
                reason=done.error or f"its result in {run / job.folder} cannot be read",
            ),
        )


def tune(
    run: Path, config: Config, workers: LocalWorkers, may_start: Callable[[], bool], on_step: OnStep
) -> SftResult | None:
    """The supervised fine-tuning of the run, trained in a worker where it is not there yet; None where may_start held it back.

    Raises MachineError when it cannot be trained.
    """
    folder, mark = run / SFT, fingerprint("sft", config)
    known = load_sft(folder, mark)
    if known is not None:
        return known
    for done in _run_twice([{"kind": SFT, "id": SFT}], workers, may_start, on_step):
        known = load_sft(folder, mark)
        if done.error is not None or known is None:
            raise MachineError(f"the policy could not be fine-tuned: {done.error or f'{folder} is missing'}")
    return known


def sample_bank(
    path: Path, workers: LocalWorkers, may_start: Callable[[], bool], on_step: OnStep
) -> tuple[Rollout, ...] | None:
    """The rollout bank in `path`, sampled in a worker where it is not there yet; None where may_start held it back.

    Raises MachineError when it cannot be sampled.
    """
    known = load_bank(path)
    if known is not None:
        return known
    for done in _run_twice([{"kind": "bank", "id": "bank", "out": str(path)}], workers, may_start, on_step):
        known = load_bank(path)
        if done.error is not None or known is None:
            raise MachineError(f"the rollout bank could not be sampled: {done.error or f'{path} is missing'}")
    return known


def _run_twice(
    messages: Sequence[Message], workers: LocalWorkers, may_start: Callable[[], bool], on_step: OnStep
) -> Iterator[Done]:
    """What LocalWorkers.run gives; what ended in an error is tried once more after the others."""
    by_id = {message["id"]: message for message in messages}
    again = []
    for done in workers.run(messages, may_start, on_step):
        if done.error is None:
            yield done
        else:
            again.append(by_id[done.id])
    yield from workers.run(again, may_start, on_step)


class TestEvaluation(Record):
    """One arm whose outcomes on the sealed test are wanted: `name` is the file's, `adapter` the folder of the adapter relative
    to the run (None for the policy without one), `fingerprint` that of its training."""

    name: str
    adapter: str | None
    fingerprint: str

    @property
    def file(self) -> str:
        """Where the outcomes are kept, relative to the run."""
        return f"final/test/{self.name}-{self.fingerprint[:8]}.jsonl"


def read_test(
    readings: Sequence[TestEvaluation],
    workers: LocalWorkers,
    run: Path,
    may_start: Callable[[], bool],
    on_step: OnStep,
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    """Outcomes on the sealed test, by the name of the reading.

    They are kept under name and fingerprint; what is there already is not read again. Raises MachineError when one cannot be
    evaluated.
    """
    files = {each.name: each.file for each in readings}
    messages: list[Message] = []
    for each in readings:
        known = load_outcomes(run / files[each.name])
        if known is not None:
            yield each.name, known
        else:
            messages.append({"kind": "test", "id": each.name, "adapter": each.adapter, "out": files[each.name]})
    for done in _run_twice(messages, workers, may_start, on_step):
        outcomes = load_outcomes(run / files[done.id])
        if done.error is not None or outcomes is None:
            raise MachineError(f"the test could not be read for {done.id}: {done.error or 'its file is missing'}")
        yield done.id, outcomes
