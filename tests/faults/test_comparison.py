"""The fault campaign (make faults) notices what a broken run would have lost."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from comparison import contents, differences, lost_event
from moments import KINDS, drawn_kinds, tear

from rewardsearch.run.journal import JOURNAL, has_run

SENT = {"event": "sent", "request": "1/0/1/1", "send": 1, "fingerprint": "ab"}
TRAINED = {
    "event": "trained",
    "time": 1.5,
    "folder": "a",
    "digest": "x",
    "result": {"status": "done", "seconds": 3.0, "f1": 0.5},
}


def run_of(folder: Path, *events: dict[str, Any], files: dict[str, str] | None = None) -> Path:
    folder.mkdir()
    (folder / JOURNAL).write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


RESULT = {
    "a/result.json": json.dumps({"files": {"x": "1"}, "result": {"seconds": 1.0, "f1": 0.5}}),
    "a/curves.jsonl": "1\n",
}


def test_times_sessions_and_repeated_sendings_make_no_difference(tmp_path: Path) -> None:
    one = run_of(tmp_path / "one", {"event": "opened", "time": 1}, SENT, TRAINED, files=RESULT)
    slow = json.dumps({"files": {"x": "2"}, "result": {"seconds": 9.0, "f1": 0.5}})
    other = run_of(
        tmp_path / "other",
        {"event": "opened", "time": 2},
        SENT,
        {"event": "ended", "status": "failed"},
        {**TRAINED, "folder": "a", "result": {"status": "error", "seconds": 1.0}},
        {**TRAINED, "time": 2.5, "digest": "y", "result": {"status": "done", "seconds": 4.0, "f1": 0.5}},
        {**SENT, "send": 2},
        files={**RESULT, "a/result.json": slow, "logs/worker-0.log": "x"},
    )
    assert differences(contents(one), contents(other)) == []


@pytest.mark.parametrize(
    ("events", "files", "named"),
    [
        ((SENT, {**TRAINED, "result": {"status": "done", "f1": 0.6}}), {}, f"{JOURNAL} trained"),
        ((SENT, TRAINED, TRAINED), {}, f"{JOURNAL} trained"),
        ((SENT,), {}, f"{JOURNAL} trained"),
        (({**SENT, "fingerprint": "cd"}, TRAINED), {}, f"{JOURNAL} sent"),
        ((SENT, TRAINED), {"a/curves.jsonl": "2\n"}, "a/curves.jsonl"),
        ((SENT, TRAINED), {"a/.progress.1.part/x": "left"}, "a/.progress.1.part/x"),
        ((SENT, TRAINED), {"a/result.json": json.dumps({"files": {}, "result": {"f1": 0.6}})}, "a/result.json"),
    ],
)
def test_a_difference_is_named(
    tmp_path: Path, events: tuple[dict[str, Any], ...], files: dict[str, str], named: str
) -> None:
    one = contents(run_of(tmp_path / "one", SENT, TRAINED, files=RESULT))
    other = contents(run_of(tmp_path / "other", *events, files={**RESULT, **files}))
    assert [line.startswith(named) for line in differences(one, other) + differences(other, one)] == [True, True]


def test_an_event_that_is_gone_or_changed_is_lost_and_a_torn_line_is_not() -> None:
    assert lost_event(b"a\nb\n", b"a\nb\nc\n") == lost_event(b"a\nb\nto", b"a\nb\nc\n") == ""
    assert "line 2" in lost_event(b"a\nb\n", b"a\n") and "line 1" in lost_event(b"a\nb\n", b"b\n")


@pytest.mark.parametrize("last", [TRAINED, SENT])
def test_a_torn_journal_has_every_line_but_the_last_and_a_sent_request(tmp_path: Path, last: dict[str, Any]) -> None:
    whole = (run_of(tmp_path / "run", TRAINED, last) / JOURNAL).read_bytes()
    for seed in range(20):
        (tmp_path / "run" / JOURNAL).write_bytes(whole)
        tear(tmp_path / "run" / JOURNAL, random.Random(seed))
        torn = (tmp_path / "run" / JOURNAL).read_bytes()
        first, _ = whole.splitlines(keepends=True)
        assert torn != whole and torn.startswith(whole if last is SENT else first)
        assert torn.count(b"\n") == (2 if last is SENT else 1) and len(torn) < 2 * len(whole)
    assert has_run(tmp_path / "run")


def test_faults_are_drawn_evenly_and_the_same_by_seed() -> None:
    drawn = drawn_kinds(50, list(KINDS), random.Random(3))
    assert {kind: drawn.count(kind) for kind in KINDS} == dict.fromkeys(KINDS, 50 / len(KINDS))
    assert drawn == drawn_kinds(50, list(KINDS), random.Random(3)) != drawn_kinds(50, list(KINDS), random.Random(4))
