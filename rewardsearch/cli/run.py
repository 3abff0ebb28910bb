"""`rewardsearch run`: starts or resumes a search."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from rewardsearch.cli.final_table import print_final
from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.cli.options import ConfigArgument, MixOption, NoMeasureOption, RunDirOption, SetOption, settings_of
from rewardsearch.cli.tables import make_console, print_facts, print_lines, print_whole
from rewardsearch.errors import BudgetReached, NothingAccepted, UserError


def run(
    config: ConfigArgument,
    recorded: Annotated[
        str | None, typer.Argument(metavar="RUN", help="With --proposer replay: the run or the recording to repeat.")
    ] = None,
    run_dir: RunDirOption = None,
    proposer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who writes the candidates: grammar, llm, manual, folder, replay. [default: the config's]",
        ),
    ] = None,
    set_: SetOption = None,
    mix: MixOption = False,
    dry_run: Annotated[
        bool, typer.Option(help="Check everything, show the config, the plan and an estimate, and stop.")
    ] = False,
    no_measure: NoMeasureOption = False,
) -> None:
    """Start a search, or resume the one in the run's folder.

    The run's folder of a replay ends with -replay, unless --run-dir names it.
    """
    from rewardsearch.cli.estimate import facts, measured_estimate
    from rewardsearch.cli.progress import SearchProgress
    from rewardsearch.loop import search
    from rewardsearch.propose import load_proposer
    from rewardsearch.report import report_at_end
    from rewardsearch.run.journal import has_run, read_run
    from rewardsearch.session.plan import describe_proposals, describe_search
    from rewardsearch.session.preflight import check
    from rewardsearch.session.runs import ranking_of

    if no_measure and not dry_run:
        raise UserError("--no-measure goes with --dry-run; a search measures nothing beforehand, so leave it out")
    settings = settings_of(config, [*(set_ or []), *_proposing(proposer, recorded)], run_dir)
    if recorded and not run_dir:
        settings = settings.model_copy(update={"run_dir": f"{settings.run_dir}-replay"})
    folder = Path(settings.run_dir or "runs")
    console = make_console()
    warnings = [f"warning: {warning}" for warning in check(settings)]
    if dry_run:
        print_whole(console, settings.to_yaml())
        print_lines(console, *describe_search(settings, folder), *describe_proposals(settings), *warnings)
        if not no_measure:
            print_facts(console, facts(measured_estimate(settings)))
        return
    print_lines(console, *(f"candidates: {line}" for line in [load_proposer(settings).describe()] if line), *warnings)
    stop_on_sigterm()
    resumed = has_run(folder) and read_run(folder).steps
    print_whole(console, f"{'resuming the search' if resumed else 'starting a search'} in {folder}")
    try:
        with SearchProgress(console, settings) as progress:
            state = search(settings, folder, progress, mix)
    except (BudgetReached, NothingAccepted):
        print_whole(console, report_at_end(folder))
        raise
    print_leaderboard(ranking_of(state), console)
    if state.final is not None:
        print_final(state.final, console)
    print_whole(console, report_at_end(folder, state))
    quoted = shlex.quote(str(folder))
    print_whole(console, f"next: rewardsearch show {quoted} ID")
    print_whole(console, f"      rewardsearch export {quoted} --to trl -o DIR")


def _proposing(proposer: str | None, recorded: str | None) -> list[str]:
    """The overrides for --proposer and a recorded run. Raises UserError for a recorded run without --proposer replay."""
    from rewardsearch.propose import is_recording
    from rewardsearch.session.runs import open_run

    if recorded is not None and proposer != "replay":
        raise UserError(
            f"got a second argument, {recorded}, without --proposer replay; to repeat that run: "
            "rewardsearch run CONFIG --proposer replay RUN"
        )
    overrides = [f"propose.proposer={proposer}"] if proposer else []
    if recorded is not None:
        folder = Path(recorded).expanduser()
        folder = folder if is_recording(folder) else open_run(recorded).folder
        overrides.append(f"propose.replay={folder.resolve()}")
    return overrides


def stop_on_sigterm() -> None:
    """SIGTERM ends a search as Ctrl-C does: workers stop, the journal stays whole, exit code 130."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
