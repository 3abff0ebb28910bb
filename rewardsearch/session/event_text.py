"""Events of the journal in one short line each, for `rewardsearch watch` and for notifications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rewardsearch.run import events
from rewardsearch.session.runs import name_of

if TYPE_CHECKING:
    from rewardsearch.run.state import RunState

_REASON = 90
"""Characters of a reason in a line or a table."""


def short_reason(reason: str | None) -> str:
    """The reason in one short sentence: without the remedy after it, and without what would make it long."""
    text = (reason or "").partition("; ")[0]
    if len(text) <= _REASON:
        return text
    cut = text[: _REASON + 1]
    end = max(cut.rfind(": "), cut.rfind(", "), cut.rfind(" ("))
    return cut[:end] if end > _REASON // 3 else f"{cut.rpartition(' ')[0] or cut[:_REASON]} ..."


def last_events(found: Iterable[events.AnyEvent], state: RunState, most: int) -> list[tuple[float, str]]:
    """The time and the line of the last `most` events that a person wants to know of, the newest last."""
    lines = [(event.time, text) for event in found if (text := event_text(event, state))]
    return lines[-most:]


def event_text(event: events.AnyEvent, state: RunState) -> str:
    """Such as "round 2 is ranked; best: worked_steps, F1 0.947"; empty for what is of no interest to a person."""

    match event:
        case events.Opened():
            return "a session began"
        case events.Ended(status=status, reason=reason):
            return f"the session ended: {status}{f', {short_reason(reason)}' if reason else ''}"
        case events.Planned(round=number, requests=requests):
            return f"round {number}: {len(requests)} requests to language models"
        case events.RequestFailed(request=request, reason=reason):
            return f"request {request} failed: {short_reason(reason)}"
        case events.Adapted(change=change):
            return f"requests are adapted: {short_reason(change)}"
        case events.Proposed(round=number, attempt=attempt, proposal=proposal):
            what = "repaired" if attempt else "proposed"
            return f"round {number}: {len(proposal.candidates)} candidates {what}"
        case events.Validated(verdict=verdict):
            outcome = "accepted" if verdict.accepted else f"rejected: {short_reason(verdict.refusal)}"
            return f"{name_of(state, verdict.candidate)} {outcome}"
        case events.SftTrained(result=sft):
            return f"fine-tuned in {sft.steps:,} steps"
        case events.BankSampled(completions=completions):
            return f"rollout bank of {completions:,} completions"
        case events.Trained(result=result):
            seed = "" if result.seed == state.config.seed else f" (seed {result.seed})"
            if result.status != "done":
                return f"{name_of(state, result.id)}{seed} {result.status}: {short_reason(result.reason)}"
            return f"{name_of(state, result.id)}{seed} " + (
                f"is at step {result.steps}" if result.steps else "is evaluated"
            )
        case events.Lost(file=file):
            return f"{file.path} is {file.what}"
        case events.Raced(rung=rung, promotions=promotions):
            return f"{rung}: {sum(each.promoted for each in promotions)} of {len(promotions)} continue"
        case events.Ranked(round=number, ranking=ranking):
            best = next((row for row in ranking.rows if row.rank is not None and row.operator != "none"), None)
            return f"round {number} is ranked" + (f"; best: {best.name}, F1 {best.f1:.3f}" if best and best.f1 else "")
        case events.ArmsChosen(arms=arms):
            return f"{len(arms)} final arms are chosen"
        case events.SealedTestOpened():
            return "the sealed test is opened"
        case events.Finalized(report=report):
            chosen = report.row(report.chosen)
            return f"finalized; chosen: {chosen.name or chosen.id}, {chosen.score}" if chosen else "finalized"
        case _:
            return ""
