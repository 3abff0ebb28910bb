"""The Python API: what `import rewardsearch` offers."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import BAD, GOOD, LEVEL, REFUSED, make_run
from played import SMALL, Trainer

import rewardsearch as rs
from rewardsearch.config import parse_config
from rewardsearch.run.tables import leaderboard_csv
from rewardsearch.session import api

RIGHT = """
def reward(prompts, completions, answer, **columns):
    return {"right": [float(a in c) for c, a in zip(completions, answer)]}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finalized run in runs/demo and two files of predictions."""
    place = tmp_path_factory.mktemp("api")
    (place / "base.py").write_text(RIGHT, encoding="utf-8")
    make_run(place / "runs" / "demo", [place / "base.py"])
    for name, right in (("a", 4), ("b", 2)):
        rows = ({"id": i, "gold": 7, "prediction": 7 if i < right else 8} for i in range(5))
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return place


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[rs.Run]:
    monkeypatch.chdir(place)
    yield rs.load_run("demo")


def test_the_import_takes_under_a_fifth_of_a_second_and_loads_no_library() -> None:
    code = (
        "import sys, time; before = time.process_time(); import rewardsearch; took = time.process_time() - before; "
        "print(took < 0.2, [m for m in ('pydantic', 'numpy', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


def test_every_name_is_there_is_seen_by_type_checkers_and_is_no_module() -> None:
    assert all(getattr(rs, name) is not None and name in dir(rs) for name in rs.__all__)
    tree = ast.parse(Path(rs.__file__).read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    seen = [name.name for node in checked.body if isinstance(node, ast.ImportFrom) for name in node.names]
    assert sorted(seen) == sorted(rs.__all__)
    assert not [name for name in rs.__all__ if importlib.util.find_spec(f"rewardsearch.{name}")]
    assert (Path(rs.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError, match="serach"):
        _ = rs.serach


def test_the_examples_of_the_docstrings_give_what_they_say(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    found = doctest.testmod(api)
    assert found.failed == 0 and found.attempted >= 10


def test_a_search_gives_its_run_and_the_same_call_gives_it_again(
    trainer: Trainer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    config = parse_config(SMALL, "test")
    run = rs.search(
        config, run_dir=tmp_path / "run", set={"candidates": 1, "rank.resamples": 150}, progress=lines.append
    )
    assert (run.status, run.config.candidates, run.config.rank.resamples) == ("finished", 1, 150)
    assert sorted(run.leaderboard()["name"]) == sorted(["baseline", "policy", run.candidates[0].name])
    assert any("after" in line and "accuracy" in line for line in lines)
    written = tmp_path / "run" / "report.html"
    assert lines[-1] == f"report: {written}"
    # What the search had in memory gives the same report as what it left in its folder.
    copy = rs.load_run(tmp_path / "run").report(tmp_path / "copy.html")
    assert copy.read_bytes() == written.read_bytes()
    trained = list(trainer.trained)
    with caplog.at_level(logging.INFO, "rewardsearch"):
        again = rs.search(config, run_dir=tmp_path / "run", set=["candidates=1", "rank.resamples=150"])
    assert trainer.trained == trained
    assert again.leaderboard().equals(run.leaderboard())
    assert caplog.records


def test_a_search_without_a_folder_is_refused() -> None:
    with pytest.raises(rs.UserError, match="run_dir"):
        rs.search(parse_config(SMALL, "test"))
    with pytest.raises(rs.UserError, match="steps"):
        rs.search(parse_config(SMALL, "test"), set={"train.steps": "many"})


def test_the_leaderboard_is_that_of_the_csv_file(run: rs.Run) -> None:
    board = run.leaderboard()
    assert board.to_csv(index=False, lineterminator="\n") == leaderboard_csv(run.ranking)
    assert board["id"][0] == GOOD.id


def test_a_candidate_is_found_by_its_beginning_and_has_code_verdict_curves_and_outcomes(run: rs.Run) -> None:
    good = run.candidate(GOOD.id[:5])
    assert (good.id, good.name, good.code) == (GOOD.id, GOOD.name, GOOD.code)
    assert good.verdict is not None and good.verdict.accepted
    curves = good.curves()
    assert list(curves["step"]) == list(range(1, 41))
    assert curves["components.answer"][0] == 0.125
    outcomes = good.outcomes()
    assert list(outcomes["kind"]).count("correct") == 18 and {"gold", "prediction", "completion"} <= {*outcomes.columns}
    assert [each.id for each in run.candidates] == [GOOD.id, LEVEL.id, BAD.id, REFUSED.id]


def test_what_an_arm_does_not_have_is_said(run: rs.Run) -> None:
    with pytest.raises(rs.UserError, match=GOOD.name):
        run.candidate("worked-stepp")
    with pytest.raises(rs.UserError, match="baseline"):
        _ = run.candidate("baseline").code
    with pytest.raises(rs.UserError, match="failed"):
        run.candidate(BAD.id).outcomes()
    assert run.candidate(REFUSED.id).curves().empty


def test_two_arms_are_compared_on_their_questions(run: rs.Run) -> None:
    result = run.compare(GOOD.name, "baseline")
    assert (result.n, result.mcnemar.only_a, result.mcnemar.only_b) == (20, 6, 0)
    with pytest.raises(rs.UserError, match=BAD.name):
        run.compare(BAD.id, "baseline")


def test_the_final_table_has_a_row_an_arm(run: rs.Run) -> None:
    assert run.final is not None
    table = run.final_table()
    assert list(table["id"]) == [row.id for row in run.final.rows]
    first = run.final.rows[0]
    assert first.f1_ci is not None
    assert (table["f1"][0], table["f1_low"][0], table["f1_high"][0]) == (first.f1, *first.f1_ci)


def test_an_export_gives_the_files_that_it_wrote(run: rs.Run, tmp_path: Path) -> None:
    paths = run.export("trl", tmp_path / "out", ensemble=GOOD.id[:6])
    assert [path.parent for path in paths] == [tmp_path / "out"] * len(paths)
    assert GOOD.id in paths[0].read_text(encoding="utf-8")
    with pytest.raises(rs.UserError, match="trl"):
        run.export("trk", tmp_path / "out")


def test_a_reward_is_validated_from_text_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RIGHT, encoding="utf-8")
    assert rs.validate(file, "arithmetic").accepted
    bounded = rs.validate(RIGHT, set={"validation.bound": 0.5})
    assert (bounded.accepted, bounded.stage) == (False, "contract")
    with pytest.raises(rs.UserError, match="chess"):
        rs.validate(RIGHT, task="chess")


def test_rows_in_memory_in_a_frame_and_in_a_file_are_scored_alike(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": "p", "completion": f"it is {n}", "answer": 7} for n in (7, 8)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scores = [rs.score(RIGHT, each) for each in (rows, pd.DataFrame(rows), str(tmp_path / "rows.jsonl"))]
    assert [each.rewards for each in scores] == [[1.0, 0.0]] * 3
    assert list(scores[0].frame()["right"]) == [1.0, 0.0]
    failed = rs.score(RIGHT.replace("a in c", "1 / 0"), rows)
    assert (failed.rewards, failed.summary) == ([], {}) and "ZeroDivisionError" in str(failed.error)
    with pytest.raises(rs.UserError, match="row 1"):
        rs.score(RIGHT, [rows[0], {**rows[1], "answer": None}])


def test_predictions_in_memory_are_compared_as_those_of_files(place: Path) -> None:
    frames = [pd.read_json(place / f"{name}.jsonl", lines=True) for name in ("a", "b")]
    result = rs.compare(*frames)
    assert result == rs.compare(place / "a.jsonl", place / "b.jsonl")
    assert (result.mcnemar.only_a, result.mcnemar.only_b) == (2, 0)
