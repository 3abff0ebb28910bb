"""Which rewards of a run are exported."""

from __future__ import annotations

from rewardsearch.arms import ensemble
from rewardsearch.errors import UserError
from rewardsearch.journal import RunState
from rewardsearch.records import FinalRow, Ranking, RewardSpec


def choose_rewards(
    state: RunState, ranking: Ranking, *, top: int | None = None, arm: str | None = None
) -> tuple[str, tuple[RewardSpec, ...]]:
    """What is exported, in words, and its rewards with their weights, base rewards first.

    top: the best `top` candidates of the ranking together. arm: an arm's id (an ensemble of finalize, a candidate, the
    baseline). Without either it is finalize's ensemble, or the best candidate of a run that has not been finalized.
    Raises UserError for both at once, an unknown arm, and more candidates than have been screened.
    """
    if top is not None and arm is not None:
        raise UserError("got --top and --ensemble; give one of them")
    if top is None and arm is None:
        arm = next((row.id for row in _final_rows(state) if row.kind == "ensemble" and row.status == "done"), None)
    if arm is not None:
        return f"{_named(state, arm)} of {state.folder.name}", state.members(arm)
    screened = [row.id for row in ranking.rows if row.status == "screened" and row.id in state.candidates]
    top = top or 1
    if len(screened) < top:
        raise UserError(
            f"--top: got {top}, {state.folder} has {len(screened)} screened candidates; give a number up to that, "
            "or let the search go on"
        )
    words = f"the best {top} candidates" if top > 1 else f"the best candidate, {_named(state, screened[0])},"
    return f"{words} of {state.folder.name}", (*state.base, *ensemble(screened[:top], state.candidates))


def _final_rows(state: RunState) -> tuple[FinalRow, ...]:
    return state.final.rows if state.final else ()


def _named(state: RunState, arm: str) -> str:
    return f"{state.candidates[arm].name} ({arm})" if arm in state.candidates else arm
