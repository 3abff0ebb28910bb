"""Where a run stands, as one JSON document: `rewardsearch status` prints it and `rewardsearch watch` shows it."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rewardsearch.records import RankedRow
from rewardsearch.run.artifacts import ADAPTER, CHECKPOINT, PROGRESS
from rewardsearch.run.budget import WARN_AT, budget_uses
from rewardsearch.run.events import AnyEvent
from rewardsearch.run.journal import in_use
from rewardsearch.run.progress import Running, read_curve, read_live
from rewardsearch.run.restore import missing
from rewardsearch.run.state import RunState
from rewardsearch.session.event_text import last_events
from rewardsearch.session.runs import final_document, ranking_of, sft_document
from rewardsearch.session.time_left import time_left

EVENTS = 20
"""Events that the document has, the newest last."""
_WEIGHTS = {ADAPTER, CHECKPOINT, PROGRESS}
_ROW = {"rank", "id", "name", "status", "f1", "f1_ci", "accuracy", "gain", "flags"}


def standing(state: RunState, events: Iterable[AnyEvent]) -> dict[str, Any]:
    """events: those of the run's journal. What a running search does comes from the files that it writes beside the journal."""
    working = in_use(state.folder)
    ranking = ranking_of(state)
    mine = [row for row in ranking.rows if row.id in state.candidates]
    counts = Counter(row.status for row in mine)
    best = next((row for row in mine if row.rank is not None), None)
    candidates = {
        "proposed": len(state.candidates),
        **{name: counts[name] for name in ("trained", "stopped", "failed", "rejected", "error", "pending")},
    }
    return {
        "run": str(state.folder),
        "task": state.config.task.label,
        # A process that was killed has not written its end.
        "status": "killed" if state.status == "running" and not working else state.status,
        "reason": state.reason,
        "sft": sft_document(state.sft, curve=False),
        "rounds_done": state.rounds_done,
        "rounds": state.config.rounds,
        "candidates": candidates,
        "refusals": len(state.refusals),
        "best": best.model_dump(mode="json") if best else None,
        "leaderboard": {"split": ranking.split, "n": ranking.n, "rows": [_row(row) for row in ranking.rows]},
        "finalized": state.final is not None,
        "chosen": final_document(state, state.final.chosen) if state.final is not None else None,
        "test_opened": state.test_opened,
        "steps": state.steps,
        "usage": {**state.usage.model_dump(), "tokens": state.usage.tokens},
        "unconfirmed": {**state.account.unconfirmed.model_dump(), "tokens": state.account.unconfirmed.tokens},
        **doing(state, working),
        "policy": {"model": state.config.policy.model, "revision": state.config.policy.revision},
        "environment": state.environment.model_dump(mode="json") if state.environment else None,
        "mixed": [each.model_dump(mode="json") for each in state.mixed],
        "missing": [each.model_dump(mode="json") for each in missing(state)],
        "gpu_hours": round(state.device_seconds / 3600, 3),
        "phases": state.phases,
        "disk": disk_use(state.folder),
        "events": [{"time": time, "text": text} for time, text in last_events(events, state, EVENTS)],
        "started": state.started,
        "updated": state.updated,
    }


def doing(state: RunState, working: bool) -> dict[str, Any]:
    """The part of the document that changes between two events: what the search does, the time left, what is spent."""
    live = read_live(state.folder) if working else None
    seconds = state.seconds + (max(0.0, time.time() - state.updated) if working else 0.0)
    uses = budget_uses(state.config.budget, state, seconds / 60, state.device_seconds / 3600)
    return {
        "doing": live.doing if live else None,
        "running": [_running(state.folder, job) for job in live.running] if live else [],
        "seconds_left": time_left(state, live.running) if live else None,
        "seconds": seconds,
        "budgets": [
            {**use.model_dump(), "share": use.share, "warning": use.share >= WARN_AT, "text": use.text} for use in uses
        ],
    }


def disk_use(folder: Path) -> dict[str, int]:
    """Bytes of the run's files, those of adapters and checkpoints among them, and bytes that the disk has free."""
    total = weights = 0
    for path, _, names in os.walk(folder):
        inside = bool(_WEIGHTS & {*Path(path).relative_to(folder).parts})
        for name in names:
            # A running search replaces files.
            with suppress(OSError):
                size = (Path(path) / name).lstat().st_size
                total += size
                weights += size if inside else 0
    return {"bytes": total, "weights": weights, "free": shutil.disk_usage(folder).free}


def _row(row: RankedRow) -> dict[str, Any]:
    return {**row.model_dump(mode="json", include=_ROW), "gain_ci": row.gain_ci or row.gain_questions_ci}


def _running(folder: Path, job: Running) -> dict[str, Any]:
    curve = read_curve(folder / job.folder)
    return {**job.model_dump(mode="json"), "curve": curve.model_dump(mode="json") if curve else None}
