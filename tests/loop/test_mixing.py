"""Results of two environments are never mixed unnoticed: a resume in another one is refused, or asked for and marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import Interrupted, UserError
from rewardsearch.loop import finalize_run, search
from rewardsearch.records import BASELINE, Device, Environment, differences
from rewardsearch.run.environment import environment_of
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.session.runs import ranking_of

GPU = Device(kind="cuda", name="NVIDIA H200")
Elsewhere = Callable[..., Environment]


def config(**settings: Any) -> Config:
    return parse_config({**SMALL, "candidates": 1, "policy": {"device": "cpu"}, **settings}, "test")


FINAL = {"enabled": True, "ensembles": ["top2"], "controls": [], "finalists": 1, "seeds": 1}


def opened(folder: Path) -> list[dict[str, Any]]:
    events = (json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines())
    return [event for event in events if event["event"] == "opened"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Makes this machine another one: versions by name, `code` of a part of the package, or a device."""
    here = environment_of(config())

    def change(code: str | None = None, device: Device | None = None, **versions: str) -> Environment:
        there = Environment(
            versions=here.versions | versions,
            code=here.code | ({code: "another"} if code else {}),
            device=device or here.device,
        )
        monkeypatch.setattr("rewardsearch.run.journal.environment_of", lambda config: there)
        return there

    return change


@pytest.mark.parametrize(
    ("what", "change"),
    [("torch", {"torch": "1.0"}), ("code", {"code": "train/worker"}), ("device", {"device": GPU})],
    ids=["torch", "code", "device"],
)
def test_a_resume_in_another_environment_is_refused_or_asked_for_and_marked(
    tmp_path: Path, trainer: Trainer, elsewhere: Elsewhere, what: str, change: dict[str, Any]
) -> None:
    search(config(), tmp_path, Quiet())
    journal, trained = (tmp_path / JOURNAL).read_bytes(), len(trainer.trained)
    elsewhere(**change)
    with pytest.raises(UserError, match=rf"{what} is .* here, and .* made with .*--run-dir.*--mix.*mixed:{what}"):
        search(config(rounds=2), tmp_path, Quiet())
    assert ((tmp_path / JOURNAL).read_bytes(), len(trainer.trained)) == (journal, trained)
    told = Quiet()
    state = search(config(rounds=2), tmp_path, told, mix=True)
    assert any(line.startswith(f"warning: {what} is ") for line in told.said)
    rows = [row for row in state.rankings[-1].rows if row.status == "trained"]
    later = [row.id for row in rows if row.round == 2]
    assert later and [row.id for row in rows if f"mixed:{what}" in row.flags] == later
    assert [each["what"] for each in opened(tmp_path)[-1]["mixed"]] == [what]
    assert search(config(rounds=2), tmp_path, Quiet()).status == "finished"


def test_another_cpu_is_marked_and_not_refused(tmp_path: Path, trainer: Trainer, elsewhere: Elsewhere) -> None:
    search(config(), tmp_path, Quiet())
    elsewhere(device=Device(kind="cpu", name="another", threads=1))
    told = Quiet()
    state = search(config(rounds=2), tmp_path, told)
    assert any("cpu is another here" in line for line in told.said)
    assert {"mixed:cpu"} == {flag for row in state.rankings[-1].rows for flag in row.flags if row.round == 2}


def test_before_anything_is_trained_a_run_may_move(tmp_path: Path, trainer: Trainer, elsewhere: Elsewhere) -> None:
    (tmp_path / "STOP").touch()
    with pytest.raises(Interrupted):
        search(config(), tmp_path, Quiet())
    (tmp_path / "STOP").unlink()
    elsewhere(torch="1.0")
    assert not any(row.flags for row in search(config(), tmp_path, Quiet()).rankings[-1].rows)


def test_a_finished_run_is_shown_anywhere(tmp_path: Path, trainer: Trainer, elsewhere: Elsewhere) -> None:
    settings = config(finalize=FINAL)
    state = search(settings, tmp_path, Quiet())
    elsewhere(torch="1.0")
    assert search(settings, tmp_path, Quiet()).final == state.final
    assert ranking_of(read_run(tmp_path)) == state.rankings[-1]


def test_what_finalize_trains_elsewhere_is_marked_in_its_table(
    tmp_path: Path, trainer: Trainer, elsewhere: Elsewhere
) -> None:
    before = config(candidates=2, train={"baseline_seeds": 3})
    search(before, tmp_path, Quiet())
    settings = before.model_copy(update={"finalize": config(finalize=FINAL).finalize})
    elsewhere(torch="1.0", device=GPU)
    with pytest.raises(UserError, match=r"torch is 1\.0 here"):
        finalize_run(settings, tmp_path, Quiet())
    report = finalize_run(settings, tmp_path, Quiet(), mix=True).final
    assert report is not None and any("torch 1.0" in note for note in report.notes)
    flags = {row.id: row.flags for row in report.rows}
    assert flags.pop(BASELINE) == ()
    flags.pop("policy")
    assert flags and all(each == ("mixed:torch", "mixed:device") for each in flags.values())


