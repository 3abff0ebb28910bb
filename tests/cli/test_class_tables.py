"""A task with classes: the leaderboard, the progress of a search, two arms next to each other."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from classed import classed
from fakes import book_training, candidate, screened, write_predictions
from rich.console import Console

from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.cli.progress import SearchProgress
from rewardsearch.config import RankConfig, parse_config
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, Proposal, TrainingJob, TrainingResult, Verdict
from rewardsearch.run.events import Proposed, Validated
from rewardsearch.run.journal import Journal, read_run

A, B = candidate("judges", "11.0"), candidate("rejects", "12.0")
GOLD = "S" * 50 + "R" * 50
FAIR = "S" * 43 + "R" * 7 + "S" * 2 + "R" * 48
HARSH = "S" * 10 + "R" * 88 + "--"


def board(width: int, terminal: bool = False) -> list[str]:
    answers = {BASELINE: HARSH, A.id: FAIR}
    ranking = rank(
        task="resume",
        results={arm: screened(arm, "", outcomes=classed(GOLD, text)) for arm, text in answers.items()},
        candidates={A.id: A},
        verdicts={A.id: Verdict(candidate=A.id, accepted=True, flags=("short",))},
        config=RankConfig(resamples=300),
        seed=0,
        baselines=[screened(BASELINE, "", outcomes=classed(GOLD, HARSH), seed=seed) for seed in (0, 1)],
    )
    console = Console(width=width, file=io.StringIO(), force_terminal=terminal, color_system=None)
    print_leaderboard(ranking, console, wide=True)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def shown(result: TrainingResult) -> str:
    console = Console(width=400, file=io.StringIO())
    with SearchProgress(console, parse_config({}, "test")) as progress:
        job = TrainingJob(id=result.id, rewards=(), seed=0, steps=result.steps, folder="f")
        progress.ended(job, result, result.id)
    return console.file.getvalue().strip()  # type: ignore[attr-defined]


def test_the_leaderboard_names_the_class_of_f1_and_shows_precision_and_recall() -> None:
    lines = board(400)
    assert lines[0] == "resume, 100 questions of val; F1, precision and recall are those of SELECTED"
    assert " ".join(lines[1].split()).startswith(
        "# ties name id round F1 interval macro F1 precision recall parsed training p/base"
    )
    row = lines[2].split()
    assert row[2] == "judges" and row[5] == "0.905" and row[8:12] == ["0.910", "0.956", "0.860", "100.0%"]
    assert row[-1] == "short"
    legend = {line.split("  ")[0]: line for line in lines}
    assert "SELECTED and REJECTED" in legend["macro F1"] and "of SELECTED" in legend["F1"]


def test_a_narrow_terminal_keeps_precision_and_recall() -> None:
    row = next(line for line in board(70, terminal=True) if line.startswith("1 "))
    assert len(row) <= 70 and "0.905" in row and "0.956" in row and "0.860" in row


def test_a_finished_training_is_shown_with_its_class_scores() -> None:
    trained = screened("arm", "", outcomes=classed(GOLD, FAIR), steps=36, seconds=31.2)
    assert shown(trained).startswith(
        "arm after 36 steps: F1 0.91, macro F1 0.91, precision 0.96, recall 0.86 on 100 questions, 31 s"
    )


def test_a_finished_training_of_a_numeric_task_is_shown_with_its_accuracy() -> None:
    assert "after 40 steps: F1 0.750, accuracy 0.600 on 5 questions, 12 s" in shown(screened("arm", "cccww"))


@pytest.fixture
def classed_run(run: Path) -> Path:
    """The run with two more candidates, whose answers are classes."""
    state = read_run(run)
    with Journal.open(run, state.config, state.base) as journal:
        proposal = Proposal(candidates=(A, B))
        journal.append(Proposed(round=2, attempt=0, proposal=proposal))
        for each, answers in ((A, FAIR), (B, HARSH)):
            verdict = Verdict(candidate=each.id, accepted=True)
            journal.append(Validated(verdict=verdict))
            book_training(journal, each.name, screened(each.id, "", outcomes=classed(GOLD, answers)))
    return run


def test_compare_shows_two_arms_of_a_run_by_class(cli: Any, classed_run: Path) -> None:
    out = cli("compare", classed_run, "judges", "rejects").out
    assert "F1 is that of SELECTED" in out.splitlines()[0]
    lines = [line.split() for line in out.splitlines()]
    assert ["SELECTED", "precision", "0.956"] in [line[:3] for line in lines]
    assert next(line for line in lines if line[:2] == ["REJECTED", "second"])[-3:] == ["0", "48", "2"]
    document = json.loads(cli("compare", classed_run, "judges", "rejects", "--json").out)
    classes = document["a"]["classes"]
    gap = classes["macro_f1"]["value"] - document["b"]["classes"]["macro_f1"]["value"]
    assert document["macro_f1_difference"]["value"] == pytest.approx(gap)
    assert classes["classes"]["SELECTED"]["recall"]["value"] == 0.86


def test_compare_predictions_takes_the_positive_class(cli: Any, tmp_path: Path) -> None:
    a = write_predictions(
        tmp_path / "a", [(1, "SELECTED", "selected"), (2, "REJECTED", "REJECTED"), (3, "REJECTED", None)]
    )
    done = cli("compare", "--predictions", a, a, "--positive", "SELECTED", "--json")
    document = json.loads(done.out)
    assert document["a"]["f1"] == pytest.approx(2 / 3)
    assert document["a"]["classes"]["confusion"]["REJECTED"] == {"SELECTED": 0, "REJECTED": 1, "unparsed": 1}
    assert document["macro_f1_difference"] == {"value": 0, "ci": [0, 0]}


def test_a_positive_class_without_prediction_files_is_the_users_error(cli: Any, run: Path) -> None:
    done = cli("compare", run, "baseline", "policy", "--positive", "SELECTED")
    assert done.code == 2 and "--positive" in done.err and "--predictions" in done.err


def test_leaderboard_as_json_has_classes_only_where_there_are_some(cli: Any, run: Path) -> None:
    rows = json.loads(cli("leaderboard", run, "--json").out)["rows"]
    assert {row["classes"] for row in rows} == {None}
