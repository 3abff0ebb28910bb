"""`rewardsearch audit`: the logs that it reads, what it prints, and its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from trl_logs import entries

CURVES = Path(__file__).parents[1] / "train" / "curves"
HACKED = {"reward": (1.0, 3.0)}


def write_lines(path: Path, log: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in log), encoding="utf-8")
    return path


def test_a_log_of_json_lines_is_judged_and_a_torn_last_line_is_left_out(cli: Any, tmp_path: Path) -> None:
    log = write_lines(tmp_path / "log.jsonl", entries(**HACKED))
    log.write_text(log.read_text(encoding="utf-8") + '{"step": 17, "rew', encoding="utf-8")
    done = cli("audit", log, "--correct", "is_right")
    assert done.code == 0
    assert "hacking: reward 1 -> 3 while exact match" in done.out and "what to do: " in done.out
    assert "16 entries, steps 1 to 16" in done.out and "not checked: collapse" in done.out


def test_without_a_correctness_function_it_says_what_is_missing(cli: Any, tmp_path: Path) -> None:
    done = cli("audit", write_lines(tmp_path / "log.jsonl", entries(**HACKED)))
    assert done.code == 0 and "no findings" in done.out and "--correct" in done.out


def test_a_search_curve_is_judged_as_in_the_search(cli: Any) -> None:
    document = json.loads(cli("audit", CURVES / "small_number_alone.jsonl", "--json").out)
    assert {each["kind"] for each in document["findings"]} == {"forgetting", "hacking", "collapse"}
    assert document["unchecked"] == {}


def test_few_entries_are_reported(cli: Any, tmp_path: Path) -> None:
    done = cli("audit", write_lines(tmp_path / "log.jsonl", entries(steps=4)))
    assert done.code == 0 and "too few entries" in done.out and "no findings" not in done.out


def test_the_newest_checkpoint_of_a_folder_is_read(cli: Any, tmp_path: Path) -> None:
    for step in (9, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": entries(steps=step)}), encoding="utf-8")
    assert json.loads(cli("audit", tmp_path, "--json").out)["entries"] == 10


def test_event_files_of_tensorboard_are_read(cli: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="an extra of the trackers")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "runs")) as writer:
        for entry in entries(**HACKED):
            step = entry.pop("step")
            for name, value in entry.items():
                writer.add_scalar(f"train/{name}", value, step)
    done = cli("audit", tmp_path / "runs", "--correct", "is_right", "--json")
    document = json.loads(done.out)
    assert done.code == 0 and document["entries"] == 16
    assert [each["kind"] for each in document["findings"]] == ["hacking"]


def test_event_files_without_the_package_end_in_one_line(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    done = cli("audit", tmp_path)
    assert done.code == 2 and done.err.count("\n") == 1 and "pip install tensorboard" in done.err


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("none.json", None, "none.json"),
        ("trainer_state.json", "{}", "log_history"),
        ("log.jsonl", "[1]\n{}\n", "line 1"),
        ("log.jsonl", '{"loss": 1.0, "step": 1}\n', "reward"),
        ("log.bin", "\udcff", "log.bin"),
    ],
)
def test_what_is_no_log_is_refused(cli: Any, tmp_path: Path, name: str, text: str | None, named: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    done = cli("audit", tmp_path / name)
    assert done.code == 2 and named in done.err and done.err.count("\n") == 1
