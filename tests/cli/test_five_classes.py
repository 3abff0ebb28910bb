"""A task with five classes from outside the package: its contract, a whole search with finalize, and what is shown."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, TaskConfig, parse_config
from rewardsearch.loop import search
from rewardsearch.propose.llm.prompt import build_prompt
from rewardsearch.records import BASELINE, POLICY, Outcome, Request, TrainingJob
from rewardsearch.run.state import RunState
from rewardsearch.run.tables import leaderboard_frame
from rewardsearch.session.requests import first_request
from rewardsearch.session.runs import ranking_of
from rewardsearch.stats import f1_accuracy
from rewardsearch.tasks import load_task
from rewardsearch.testing.task import TaskSuite

NAME = f"{Path(__file__).parents[1] / 'outside' / 'emotions.py'}:Emotions"
EMOTIONS = {"name": NAME, "train_rows": 60, "val_rows": 40, "test_rows": 40}
SETTINGS = {
    **SMALL,
    "rounds": 2,
    "task": EMOTIONS,
    "propose": {"proposer": "grammar"},
    "train": {"baseline_seeds": 2},
    "rank": {"resamples": 200, "min_correct": 0},
    "finalize": {"enabled": True, "ensembles": ["top2"], "controls": [], "seeds": 2},
}


class TestEmotions(TaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        return TaskConfig.model_validate(EMOTIONS)


def config() -> Config:
    return parse_config(SETTINGS, "test")


def answers(name: str, split: Any) -> tuple[Outcome, ...]:
    """What a policy answers, by its name: some classes right, the others next to the right one, a few unparsed."""
    task = load_task(config().task)
    classes, luck = list(task.classes or ()), int.from_bytes(name.encode()[-2:], "big") % 3
    found = []
    for place, row in enumerate(task.rows(split)):
        right = classes.index(row.answer) <= 1 + luck
        said = row.answer if right else classes[classes.index(row.answer) - 1]
        text = "" if place % 9 == 0 else f"<thinking> so </thinking> <solution> {said} </solution>"
        found.append(task.outcome(row, text, 7))
    return tuple(found)


def play(job: TrainingJob) -> tuple[Outcome, ...]:
    return answers(f"{job.id} {job.seed}", "val")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunState:
    with Trainer(play=play, play_test=lambda name: answers(name, "test")).in_place():
        return search(config(), tmp_path_factory.mktemp("five") / "run", Quiet())


def test_candidates_are_ranked_by_macro_f1(run: RunState) -> None:
    ranking = ranking_of(run)
    scored = [row for row in ranking.rows if row.f1 is not None]
    assert len(scored) == 2 + len(run.candidates) >= 4 and ranking.n == 40
    for row in scored:
        assert row.classes is not None and row.classes.positive is None and row.f1 == row.classes.macro_f1.value
        assert list(row.classes.confusion["joy"]) == [*row.classes.classes, "unparsed"]
        if row.id != BASELINE:
            assert row.f1 == pytest.approx(f1_accuracy(run.results[row.id].outcomes).f1, abs=1e-12)
    assert [row.f1 for row in scored] == sorted((row.f1 for row in scored if row.f1 is not None), reverse=True)
    frame = leaderboard_frame(ranking)
    assert {"macro_f1", "fear_recall_low", "love_as_surprise", "joy_as_unparsed"} <= {*frame.columns}


def test_the_golds_are_those_of_the_task(run: RunState) -> None:
    row = next(row for row in ranking_of(run).rows if row.id == POLICY)
    golds = Counter(row.answer for row in load_task(run.config.task).rows("val"))
    assert row.classes is not None
    assert {name: sum(counts.values()) for name, counts in row.classes.confusion.items()} == golds


def test_finalize_has_the_classes_too(run: RunState) -> None:
    report = run.final
    assert report is not None and report.policy_conclusion is not None and report.fairness == ()
    assert report.policy_conclusion.metric == "macro F1"
    for row in report.rows:
        assert row.classes is not None and row.f1 == row.classes.macro_f1.value
        assert row.id == POLICY or row.macro_gain is not None
        assert all(0 <= seed.recall <= 1 for seed in row.classes_by_seed.values())


def test_the_commands_show_the_classes(cli: Any, run: RunState, tmp_path: Path) -> None:
    folder = str(run.folder)
    rows = json.loads(cli("leaderboard", folder, "--json").out)["rows"]
    assert set(rows[0]["classes"]["classes"]) == {"joy", "anger", "fear", "love", "surprise"}
    table = cli("leaderboard", folder)
    assert table.code == 0 and "macro F1" in table.out and "precision" not in table.out
    best = next(row["id"] for row in rows if row["id"] in run.candidates)
    assert "surprise" in cli("show", folder, best).out
    final = cli("finalize", folder)
    assert final.code == 0 and "by gold class" in final.out and "surprise" in final.out
    compared = cli("compare", folder, best, BASELINE)
    assert compared.code == 0 and "macro F1" in compared.out
    assert cli("export", folder, "--to", "trl", "-o", tmp_path / "out").code == 0
    module = (tmp_path / "out" / "rewardsearch_reward.py").read_text(encoding="utf-8")
    assert 'CLASSES = ("joy", "anger", "fear", "love", "surprise")' in module


def test_feedback_and_prompts_name_all_classes(run: RunState) -> None:
    feedback = run.feedbacks[2]
    assert feedback.classes == ("joy", "anger", "fear", "love", "surprise")
    assert feedback.positive is None and "macro F1" in feedback.text and "SELECTED" not in feedback.text
    request = first_request(config())
    prompt = build_prompt(request, Request(index=1, operator="fresh", model="m"), 16_000, structured=False)
    assert "5 classes" in prompt.user and all(name in prompt.user for name in request.classes or ())
    examples = prompt.system.partition("# Two examples")[2]
    assert '"surprise"' in examples and "resume" not in examples and "SELECTED" not in prompt.system


def test_outcomes_without_the_classes_of_the_task_are_refused_before_anything_starts(cli: Any, tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "outside" / "emotions.py").read_text(encoding="utf-8")
    (tmp_path / "forgot.py").write_text(text.replace(", classes=self.classes", ""), encoding="utf-8")
    (tmp_path / "my.yaml").write_text(
        "propose: {proposer: grammar}\ntask: {name: forgot.py:Emotions}\n", encoding="utf-8"
    )
    small = [f"--set=task.{split}_rows=40" for split in ("train", "val", "test")]
    done = cli("run", tmp_path / "my.yaml", *small, "--run-dir", tmp_path / "run")
    assert done.code == 2 and "classes=self.classes" in done.err and not (tmp_path / "run").exists()
