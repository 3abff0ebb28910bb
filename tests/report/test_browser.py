"""The report in a real browser: Debian's `chromium` without a window, driven by playwright. Without them the tests skip."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import make_demo
from two_rounds import state as two_rounds

from rewardsearch.config import Config
from rewardsearch.records import Ranking
from rewardsearch.report import report_html, write_report
from rewardsearch.report.scoreboard import Scorer
from rewardsearch.report.serve import ReportServer
from rewardsearch.run.events import Ended
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import current_ranking

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'rewardsearch[dev]'")

PHONE, DESKTOP, PAPER = 390, 1400, 718
"""Widths in CSS pixels; the last one is what A4 has between its margins."""
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
TOO_WIDE = """(box) => [...document.querySelectorAll(`body *`)]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !(box && e.closest(box)))
  .map((e) => `${e.tagName} ${e.className.baseVal ?? e.className}: ${e.textContent.slice(0, 60)}`)"""
"""Elements that reach beyond the page, other than those inside `box`."""
FAINT = """() => {
  const shade = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    const part = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return { light: 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b), seen: a > 0 };
  };
  const behind = (e) => {
    const own = shade(getComputedStyle(e).backgroundColor);
    return own.seen || !e.parentElement ? own.light : behind(e.parentElement);
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) => !e.closest("script, svg, [hidden], .skip, :disabled")
    && [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()));
  return texts.filter((e) => {
    const [low, high] = [shade(getComputedStyle(e).color).light, behind(e)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05) < 4.5;
  }).map((e) => `${e.tagName} ${e.className}: ${e.textContent.slice(0, 60)}`);
}"""
"""Texts with less contrast than WCAG 2.2 asks for at level AA."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    with api.sync_playwright() as started:
        # Root, as in a container, has no sandbox of the browser's own. The pages have no network.
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finalized run."""
    return make_demo(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def reports(finished: Path) -> dict[str, Path]:
    """Reports by the kind of their run."""
    state = two_rounds()
    scorer, ranking = Scorer(state.config), current_ranking(state)
    html = {
        "unfinished": report_html(state, scorer=scorer),
        "nothing": report_html(RunState(Path("empty"), Config())),
    }
    state.rankings = [of_round_1(ranking), ranking]
    html["replay"] = report_html(state, scorer=scorer, replay=True)
    state.rankings = []
    paths = {name: finished.parent / f"{name}.html" for name in html}
    for name, text in html.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths | {"finished": write_report(read_run(finished))}


def of_round_1(ranking: Ranking) -> Ranking:
    return ranking.model_copy(update={"rows": tuple(row for row in ranking.rows if row.round < 2)})


class Tab:
    """A page of the browser, with what it complained of and what it asked for."""

    def __init__(self, browser: Any, width: int) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def open(self, path: Path) -> Any:
        self.page.goto(path.as_uri())
        return self.page

    def shown(self, selector: str, attribute: str) -> list[str]:
        """The attribute of the elements that are seen."""
        script = "(all, name) => all.filter((e) => e.getClientRects().length).map((e) => e.getAttribute(name))"
        return list(self.page.eval_on_selector_all(selector, script, attribute))


@pytest.mark.parametrize("kind", ["finished", "unfinished", "nothing", "replay"])
def test_a_report_fits_is_readable_and_asks_for_nothing(browser: Any, reports: dict[str, Path], kind: str) -> None:
    with Tab(browser, PHONE) as tab:
        page = tab.open(reports[kind])
        for width in (PHONE, DESKTOP):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(OPEN_ALL)
        for width in (DESKTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(TOO_WIDE, ".scroll, pre, nav, .skip") == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(FAINT) == []
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (max(map(int, background.strip("rgb()").split(","))) < 128) is (scheme == "dark")
        assert tab.complaints == []
        assert tab.requests == [reports[kind].as_uri()]


def test_the_leaderboard_that_is_seen_is_the_one_of_the_run(browser: Any, reports: dict[str, Path]) -> None:
    with Tab(browser, DESKTOP) as tab:
        page = tab.open(reports["finished"])
        carried = json.loads(page.text_content("#data"))["leaderboard"]["rows"]
        scored = [row["id"] for row in carried if row["rank"] is not None]
        assert tab.shown(".leaderboard tr[data-id]", "data-id") == scored
        score, low, high = (f"{each:.3f}" for each in (carried[0]["f1"], *carried[0]["f1_ci"]))
        assert page.locator("[data-key=f1]").first.inner_text().split("\n") == [score, f"[{low}, {high}]"]


def test_a_name_leads_to_the_code(browser: Any, reports: dict[str, Path]) -> None:
    with Tab(browser, PHONE) as tab:
        page = tab.open(reports["unfinished"])
        link = page.locator(".leaderboard a[href^='#c-']").last
        part = page.locator(link.get_attribute("href"))
        assert part.get_attribute("open") is None
        link.click()
        assert part.get_attribute("open") is not None
        assert "def reward(" in part.inner_text()
        assert 0 <= part.bounding_box()["y"] < 900


def test_a_replay_goes_through_the_rounds(browser: Any, reports: dict[str, Path]) -> None:
    ranking = current_ranking(two_rounds())
    boards = [of_round_1(ranking), ranking, ranking]
    rounds = {each.id: each.round for each in two_rounds().candidates.values()}
    with Tab(browser, PHONE) as tab:
        page = tab.open(reports["replay"])
        back, next = page.locator("#replay button").all()
        for step, board in enumerate(boards):
            assert tab.shown(".leaderboard tr[data-id]", "data-id") == [row.id for row in board.rows if row.rank]
            parts = {id.removeprefix("c-") for id in tab.shown("details[id^=c-]", "id")}
            assert parts == {id for id, round in rounds.items() if step == 2 or round <= step + 1}
            assert page.locator("#won").is_visible() is (step == 2)
            assert (back.is_disabled(), next.is_disabled()) == (step == 0, step == 2)
            if step < 2:
                next.click()
        page.locator("#replay input").fill("1")
        assert page.locator("#won").is_hidden()
        assert tab.complaints == []


def test_paper_has_everything(browser: Any, reports: dict[str, Path]) -> None:
    for kind in ("finished", "unfinished"):
        with Tab(browser, PAPER) as tab:
            page = tab.open(reports[kind])
            page.emulate_media(media="print")
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            assert page.locator("section > details:not([open])").count() == 0
            assert page.evaluate(TOO_WIDE, ".skip") == []
            hidden = "(all) => all.filter((e) => e.scrollHeight > e.clientHeight + 1).length"
            assert page.eval_on_selector_all("pre, .scroll", hidden) == 0
            assert page.locator("nav").is_hidden()
            assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_served_page_loads_the_next_version_and_keeps_open_what_is_open(
    browser: Any, finished: Path, tmp_path: Path, no_proxy: None
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "demo"))
    with ReportServer(run) as server, Tab(browser, DESKTOP) as tab:
        thread = threading.Thread(target=server.serve_until_interrupted)
        thread.start()
        try:
            page = tab.page
            page.goto(server.url)
            opened = page.locator("details[id^=c-]").last
            opened.locator("summary").first.click()
            state = read_run(run)
            with Journal.open(run, state.config, state.base) as journal:
                journal.append(Ended(status="stopped", reason="by hand"))
            page.locator("header", has_text="status stopped").wait_for(timeout=20_000)
            assert opened.get_attribute("open") is not None
            assert tab.complaints == []
            assert {url.removeprefix(server.url) for url in tab.requests} == {"", "version"}
        finally:
            page.close()
            server.close()
            thread.join()
