"""`rewardsearch status`: where a run stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rewardsearch.records import Usage
    from rewardsearch.run.progress import Live
    from rewardsearch.run.state import RunState


def status(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name under runs/.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show where a run stands: rounds, spend, the best so far."""
    import time

    from rewardsearch.cli.sft import sft_document
    from rewardsearch.cli.tables import duration, interval, make_console, number, print_json, print_lines
    from rewardsearch.run.journal import in_use
    from rewardsearch.run.progress import read_live
    from rewardsearch.run.restore import missing, missing_lines
    from rewardsearch.session.progress import scores_text
    from rewardsearch.session.runs import final_document, open_run, ranking_of
    from rewardsearch.session.time_left import describe_time_left, time_left

    state = open_run(run)
    # Nobody writes the end of a process that was killed.
    working = in_use(state.folder)
    stands = "killed" if state.status == "running" and not working else state.status
    live = read_live(state.folder) if working else None
    left = time_left(state, live.running) if live else None
    ranking = ranking_of(state)
    best = next((row for row in ranking.rows if row.rank is not None and row.id in state.candidates), None)
    unconfirmed = state.account.unconfirmed
    counts = Counter(row.status for row in ranking.rows if row.id in state.candidates)
    candidates = {
        "proposed": len(state.candidates),
        **{name: counts[name] for name in ("trained", "stopped", "failed", "rejected", "error", "pending")},
    }
    if as_json:
        print_json(
            {
                "run": str(state.folder),
                "task": state.config.task.label,
                "status": stands,
                "reason": state.reason,
                "sft": sft_document(state.sft, curve=False),
                "rounds_done": state.rounds_done,
                "rounds": state.config.rounds,
                "candidates": candidates,
                "refusals": len(state.refusals),
                "best": best.model_dump(mode="json") if best else None,
                "finalized": state.final is not None,
                "chosen": final_document(state, state.final.chosen) if state.final is not None else None,
                "test_opened": state.test_opened,
                "steps": state.steps,
                "usage": {**state.usage.model_dump(), "tokens": state.usage.tokens},
                "unconfirmed": {**unconfirmed.model_dump(), "tokens": unconfirmed.tokens},
                "doing": live.doing if live else None,
                "running": [job.model_dump(mode="json") for job in live.running] if live else [],
                "seconds_left": left,
                "policy": {"model": state.config.policy.model, "revision": state.config.policy.revision},
                "environment": state.environment.model_dump(mode="json") if state.environment else None,
                "mixed": [each.model_dump(mode="json") for each in state.mixed],
                "missing": [each.model_dump(mode="json") for each in missing(state)],
                "seconds": state.seconds,
                "started": state.started,
                "updated": state.updated,
            }
        )
        return
    said = f"{stands}, last event {duration(max(0.0, time.time() - state.updated))} ago"
    told = {**candidates, "replies without a candidate": len(state.refusals)}
    lines = [
        f"run         {state.folder}: {state.config.task.label}, {said}",
        *([f"reason      {state.reason}"] if state.reason else []),
        *(_live_lines(live, describe_time_left(left)) if live else ()),
        *(f"mixed       {each.what} is {each.here}, was {each.before}" for each in state.mixed),
        *([f"sft         {state.sft.steps:,} steps: {scores_text(state.sft.after)} of val"] if state.sft else []),
        f"rounds      {state.rounds_done} of {state.config.rounds} done",
        "candidates  " + ", ".join(f"{count} {name}" for name, count in told.items() if count or name == "proposed"),
        f"spend       {duration(state.seconds)}, {state.steps:,} training steps{_paid(state.usage)}",
    ]
    if unconfirmed.requests:
        lines.append(
            f"unconfirmed {unconfirmed.requests} requests without a known end, at most {unconfirmed.tokens:,} tokens"
            f"{f', {_money(unconfirmed.dollars)}' if unconfirmed.dollars else ''}"
        )
    if best is not None:
        lines.append(
            f"best        {best.name} {best.id}: F1 {number(best.f1)} {interval(best.f1_ci)} on {ranking.split}"
        )
    lines += [f"lost        {line}" for line in missing_lines(state)]
    lines.append("sealed test " + ("read" if state.final else "opened" if state.test_opened else "not opened"))
    print_lines(make_console(), *lines, *_chosen_lines(state), hang=12)


def _chosen_lines(state: RunState) -> Iterator[str]:
    """The arm that finalize chose, with its score on the test, and the verdict on it."""
    report = state.final
    row = report.row(report.chosen) if report is not None else None
    if report is None or row is None:
        return
    name = row.name if row.name == row.id else f"{row.name} {row.id}"
    split = "the test" if report.protocol == "paper" else "the sealed test"
    yield f"chosen      {name}: {row.score} on {split}"
    for said in report.describe_arm(row.id):
        yield f"verdict     {said}"


def _live_lines(live: Live, left: str) -> Iterator[str]:
    """What the search is doing, the time left, and a line for each job at work."""
    yield "now         " + ", ".join(each for each in (live.doing, left) if each)
    for job in live.running:
        yield f"            {job.name}: {job.done:,} of {job.of:,} {job.unit}"


def _money(dollars: float) -> str:
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}"


def _paid(usage: Usage) -> str:
    """What the proposer's requests have cost; empty when it made none."""
    if not usage.requests:
        return ""
    priced = usage.requests > usage.unpriced
    dollars = f", {_money(usage.dollars)}" if priced else ""
    unpriced = f" ({usage.unpriced} requests without a price)" if usage.unpriced else ""
    estimated = f" ({usage.estimated} requests estimated)" if usage.estimated else ""
    return f", {usage.requests} requests, {usage.tokens:,} tokens{estimated}{dollars}{unpriced}"
