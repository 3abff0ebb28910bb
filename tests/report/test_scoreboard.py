from pathlib import Path

from fakes import candidate
from measured import MeasuredTask

from rewardsearch.config import Config, TaskConfig
from rewardsearch.records import RewardSpec
from rewardsearch.report.scoreboard import KINDS, PERFECT, Scorer, typical
from rewardsearch.run.state import RunState
from rewardsearch.tasks import load_task

RIGHT = "3.0 if '<solution> ' + answer[completions.index(text)] + ' </solution>' in text else 0.0"
LENGTH = "1.0 if len(text) > 0 else 1.5"


def test_each_kind_is_what_its_name_says() -> None:
    task = load_task(TaskConfig())
    found = typical(task)
    assert list(found) == list(KINDS)
    judged = {kind: {task.outcome(item.row, text).kind for item, text in items} for kind, items in found.items()}
    assert judged[PERFECT] == {"correct"}
    assert judged["near miss"] == {"wrong"}
    assert not any("correct" in kinds for kind, kinds in judged.items() if kind != PERFECT)
    assert all(task.right_in_any_form(item.row, text) for item, text in found["right, unformatted"])


def test_a_reward_that_pays_silence_most_is_marked() -> None:
    config = Config()
    silent, fails = candidate("silent", LENGTH), candidate("fails", "1 / 0")
    code = f"def reward(prompts, completions, answer, **columns):\n    return [{RIGHT} for text in completions]\n"
    state = RunState(Path("run"), config, base=(RewardSpec(id="base:right", name="right", code=code),))
    state.candidates = {each.id: each for each in (silent, fails)}
    scorer = Scorer(config)
    board = scorer.scoreboard(state)
    assert board.missing == ""
    right, quiet, failed = board.payments
    assert right.paid["empty"] == 0.0 < right.paid[PERFECT]
    assert [kind for kind in quiet.paid if quiet.suspicious(kind)] == [kind for kind in KINDS if kind != PERFECT]
    assert (quiet.paid["empty"], quiet.paid["garbage"]) == (1.5, 1.0)
    assert failed.error
    assert scorer.scoreboard(state) == board


def test_a_task_that_cannot_be_loaded_is_named() -> None:
    config = Config(task=TaskConfig(name="missing_module:Task"))
    board = Scorer(config).scoreboard(RunState(Path("run"), config))
    assert "missing_module" in board.missing


def test_completions_of_a_task_that_measures_have_numbers_of_what_they_are() -> None:
    found = typical(MeasuredTask())
    finished = {kind: {item.row.measured["finished"] for item, _ in items} for kind, items in found.items()}
    assert finished == {
        PERFECT: {1},
        "near miss": {1},
        "format only": {1},
        "stuffed": {1},
        "empty": {0},
        "garbage": {0},
    }
    assert all(item.row.measured["rank"] > 1 for kind, items in found.items() if kind != PERFECT for item, _ in items)
