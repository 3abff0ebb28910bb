"""How large a report is, and how long it takes to make and to open.

    python benchmarks/report.py [RUN] [--candidates 50] [--questions 1319] [--json]

Of the run in the folder RUN, or of a made-up one with long rewards, long completions and eight components each. The
scoreboard, which calls every reward in the sandbox, is left out of a made-up run. Opening is measured in the chromium that
is on PATH, from the start of loading to its end, as the median of five loads at 390 and 1400 pixels.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from rewardsearch.config import parse_config
from rewardsearch.records import (
    BASELINE,
    FULL,
    POLICY,
    Candidate,
    CurvePoint,
    Example,
    Outcome,
    TrainingResult,
    Verdict,
)
from rewardsearch.records.proposing import Proposal
from rewardsearch.report import report_html
from rewardsearch.report.scoreboard import Scoreboard, Scorer
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.state import RunState

COMPONENTS, STEPS, LOADS = 8, 500, 5
PROSE = "so we think about it and 12 + 5 = 17. " * 40


class NoCalls(Scorer):
    def scoreboard(self, state: RunState) -> Scoreboard:
        return Scoreboard(missing="left out of a made-up run")


def made_up_run(candidates: int, questions: int) -> RunState:
    """A run of rounds of ten candidates, each the child of the one before and a little better."""
    state = RunState(Path("made-up"), parse_config({"rank": {"resamples": 100}}, "a made-up run"))
    for place in range(candidates):
        parents = list(state.candidates)[-1:]
        each = reward(place, parents)
        state.candidates[each.id] = each
        state.verdicts[each.id] = Verdict(candidate=each.id, accepted=True)
    for round in {each.round for each in state.candidates.values()}:
        members = tuple(each for each in state.candidates.values() if each.round == round)
        state.proposals[round, 0] = Proposal(candidates=members)
    for place, arm in enumerate((POLICY, BASELINE, *state.candidates)):
        right = questions * (30 + place) // (35 + candidates)
        state.results[arm] = training(arm, right, questions)
        state.trainings[f"candidates/{arm}/training/full-0"] = state.results[arm]
    return state


def reward(place: int, parents: list[str]) -> Candidate:
    body = "\n".join(f"# {number}: " + "why this pays, " * 200 for number in range(place, place + 3))
    code = f"{body}\ndef reward(prompts, completions, answer, **columns):\n    return [{place}.0 for text in completions]\n"
    return Candidate(
        id=candidate_id(code),
        name=f"candidate_{place}",
        code=code,
        rationale=PROSE,
        round=1 + place // 10,
        parents=parents,
    )


def training(arm: str, right: int, questions: int) -> TrainingResult:
    outcomes = [
        Outcome(
            id=f"q{i}",
            kind="correct" if i < right else "wrong",
            gold="7",
            prediction="7" if i < right else "8",
            length=90,
        )
        for i in range(questions)
    ]
    points = [
        CurvePoint(
            step=step,
            reward=step / 10,
            exact_match=step / STEPS,
            components={f"{arm[:4]}/{part}": step / (7 + part) for part in range(COMPONENTS)},
            length=90 - step / 50,
            zero_std_fraction=0.25,
            clipped=0.0,
            grad_norm=1.0,
        )
        for step in range(1, STEPS + 1)
    ]
    examples = [
        Example(prompt=PROSE, completion=PROSE * 3, answer="17", reward=1.0, kind=kind, against=0.0, step=step)
        for kind in ("wrong", "unparsed", "correct")
        for step in range(5)
    ]
    return TrainingResult.model_validate(
        {
            "id": arm,
            "rung": FULL,
            "seed": 0,
            "steps": STEPS,
            "status": "done",
            "outcomes": outcomes,
            "curves": points if arm != POLICY else (),
            "disagreements": examples if arm not in (BASELINE, POLICY) else (),
            "seconds": 100.0,
        }
    )


def measured(state: RunState, scorer: Scorer) -> dict[str, Any]:
    report_html(state, scorer=scorer)
    started = time.perf_counter()
    html = report_html(state, scorer=scorer)
    found = {"candidates": len(state.candidates), "seconds to make": time.perf_counter() - started}
    found["MB"] = len(html.encode()) / 1e6
    return found | opened(html)


def opened(html: str) -> dict[str, float]:
    """Seconds that the page takes to load, by its width; nothing without a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    program = shutil.which("chromium")
    if program is None:
        return {}
    loaded = "() => performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
    found = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as api:
        path = Path(folder) / "report.html"
        path.write_text(html, encoding="utf-8")
        browser = api.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for width in (390, 1400):
            page = browser.new_page(viewport={"width": width, "height": 900})
            taken = []
            for _ in range(LOADS):
                page.goto(path.as_uri())
                taken.append(float(page.evaluate(loaded)))
            found[f"seconds to open at {width} pixels"] = statistics.median(taken)
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?")
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--questions", type=int, default=1319)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.run is None:
        state = made_up_run(args.candidates, args.questions)
        found = measured(state, NoCalls(state.config))
    else:
        from rewardsearch.session.runs import open_run

        state = open_run(args.run)
        found = measured(state, Scorer(state.config))
    if args.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {value:.3g}")


if __name__ == "__main__":
    main()
