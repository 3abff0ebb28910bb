"""What a training process makes of its rewards: kept prints, and the end of one that changes later."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import CLOCK
from working import train_now

from rewardsearch.config import BankConfig, WatchConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import RewardSpec, TrainingJob
from rewardsearch.run.artifacts import CHECKPOINT, COMPLETIONS, load_bank, load_completions, load_outcomes, load_result
from rewardsearch.tasks import load_task
from rewardsearch.tasks.questions import bank_rows
from rewardsearch.testing.engine import Written
from rewardsearch.train.engine import Engine, load_engine
from rewardsearch.train.engines.trl.engine import TrlEngine
from rewardsearch.train.launcher import TrainArm
from rewardsearch.train.worker.__main__ import carry_out
from rewardsearch.train.worker.jobs import Worker

PRINTS = """
def reward(prompts, completions, answer, **columns):
    print("scored", len(completions))
    return [float(len(c)) for c in completions]
"""


CONFIG = parse_config(
    {
        "task": {"train_rows": 16, "val_rows": 8, "test_rows": 8},
        "train": {"steps": 4, "prompts_per_step": 2, "group_size": 2, "max_completion_tokens": 8},
        "sandbox": {"rechecks": 1.0},
        "validation": {"bound": 1e12},
    },
    "test",
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One engine for all tests: no job changes it."""
    return load_engine(CONFIG, None)


@pytest.fixture
def worker(tmp_path: Path, engine: Engine) -> Iterator[Worker]:
    with closing(Worker(tmp_path, CONFIG)) as worker:
        worker.engine = engine
        yield worker


def job(code: str) -> TrainingJob:
    spec = RewardSpec(id="abc", name="candidate", code=code)
    return TrainingJob(id="abc", rung="full", seed=0, steps=4, folder="candidates/abc/training/full-0", rewards=(spec,))


def test_a_reward_that_changes_later_fails_and_carries_the_flag(worker: Worker) -> None:
    worker.sandbox._checked[CLOCK] = None
    result = train_now(worker, job(CLOCK))
    assert (result.status, result.flags) == ("failed", ("changes later",))
    assert result.steps == result.trained == 1
    assert result.reason is not None and result.reason.startswith("gave other values for the batch of call 1")


def test_what_a_reward_prints_and_what_was_answered_are_kept_beside_curves_and_outcomes(worker: Worker) -> None:
    done, folder = job(PRINTS), worker.run / job(PRINTS).folder
    outcomes = train_now(worker, done).outcomes
    assert (folder / "printed.txt").read_text(encoding="utf-8") == "# candidate\n" + "scored 4\n" * 4
    answered = load_completions(folder)
    assert list(answered) == [outcome.id for outcome in outcomes] and len(answered) == 8
    rows = {row.id: row for row in worker.task.rows("val")}
    judged = [worker.task.outcome(rows[id], text) for id, text in answered.items()]
    assert [(each.kind, each.prediction) for each in judged] == [(each.kind, each.prediction) for each in outcomes]
    before = (folder / COMPLETIONS).read_bytes()
    train_now(worker, done)
    assert (folder / COMPLETIONS).read_bytes() == before
    (folder / COMPLETIONS).write_bytes(before[:-4])
    assert load_completions(folder) == {}


def test_answers_to_the_sealed_test_are_kept_beside_the_file_that_is_asked_for(worker: Worker) -> None:
    out = worker.run / "final" / "test" / "policy-0-2215175e.jsonl"
    worker.evaluate_test(None, out)
    ids = [row.id for row in worker.task.rows("test")]
    assert list(load_completions(out)) == [outcome.id for outcome in load_outcomes(out) or ()] == ids
    assert load_completions(out.with_name("policy-1-2215175e.jsonl")) == {}


CONSTANT = """
def reward(prompts, completions, answer, **columns):
    return [1.0] * len(completions)
"""


def segment(rung: str, steps: int, start: str | None = None) -> TrainingJob:
    whole = job(PRINTS)
    part = {"rung": rung, "steps": steps, "schedule": None if rung == "full" else 4, "start": start}
    return whole.model_copy(update={**part, "folder": f"candidates/abc/training/{rung}-0", "questions": 0.6})


def test_the_questions_of_a_rung_are_a_share_of_the_rows_that_there_are(worker: Worker) -> None:
    worker.ranked_rows = worker.task.rows("val")[:7]
    evaluated = train_now(worker, job(PRINTS).model_copy(update={"rung": "rung1", "steps": 1, "questions": 0.2}))
    assert [outcome.id for outcome in evaluated.outcomes] == [row.id for row in worker.ranked_rows[:2]]


def test_a_run_through_a_rung_ends_as_the_whole_run_and_leaves_no_checkpoint(worker: Worker) -> None:
    first = segment("rung1", 3)
    at_rung = train_now(worker, first)
    assert (at_rung.steps, at_rung.trained, len(at_rung.outcomes)) == (3, 3, 5)
    assert (worker.run / first.folder / CHECKPOINT).is_dir()
    raced = train_now(worker, segment("full", 4, first.folder))
    assert (raced.steps, raced.trained) == (4, 1)
    assert not (worker.run / first.folder / CHECKPOINT).exists()
    # Without a checkpoint it is trained from the first step.
    whole = train_now(worker, segment("full", 4, first.folder))
    assert (whole.steps, whole.trained) == (4, 4)
    same = {"trained", "seconds", "phases", "peak_memory_mb"}
    assert raced.model_dump(exclude=same) == whole.model_dump(exclude=same)


