"""A training job that is killed or paused in the middle resumes from its progress, and ends as if it never stopped."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from working import train_now

from rewardsearch.config import Config, parse_config
from rewardsearch.records import RewardSpec, TrainingJob
from rewardsearch.run.artifacts import PROGRESS, load_completions, load_result
from rewardsearch.run.jobs import policy_job
from rewardsearch.testing.launcher import ENGINE, SLOW
from rewardsearch.train import train
from rewardsearch.train.engine import Engine, load_engine
from rewardsearch.train.launcher import Done, TrainArm
from rewardsearch.train.launchers.local import LocalLauncher
from rewardsearch.train.worker.jobs import Worker

STEPS = 4
PRINTS = """
def reward(prompts, completions, answer, **columns):
    print("scored", len(completions))
    return [float(len(c)) for c in completions]
"""
RAISES = """
def reward(prompts, completions, answer, **columns):
    raise ValueError("no")
"""
MEASURED = {"seconds", "phases", "peak_memory_mb"}


def config(**train: Any) -> Config:
    settings = {"steps": STEPS, "prompts_per_step": 2, "group_size": 2, "max_completion_tokens": 8, **train}
    return parse_config({"task": {"train_rows": 16, "val_rows": 8, "test_rows": 8}, "train": settings}, "test")


EVERY_STEP = config(checkpoint_minutes=1e-9, retries=1, slots=1)


def job(code: str, seed: int = 0) -> TrainingJob:
    spec = RewardSpec(id="abc", name="candidate", code=code)
    return TrainingJob(id="abc", seed=seed, steps=STEPS, folder=f"arms/{seed}", rewards=(spec,))


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One engine for all tests: no job changes it."""
    return load_engine(config(), None)


@pytest.fixture
def worker(tmp_path: Path, engine: Engine) -> Iterator[Callable[..., Worker]]:
    """Makes workers on runs by name."""
    opened = []

    def make(run: str = "run", settings: Config = EVERY_STEP) -> Worker:
        made = Worker(tmp_path / run, settings)
        made.engine = engine
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def whole(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[TrainingJob], Worker]:
    """A run in which a job was carried out undisturbed."""
    known: dict[str, Worker] = {}

    def whole(job: TrainingJob) -> Worker:
        code = job.rewards[0].code
        if code not in known:
            known[code] = Worker(tmp_path_factory.mktemp("whole"), EVERY_STEP)
            known[code].engine = engine
            with closing(known[code]):
                train_now(known[code], job)
        return known[code]

    return whole


class Killed(BaseException):
    pass


def begin(worker: Worker, job: TrainingJob, steps: int, kill: bool = False) -> list[int]:
    """Trains `steps` steps, and is paused then, or killed within the last of them. Gives the steps."""
    seen: list[int] = []

    def on_step(id: str, done: int, of: int, unit: str) -> None:
        seen.append(done)
        if kill and done == steps:
            raise Killed

    try:
        ends = list(worker.carry_out([TrainArm(id="x", training=job)], on_step, lambda: kill or len(seen) < steps))
    except Killed:
        return seen
    assert ends == [("x", "paused")]
    return seen


def steps_of(worker: Worker, job: TrainingJob) -> list[int]:
    """Carries out `job`, and gives the steps that were trained for it."""
    seen: list[int] = []
    ends = worker.carry_out(
        [TrainArm(id="x", training=job)], lambda id, done, of, unit: seen.append(done) if unit == "steps" else None
    )
    assert list(ends) == [("x", "done")]
    return seen


def assert_same(a: Worker, b: Worker, job: TrainingJob) -> None:
    """The results of two runs, to the last bit."""
    first, second = (load_result(each.run / job.folder) for each in (a, b))
    assert first is not None and second is not None
    assert first.model_dump(exclude=MEASURED) == second.model_dump(exclude=MEASURED)
    assert load_completions(a.run / job.folder) == load_completions(b.run / job.folder)
    printed = [each.run / job.folder / "printed.txt" for each in (a, b)]
    assert [path.exists() for path in printed] in ([True] * 2, [False] * 2)
    assert not printed[0].exists() or printed[0].read_bytes() == printed[1].read_bytes()
    assert not (a.run / job.folder / PROGRESS).exists() and not (b.run / job.folder / PROGRESS).exists()


@pytest.mark.parametrize("kill", [False, True], ids=["paused", "killed"])
@pytest.mark.parametrize("code", [PRINTS, RAISES], ids=["prints", "raises"])
def test_a_job_that_was_interrupted_ends_as_one_that_never_was(
    worker: Callable[..., Worker], whole: Callable[[TrainingJob], Worker], kill: bool, code: str
) -> None:
    stopped = worker("stopped")
    # Of a reward that always raises, the third call ends the training as the candidate's fault.
    last = STEPS if code == PRINTS else 2
    assert begin(stopped, job(code), 2, kill) == [1, 2]
    assert load_result(stopped.run / job(code).folder) is None
    assert steps_of(worker("stopped"), job(code)) == list(range(2 if kill else 3, last + 1))
    result = load_result(stopped.run / job(code).folder)
    assert result is not None and (result.status, result.steps) == ("done" if code == PRINTS else "failed", last)
    assert_same(stopped, whole(job(code)), job(code))


