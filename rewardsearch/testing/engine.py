"""The contract of an engine, as tests that every implementation passes.

    class TestMine(EngineSuite):
        engine_class = MyEngine

The tests train the bundled policy a few steps at a time. What the suite does not cover: whether training improves a policy,
speed, and accelerators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from rewardsearch.config import Config, parse_config
from rewardsearch.records import Batch, RewardSpec, Row, TrainingJob
from rewardsearch.tasks import Generation, Meaning, ProbeKind, Reader, Task, Vectors, load_task
from rewardsearch.train.engine import Arm, Engine, Trained
from rewardsearch.train.worker.observe import Observer

STEPS = 3


@dataclass
class Paid:
    """What a reward of the suite gives."""

    rewards: list[float]
    components: dict[str, list[float]] = field(default_factory=dict)


Reward = Callable[[Batch], Paid]


def short(batch: Batch) -> Paid:
    return Paid([-float(len(text)) for text in batch.completions])


def long(batch: Batch) -> Paid:
    return Paid([float(len(text)) for text in batch.completions], {"length": [1.0] * len(batch)})


def near(batch: Batch) -> Paid:
    return Paid([float(value) for value in batch.columns["sim_written"]])


class Written:
    """Measures how near a completion is to another one of the same prompt, which the policy writes for all of the prompt."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ("sim_written", "tokens")
        self.constant: tuple[str, ...] = ()
        self.meanings: Mapping[str, Meaning] = {}
        self.probes: Mapping[ProbeKind, Mapping[str, float]] = {}

    def in_training(self, reader: Reader, rows: Sequence[Row], answers: Sequence[Generation], seed: int) -> list[Row]:
        asked = list({row.id: row for row in rows}.values())
        written = zip(asked, reader.write(asked, 0.5, seed), strict=True)
        vectors = reader.embed([(row, answer.text) for row, answer in (*zip(rows, answers, strict=True), *written)])
        of = {row.id: vector for row, vector in zip(asked, vectors[len(rows) :], strict=True)}
        return [
            row.model_copy(
                update={"measured": {"sim_written": float(vector @ of[row.id]), "tokens": float(answer.tokens)}}
            )
            for row, answer, vector in zip(rows, answers, vectors[: len(rows)], strict=True)
        ]

    def contrasts(self, rows: Sequence[Row]) -> Sequence[Any]:
        return ()

    def passages(self, questions: Sequence[Row]) -> list[Row]:
        return list(questions)

    def in_evaluation(
        self, questions: Sequence[Row], answers: Sequence[Generation] | None, vectors: Vectors
    ) -> list[tuple[Row, Generation]]:
        return list(zip(questions, answers or (), strict=True))


@dataclass
class Ended:
    """An arm that was trained: its curve and answers, and the bytes of its weights."""

    trained: Trained
    observer: Observer
    weights: list[bytes]

    def __eq__(self, other: object) -> bool:
        """To the last bit."""
        return isinstance(other, Ended) and self._all() == other._all()

    def _all(self) -> tuple[Any, ...]:
        return self.observer.curves(), self.observer.correlations(), list(self.trained.answers), self.weights


CONFIG = parse_config(
    {
        "task": {"train_rows": 24, "val_rows": 6, "test_rows": 6},
        "train": {"steps": STEPS, "prompts_per_step": 2, "group_size": 4, "max_completion_tokens": 12},
        "sft": {"enabled": True, "steps": 3, "batch_size": 4, "learning_rate": 1e-2},
    },
    "engine suite",
)
"""A config whose training takes seconds."""


@lru_cache
def _loaded(engine_class: type[Engine]) -> Engine:
    return engine_class(CONFIG, None)


_first: dict[type[Engine], Ended] = {}