def test_a_hopeless_run_is_ended_early_evaluated_and_flagged(worker: Worker) -> None:
    worker.config = worker.config.model_copy(update={"watch": WatchConfig(window=2)})
    result = train_now(worker, job(CONSTANT))
    assert (result.status, result.steps, len(result.outcomes)) == ("done", 2, 8)
    assert result.flags == ("watch:dead",)
    assert result.stop_reason is not None and result.stop_reason.startswith("no gradient in steps 1-2")
    assert [alarm.kind for alarm in result.alarms] == ["dead"]


@pytest.mark.parametrize("watch", [{"end_early": False}, {"enabled": False}], ids=str)
def test_a_watch_that_ends_nothing_early_lets_a_hopeless_run_go_on(worker: Worker, watch: dict[str, bool]) -> None:
    worker.config = worker.config.model_copy(update={"watch": WatchConfig(window=2, **watch)})
    result = train_now(worker, job(CONSTANT))
    assert (result.steps, result.stop_reason) == (4, None)
    assert ("watch:dead" in result.flags) == ("end_early" in watch)


RAISES = """
def reward(prompts, completions, answer, **columns):
    raise ValueError("no")
"""


def test_calls_that_failed_before_a_rung_count_after_it(worker: Worker) -> None:
    def raising(rung: str, steps: int, start: str | None = None) -> TrainingJob:
        return segment(rung, steps, start).model_copy(update={"rewards": job(RAISES).rewards})

    first = raising("rung1", 1)
    at_rung = train_now(worker, first)
    assert (at_rung.status, at_rung.faults) == ("done", {"abc": 1})
    second = raising("rung2", 2, first.folder)
    assert train_now(worker, second).faults == {"abc": 2}
    last = train_now(worker, raising("full", 4, second.folder))
    assert (last.status, last.reason) == ("failed", "raised ValueError at line 3")


def test_the_bank_is_judged_as_the_task_judges_in_groups_in_the_order_of_the_rows(worker: Worker) -> None:
    worker.config = worker.config.model_copy(update={"bank": BankConfig(questions=6, group_size=3)})
    worker.sample_bank(worker.run / "bank.jsonl")
    rollouts = load_bank(worker.run / "bank.jsonl")
    assert rollouts is not None and len(rollouts) == 18
    assert [each.row for each in rollouts[::3]] == [row.id for row in bank_rows(worker.train_rows, 6)]
    rows = {row.id: row for row in worker.train_rows}
    judged = [worker.task.outcome(rows[each.row], each.completion, each.length) for each in rollouts]
    assert [(each.kind, each.prediction) for each in rollouts] == [(each.kind, each.prediction) for each in judged]


def test_a_bank_has_what_the_policy_measures_of_its_completions_in_groups(worker: Worker) -> None:
    worker.task = load_task(CONFIG.task)
    worker.task.measures = Written()
    worker.config = worker.config.model_copy(update={"bank": BankConfig(questions=3, group_size=3)})
    worker.sample_bank(worker.run / "bank.jsonl")
    rollouts = load_bank(worker.run / "bank.jsonl") or ()
    assert len(rollouts) == 9
    assert [each.measured["tokens"] for each in rollouts] == [each.length for each in rollouts]
    similar = [each.measured["sim_written"] for each in rollouts]
    assert all(-1.001 < value < 1.001 for value in similar) and len(set(similar)) > 3
    worker.sample_bank(worker.run / "again.jsonl")
    assert load_bank(worker.run / "again.jsonl") == rollouts


def ended(worker: Worker, on_step: Callable[[], None]) -> dict[str, Any]:
    """The last event of a training in which `on_step` is called after each step."""
    events: list[dict[str, Any]] = []

    def say(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "step" and event["unit"] == "steps":
            on_step()

    carry_out(worker, [TrainArm(id="abc", training=job(PRINTS))], say)
    return events[-1]


@pytest.mark.parametrize("name", ["trl", "lockstep"])
def test_a_base_that_changes_during_a_training_is_an_infrastructure_error_and_never_a_score(
    worker: Worker, name: str
) -> None:
    engine = load_engine(CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update={"engine": name})}), None)
    assert isinstance(engine, TrlEngine)
    worker.engine, weight = engine, engine.policy.base.model.norm.weight.data
    before = weight.clone()

    def change() -> None:
        weight[3] += 1

    end = ended(worker, change)
    assert (end["event"], "model.norm.weight" in end["reason"]) == ("broken", True)
    assert load_result(worker.run / job(PRINTS).folder) is None
    weight.copy_(before)
    assert ended(worker, lambda: None)["event"] == "done"


def test_memory_that_runs_out_in_a_training_names_the_keys_to_lower_and_leaves_no_score(worker: Worker) -> None:
    end = ended(worker, lambda: torch.empty(1 << 45) and None)
    assert end["event"] == "user_error" and "train.micro_batch" in end["mistakes"][0]
    assert load_result(worker.run / job(PRINTS).folder) is None


def test_an_engine_that_cannot_read_is_refused_for_a_task_that_measures(tmp_path: Path) -> None:
    file = tmp_path / "engines.py"
    file.write_text("class Plain:\n    def __init__(self, config, start):\n        pass\n", encoding="utf-8")
    config = parse_config({"task": {"name": "contrast"}, "train": {"engine": f"{file}:Plain"}}, "test")
    with closing(Worker(tmp_path, config)) as worker, pytest.raises(UserError, match=r"train\.engine: got .*`reader`"):
        _ = worker.engine
