"""`rewardsearch status`: where a run stands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rewardsearch.cli.options import JsonOption, RunArgument
from rewardsearch.cli.tables import make_console, print_facts, print_json, score
from rewardsearch.files.numbers import duration, size

if TYPE_CHECKING:
    from rewardsearch.run.state import RunState


def status(run: RunArgument, as_json: JsonOption = False) -> None:
    """Show where a run stands: rounds, spend, best candidate."""
    from rewardsearch.run.journal import read_events, read_run
    from rewardsearch.session.runs import find_run
    from rewardsearch.session.standing import standing

    folder = find_run(run)
    events = read_events(folder)
    state = read_run(folder, events)
    stands = standing(state, events)
    if as_json:
        print_json(stands)
    else:
        print_facts(make_console(), _facts(state, stands))


def _facts(state: RunState, stands: Mapping[str, Any]) -> list[tuple[str, str]]:
    from rewardsearch.run.restore import missing_lines
    from rewardsearch.session.progress import scores_text

    unconfirmed, best = state.account.unconfirmed, stands["best"]
    counts = stands["candidates"]
    return [
        ("run", f"{state.folder}: {stands['task']}, {stands['status']}, last event {_ago(state)} ago"),
        ("reason", state.reason or ""),
        *now_facts(stands),
        *(("mixed", f"{each.what} is {each.here}, was {each.before}") for each in state.mixed),
        ("sft", f"{state.sft.steps:,} steps: {scores_text(state.sft.after)} of val" if state.sft else ""),
        ("rounds", f"{state.rounds_done} of {state.config.rounds} done"),
        ("candidates", candidates_text(counts)),
        ("replies", f"{len(state.refusals)} without a candidate" if state.refusals else ""),
        ("pending", _pending(state, counts["pending"] + counts["error"])),
        ("spend", f"{duration(stands['seconds'])}, {state.steps:,} training steps{_gpu_hours(state)}"),
        *budget_facts(stands),
        ("time", _phases(state.phases)),
        ("requests", f"{state.usage.requests} requests, {state.usage.spent}" if state.usage.requests else ""),
        (
            "unconfirmed",
            f"{unconfirmed.requests} requests without a known end, at most {unconfirmed.spent}"
            if unconfirmed.requests
            else "",
        ),
        ("disk", disk_text(stands["disk"])),
        (
            "best",
            f"{best['name']} {best['id']}: F1 {score(best['f1'], best['f1_ci'])} on {stands['leaderboard']['split']}"
            if best
            else "",
        ),
        *(("lost", line) for line in missing_lines(state)),
        ("sealed test", "read" if state.final else "opened" if state.test_opened else "not opened"),
        *_chosen_facts(state),
    ]


def now_facts(stands: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the search is doing, the time left, and each running job."""
    from rewardsearch.session.time_left import describe_time_left

    if stands["doing"] is None:
        return
    yield "now", ", ".join(each for each in (stands["doing"], describe_time_left(stands["seconds_left"])) if each)
    for job in stands["running"]:
        yield "running", f"{job['name']}: {job['done']:,} of {job['of']:,} {job['unit']}"


def candidates_text(counts: Mapping[str, int]) -> str:
    """Such as "12 proposed, 10 trained"."""
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n or name == "proposed")


def budget_facts(stands: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each budget that is set, with a warning where most of it is used."""
    for use in stands["budgets"]:
        yield "budget", f"{'warning: ' if use['warning'] else ''}{use['text']}"


def disk_text(disk: Mapping[str, int]) -> str:
    """Such as "120 MB, 90 MB of them adapters and checkpoints; 40 GB free"."""
    return f"{size(disk['bytes'])}, {size(disk['weights'])} of them adapters and checkpoints; {size(disk['free'])} free"


_PHASES = {
    "rollout": "sampling completions",
    "reward": "rewards",
    "update": "weight updates",
    "evaluate": "evaluation",
    "load": "loading",
    "failed": "failed runs",
    "sft": "fine-tuning",
}
"""What the phases of training processes are called here."""


def _phases(phases: Mapping[str, float]) -> str:
    """Such as "12 min of training processes: sampling completions 60 %, weight updates 40 %"."""
    total = sum(phases.values())
    if not total:
        return ""
    shares = (f"{_PHASES.get(name, name)} {seconds / total:.0%}" for name, seconds in phases.items())
    return f"{duration(total)} of training processes: {', '.join(shares)}".replace("%", " %")


def _gpu_hours(state: RunState) -> str:
    return f", {state.device_seconds / 3600:.2f} GPU-hours" if state.device_seconds else ""


def _ago(state: RunState) -> str:
    return duration(max(0.0, time.time() - state.updated))


def _pending(state: RunState, untrained: int) -> str:
    """What the search has still to do."""
    config = state.config
    if state.final is not None:
        return "nothing"
    rounds = range(state.rounds_done + 1, config.rounds + 1)
    parts = [f"{untrained} candidate{'s' if untrained > 1 else ''} to train"] if untrained else []
    parts += [f"round{'s' if len(rounds) > 1 else ''} {', '.join(map(str, rounds))}"] if rounds else []
    parts += ["finalize"] if config.finalize.enabled else []
    return ", ".join(parts) or "nothing"


def _chosen_facts(state: RunState) -> Iterator[tuple[str, str]]:
    """The arm that finalize chose, with its score on the test, and the conclusions about it."""
    report = state.final
    row = report.row(report.chosen) if report is not None else None
    if report is None or row is None:
        return
    name = row.name if row.name == row.id else f"{row.name} {row.id}"
    split = "the test" if report.protocol == "paper" else "the sealed test"
    yield "chosen", f"{name}: {row.score} on {split}"
    for sentence in report.describe_arm(row.id):
        yield "conclusion", sentence
