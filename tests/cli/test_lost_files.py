"""Files of a run that are lost or damaged: found, reported, trained again or written again, and never another winner."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer, outcomes

from rewardsearch.config import Config, parse_config
from rewardsearch.loop import finalize_run, search
from rewardsearch.records import BASELINE, Outcome, TrainingJob
from rewardsearch.run.artifacts import ADAPTER
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.run.restore import missing
from rewardsearch.session.runs import ranking_of

FINAL = {"enabled": True, "ensembles": ["top2"], "controls": [], "finalists": 1}


def config(**settings: Any) -> Config:
    return parse_config({**SMALL, "candidates": 3, **settings}, "test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two runs: `final`, which is finalized, and `searched`, which is not."""
    place = tmp_path_factory.mktemp("made")
    with Trainer().in_place():
        search(config(finalize=FINAL), place / "final", Quiet())
        search(config(), place / "searched", Quiet())
    yield place


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    def copied(name: str) -> Path:
        return Path(shutil.copytree(made / name, tmp_path / name))

    return copied


def screen(folder: Path, arm: str) -> Path:
    return folder / "candidates" / arm / "training" / "full-0"


def best(folder: Path) -> str:
    state = read_run(folder)
    return next(row.id for row in state.rankings[-1].rows if row.id in state.candidates)


def flip(path: Path) -> None:
    """Changes one bit of a figure or a letter, so that the file can still be read."""
    content = bytearray(path.read_bytes())
    place = content.index(b'"status": "done"') + 12 if path.name == "result.json" else content.rindex(b"q") + 1
    content[place] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "result.json": lambda folder: (folder / "result.json").unlink(),
    "predictions.jsonl": lambda folder: (folder / "predictions.jsonl").unlink(),
    "predictions.jsonl flipped": lambda folder: flip(folder / "predictions.jsonl"),
    "result.json flipped": lambda folder: flip(folder / "result.json"),
    "curves.jsonl more": lambda folder: (folder / "curves.jsonl").write_text("\n"),
    "result.json all": shutil.rmtree,
}
damages = pytest.mark.parametrize("damage", DAMAGES)


@damages
def test_a_final_run_keeps_its_leaderboard_and_reports_what_is_lost(
    run: Callable[[str], Path], trainer: Trainer, cli: Any, damage: str
) -> None:
    folder = run("final")
    before = read_run(folder)
    whole, winner = cli("leaderboard", folder, "--json").out, best(folder)
    DAMAGES[damage](screen(folder, winner))
    lost = [{"path": f"candidates/{winner}/training/full-0/{damage.split()[0]}"}]
    told = {"damaged"} if "flipped" in damage or "more" in damage else {"missing"}
    for command in ("status", "leaderboard", "finalize"):
        document = json.loads(cli(command, folder, "--json").out)
        assert [{"path": each["path"]} for each in document["missing"]] == lost
        assert {each["what"] for each in document["missing"]} == told
        assert lost[0]["path"] in cli(command, folder).out.replace("\n", "").replace(" ", "")
    after = json.loads(cli("leaderboard", folder, "--json").out)
    assert after["rows"] == json.loads(whole)["rows"] and json.loads(whole)["missing"] == []
    progress = Quiet()
    state = search(config(finalize=FINAL), folder, progress)
    assert (state.final, trainer.trained) == (before.final, [])
    assert any(lost[0]["path"] in line for line in progress.said)


@damages
def test_a_search_that_goes_on_trains_again_what_is_lost_and_says_which_file(
    run: Callable[[str], Path], trainer: Trainer, damage: str
) -> None:
    folder = run("searched")
    ranking, winner = read_run(folder).rankings[-1], best(folder)
    DAMAGES[damage](screen(folder, winner))
    assert ranking_of(read_run(folder)) == ranking
    progress = Quiet()
    state = search(config(), folder, progress)
    assert trainer.trained == [winner]
    path = f"candidates/{winner}/training/full-0/{damage.split()[0]}"
    assert any(line.startswith(f"warning: {path} is ") for line in progress.said)
    assert (missing(state), ranking_of(state)) == ([], ranking)


