import json
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import Cli
from report_page import Page

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
