"""Which rewards of a run are exported."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from rewardsearch.config import TaskConfig, label_key
from rewardsearch.errors import UserError
from rewardsearch.records import BASELINE, POLICY, Aggregation, Ranking, Record, RewardSpec
from rewardsearch.rewards.base import ensemble
from rewardsearch.run.sft_files import ADAPTER, SFT
from rewardsearch.run.state import RunState
from rewardsearch.tasks import load_task


class Choice(Record):
    """What is exported: where it comes from, in words, the rewards with their weights, base rewards first, and how a trainer
    makes one advantage of them. `columns` are those that the rewards read beside prompt, completion and answer. `classes` are all
    answers that the task has, None where answers are free; `labels` are the values of the column `label_column` of the user's
    own data that meant each class, empty where they are the classes' own names."""

    source: str
    rewards: tuple[RewardSpec, ...]
    aggregation: Aggregation = "sum_then_normalize"
    columns: tuple[str, ...] = ()
    classes: tuple[str, str] | None = None
    numeric: bool = False
    """Whether every gold answer is a number, so that any other value is an error."""
    labels: dict[str, tuple[str, ...]] = {}
    label_column: str = ""
    tuned: str | None = None
    """Where the adapter of the fine-tuning is that the search started from; None for a search from the policy as it is."""
    arm: str | None = None
    """The arm of the run that these are the rewards of; None for several candidates together."""
    said: tuple[str, ...] = ()
    """What the search's sealed test says of these rewards, a sentence each."""


def choose_rewards(state: RunState, ranking: Ranking, *, top: int | None = None, arm: str | None = None) -> Choice:
    """The rewards of an arm, or of the best candidates.

    top: the best `top` candidates of the ranking together. arm: an arm's id (an ensemble of finalize, a candidate, the
    baseline). Without either it is what finalize chose, or the best candidate of a run that has not been finalized.
    Raises UserError for both at once, an arm that is unknown, trains on no reward or was rejected, and more candidates than have
    been screened.
    """
    if top is not None and arm is not None:
        raise UserError("got --top and --ensemble; give one of them")
    if top is None and arm is None and state.final is not None:
        arm = state.final.chosen
    if arm is not None:
        _check(state, arm)
        return Choice(
            source=f"{_named(state, arm)} of {state.folder.name}",
            arm=arm,
            said=_said(state, arm),
            rewards=state.members(arm),
            aggregation=state.arms[arm].aggregation if arm in state.arms else "sum_then_normalize",
            **_asked_of_the_user(state, state.members(arm)),
        )
    screened = [row.id for row in ranking.rows if row.status == "trained" and row.id in state.candidates]
    if not screened:
        raise UserError(
            f"{state.folder} has no screened candidate to export yet; let the search go on, or name an arm with --ensemble"
        )
    top = top or 1
    if len(screened) < top:
        raise UserError(
            f"--top: got {top}, {state.folder} has {len(screened)} screened candidates; give a number up to that, "
            "or let the search go on"
        )
    words = f"the best {top} candidates" if top > 1 else f"the best candidate, {_named(state, screened[0])},"
    rewards = (*state.base, *ensemble(screened[:top], state.candidates))
    return Choice(
        source=f"{words} of {state.folder.name}",
        arm=screened[0] if top == 1 else None,
        said=_said(state, screened[0] if top == 1 else None),
        rewards=rewards,
        **_asked_of_the_user(state, rewards),
    )


def _check(state: RunState, arm: str) -> None:
    """Raises UserError for an arm that has no rewards of its own, or that nothing was trained with."""
    verdict = state.verdicts.get(arm)
    if verdict is not None and not verdict.accepted:
        refusal = verdict.refusal.partition("; ")[0]
        raise UserError(f"--ensemble: {_named(state, arm)} was rejected ({refusal}); name one that was accepted")
    rules = [row.id for row in state.final.rows if row.kind == "rule"] if state.final is not None else []
    if arm in (POLICY, *rules):
        others = [id for id in state.arms if id not in (BASELINE, *state.candidates)]
        raise UserError(
            f"--ensemble: {arm} trains on no reward, so there is nothing to export; name a candidate"
            f"{''.join(f', {id}' for id in others)} or {BASELINE}"
        )


def _said(state: RunState, arm: str | None) -> tuple[str, ...]:
    """What the sealed test says of an arm: its score, and the verdict where it is the chosen one."""
    if state.final is None:
        return ("The search was not finalized: these rewards have no score on its sealed test.",)
    row = state.final.row(arm)
    if row is None or row.f1 is None:
        why = f": its training failed {row.reason}" if row is not None else ""
        return (f"The sealed test was not read for these rewards{why}.",)
    score = f"{row.score} on the {'test' if state.final.protocol == 'paper' else 'sealed test'} of the search."
    return (score, *(f"{said[:1].upper()}{said[1:]}." for said in state.final.said_of(row.id)))


def _asked_of_the_user(state: RunState, rewards: Sequence[RewardSpec]) -> dict[str, Any]:
    """What these rewards need of the training that they are taken into: columns, gold answers as they are written here, and the
    policy that the search started from."""
    task = load_task(state.config.task)
    named = set().union(*(_names(spec.code) for spec in rewards))
    return {
        "columns": tuple(name for name in task.columns if name in named),
        "classes": task.classes,
        "numeric": task.classes is None,
        **_labels(state.config.task, task.classes),
        "tuned": str(state.folder / SFT / ADAPTER) if state.config.sft.enabled else None,
    }


def _labels(config: TaskConfig, classes: tuple[str, str] | None) -> dict[str, Any]:
    """How the user's own data write the classes; nothing where they write their names, or the rows are generated."""
    if classes is None or config.data is None:
        return {}
    columns = config.columns
    labels = dict(zip(classes, (columns.positive, columns.negative), strict=True))
    if all({label_key(value) for value in values} == {label_key(name)} for name, values in labels.items()):
        return {}
    return {"labels": labels, "label_column": columns.label}


def _names(code: str) -> set[str]:
    """What a column may be read by: the parameters of a reward's functions, and its texts."""
    found = ast.walk(ast.parse(code))
    return {
        node.arg if isinstance(node, ast.arg) else str(node.value)
        for node in found
        if isinstance(node, ast.arg | ast.Constant)
    }


def _named(state: RunState, arm: str) -> str:
    return f"{state.candidates[arm].name} ({arm})" if arm in state.candidates else arm
