"""Screen: a short GRPO + LoRA run for each job on warm worker processes, and a greedy evaluation on `val`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import MachineError
from rewardsearch.records import Outcome, ScreenJob, ScreenResult
from rewardsearch.screen.launch_local import LocalWorkers, Message
from rewardsearch.store import fingerprint, load_outcomes, load_result

__all__ = ["LocalWorkers", "read_test", "screen", "start_workers"]

OnStep = Callable[[str, int, int], None]


def start_workers(run: Path, config: Config) -> LocalWorkers:
    """The pool that `screen` and `read_test` work with; a context manager. No process starts before there is work."""
    settings = config.screen
    hidden = [config.propose.openai.api_key_env, *(each.api_key_env for each in config.propose.openai.served())]
    stall_s = settings.stall_minutes * 60
    return LocalWorkers(run, settings.slots, settings.threads, settings.retries, stall_s, hidden)


def screen(
    jobs: Sequence[ScreenJob],
    workers: LocalWorkers,
    run: Path,
    config: Config,
    may_start: Callable[[], bool],
    on_step: OnStep,
) -> Iterator[ScreenResult]:
    """The result of each job as it ends, in whatever order; results already on disk come first, without work.

    A job whose process broke down again and again gives status "error": it is still owed. Jobs that may_start held back
    give nothing.
    """
    by_id = {job.id: job for job in jobs}
    owed = []
    for job in jobs:
        finished = load_result(run / job.folder, fingerprint(job, config))
        if finished is not None:
            yield finished
        else:
            owed.append(job)
    messages: list[Message] = [{"kind": "screen", "id": job.id, "job": job.model_dump(mode="json")} for job in owed]
    for done in workers.run(messages, may_start, on_step):
        job = by_id[done.id]
        result = load_result(run / job.folder, fingerprint(job, config)) if done.error is None else None
        yield result or ScreenResult(
            id=job.id,
            rung=job.rung,
            seed=job.seed,
            steps=job.steps,
            status="error",
            reason=done.error or f"its result in {run / job.folder} cannot be read",
        )


def read_test(
    arms: Sequence[tuple[str, str | None, str]],
    workers: LocalWorkers,
    run: Path,
    folder: str,
    may_start: Callable[[], bool],
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    """Outcomes on the sealed test of each arm: its id, its adapter's folder relative to `run` (None for no adapter), and
    the fingerprint of its training.

    An arm's outcomes are kept in `folder` under its id and fingerprint; what is there already is not read again. Raises
    MachineError when an arm cannot be evaluated.
    """
    files = {name: f"{folder}/{name}-{mark[:8]}.jsonl" for name, _, mark in arms}
    messages: list[Message] = []
    for name, adapter, _ in arms:
        known = load_outcomes(run / files[name])
        if known is not None:
            yield name, known
        else:
            messages.append({"kind": "test", "id": name, "adapter": adapter, "out": files[name]})
    for done in workers.run(messages, may_start, lambda *_: None):
        outcomes = load_outcomes(run / files[done.id])
        if done.error is not None or outcomes is None:
            raise MachineError(f"the test could not be read for {done.id}: {done.error or 'its file is missing'}")
        yield done.id, outcomes
