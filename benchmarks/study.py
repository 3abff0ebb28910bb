"""The study: searches with several seeds beside random search, controls and replayed searches of a frontier model.

    python benchmarks/study.py [--runs runs/study] [--seeds 0 11 22 33 44] [--only NAME...] [--pool DIR] [--further] [--write]
                               [--slots N] [--set KEY=VALUE] [--dry-run] [--json]

For each seed S three runs, each an ordinary run folder that `rewardsearch leaderboard runs/study/NAME` reads:

    search-S    the grammar proposes, 3 rounds of 4, with feedback; its controls are random-k, the average of all candidates and
                a-a (the first seed also has format-only and random-reward)
    random-S    the same without feedback, random search at equal cost; it has no controls
    frontier-S  a recorded search of a frontier model, replayed: its rewards are trained and ranked anew with seed S; its
                control is random-k

and frontier-other, a second recorded search, with the first seed. The final arms of every run are the baseline, the ensemble of
the three best candidates on val, and the controls, with 5 seeds each. A run that is finished is left as it is, one that was
interrupted resumes. What one run has trained is not trained again by another (--pool names further folders of results). --further
trains the recommended arms with ten more seeds. At the end, or with --write at once, everything that is finished is written to
docs/evidence/study.json, docs/evidence.md and its figures; no figure is written by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quiet import Quiet
from rich.console import Console
from study_further import further
from study_numbers import collect, ordered_json
from study_page import write_page
from study_plan import SEEDS, Planned, plan, share

from rewardsearch.cli.run import stop_on_sigterm
from rewardsearch.errors import Interrupted, NothingAccepted, RewardSearchError, UserError
from rewardsearch.files import write_atomic
from rewardsearch.files.resources import PACKAGE
from rewardsearch.loop import search
from rewardsearch.run.journal import has_run, read_run
from rewardsearch.session.plan import planned_runs, planned_steps

DOCS = PACKAGE.parent / "docs"


def carry_out(
    planned: Sequence[Planned], runs: Path, pools: Sequence[Path], only: Sequence[str], console: Console
) -> bool:
    """Carries out the planned runs that are not finished, one after the other; whether all came to their end."""
    well = True
    for run in planned:
        folder = runs / run.name
        if (only and run.name not in only) or finished(folder):
            continue
        others = [runs / other.name for other in planned if other.name != run.name]
        taken = share(run, folder, [*others, *pools])
        progress = Quiet(console, run.name)
        progress.say(f"{taken} results of other runs are taken over")
        try:
            search(run.config, folder, progress)
        except Interrupted:
            raise
        except RewardSearchError as error:
            progress.say(f"ended: {error}")
            well = well and isinstance(error, NothingAccepted)
    return well


def finished(folder: Path) -> bool:
    return has_run(folder) and read_run(folder).final is not None


def told_plan(planned: Sequence[Planned], runs: Path) -> list[dict[str, Any]]:
    """What each run is, the most that it trains, and whether it is done."""
    rows = []
    for run in planned:
        folder = runs / run.name
        status = "done" if finished(folder) else "started" if has_run(folder) else "not started"
        cost = {"runs": planned_runs(run.config), "steps": planned_steps(run.config)}
        rows.append({"name": run.name, "kind": run.kind, "seed": run.seed, **cost, "status": status})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these runs alone")
    parser.add_argument(
        "--pool", type=Path, action="append", default=[], metavar="DIR", help="a run folder with further results"
    )
    parser.add_argument("--further", action="store_true", help="train the recommended arms with ten further seeds")
    parser.add_argument("--write", action="store_true", help="train nothing; write what is finished")
    parser.add_argument("--slots", type=int, default=2, help="training processes side by side")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every run")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where evidence.md and evidence/ are written")
    parser.add_argument("--dry-run", action="store_true", help="show the runs, and stop")
    parser.add_argument("--json", action="store_true", help="print the plan, or the numbers, as JSON")
    options = parser.parse_args()
    planned = plan(options.seeds, options.runs, [f"train.slots={options.slots}", *options.set])
    unknown = sorted(set(options.only) - {run.name for run in planned})
    if unknown:
        raise UserError(f"--only: no run is called {', '.join(unknown)}; allowed: {', '.join(r.name for r in planned)}")
    if options.dry_run:
        rows = told_plan(planned, options.runs)
        print(json.dumps(rows) if options.json else "\n".join(map(_line, rows)))
        return 0
    console = Console(stderr=True)
    well = True
    if not options.write:
        well = carry_out(planned, options.runs, options.pool, options.only, console)
    if options.further and not options.write:
        further(planned, options.runs, Quiet(console, "further"))
    numbers = collect(planned, options.runs)
    write_atomic(options.docs / "evidence" / "study.json", ordered_json(numbers))
    written = write_page(options.docs)
    if options.json:
        print(ordered_json(numbers), end="")
    else:
        print("written: " + ", ".join(str(path) for path in written))
    return 0 if well else 1


def _line(row: dict[str, Any]) -> str:
    cost = f"at most {row['runs']} training runs, {row['steps']:,} steps"
    return f"{row['name']:<16} seed {row['seed']:<3} {cost:<40} {row['status']}"


if __name__ == "__main__":
    stop_on_sigterm()
    try:
        sys.exit(main())
    except RewardSearchError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command resumes\n")
        sys.exit(130)
