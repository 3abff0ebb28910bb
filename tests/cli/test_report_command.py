import json
import os
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import Cli
from played import SMALL, Quiet, Trainer
from report_page import Page

from rewardsearch.config import parse_config
from rewardsearch.files.numbers import duration
from rewardsearch.loop import search
from rewardsearch.report.serve import ReportServer
from rewardsearch.run.events import Ended
from rewardsearch.run.journal import JOURNAL, Journal
from rewardsearch.session.runs import open_run


def formatted(key: str, value: object) -> str:
    """A value of the JSON as a cell shows it."""
    if value is None:
        return "-"
    if isinstance(value, list):
        sign = "+" if key.startswith("gain") else ""
        return f"[{value[0]:{sign}.3f}, {value[1]:{sign}.3f}]"
    if not isinstance(value, float):
        return str(value)
    if key == "parse_rate":
        return f"{100 * value:.1f}%"
    if key.startswith("p_") and value < 0.001:
        return "<0.001"
    return f"{value:{'+' if key == 'gain' else ''}.3f}"


def test_the_numbers_are_those_of_leaderboard_and_finalize_as_json(cli: Cli, run: Path) -> None:
    assert cli("report", run).code == 0
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    leaderboard = json.loads(cli("leaderboard", run, "--json").out)
    final = json.loads(cli("finalize", run, "--json").out)
    assert page.data["leaderboard"] == leaderboard
    assert page.data["final"] == final
    seen = 0
    for table, rows in (("leaderboard", leaderboard["rows"]), ("final", final["rows"]), ("test", final["rows"])):
        by_id = {row["id"]: row for row in rows}
        assert set(page.rows(table)) <= set(by_id)
        for id in page.rows(table):
            for key, text in page.row(table, id).items():
                if key != "ties":
                    assert text.strip() == formatted(key, by_id[id][key]), (table, id, key)
                    seen += 1
    scored = [row for row in leaderboard["rows"] if row["rank"] is not None]
    assert [row["id"] for row in scored] == page.rows("leaderboard")
    assert seen > 40
    pairs = {(pair["a"], pair["b"]): pair["p_holm"] for pair in final["pairs"]}
    assert pairs
    for (a, b), p in pairs.items():
        assert page.cells["pairs", "", f"{a}/{b}"] == page.cells["pairs", "", f"{b}/{a}"] == formatted("p_holm", p)
    chosen = next(row for row in final["rows"] if row["id"] == final["chosen"])
    assert page.facts["F1 on the sealed test"] == formatted("f1", chosen["f1"])
    assert page.facts["gain"] == formatted("gain", chosen["gain"])


def test_the_cost_is_that_of_status_as_json(cli: Cli, run: Path) -> None:
    assert cli("report", run).code == 0
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    status = json.loads(cli("status", run, "--json").out)
    assert page.facts["training steps"] == f"{status['steps']:,}"
    assert page.facts["wall clock"] == duration(status["seconds"])
    assert page.facts["model requests"].startswith(f"{status['usage']['requests']:,}, ")
    assert page.phases == {name: duration(seconds) for name, seconds in status["phases"].items()}


def test_the_report_goes_where_the_user_says_and_is_the_same_again(cli: Cli, run: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        assert cli("report", run, "-o", tmp_path / name).code == 0
    assert not (run / "report.html").exists()
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--port", "1234"], "--port"), (["--serve", "-o", "x.html"], "-o"), (["--serve", "--port", "70000"], "--port")],
)
def test_options_that_do_not_fit_are_named(cli: Cli, run: Path, options: list[str], named: str) -> None:
    done = cli("report", run, *options)
    assert done.code == 2
    assert named in done.err


def test_a_port_that_is_taken_is_named(cli: Cli, run: Path) -> None:
    with ReportServer(run) as server:
        port = server.url.rsplit(":", 1)[1].strip("/")
        done = cli("report", run, "--serve", "--port", port)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"port {port}" in done.err


@pytest.mark.parametrize("place", ["folder", "file/report.html", os.devnull])
def test_a_place_that_no_file_can_be_at_is_named(cli: Cli, run: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    done = cli("report", run, "-o", place)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert place in done.err
    assert not Path(os.devnull).is_file()


def test_what_is_no_run_or_of_another_version_is_named(cli: Cli, run: Path) -> None:
    journal = run / JOURNAL
    journal.write_text(
        re.sub(r'"format":\s*\d+', '"format": 0', journal.read_text(encoding="utf-8"), count=1), encoding="utf-8"
    )
    for name in ("nowhere", str(run)):
        done = cli("report", name)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert name in done.err


def test_finalize_writes_the_report_anew(cli: Cli, tmp_path: Path, trainer: Trainer) -> None:
    final = {"enabled": False, "seeds": 1, "ensembles": [], "controls": []}
    search(parse_config({**SMALL, "candidates": 1, "finalize": final}, "test"), tmp_path, Quiet())
    done = cli("finalize", tmp_path)
    assert (done.code, done.out.count(str(tmp_path / "report.html"))) == (0, 1)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.data["final"] == json.loads(cli("finalize", tmp_path, "--json").out)


def fetched(url: str, host: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, ""


def test_a_served_report_follows_the_run(run: Path, no_proxy: None) -> None:
    with ReportServer(run) as server:
        thread = threading.Thread(target=server.serve_until_interrupted)
        thread.start()
        try:
            _, before = fetched(f"{server.url}version")
            code, page = fetched(server.url)
            assert code == 200
            assert f'data-version="{before}"' in page
            assert "finished" in page
            state = open_run(str(run))
            with Journal.open(run, state.config, state.base) as journal:
                journal.append(Ended(status="stopped", reason="by hand"))
            _, after = fetched(f"{server.url}version")
            assert after != before
            assert "status stopped" in fetched(server.url)[1]
            assert fetched(f"{server.url}{JOURNAL}")[0] == 404
            assert fetched(server.url, host="elsewhere.example:80")[0] == 403
        finally:
            server.close()
            thread.join()
