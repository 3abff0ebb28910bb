"""Trackers and notifications: what they get from a search, and that they cost it nothing where they fail."""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import make_run
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.run.artifacts import load_result
from rewardsearch.run.events import AnyEvent, Trained
from rewardsearch.run.journal import read_events, read_run
from rewardsearch.session import outlets
from rewardsearch.session.outlets import Outlets

VARIABLE = "REWARDSEARCH_TEST_NOTIFY"
KEY = "t0ken-of-a-server"
# apprise imports a module that Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def run(tmp_path: Path, write_reward: Any) -> Path:
    return make_run(tmp_path / "demo", [write_reward("always", "0.5")])


class Server:
    """Takes notifications as apprise's json:// sends them; `status` is its answer."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.status, self.delay = 200, 0.0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                time.sleep(outer.delay)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://user:{KEY}@127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def notified(no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest.importorskip("apprise", reason="the extra notify is not installed")
    server = Server()
    monkeypatch.setenv(VARIABLE, server.url)
    yield server
    server.close()


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
    with Outlets(config, read_run(run), said.append) as found:
        for event in events_of(run):
            found.take(event)
    return said


def test_tensorboard_files_have_the_curves_and_the_leaderboard(run: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    assert passed_on(run, trackers=["tensorboard"]) == []
    files = {path.parent.name: path for path in (run / "tensorboard").glob("*/events*")}
    scalars = read_scalars(files["leaderboard"])
    assert scalars["best_f1"][0] == (1, pytest.approx(0.947, abs=1e-3))
    arm = next(name for name in files if name.startswith("worked-steps-a5fa31"))
    state = read_run(run)
    curve = state.results[next(id for id in state.candidates if id.startswith("a5fa31"))].curves
    assert read_scalars(files[arm])["exact_match"] == [
        (point.step, pytest.approx(point.exact_match, abs=1e-6)) for point in curve
    ]


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


def test_trackio_has_the_curves_in_its_local_store(run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    assert passed_on(run, trackers=["trackio"]) == []
    assert any(path.stat().st_size for path in (tmp_path / "trackio").rglob("demo*"))


def test_wandb_keeps_runs_in_the_run_folder_offline_and_needs_a_key_online(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert passed_on(run, trackers=["wandb"]) == []
    assert list((run / "wandb").glob("offline-run-*/run-*.wandb"))
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    (warning,) = passed_on(run, trackers=["wandb"])
    assert "WANDB_API_KEY" in warning


def test_a_notification_says_what_happened(run: Path, notified: Server) -> None:
    assert passed_on(run, notify=[VARIABLE]) == []
    titles = [each["title"] for each in notified.got]
    assert titles == ["demo: round 1 is done", "demo: finished"] and "0.947" in notified.got[0]["message"]


@pytest.mark.parametrize("fault", ["refused", "down", "unset", "unknown", "slow"])
def test_a_server_that_fails_costs_one_warning_and_shows_no_key(
    run: Path, notified: Server, fault: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outlets, "_CLOSE_S", 0.5 if fault == "slow" else 20.0)
    notified.status, notified.delay = 401 if fault == "refused" else 200, 1.5 if fault == "slow" else 0.0
    values = {"down": f"json://user:{KEY}@127.0.0.1:1", "unset": "", "unknown": f"nothing://{KEY}"}
    monkeypatch.setenv(VARIABLE, values.get(fault, notified.url))
    began = time.monotonic()
    (warning,) = passed_on(run, notify=[VARIABLE])
    assert VARIABLE in warning and time.monotonic() - began < 15
    assert KEY not in warning + "".join(capfd.readouterr())


def test_a_missing_package_is_named_with_its_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    monkeypatch.delitem(sys.modules, "rewardsearch.session.outlets.trackio_runs", raising=False)
    (warning,) = passed_on(run, trackers=["trackio"])
    assert "rewardsearch[trackio]" in warning


def test_a_search_with_outlets_is_the_same_and_keeps_no_address(
    tmp_path: Path, trainer: Trainer, notified: Server
) -> None:
    plain, told = (
        searched(tmp_path / name, **more) for name, more in (("plain", {}), ("told", {"notify": [VARIABLE]}))
    )
    assert plain == told and [each["title"] for each in notified.got] == ["told: round 1 is done", "told: finished"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "told").rglob("*") if path.is_file())
    assert KEY.encode() not in kept


def searched(folder: Path, **more: Any) -> Any:
    config: Config = parse_config(SMALL | {"rounds": 1} | more, "test")
    return search(config, folder, Quiet()).rankings


@pytest.mark.parametrize("value", [f"json://{KEY}@host", [f"json://{KEY}@host"], [f"json://{KEY}", 3]])
def test_an_address_in_the_config_is_refused_without_being_repeated(value: Any) -> None:
    with pytest.raises(UserError, match="notify") as refused:
        parse_config({"notify": value}, "test")
    assert KEY not in str(refused.value)
    assert VARIABLE in parse_config({"notify": [VARIABLE]}, "test").secret_variables
