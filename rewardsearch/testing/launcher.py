"""The contract of a launcher, as tests that every implementation passes.

    class TestMine(LauncherSuite):
        launcher_class = MyLauncher

The jobs are those of a real run, on an engine without a model (PlainEngine), so that they take no time. What the suite does
not cover: processes that die or go silent, and accelerators.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path
from typing import ClassVar

import pytest

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files import part_of, replace_folder, write_atomic
from rewardsearch.records import Demonstration, Device, RewardSpec, Row, SftPoint, TrainingJob
from rewardsearch.run.artifacts import load_bank, load_outcomes, load_result
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import policy_job
from rewardsearch.run.progress import Unit
from rewardsearch.tasks import Generation
from rewardsearch.train.engine import Arm, FineTuned, OnDone, Trained
from rewardsearch.train.launcher import Done, EvaluateTest, Job, Launcher, SampleBank, TrainArm

LENGTH = "def reward(prompts, completions, answer, **columns):\n    return [float(len(c)) for c in completions]\n"
BREAKS = 13
"""The seed of an arm whose training breaks down."""
_OBSERVED = "observed.json"
SLOW = 14
"""The seed of an arm whose steps take a tenth of a second."""
ENGINE = "rewardsearch.testing.launcher:PlainEngine"


class PlainEngine:
    """An engine without a model: its completions follow from the prompt and a seed. It writes no adapter."""

    def __init__(self, config: Config, start: Path | None) -> None:
        if config.policy.model == "missing":
            raise UserError("policy.model: could not load missing")
        self._config = config

    @property
    def device(self) -> Device:
        return Device(kind="cpu", name="none")

    def train(self, arms: Sequence[Arm]) -> Iterator[tuple[Arm, Trained | Exception]]:
        for arm in arms:
            yield arm, self._train(arm)

    def _train(self, arm: Arm) -> Trained:
        if arm.job.seed == BREAKS:
            raise RuntimeError("the machine is on fire")
        if arm.start is not None:
            arm.observer.restore((arm.start / _OBSERVED).read_text(encoding="utf-8"))
        size, group = self._config.train.prompts_per_step, self._config.train.group_size
        for step in range(len(arm.observer.curves()) + 1, arm.job.steps + 1):
            rows = [(step * size + i) % len(arm.rows) for i in range(size) for _ in range(group)]
            texts = [self._text(arm.rows[row], place) for place, row in enumerate(rows)]
            for reward in range(len(arm.job.rewards)):
                arm.observer.score(reward, rows, texts)
            arm.observer.record(rows, texts, [3] * len(texts))
            arm.observer.logged(step, {"grad_norm": 1.0})
            if arm.job.seed == SLOW:
                time.sleep(0.1)
            then = arm.after_step() if step < arm.job.steps else "continue"
            if then != "continue" and arm.progress is not None:
                made = part_of(arm.progress)
                write_atomic(made / _OBSERVED, arm.observer.state())
                arm.seal(made, {})
                replace_folder(made, arm.progress)
            if then == "pause":
                return Trained(paused=True)
        answers = self.evaluate(arm.questions, None, arm.on_question)
        return Trained(answers=answers, seconds={"update": 1.0})

    def evaluate(
        self, rows: Sequence[Row], adapter: Path | None = None, on_done: OnDone = lambda done: None
    ) -> list[Generation]:
        on_done(len(rows))
        return [Generation(self._text(row, 0), 3) for row in rows]

    def sample(self, rows: Sequence[Row], seed: int, on_done: OnDone = lambda done: None) -> list[Generation]:
        return [Generation(self._text(row, seed + place), 3) for place, row in enumerate(rows)]

    def fine_tune(
        self, demonstrations: Sequence[Demonstration], adapter: Path, on_done: OnDone = lambda done: None
    ) -> FineTuned:
        adapter.mkdir(parents=True)
        (adapter / "adapter_model.safetensors").write_bytes(b"none")
        return FineTuned(len(demonstrations), 0, (SftPoint(step=1, loss=1.0, learning_rate=0.1),))

    def _text(self, row: Row, seed: int) -> str:
        digest = hashlib.sha256(f"{row.id} {seed}".encode()).digest()
        return f"<solution> {row.answer if digest[0] % 3 == 0 else digest[1]} </solution>"


class LauncherSuite:
    """Subclass it, and set `launcher_class`."""

    launcher_class: ClassVar[type[Launcher]]

    @pytest.fixture
    def config(self) -> Config:
        return parse_config(
            {
                "task": {"train_rows": 8, "val_rows": 6, "test_rows": 5},
                "bank": {"questions": 4, "group_size": 2},
                "train": {"engine": ENGINE, "steps": 2, "prompts_per_step": 2, "group_size": 2, "retries": 0},
            },
            "launcher suite",
        )

    @pytest.fixture
    def run(self, tmp_path: Path, config: Config) -> Path:
        """A run folder with the config."""
        (tmp_path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
        return tmp_path

    @pytest.fixture
    def launcher(self, run: Path, config: Config) -> Iterator[Launcher]:
        with closing(self.launcher_class(run, config)) as launcher:
            yield launcher

    def test_every_job_is_carried_out_and_its_result_is_in_the_run_folder(
        self, launcher: Launcher, run: Path, config: Config
    ) -> None:
        arms = [policy_job(0), *(arm(f"a{seed}", seed) for seed in range(2))]
        jobs: list[Job] = [TrainArm(id=each.folder, training=each) for each in arms]
        jobs += [SampleBank(file="bank.jsonl"), EvaluateTest(id="policy", adapter=None, file="final/policy.jsonl")]
        steps: list[tuple[str, int, int, Unit]] = []
        for done in launcher.run(jobs, lambda: True, lambda: True, lambda *step: steps.append(step)):
            assert done.error is None
            if done.id == arms[1].folder:
                result = load_result(run / done.id, fingerprint("training", config, arms[1]))
                assert result is not None and (result.status, len(result.outcomes)) == ("done", 6)
            jobs = [job for job in jobs if job.id != done.id]
        assert jobs == []
        assert all(load_result(run / each.folder, fingerprint("training", config, each)) for each in arms)
        assert len(load_bank(run / "bank.jsonl") or ()) == 8
        assert len(load_outcomes(run / "final/policy.jsonl") or ()) == 5
        assert {(arms[1].folder, 2, 2, "steps"), (arms[0].folder, 6, 6, "questions")} <= set(steps)

    def test_what_breaks_down_is_given_up_and_the_others_are_done(self, launcher: Launcher) -> None:
        jobs = [TrainArm(id=each.folder, training=each) for each in (arm("bad", BREAKS), arm("good", 0))]
        ended = {done.id: done.error for done in launcher.run(jobs, lambda: True, lambda: True, ignored)}
        assert ended["good"] is None and "on fire" in (ended["bad"] or "")

    def test_nothing_is_started_once_it_may_not_be_and_later_jobs_are(self, launcher: Launcher, run: Path) -> None:
        jobs = [TrainArm(id=each.folder, training=each) for each in (arm("a", 0), arm("b", 1))]
        assert list(launcher.run(jobs, lambda: False, lambda: True, ignored)) == []
        assert not (run / "a").exists()
        answers = chain([True], repeat(False))
        assert list(launcher.run(jobs, lambda: next(answers), lambda: True, ignored)) == [Done("a")]
        assert list(launcher.run(jobs[1:], lambda: True, lambda: True, ignored)) == [Done("b")]

    def test_a_running_training_is_paused_and_resumes_where_it_was(
        self, launcher: Launcher, run: Path, config: Config
    ) -> None:
        slow = arm("slow", SLOW).model_copy(update={"steps": 60})
        jobs = [TrainArm(id=each.folder, training=each) for each in (slow, arm("a", 0))]
        steps = [0]

        def on_step(id: str, done: int, of: int, unit: Unit) -> None:
            if id == "slow" and unit == "steps":
                steps.append(done)

        ended = {done.id: done for done in launcher.run(jobs, lambda: True, lambda: steps[-1] < 3, on_step)}
        assert ended["slow"] == Done("slow", paused=True) and 3 <= steps[-1] < 60
        assert load_result(run / "slow") is None
        before = len(steps)
        assert list(launcher.run(jobs[:1], lambda: True, lambda: True, on_step)) == [Done("slow")]
        assert steps[before:] == list(range(steps[before - 1] + 1, 61))
        result = load_result(run / "slow", fingerprint("training", config, slow))
        assert result is not None and [point.step for point in result.curves] == list(range(1, 61))
        assert sorted(path.name for path in (run / "slow").iterdir() if path.is_dir()) == []

    def test_a_mistake_in_the_config_is_the_users(self, run: Path, config: Config) -> None:
        wrong = config.model_copy(update={"policy": config.policy.model_copy(update={"model": "missing"})})
        (run / "config.yaml").write_text(wrong.to_yaml(), encoding="utf-8")
        with closing(self.launcher_class(run, wrong)) as launcher, pytest.raises(UserError, match=r"policy\.model"):
            list(launcher.run([TrainArm(id="a", training=arm("a", 0))], lambda: True, lambda: True, ignored))


def arm(folder: str, seed: int) -> TrainingJob:
    spec = RewardSpec(id="abc", name="length", code=LENGTH)
    return TrainingJob(id="abc", rewards=(spec,), seed=seed, steps=2, folder=folder)


def ignored(*step: object) -> None: ...
