"""The made-up run of the benchmark is as large as its docstring says, and its report stays small."""

import sys

from report_page import Page

from rewardsearch.files.resources import PACKAGE
from rewardsearch.report import report_html

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import report as benchmark


def test_fifty_candidates_on_the_questions_of_gsm8k_stay_small() -> None:
    state = benchmark.made_up_run(50, 1319)
    html = report_html(state, scorer=benchmark.NoCalls(state.config))
    assert 1_000_000 < len(html.encode()) < 8_000_000
    page = Page(html)
    assert len(page.rows("leaderboard")) == 52
    assert {f"c-{id}" for id in state.candidates} <= set(page.ids)