def make_arm(task: Task, reward: Reward, seed: int, steps: int, adapter: Path, **fields: Any) -> Arm:
    """An arm on one reward."""
    spec = RewardSpec(id="abc", name="reward", code="")
    job = TrainingJob(id="abc", rewards=(spec,), seed=seed, steps=steps, folder="abc", schedule=STEPS)
    rows, settings = task.rows("train"), CONFIG.train
    observer = Observer(
        task, rows, [(spec, reward)], settings.group_size, settings.max_completion_tokens, lambda step: None
    )
    return Arm(job, rows, observer, task.rows("val"), adapter, **fields)


def ended(arm: Arm, end: Trained | Exception) -> Ended:
    """What became of an arm. Raises the exception that ended it."""
    if isinstance(end, Exception):
        raise end
    assert arm.adapter is not None
    return Ended(end, arm.observer, [file.read_bytes() for file in sorted(arm.adapter.glob("*.safetensors"))])


def embeddings(engine: Engine, task: Task, answers: Sequence[Generation] | None = None) -> Vectors:
    """What the policy itself makes of the validation rows, each with its gold answer or with one of `answers`."""
    rows = task.rows("val")
    texts = [row.answer for row in rows] if answers is None else [answer.text for answer in answers]
    with engine.reader() as reader:
        return reader.embed(list(zip(rows, texts, strict=True)))


