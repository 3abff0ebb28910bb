"""What the bank and the race save, and what they lose, beside screening every candidate in full.

    python benchmarks/search_cost.py [--seeds 5] [--candidates 12] [--out FOLDER] [--json]

For each seed two searches on the embedded task with the settings of configs/arithmetic-demo.yaml: one trains all proposed
candidates to the end, the other tries them on the rollout bank and races them (by the defaults of `race`).
Both propose the same candidates (one round of the grammar) and train them with the same seed; the stretches that the second
trains are those of the first, whose results are taken over rather than trained twice (tests/screen/test_train.py holds that
they are the same to the last bit). Counted are the training steps of the baseline (one seed, in both) and of the candidates.
The winners, both trained to the end, are compared on the same questions of `val`: the raced search holds when the paired
interval of the difference reaches 0, or its winner is the better one. A table, then whether the limits hold: at most 40 % of
the steps, and the winner kept in four of five seeds. Without accelerator a seed takes about six minutes on two cores; steps
and scores do not depend on the machine's load. --out keeps the runs, and carries on with what is there.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rewardsearch.config import Config, load_config
from rewardsearch.progress import Running
from rewardsearch.rank import compare_outcomes
from rewardsearch.records import BASELINE, ScreenJob, ScreenResult, SftResult
from rewardsearch.search import search
from rewardsearch.state import RunState

MOST = 0.4
"""Of the steps of the full search."""
KEPT = 0.8
"""Of the seeds, in how many the winner has to be kept."""
Row = dict[str, Any]


class Quiet:
    """A trials.Progress that tells lines alone, to standard error."""

    def __init__(self, console: Console, of: str) -> None:
        self._console, self._of = console, of

    def say(self, line: str) -> None:
        self._console.print(f"{self._of}: {line}", markup=False, highlight=False, soft_wrap=True)

    def opened(self, state: RunState) -> None: ...

    def jobs(self, names: Iterable[str], steps: int) -> None: ...

    def running(self, jobs: Sequence[Running]) -> None: ...

    def tuned(self, result: SftResult) -> None: ...

    def ended(self, job: ScreenJob, result: ScreenResult, name: str) -> None: ...


def config(seed: int, candidates: int, settings: list[str], economical: bool) -> Config:
    return load_config(
        "configs/arithmetic-demo.yaml",
        [
            f"seed={seed}",
            "rounds=1",
            f"candidates={candidates}",
            # What the bank refuses would be mended and tried again: more candidates, not the same ones for less.
            "propose.repairs=0",
            "finalize.enabled=false",
            "screen.baseline_seeds=1",
            f"bank.enabled={str(economical).lower()}",
            # The full search passes by the same rungs, and everyone goes on.
            *(["race.keep=0.334", "race.most=0.5"] if economical else ["race.keep=1.0", "race.most=1.0"]),
            "race.rungs=[{steps: 0.2, questions: 1.0}, {steps: 0.5, questions: 1.0}]",
            *settings,
        ],
    )


def winner(state: RunState) -> str:
    """The best candidate; the baseline where none was screened."""
    ranked = [row.id for row in state.rankings[-1].rows if row.rank is not None and row.id in state.candidates]
    return ranked[0] if ranked else BASELINE


def take_over(source: Path, target: Path) -> None:
    """Copies what was trained. A search takes up a result that is there under the fingerprint of the job it would run."""
    for screens in sorted(source.glob("candidates/*/screens")):
        copy = target / screens.relative_to(source)
        if not copy.exists():
            shutil.copytree(screens, copy)


def compared(seed: int, candidates: int, settings: list[str], out: Path, console: Console) -> Row:
    """One seed: both searches, their steps, and their winners side by side."""
    folders = {kind: out / f"{kind}-{seed}" for kind in ("full", "raced")}
    full = search(config(seed, candidates, settings, False), folders["full"], Quiet(console, f"full {seed}"))
    take_over(folders["full"], folders["raced"])
    raced = search(config(seed, candidates, settings, True), folders["raced"], Quiet(console, f"raced {seed}"))
    first, second = winner(full), winner(raced)
    difference = compare_outcomes(
        raced.results[second].outcomes, full.results[first].outcomes, full.config.rank, seed
    ).difference
    places = [row.id for row in full.rankings[-1].rows if row.rank is not None]
    return {
        "seed": seed,
        "steps_full": full.steps,
        "steps_raced": raced.steps,
        "share": raced.steps / full.steps,
        "refused": sum(v.stage in ("bank", "novelty") for v in raced.verdicts.values()),
        "dropped": len(raced.dropped),
        "whole": sum(row.status == "screened" and row.id in raced.candidates for row in raced.rankings[-1].rows),
        "winner_full": first,
        "winner_raced": second,
        "place": places.index(second) + 1,
        "difference": difference.f1,
        "difference_ci": difference.f1_ci,
        "kept": difference.f1_ci[1] >= 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of both searches")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="rewardsearch-cost-") as scratch:
        out = options.out or Path(scratch)
        rows = [compared(seed, options.candidates, options.set, out, console) for seed in range(options.seeds)]
    share = sum(row["steps_raced"] for row in rows) / sum(row["steps_full"] for row in rows)
    kept = sum(row["kept"] for row in rows)
    holds = share <= MOST and kept >= math.ceil(KEPT * len(rows))
    if options.json:
        print(json.dumps({"rows": rows, "share": share, "kept": kept, "holds": holds}))
        return
    table = Table(
        "seed", "steps full", "raced", "share", "refused", "dropped", "to the end", "place of winner", "F1 less", ""
    )
    for row in rows:
        low, high = row["difference_ci"]
        table.add_row(
            str(row["seed"]),
            str(row["steps_full"]),
            str(row["steps_raced"]),
            f"{row['share']:.0%}",
            str(row["refused"]),
            str(row["dropped"]),
            str(row["whole"]),
            str(row["place"]),
            f"{row['difference']:+.3f} [{low:+.3f}, {high:+.3f}]",
            "kept" if row["kept"] else "LOST",
        )
    printed = Console()
    printed.print(table)
    printed.print(
        f"steps: {share:.0%} of the full search (at most {MOST:.0%}); winner kept in {kept} of {len(rows)} seeds "
        f"(at least {math.ceil(KEPT * len(rows))}): {'holds' if holds else 'DOES NOT HOLD'}",
        highlight=False,
    )


if __name__ == "__main__":
    main()
