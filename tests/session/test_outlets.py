"""Trackers and notifications: what they get from a search, and that they cost it nothing where they fail."""

from __future__ import annotations

import http.server
import json
import os
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes import make_run
from played import SMALL, Quiet, Trainer

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.run.artifacts import load_result
from rewardsearch.run.events import AnyEvent, Trained
from rewardsearch.run.journal import read_events, read_run
from rewardsearch.session import outlets
from rewardsearch.session.outlets import Outlet, Outlets, outlets_of
from rewardsearch.tasks.served import Served

VARIABLE = "REWARDSEARCH_TEST_NOTIFY"
KEY = "t0ken-of-a-server"


@pytest.fixture
def run(tmp_path: Path, write_reward: Any) -> Path:
    return make_run(tmp_path / "demo", [write_reward("always", "0.5")])


@pytest.fixture(autouse=True)
def outside(
    no_proxy: None, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """No outlet writes beside the run folder or on the terminal, and none leaves a thread or a process."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("XDG_", "WANDB_", "TRACKIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    # An idle machine needs a second. A busy one may take long to import a package.
    monkeypatch.setattr(outlets, "CLOSE_S", 60.0)
    before = set(threading.enumerate()), children()
    yield
    assert "".join(capfd.readouterr()) == "" and list(home.rglob("*")) == []
    assert {each for each in threading.enumerate() if each.name.startswith("outlet")} <= before[0]
    end = time.monotonic() + 10
    while left := children() - before[1]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


class Server:
    """Takes notifications as apprise's json:// sends them; `status` is its answer."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer()

            def do_GET(self) -> None:
                self._answer()

            def _answer(self) -> None:
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def point_at(kind: str, port: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of a search whose outlet of that kind has its server at the port."""
    pytest.importorskip({"notify": "apprise"}.get(kind, kind), reason=f"the extra {kind} is not installed")
    url = f"http://127.0.0.1:{port}"
    variables = {
        "notify": {VARIABLE: f"json://user:{KEY}@127.0.0.1:{port}"},
        "trackio": {"TRACKIO_SERVER_URL": url, "TRACKIO_WRITE_TOKEN": KEY},
        "wandb": {"WANDB_BASE_URL": url, "WANDB_API_KEY": KEY.ljust(40, "0")},
    }
    for name, value in variables[kind].items():
        monkeypatch.setenv(name, value)
    return {"notify": [VARIABLE]} if kind == "notify" else {"trackers": [kind]}


def events_of(run: Path) -> list[AnyEvent]:
    """The events of a run as the search appended them: with the curves of its training runs."""
    found: list[AnyEvent] = []
    for event in read_events(run):
        if isinstance(event, Trained) and (result := load_result(run / event.folder)) is not None:
            event = event.model_copy(update={"result": result.model_copy(update={"trained": len(result.curves)})})
        found.append(event)
    return found


def passed_on(run: Path, **settings: Any) -> list[str]:
    """Passes the events of a run on to the outlets of a config; what the user was told."""
    said: list[str] = []
    config = parse_config(settings, "test")
    events = events_of(run)
    with Outlets(config, read_run(run), said.append) as found:
        began = time.monotonic()
        for event in events:
            found.take(event)
        assert time.monotonic() - began < 1
    return said


def curve_of(run: Path) -> list[tuple[int, float]]:
    """Step and exact match of the run's candidate a5fa31."""
    state = read_run(run)
    points = state.results[next(id for id in state.candidates if id.startswith("a5fa31"))].curves
    return [(point.step, pytest.approx(point.exact_match, abs=1e-6)) for point in points]


def test_tensorboard_files_have_the_curves_and_the_leaderboard(run: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    assert passed_on(run, trackers=["tensorboard"]) == []
    files = {path.parent.name: path for path in (run / "tensorboard").glob("*/events*")}
    assert read_scalars(files["leaderboard"])["best_f1"][0] == (1, pytest.approx(0.947, abs=1e-3))
    arm = next(name for name in files if name.startswith("worked-steps-a5fa31"))
    assert read_scalars(files[arm])["exact_match"] == curve_of(run)


def read_scalars(file: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboardX.proto.event_pb2 import Event

    data, found, at = file.read_bytes(), {}, 0  # type: ignore[var-annotated]
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        event = Event.FromString(data[at + 12 : at + 12 + length])
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
        at += 16 + length
    return found


def test_trackio_has_the_curves_and_the_leaderboard_in_its_store_in_the_run_folder(run: Path) -> None:
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    assert passed_on(run, trackers=["trackio"]) == []
    with sqlite3.connect(run / "trackio" / "demo.db") as store:
        rows = store.execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
    found = [(step, json.loads(row)["exact_match"]) for arm, step, row in rows if arm.startswith("worked-steps-a5fa31")]
    assert found == curve_of(run)
    (board,) = (json.loads(row) for arm, _, row in rows if arm == "leaderboard")
    assert max(board.values()) == pytest.approx(0.947, abs=1e-3)


@pytest.mark.slow  # wandb starts a server of its own.
def test_wandb_keeps_runs_in_the_run_folder_offline(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert passed_on(run, trackers=["wandb"]) == []
    kept = [path.read_bytes() for path in (run / "wandb").glob("offline-run-*/run-*.wandb")]
    assert any(b"worked-steps-a5fa31" in each and b"exact_match" in each for each in kept)
    assert any(b"leaderboard" in each for each in kept)


def test_wandb_without_a_key_is_not_asked_for_one(run: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    (warning,) = passed_on(run, trackers=["wandb"])
    assert "WANDB_API_KEY" in warning


def test_a_notification_says_what_happened(run: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passed_on(run, **point_at("notify", server.port, monkeypatch)) == []
    titles = [each["title"] for each in server.got]
    assert titles == ["demo: round 1 is done", "demo: finished"] and "0.947" in server.got[0]["message"]


@pytest.mark.parametrize("fault", ["refused", "down", "silent"])
@pytest.mark.parametrize("kind", ["notify", "trackio", pytest.param("wandb", marks=pytest.mark.slow)])
def test_a_server_that_fails_costs_one_warning_and_shows_no_key(
    run: Path, kind: str, fault: str, server: Server, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = 401
    if fault == "silent" or (kind, fault) == ("wandb", "down"):  # wandb tries again for a minute.
        monkeypatch.setattr(outlets, "CLOSE_S", 0.5)
    port = {"refused": server.port, "down": 1, "silent": silent}[fault]
    settings = point_at(kind, port, monkeypatch)
    began = time.monotonic()
    (warning,) = passed_on(run, **settings)
    assert settings.get("notify", [kind])[0] in warning and time.monotonic() - began < 30
    kept = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert KEY not in warning and KEY.encode() not in kept


@pytest.mark.parametrize("value", ["", f"nothing://{KEY}"])
def test_an_address_that_is_missing_or_unknown_is_named_by_its_variable(
    run: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise", reason="the extra notify is not installed")
    monkeypatch.setenv(VARIABLE, value)
    (warning,) = passed_on(run, notify=[VARIABLE])
    assert VARIABLE in warning and KEY not in warning


def test_a_missing_package_is_named_with_its_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    (warning,) = passed_on(run, trackers=["trackio"])
    assert "rewardsearch[trackio]" in warning


def test_a_search_that_stands_still_is_reported_once_each_time(tmp_path: Path) -> None:
    file = tmp_path / "outlet.py"
    file.write_text(
        "from pathlib import Path\n\n\ndef start(settings): ...\n\n\n"
        f"def notice(*said):\n    Path({str(tmp_path / 'said')!r}).open('a').write(f'{{said}}\\n')\n"
    )
    idle = 0.0
    served = Served(file, {}, quiet=True, repeat=False)
    (spec,) = outlets_of(parse_config({"notify": ["HOME"]}, "test"))
    outlet = Outlet(spec, served, lambda: time.time() - idle, stall_s=3600, look_s=0.02)

    def said(lines: int) -> list[str]:
        end = time.monotonic() + 30
        while True:
            found = (tmp_path / "said").read_text().splitlines() if (tmp_path / "said").exists() else []
            if len(found) >= lines or time.monotonic() > end:
                return found
            time.sleep(0.02)

    time.sleep(0.1)
    idle = 7320.0
    assert said(1) == ["('stalled', 'nothing has happened for 122 min')"]
    idle = 0.0
    time.sleep(0.2)
    idle = 7200.0
    assert len(said(2)) == 2
    time.sleep(0.2)
    outlet.end()
    outlet.wait(time.monotonic() + 30)
    assert len(said(2)) == 2 and outlet.warning == ""


def test_a_search_with_outlets_is_the_same_and_keeps_no_address(
    tmp_path: Path, trainer: Trainer, server: Server, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = searched(tmp_path / "plain", Quiet())
    told = searched(tmp_path / "told", Quiet(), **point_at("notify", server.port, monkeypatch))
    assert plain == told and [each["title"] for each in server.got] == ["told: round 1 is done", "told: finished"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "told").rglob("*") if path.is_file())
    assert KEY.encode() not in kept
    monkeypatch.setattr(outlets, "CLOSE_S", 0.5)
    began, quiet = time.monotonic(), Quiet()
    settings = point_at("notify", silent, monkeypatch) | point_at("trackio", silent, monkeypatch)
    assert searched(tmp_path / "alone", quiet, **settings) == plain
    warnings = [line for line in quiet.said if "the search goes on without it" in line]
    assert len(warnings) == 2 and time.monotonic() - began < 30


def searched(folder: Path, progress: Quiet, **more: Any) -> Any:
    return search(parse_config(SMALL | {"rounds": 1} | more, "test"), folder, progress).rankings


@pytest.mark.parametrize("value", [f"json://{KEY}@host", [f"json://{KEY}@host"], [f"json://{KEY}", 3]])
def test_an_address_in_the_config_is_refused_without_being_repeated(value: Any) -> None:
    with pytest.raises(UserError, match="notify") as refused:
        parse_config({"notify": value}, "test")
    assert KEY not in str(refused.value)
    assert VARIABLE in parse_config({"notify": [VARIABLE]}, "test").secret_variables
