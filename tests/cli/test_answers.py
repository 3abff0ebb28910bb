"""What trained policies answer to held-out questions: `show --completions`, and the questions that `compare` lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import BAD, GOOD, LEVEL, book_training

from rewardsearch.records import BASELINE, POLICY, Completion, Outcome
from rewardsearch.run.artifacts import load_result, save_completions
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.session.answers import read_answers
from rewardsearch.tasks import load_task


@pytest.fixture
def answered(run: Path) -> Path:
    """The run with the texts of two of its arms. Of 20 questions the baseline answers q0 to q11 right, GOOD q0 to q17, LEVEL as
    the baseline, and no answer of its others can be read."""
    for arm in (BASELINE, GOOD.id):
        texts = [Completion(id=f"q{i}", completion=f"{arm} says " + "so " * 60 + f"\nto q{i}") for i in range(20)]
        save_completions(run / "candidates" / arm / "training" / "full-0", texts)
    return run


def ids(told: dict[str, Any]) -> list[str]:
    return [each["id"] for each in told["questions"]]


@pytest.mark.parametrize(
    ("arm", "option", "expected"),
    [
        (GOOD.id, "--completions", range(20)),
        (GOOD.id, "--wrong", range(18, 20)),
        (GOOD.id, "--fixed", range(12, 18)),
        (GOOD.id, "--broken", ()),
        (LEVEL.id, "--wrong", range(12, 20)),
        # The baseline is held against the policy, which answers q0 to q9 right.
        (BASELINE, "--fixed", range(10, 12)),
        (POLICY, "--wrong", range(10, 20)),
    ],
)
def test_the_answers_that_are_asked_for(cli: Any, answered: Path, arm: str, option: str, expected: Any) -> None:
    assert ids(json.loads(cli("show", answered, arm, option, "--json").out)) == [f"q{i}" for i in expected]


def test_an_answer_stands_beside_the_baselines(cli: Any, answered: Path) -> None:
    told = json.loads(cli("show", answered, GOOD.id, "--fixed", "--json").out)
    assert (told["reference"], told["split"], told["total"], told["steps"]) == (BASELINE, "val", 20, 40)
    first = told["questions"][0]
    assert first["answer"]["kind"] == "correct" and first["answer"]["completion"].endswith("to q12")
    assert first["reference"] == {
        "kind": "wrong",
        "prediction": "8",
        "completion": first["reference"]["completion"],
    }
    assert first["reference"]["completion"].startswith("baseline says")
    # Texts that were not kept are null, not empty.
    told = json.loads(cli("show", answered, LEVEL.id, "--wrong", "--json").out)
    assert {each["answer"]["completion"] for each in told["questions"]} == {None}


@pytest.mark.parametrize("width", ["40", "80", "100"])
def test_answers_fit_the_terminal(cli: Any, answered: Path, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    done = cli("show", answered, GOOD.id, "--completions", "--limit", 3)
    assert max(map(len, done.out.splitlines())) <= int(width)
    assert "to q2" in done.out and "to q3" not in done.out and "17 more" in done.out


def test_questions_are_those_of_the_tasks_rows(run: Path) -> None:
    state = read_run(run)
    rows = load_task(state.config.task).rows("val")[:20]
    home = run / "candidates" / LEVEL.id / "training" / "full-0"
    result = load_result(home)
    assert result is not None
    outcomes = tuple(Outcome(id=row.id, kind="wrong", gold=row.answer, prediction="x", length=1) for row in rows)
    with Journal.open(run, state.config, state.base) as journal:
        book_training(
            journal, f"candidates/{LEVEL.id}/training/full-0", result.model_copy(update={"outcomes": outcomes})
        )
    answers = read_answers(read_run(run), LEVEL.id, "wrong")
    assert [each.prompt for each in answers.questions] == [row.prompt_text for row in rows]


@pytest.mark.parametrize(
    ("arm", "options", "told"),
    [
        (BAD.id, ["--completions"], "returned nan"),
        (GOOD.id, ["--fixed", "--broken"], "--fixed and --broken"),
        (POLICY, ["--fixed"], "--fixed"),
        ("ensemble-top3", ["--wrong"], "ensemble-top3 was not evaluated"),
    ],
)
def test_what_has_no_answers_is_told_in_a_line(
    cli: Any, answered: Path, arm: str, options: list[str], told: str
) -> None:
    done = cli("show", answered, arm, *options)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1) and told in done.err


def test_compare_lists_the_questions_that_only_one_answers_right(cli: Any, run: Path) -> None:
    told = json.loads(cli("compare", run, GOOD.id, BASELINE, "--json").out)
    assert [(each["id"], each["right"], each["a"], each["b"]) for each in told["discordant"]] == [
        (f"q{i}", "a", "7", "8") for i in range(12, 18)
    ]
    out = cli("compare", run, GOOD.id, BASELINE).out
    assert "q12" in out and "q16" in out and "q17" not in out and "1 more" in out
    assert "q17" in cli("compare", run, GOOD.id, BASELINE, "--limit", 9).out
    assert "q12" not in cli("compare", run, GOOD.id, GOOD.id).out