def test_a_result_goes_by_its_own_environment_before_that_of_the_session(
    tmp_path: Path, trainer: Trainer, elsewhere: Elsewhere
) -> None:
    search(config(), tmp_path, Quiet())
    there = elsewhere(torch="1.0").model_dump(mode="json")
    ids = [BASELINE, *read_run(tmp_path).candidates]
    events = [json.loads(line) for line in (tmp_path / JOURNAL).read_text(encoding="utf-8").splitlines()]
    for event in events:
        if event["event"] == "trained" and event["result"]["id"] == ids[1]:
            event["result"]["environment"] = there
    (tmp_path / JOURNAL).write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    results = read_run(tmp_path).results
    assert [results[id].flags for id in ids] == [(), ("mixed:torch",)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"trl": "none"}, ["trl"]),
        ({"transformers": "9", "peft": "9", "accelerate": "9"}, ["transformers", "peft", "accelerate"]),
        ({"python": "3.99.1"}, ["python"]),
        ({"python": "3.99.1", "code": "train/worker"}, ["python"]),
        ({"code": "tasks"}, ["code"]),
        ({"code": "rewards/sandbox", "device": GPU}, ["code", "device"]),
        ({"device": Device(kind="cpu", name="another")}, ["cpu"]),
        ({"device": GPU}, ["device"]),
        ({"numpy": "9", "rewardsearch": "9"}, []),
    ],
    ids=str,
)
def test_what_results_depend_on_is_what_counts(elsewhere: Elsewhere, change: dict[str, Any], found: list[str]) -> None:
    here = environment_of(config())
    assert here.device.kind == "cpu" and here.device.name
    assert [each.what for each in differences(here, elsewhere(**change))] == found


@pytest.mark.parametrize(
    ("before", "here", "same"),
    [
        ("NVIDIA H200", "NVIDIA H200", True),
        ("NVIDIA A100, NVIDIA H200", "NVIDIA H200", True),
        ("NVIDIA A100", "NVIDIA H200", False),
    ],
)
def test_a_machine_with_two_models_of_gpu_is_each_of_them(
    elsewhere: Elsewhere, before: str, here: str, same: bool
) -> None:
    was, now = (elsewhere(device=Device(kind="cuda", name=name)) for name in (before, here))
    assert (differences(was, now) == ()) == same


@pytest.mark.parametrize(("before", "here", "found"), [("9", "10", ["server"]), ("9", "9", []), ("9", None, [])])
def test_another_version_of_a_server_counts_where_both_are_known(
    elsewhere: Elsewhere, before: str, here: str | None, found: list[str]
) -> None:
    was, now = (elsewhere(device=GPU.model_copy(update={"server": version})) for version in (before, here))
    assert [each.what for each in differences(was, now)] == found


# --- the config of a run ----------------------------------------------------------------------------------------------


def test_a_changed_key_is_an_event_before_it_is_in_the_file(tmp_path: Path, trainer: Trainer) -> None:
    search(config(), tmp_path, Quiet())
    search(config(rounds=2, budget={"tokens": 9}), tmp_path, Quiet())
    changed = opened(tmp_path)[-1]["changed"]
    assert changed == [
        {"key": "budget.tokens", "before": None, "after": 9},
        {"key": "rounds", "before": 1, "after": 2},
    ]
    assert read_run(tmp_path).config.rounds == 2
    assert "rounds: 2" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def test_the_file_is_not_written_where_nothing_changes(tmp_path: Path, trainer: Trainer) -> None:
    search(config(), tmp_path, Quiet())
    path = tmp_path / "config.yaml"
    path.write_text("# mine\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    search(config(), tmp_path, Quiet())
    assert path.read_text(encoding="utf-8").startswith("# mine\n")
    assert [event.get("config") for event in opened(tmp_path)][1:] == [None]


@pytest.mark.parametrize(
    "damage", [None, "rounds: 7\n", "rounds: [\n", "\x00"], ids=["lost", "edited", "torn", "zeros"]
)
def test_a_file_that_is_lost_or_damaged_is_written_again_from_the_journal(
    tmp_path: Path, trainer: Trainer, damage: str | None
) -> None:
    state = search(config(), tmp_path, Quiet())
    path = tmp_path / "config.yaml"
    before = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_text(damage, encoding="utf-8")
    assert read_run(tmp_path).config == state.config
    told = Quiet()
    search(config(), tmp_path, told)
    assert path.read_bytes() == before
    assert any(line.startswith(f"warning: {path} ") for line in told.said)
    assert '"restored"' in (tmp_path / JOURNAL).read_text(encoding="utf-8")
