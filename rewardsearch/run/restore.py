"""Finds what is missing of a run's folder, and writes the files that follow from the journal again.

A search trains again what is lost. Lost results of a finalized run are reported; its scores are in the journal. Not covered:
prompts and replies in rounds/, logs, and adapters, which are checked before they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from rewardsearch.files import write_atomic
from rewardsearch.records import LostFile, Record
from rewardsearch.run.journal import CONFIG
from rewardsearch.run.state import RunState
from rewardsearch.run.tables import fairness_csv, leaderboard_csv, pairs_csv

_SHOWN = 3


def missing(state: RunState) -> list[LostFile]:
    """What is missing or damaged of the results of a run, and what is missing of the files that follow from its journal."""
    of_test = (LostFile(path=path, what="missing") for path in state.test_files)
    copies = (LostFile(path=path, what="missing", from_journal=True) for path in (CONFIG, *dict(_copies(state))))
    gone = (each for each in (*of_test, *copies) if not (state.folder / each.path).is_file())
    return [*state.lost.values(), *gone]


def missing_lines(state: RunState, part: str = "") -> list[str]:
    """What is missing, as lines of text, and what the next run does about it; empty where nothing is. part: only paths that
    contain it."""
    found = [each for each in missing(state) if part in each.path]
    results = [f"{each.path} ({each.what})" for each in found if not each.from_journal]
    copies = [each.path for each in found if each.from_journal]
    lines = []
    if results:
        then = (
            "the scores are those of the journal"
            if state.final is not None
            else "the next `rewardsearch run` trains that again"
        )
        lines.append(f"{len(results)} lost result{'s' * (len(results) > 1)}: {_listed(results)}; {then}")
    if copies:
        lines.append(f"missing: {_listed(copies)}; the next `rewardsearch run` writes them again from the journal")
    return lines


def restore(state: RunState) -> list[str]:
    """Writes what is missing of the files that follow from the journal; gives their paths, relative to the run."""
    lost = [(path, text) for path, text in _copies(state) if not (state.folder / path).is_file()]
    for path, text in lost:
        write_atomic(state.folder / path, text())
    return [path for path, _ in lost]


def _copies(state: RunState) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each file that follows from the journal, with its text."""
    for candidate in state.candidates.values():
        yield f"candidates/{candidate.id}/reward.py", partial(str, candidate.code)
    for verdict in state.verdicts.values():
        yield f"candidates/{verdict.candidate}/verdict.json", partial(_json, verdict)
    for number, ranking in enumerate(state.rankings, start=1):
        yield f"rounds/{number:02d}/ranking.json", partial(_json, ranking)
    for number, feedback in state.feedbacks.items():
        yield f"rounds/{number:02d}/feedback.md", partial(str, feedback.text)
    if state.rankings:
        yield "leaderboard.csv", partial(leaderboard_csv, state.final_ranking or state.rankings[-1])
    if (report := state.final) is not None:
        yield "final/test.json", partial(_json, report)
        yield "final/pairs.csv", partial(pairs_csv, report)
        if report.fairness:
            yield "final/fairness.csv", partial(fairness_csv, report)


def _json(record: Record) -> str:
    return record.model_dump_json(indent=1) + "\n"


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