def test_progress_is_saved_as_often_as_the_config_says(worker: Callable[..., Worker]) -> None:
    for settings, there in ((EVERY_STEP, True), (config(checkpoint_minutes=60), False)):
        begun = worker(f"{there}", settings)
        begin(begun, job(PRINTS), 2, kill=True)
        assert (begun.run / job(PRINTS).folder / PROGRESS).is_dir() == there


def test_the_seconds_of_all_parts_are_summed_up_by_phase(worker: Callable[..., Worker]) -> None:
    begin(worker(), job(PRINTS), 3)
    mark = json.loads((worker().run / job(PRINTS).folder / PROGRESS / "mark.json").read_text())
    before = mark["earlier"]["phases"]
    result = train_now(worker(), job(PRINTS))
    assert set(result.phases) == {"load", "rollout", "reward", "update", "evaluate"}
    assert all(0 < seconds < result.phases[name] for name, seconds in before.items()) and len(before) == 4
    assert result.seconds == pytest.approx(sum(result.phases.values()), abs=0.01)
    assert result.trained == STEPS
    failed = train_now(worker(), job(RAISES, seed=1))
    assert set(failed.phases) == {"load", "failed"} and failed.phases["failed"] > 0


def damage(progress: Path) -> None:
    file = max((path for path in progress.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def foreign(progress: Path) -> None:
    other = progress.parent.parent / "1" / PROGRESS
    shutil.rmtree(progress)
    shutil.copytree(other, progress)


@pytest.mark.parametrize("spoil", [damage, foreign])
def test_progress_that_is_damaged_or_of_another_job_is_ignored_and_removed(
    worker: Callable[..., Worker], whole: Callable[[TrainingJob], Worker], spoil: Callable[[Path], None]
) -> None:
    run = worker("spoiled")
    begin(run, job(PRINTS), 1)
    if spoil is foreign:
        begin(run, job(PRINTS, seed=1), 1)
    spoil(run.run / job(PRINTS).folder / PROGRESS)
    assert steps_of(run, job(PRINTS)) == list(range(1, STEPS + 1))
    assert_same(run, whole(job(PRINTS)), job(PRINTS))


def test_jobs_that_are_given_together_end_as_alone(
    worker: Callable[..., Worker], whole: Callable[[TrainingJob], Worker]
) -> None:
    together = worker("together")
    given = [TrainArm(id=each.folder, training=each) for each in (job(PRINTS), policy_job(0), job(RAISES, seed=1))]
    assert list(together.carry_out(given, lambda *_: None, lambda: False)) == [(each.id, "paused") for each in given]
    assert dict(together.carry_out(given, lambda *_: None)) == {each.id: "done" for each in given}
    assert_same(together, whole(job(PRINTS)), job(PRINTS))
    other = worker("alone")
    for each in (policy_job(0), job(RAISES, seed=1)):
        train_now(other, each)
        assert_same(together, other, each)


def test_a_result_whose_process_was_killed_before_it_removed_its_progress_is_kept(
    whole: Callable[[TrainingJob], Worker],
) -> None:
    done = job(PRINTS)
    run = whole(done).run
    (run / done.folder / PROGRESS).mkdir()
    with closing(LocalLauncher(run, EVERY_STEP)) as launcher:
        ((_, result),) = train([done], launcher, run, EVERY_STEP, lambda: True, lambda: True, lambda *_: None)
    assert result.status == "done" and not (run / done.folder / PROGRESS).exists()


def test_a_job_whose_process_is_killed_is_resumed_by_another_one(tmp_path: Path) -> None:
    plain = config(engine=ENGINE, checkpoint_minutes=1e-9, retries=1, slots=1)
    whole, run = Worker(tmp_path / "whole", plain), Worker(tmp_path / "killed", plain)
    # Steps enough that the kill comes before the last.
    given = job(PRINTS, seed=SLOW).model_copy(update={"steps": 20})
    with closing(whole), closing(run):
        train_now(whole, given)
        check_killed(run, given, plain)
        assert_same(run, whole, given)


def check_killed(run: Worker, given: TrainingJob, settings: Config) -> None:
    """Carries out `given` in processes of which the first is killed at the third step."""
    run.run.mkdir(exist_ok=True)
    (run.run / "config.yaml").write_text(settings.to_yaml(), encoding="utf-8")
    seen: list[int] = []
    with closing(LocalLauncher(run.run, settings)) as launcher:

        def on_step(id: str, done: int, of: int, unit: str) -> None:
            if unit == "steps":
                seen.append(done)
            if done == 3 and seen.count(3) == 1:
                os.kill(launcher.pids[0], signal.SIGKILL)

        arm = TrainArm(id="x", training=given)
        assert list(launcher.run([arm], lambda: True, lambda: True, on_step)) == [Done("x")]
    # It was resumed after the second step or later.
    assert seen.count(1) == 1 and seen[-1] == given.steps and len(seen) <= given.steps + 1