class EngineSuite:
    """Subclass it, and set `engine_class`."""

    engine_class: ClassVar[type[Engine]]

    @pytest.fixture
    def config(self) -> Config:
        return CONFIG

    @pytest.fixture
    def task(self) -> Task:
        return load_task(CONFIG.task)

    @pytest.fixture
    def engine(self) -> Engine:
        """One engine for all tests: no test may change it."""
        return _loaded(self.engine_class)

    @pytest.fixture
    def first(self, train: Any) -> Ended:
        """The arm on the reward `short`, trained once."""
        if self.engine_class not in _first:
            _first[self.engine_class] = train(short)
        return _first[self.engine_class]

    @pytest.fixture
    def train(self, engine: Engine, config: Config, task: Task, tmp_path_factory: pytest.TempPathFactory) -> Any:
        """Trains an arm on one reward."""

        def train(
            reward: Reward, seed: int = 0, steps: int = STEPS, adapter: Path | None = None, **fields: Any
        ) -> Ended:
            arm = make_arm(task, reward, seed, steps, adapter or tmp_path_factory.mktemp("adapter"), **fields)
            ((_, end),) = engine.train([arm])
            return ended(arm, end)

        return train

    def test_it_names_its_device(self, engine: Engine) -> None:
        assert engine.device.kind in ("cpu", "cuda") and engine.device.name

    def test_greedy_answers_come_in_the_order_of_the_rows_whatever_the_batch(
        self, engine: Engine, task: Task, config: Config
    ) -> None:
        rows, done = task.rows("val"), list[int]()
        answers = engine.evaluate(rows, None, done.append)
        assert len(answers) == len(rows) and done[-1] == len(rows)
        assert all(0 < answer.tokens <= config.train.max_completion_tokens for answer in answers)
        assert [engine.evaluate([row])[0] for row in rows[:2]] == list(answers[:2])

    def test_samples_follow_from_the_seed(self, engine: Engine, task: Task) -> None:
        rows = [row for row in task.rows("train")[:4] for _ in range(4)]
        first = engine.sample(rows, 0)
        assert engine.sample(rows, 0) == first != engine.sample(rows, 1)
        assert any(len({text for text, _ in first[start : start + 4]}) > 1 for start in range(0, len(rows), 4))

    def test_an_arm_ends_the_same_whatever_was_trained_before(
        self, engine: Engine, task: Task, train: Any, first: Ended
    ) -> None:
        base, vectors = engine.evaluate(task.rows("val")), embeddings(engine, task)
        assert train(long, seed=1) != first
        assert train(short) == first
        assert engine.evaluate(task.rows("val")) == base
        assert np.abs(embeddings(engine, task) - vectors).max() < 1e-5

    def test_a_reader_writes_by_the_seed_and_embeds_a_text_alike_alone_and_beside_others(
        self, engine: Engine, task: Task, config: Config
    ) -> None:
        rows, together = task.rows("val"), embeddings(engine, task)
        with engine.reader() as reader:
            first = reader.write(rows, 0.5, 0)
            assert reader.write(rows, 0.5, 0) == first != reader.write(rows, 0.5, 1)
            assert all(0 <= answer.tokens <= config.train.max_completion_tokens for answer in first)
            alone = [reader.embed([(row, row.answer)])[0] for row in rows[:3]]
        assert np.abs(together[:3] - alone).max() < 1e-5
        assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5

    def test_every_step_is_recorded_and_every_arm_given_the_same_prompts_in_groups(self, train: Any) -> None:
        given: dict[str, list[Sequence[str]]] = {"short": [], "long": []}

        def noted(name: str, reward: Reward) -> Reward:
            def score(batch: Batch) -> Paid:
                given[name].append(batch.prompts)
                return reward(batch)

            return score

        train(noted("short", short))
        points = train(noted("long", long)).observer.curves()
        assert [point.step for point in points] == [1, 2, 3]
        assert all(point.grad_norm is not None and 0 < point.length <= 12 for point in points)
        assert any(point.grad_norm > 0 for point in points)
        assert given["short"] == given["long"] and len(given["short"]) == STEPS
        assert all(len(set(prompts[start : start + 4])) == 1 for prompts in given["long"] for start in (0, 4))

    def test_a_saved_adapter_answers_as_it_did_when_it_was_trained(
        self, engine: Engine, task: Task, train: Any, tmp_path: Path
    ) -> None:
        ended, rows = train(long, adapter=tmp_path / "adapter", embed=True), task.rows("val")
        answers = engine.evaluate(rows, tmp_path / "adapter")
        assert answers == list(ended.trained.answers)
        with engine.reader(tmp_path / "adapter") as reader:
            vectors = reader.embed([(row, answer.text) for row, answer in zip(rows, answers, strict=True)])
        assert np.abs(vectors - ended.trained.vectors).max() < 1e-5
        assert np.abs(vectors - embeddings(engine, task, answers)).max() > 1e-4

    def test_a_training_that_resumes_ends_as_one_that_never_stopped(
        self, train: Any, first: Ended, tmp_path: Path
    ) -> None:
        train(short, steps=1, checkpoint=tmp_path / "1")
        train(short, steps=2, start=tmp_path / "1", checkpoint=tmp_path / "2")
        assert train(short, start=tmp_path / "2") == first

    def test_a_training_stops_where_it_is_told_to_and_keeps_no_checkpoint(self, train: Any, tmp_path: Path) -> None:
        ended = train(
            short, stop=lambda points: "enough" if len(points) == 2 else None, checkpoint=tmp_path / "checkpoint"
        )
        assert ended.trained.stop_reason == "enough" and len(ended.observer.curves()) == 2
        assert len(ended.trained.answers) == 6 and not (tmp_path / "checkpoint").exists()

    def test_arms_that_are_given_together_end_each_as_alone_whatever_ends_another(
        self, engine: Engine, task: Task, train: Any, first: Ended, tmp_path: Path
    ) -> None:
        def broken(batch: Batch) -> Paid:
            raise ArithmeticError("no")

        train(short, steps=1, checkpoint=tmp_path / "start")
        arms = [
            make_arm(task, broken, 0, STEPS, tmp_path / "broken"),
            make_arm(task, long, 1, 2, tmp_path / "long"),
            make_arm(task, short, 0, STEPS, tmp_path / "short"),
            make_arm(task, short, 0, STEPS, tmp_path / "resumed", start=tmp_path / "start"),
        ]
        ends = {id(arm): end for arm, end in engine.train(arms)}
        assert len(ends) == len(arms)
        assert isinstance(ends[id(arms[0])], ArithmeticError) and arms[0].observer.raised is ends[id(arms[0])]
        assert ended(arms[1], ends[id(arms[1])]) == train(long, seed=1, steps=2)
        assert [ended(arm, ends[id(arm)]) == first for arm in arms[2:]] == [True, True]

    def test_a_training_that_is_paused_resumes_from_its_progress_as_if_it_never_stopped(
        self, train: Any, first: Ended, tmp_path: Path
    ) -> None:
        sealed: list[tuple[bool, float]] = []

        def seal(folder: Path, seconds: Mapping[str, float]) -> None:
            sealed.append((tmp_path / "progress" == folder, seconds["update"]))
            (folder / "seal").write_text(str(len(sealed)))

        asked = iter(["save", "pause"])
        paused = train(short, after_step=lambda: next(asked), progress=tmp_path / "progress", seal=seal)
        assert paused.trained.paused and paused.trained.answers == () and len(paused.observer.curves()) == 2
        assert [early for early, _ in sealed] == [False, False] and 0 < sealed[0][1] < sealed[1][1]
        assert (tmp_path / "progress" / "seal").read_text() == "2"
        asked = iter(["continue"])
        resumed = train(short, start=tmp_path / "progress", after_step=lambda: next(asked, "pause"))
        assert resumed == first and not resumed.trained.paused and next(asked, None) == "continue"

    def test_an_arm_with_measured_columns_ends_the_same_alone_beside_others_and_resumed(
        self, engine: Engine, config: Config, first: Ended, tmp_path: Path
    ) -> None:
        task = load_task(config.task)
        task.measures = Written()
        alone = make_arm(task, near, 0, STEPS, tmp_path / "alone")
        paused = make_arm(
            task, near, 0, STEPS, tmp_path / "paused", after_step=lambda: "pause", progress=tmp_path / "progress"
        )
        ends = {id(arm): end for arm, end in engine.train([alone, paused])}
        expected = ended(alone, ends[id(alone)])
        curve = expected.observer.curves()
        assert len(curve) == STEPS and {*curve[0].measured} == {"sim_written", "tokens"}
        assert all(point.reward == pytest.approx(point.measured["sim_written"]) for point in curve)
        assert all(point.length == pytest.approx(point.measured["tokens"], abs=1) for point in curve)
        assert len(paused.observer.curves()) == 1
        arms = [
            make_arm(task, short, 0, STEPS, tmp_path / "short"),
            make_arm(task, near, 0, STEPS, tmp_path / "again"),
            make_arm(task, near, 0, STEPS, tmp_path / "resumed", start=tmp_path / "progress"),
        ]
        ends = {id(arm): end for arm, end in engine.train(arms)}
        unmeasured, *same = [ended(arm, ends[id(arm)]) for arm in arms]
        assert same == [expected, expected]
        # What is measured moves nothing where the rewards do not read it.
        assert unmeasured.weights == first.weights != expected.weights

    def test_it_says_how_long_each_phase_took(self, first: Ended) -> None:
        seconds = first.trained.seconds
        assert set(seconds) == {"rollout", "reward", "update", "evaluate"} and min(seconds.values()) > 0

    def test_a_fine_tuned_adapter_is_where_another_engine_starts(
        self, engine: Engine, config: Config, task: Task, tmp_path: Path
    ) -> None:
        base, steps = engine.evaluate(task.rows("val")), list[int]()
        found = engine.fine_tune(task.demonstrations(), tmp_path / "adapter", steps.append)
        assert (found.rows, found.left_out, steps) == (24, 0, [1, 2, 3])
        assert [point.step for point in found.curve] == [1, 2, 3]
        assert engine.evaluate(task.rows("val")) == base
        assert self.engine_class(config, tmp_path / "adapter").evaluate(task.rows("val")) != base
