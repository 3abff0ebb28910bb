"""The report of a run: one self-contained HTML file that needs no network.

Its numbers come from the functions that the reading commands use. The file carries `leaderboard --json` and the final report
as JSON in the element `data`. Texts of candidates, completions and models are escaped by the templates, and a content policy in
the file forbids every request.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rewardsearch import __version__
from rewardsearch.errors import UserError
from rewardsearch.exporters import EXPORTERS
from rewardsearch.files import numbers, write_atomic
from rewardsearch.records import BASELINE, FinalRow, Ranking
from rewardsearch.records.flags import flag_words
from rewardsearch.report import text
from rewardsearch.report.candidates import course, shown
from rewardsearch.report.flags import explained
from rewardsearch.report.lineage import lineage
from rewardsearch.report.scoreboard import KINDS, Scorer
from rewardsearch.report.search import f1_scale, rounds, scores_chart, tests_on_test, tests_on_val, title
from rewardsearch.report.svg import Scale, bar, moved, stacked
from rewardsearch.report.verdict import environment, headline, spend
from rewardsearch.run.journal import read_run
from rewardsearch.run.state import RunState
from rewardsearch.run.tables import ranges
from rewardsearch.session.runs import finalize_document, leaderboard_document, ranking_of

__all__ = ["REPORT", "report_at_end", "report_html", "write_report"]

REPORT = "report.html"
"""The report's file in a run's folder."""


def write_report(state: RunState, path: Path | None = None, replay: bool = False) -> Path:
    """Writes the report of a run to `path`, by default into its folder, and gives the path.

    replay: the page begins at the first round. Raises UserError for a replay without a finished round, and for a path that no
    file can be at.
    """
    path = path or state.folder / REPORT
    if replay and not state.rankings:
        raise UserError(f"replay: {state.folder} has no finished round to show; leave it out")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file"
        raise UserError(f"the report cannot be written: {path} is {what}; name a file, such as {REPORT}")
    try:
        write_atomic(path, report_html(state, replay=replay))
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise UserError(f"the report cannot be written to {path} ({error.strerror}); name a file in a folder") from None
    return path


def report_at_end(folder: Path, state: RunState | None = None) -> str:
    """Writes the report of a search that has ended, and gives the line that says so. Without a report the line is a warning: a
    search does not fail for want of it. state: that of the run in `folder`, where it is known."""
    try:
        return f"report: {write_report(state or read_run(folder))}"
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        return f"warning: no report ({why}); `rewardsearch report {shlex.quote(str(folder))}` writes it"


def report_html(state: RunState, *, scorer: Scorer | None = None, replay: bool = False, live: str = "") -> str:
    """The report as HTML.

    scorer: keeps the payments of the scoreboard between reports of one run. replay: the page begins at the first round and has
    a control to go on. live: a served page polls for this version's successor, and reloads itself then.
    """
    ranking = ranking_of(state)
    rows = {row.id: row for row in ranking.rows}
    order = sorted(state.candidates, key=lambda id: rows[id].rank or 10**6 if id in rows else 10**6)
    final = state.final
    values: dict[str, Any] = {
        "state": state,
        "config": state.config,
        "ranking": ranking,
        "steps": [(n, each) for n, each in enumerate(state.rankings, start=1)] if replay else [],
        "headline": headline(state, ranking),
        "spend": spend(state),
        "rounds": rounds(state, ranking),
        "scores_chart": scores_chart(state, ranking),
        "lineage": lineage(state.candidates, rows),
        "candidates": [shown(state, id, rows.get(id)) for id in order],
        "courses": {row.id: course(state, row.id) for each in (*state.rankings, ranking) for row in each.rows},
        "scoreboard": (scorer or Scorer(state.config)).scoreboard(state),
        "kinds": KINDS,
        "on_val": tests_on_val(state, ranking),
        "on_test": tests_on_test(state),
        "final": final,
        "flags": explained(_flags(state, ranking)),
        "title": lambda arm: title(state, arm),
        "f1_bar": _bars(ranking),
        "final_base": base.f1 if final and (base := final.row(BASELINE)) else None,
        "final_scale": _scale(final.rows if final else (), _interval_ends),
        "val_scale": _scale(final.rows if final else (), lambda row: (row.f1, row.val_f1)),
        "bar": bar,
        "moved": moved,
        "stacked": stacked,
        "targets": sorted(EXPORTERS, key=lambda name: name != "trl"),
        "quoted": shlex.quote(str(state.folder)),
        "environment": environment(state),
        "package_version": __version__,
        "data": _embedded(document(state, ranking)),
        "replay": replay,
        "live": live,
        "style": Markup(_part("style.css")),
        "script": Markup(_part("script.js")),
    }
    return text.whole(_environment().get_template("report.html.j2").render(**values))


def document(state: RunState, ranking: Ranking) -> dict[str, Any]:
    """What the file carries as JSON: the documents of `leaderboard --json` and `finalize --json`."""
    found = {"leaderboard": leaderboard_document(state, ranking)}
    return found if state.final is None else found | {"final": finalize_document(state)}


def _embedded(value: Any) -> Markup:
    """JSON that no text in it can end the element of."""
    shown = json.dumps(value)
    for sign in "<>&":
        shown = shown.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(shown)


def _flags(state: RunState, ranking: Ranking) -> list[tuple[str, str]]:
    found = [(flag, row.name) for row in ranking.rows for flag in row.flags]
    return found + [(flag, row.name) for row in (state.final.rows if state.final else ()) for flag in row.flags]


def _bars(ranking: Ranking) -> Any:
    """Draws the interval of a row on a scale that all rows share, beside the baseline's score."""
    scored = [row for row in ranking.rows if row.f1 is not None]
    scale, base = f1_scale(scored), next((row.f1 for row in scored if row.operator == "none" and row.steps), None)
    return lambda row: bar(row.f1, row.f1_ci, scale, base) if row.f1 is not None else ""


def _scale(rows: Iterable[FinalRow], ends: Callable[[FinalRow], Iterable[float | None]]) -> Scale:
    """One scale for the scores of all rows of the final report."""
    return Scale.over([end for row in rows for end in ends(row) if end is not None], 6, 154)


def _interval_ends(row: FinalRow) -> Iterable[float | None]:
    return (row.f1, *(row.expected_ci or row.f1_ci or ()))


def _part(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rewardsearch.report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    filters = (
        *(numbers.number, numbers.signed, numbers.interval, numbers.signed_interval, numbers.percent, numbers.p_value),
        *(numbers.duration, text.short, text.shortened, text.breakable, ranges, flag_words),
    )
    environment.filters |= {each.__name__: each for each in filters}
    return environment


def _visible(value: Any) -> Any:
    """Texts with everything in them visible; markup of the report's own as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else text.clean(value)