def test_files_that_follow_from_the_journal_are_written_again(run: Callable[[str], Path], trainer: Trainer) -> None:
    folder = run("final")
    winner = best(folder)
    names = [
        "config.yaml",
        f"candidates/{winner}/reward.py",
        f"candidates/{winner}/verdict.json",
        "rounds/01/ranking.json",
        "rounds/01/feedback.md",
        "leaderboard.csv",
        "final/test.json",
        "final/pairs.csv",
    ]
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    assert {each.path for each in missing(read_run(folder)) if each.from_journal} == set(names)
    search(config(finalize=FINAL), folder, Quiet())
    assert {name: (folder / name).read_bytes() for name in names} == before
    events = [json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines()]
    assert {file for event in events if event["event"] == "restored" for file in event["files"]} == set(names)
    assert missing(read_run(folder)) == []


def test_show_says_what_is_lost_of_the_arm_alone(run: Callable[[str], Path], cli: Any) -> None:
    folder = run("final")
    winner = best(folder)
    shutil.rmtree(screen(folder, winner))
    assert "1 lost result" in cli("show", folder, winner).out
    assert "lost" not in cli("show", folder, BASELINE).out
    assert len(json.loads(cli("show", folder, winner, "--json").out)["missing"]) == 1
    done = cli("compare", folder, winner, BASELINE)
    assert done.code == 2 and "result.json (missing)" in done.err


def test_a_finalized_run_without_results_shows_the_ranking_of_its_journal(run: Callable[[str], Path], cli: Any) -> None:
    folder = run("final")
    rows = json.loads(cli("leaderboard", folder, "--json").out)["rows"]
    for trainings in folder.glob("candidates/*/training"):
        shutil.rmtree(trainings)
    shutil.rmtree(folder / "final" / "test")
    done = cli("leaderboard", folder)
    assert done.code == 0 and "lost results" in done.out and "the journal" in done.out
    assert json.loads(cli("leaderboard", folder, "--json").out)["rows"] == rows


# --- before the sealed test is read -----------------------------------------------------------------------------------


def with_adapter(folder: Path) -> Callable[[TrainingJob], tuple[Outcome, ...]]:
    """A training that leaves an adapter in the run's folder."""

    def play(job: TrainingJob) -> tuple[Outcome, ...]:
        path = folder / job.folder / ADAPTER / "adapter_model.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"weights of {job.id}", encoding="utf-8")
        return outcomes(job.id)

    return play


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_an_adapter_that_is_lost_is_trained_again_before_the_test_is_read(
    tmp_path: Path, trainer: Trainer, what: str
) -> None:
    trainer.play = with_adapter(tmp_path)
    settings = config(candidates=1, train={"baseline_seeds": 2}, finalize={**FINAL, "seeds": 1})
    search(settings.model_copy(update={"finalize": config().finalize}), tmp_path, Quiet())
    trainer.trained.clear()
    adapter = tmp_path / "candidates" / BASELINE / "training" / "full-1" / ADAPTER / "adapter_model.safetensors"
    text = adapter.read_text(encoding="utf-8")
    adapter.unlink()
    if what == "damaged":
        adapter.write_text(text.replace("weights", "Weights"), encoding="utf-8")
    progress = Quiet()
    assert finalize_run(settings, tmp_path, progress).final is not None
    assert trainer.trained.count(BASELINE) == 1 and adapter.read_text(encoding="utf-8") == text
    assert any(f"full-1/{ADAPTER}/adapter_model.safetensors is {what}" in line for line in progress.said)


@pytest.mark.parametrize(
    "damage", [flip, Path.unlink, lambda path: path.write_text("{")], ids=["flipped", "lost", "torn"]
)
def test_outcomes_on_the_test_that_are_lost_before_the_report_are_read_again(
    run: Callable[[str], Path], trainer: Trainer, damage: Callable[[Path], None]
) -> None:
    folder = run("final")
    final = read_run(folder).final
    events = (folder / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / JOURNAL).write_text("".join(line for line in events if '"event": "final"' not in line), encoding="utf-8")
    path = sorted((folder / "final" / "test").glob("*.jsonl"))[0]
    damage(path)
    assert search(config(finalize=FINAL), folder, Quiet()).final == final
    assert [name for name in trainer.tested if path.name.startswith(f"{name}-")] == trainer.tested
    assert len(trainer.tested) == 1 and trainer.trained == []
