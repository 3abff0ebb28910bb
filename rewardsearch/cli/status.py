"""`rewardsearch status`: where a run stands."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rewardsearch.cli.options import JsonOption, RunArgument
from rewardsearch.cli.sft import sft_document
from rewardsearch.cli.tables import duration, make_console, print_facts, print_json, score

if TYPE_CHECKING:
    from rewardsearch.run.progress import Live
    from rewardsearch.run.state import RunState


def status(run: RunArgument, as_json: JsonOption = False) -> None:
    """Show where a run stands: rounds, spend, best candidate."""
    from rewardsearch.run.journal import in_use
    from rewardsearch.run.progress import read_live
    from rewardsearch.run.restore import missing, missing_lines
    from rewardsearch.session.progress import scores_text
    from rewardsearch.session.runs import final_document, open_run, ranking_of
    from rewardsearch.session.time_left import describe_time_left, time_left

    state = open_run(run)
    # A process that was killed has not written its end.
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
                "gpu_hours": round(state.device_seconds / 3600, 3),
                "phases": state.phases,
                "started": state.started,
                "updated": state.updated,
            }
        )
        return
    facts = [
        ("run", f"{state.folder}: {state.config.task.label}, {stands}, last event {_ago(state)} ago"),
        ("reason", state.reason or ""),
        *(_live_facts(live, describe_time_left(left)) if live else ()),
        *(("mixed", f"{each.what} is {each.here}, was {each.before}") for each in state.mixed),
        ("sft", f"{state.sft.steps:,} steps: {scores_text(state.sft.after)} of val" if state.sft else ""),
        ("rounds", f"{state.rounds_done} of {state.config.rounds} done"),
        ("candidates", ", ".join(f"{n} {name}" for name, n in candidates.items() if n or name == "proposed")),
        ("replies", f"{len(state.refusals)} without a candidate" if state.refusals else ""),
        ("pending", _pending(state, counts["pending"] + counts["error"])),
        ("spend", f"{duration(state.seconds)}, {state.steps:,} training steps{_gpu_hours(state)}"),
        ("time", _phases(state.phases)),
        ("requests", f"{state.usage.requests} requests, {state.usage.spent}" if state.usage.requests else ""),
        (
            "unconfirmed",
            f"{unconfirmed.requests} requests without a known end, at most {unconfirmed.spent}"
            if unconfirmed.requests
            else "",
        ),
        (
            "best",
            f"{best.name} {best.id}: F1 {score(best.f1, best.f1_ci)} on {ranking.split}" if best else "",
        ),
        *(("lost", line) for line in missing_lines(state)),
        ("sealed test", "read" if state.final else "opened" if state.test_opened else "not opened"),
        *_chosen_facts(state),
    ]
    print_facts(make_console(), facts)


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


def _live_facts(live: Live, left: str) -> Iterator[tuple[str, str]]:
    """What the search is doing, the time left, and each running job."""
    yield "now", ", ".join(each for each in (live.doing, left) if each)
    for job in live.running:
        yield "running", f"{job.name}: {job.done:,} of {job.of:,} {job.unit}"
