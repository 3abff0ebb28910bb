"""Which rewards of a run are exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardsearch.errors import UserError
from rewardsearch.exporters.code_reads import columns_read
from rewardsearch.exporters.examples import make_examples
from rewardsearch.exporters.records import SUMMED, ExportSelection
from rewardsearch.records import BASELINE, POLICY, Ranking, RewardSpec
from rewardsearch.rewards.base import ensemble
from rewardsearch.run.artifacts import ADAPTER, SFT
from rewardsearch.run.state import RunState
from rewardsearch.tasks import Task, load_task
from rewardsearch.tasks.judged import JudgedTask

_GOLDS = {"number": "number", "text": "text", "math": "text"}
"""How gold answers of an equality are read."""


def select_rewards(
    state: RunState, ranking: Ranking, *, top: int | None = None, arm: str | None = None
) -> ExportSelection:
    """The rewards of one arm, or of the best candidates together.

    top: the best `top` candidates of the ranking. arm: the id of an ensemble, a candidate or the baseline. Without either: what
    finalize chose, or the best candidate of a run that has not been finalized.
    Raises UserError for both at once, an arm that is unknown, was rejected or trains on no reward, and a `top` that is larger
    than the number of trained candidates.
    """
    if top is not None and arm is not None:
        raise UserError("got --top and --ensemble; give one of them")
    if top is None and arm is None and state.final is not None:
        arm = state.final.chosen
    if arm is None:
        trained = [row.id for row in ranking.rows if row.status == "trained" and row.id in state.candidates]
        if not trained:
            raise UserError(
                f"{state.folder} has no trained candidate to export yet; resume the search, or name an arm with --ensemble"
            )
        top = top or 1
        if len(trained) < top:
            raise UserError(
                f"--top: got {top}, but {state.folder} has {len(trained)} trained candidates; give a number up to that, "
                "or resume the search"
            )
        words = f"the best {top} candidates" if top > 1 else f"the best candidate, {_title(state, trained[0])},"
        rewards: tuple[RewardSpec, ...] = (*state.base, *ensemble(trained[:top], state.candidates))
        arm, aggregation = trained[0] if top == 1 else None, SUMMED
    else:
        _check(state, arm)
        words, rewards = _title(state, arm), state.members(arm)
        aggregation = state.arms[arm].aggregation if arm in state.arms else SUMMED
    return ExportSelection(
        source=f"{words} of {state.folder.name}",
        arm=arm,
        test_findings=_test_findings(state, arm),
        rewards=rewards,
        aggregation=aggregation,
        **_training_facts(state, rewards),
    )


def _check(state: RunState, arm: str) -> None:
    """Raises UserError for an arm that was rejected or trains on no reward."""
    verdict = state.verdicts.get(arm)
    if verdict is not None and not verdict.accepted:
        refusal = verdict.refusal.partition("; ")[0]
        raise UserError(
            f"--ensemble: {_title(state, arm)} was rejected ({refusal}); name a candidate that was accepted"
        )
    heuristics = [row.id for row in state.final.rows if row.kind == "heuristic"] if state.final is not None else []
    if arm in (POLICY, *heuristics):
        others = [id for id in state.arms if id not in (BASELINE, *state.candidates)]
        raise UserError(
            f"--ensemble: {arm} trains on no reward, so there is nothing to export; "
            f"name a candidate, {', '.join([*others, BASELINE])}"
        )


def _test_findings(state: RunState, arm: str | None) -> tuple[str, ...]:
    """What the sealed test says about an arm: its score, and the conclusion where it is the chosen arm."""
    if state.final is None:
        return ("The search was not finalized: these rewards have no score on its sealed test.",)
    row = state.final.row(arm)
    if row is None or row.f1 is None:
        why = f": its training failed {row.reason}" if row is not None else ""
        return (f"The sealed test was not read for these rewards{why}.",)
    score = f"{row.score} on the {'test' if state.final.protocol == 'paper' else 'sealed test'} of the search."
    return (score, *(f"{text[:1].upper()}{text[1:]}." for text in state.final.describe_arm(row.id)))


def _training_facts(state: RunState, rewards: Sequence[RewardSpec]) -> dict[str, Any]:
    """What these rewards expect of the training that uses them: columns, how gold answers are written, and the policy."""
    task = load_task(state.config.task)
    measured = () if task.measures is None else task.measures.columns
    used = {name for spec in rewards for name in columns_read(spec.code, (*task.columns, *measured))}
    examples, components = make_examples(task, rewards, state.config.sandbox)
    return {
        "columns": tuple(name for name in task.columns if name in used),
        "measured": tuple(name for name in measured if name in used),
        "negatives": state.config.task.negatives or 1,
        "examples": examples,
        "components": components,
        "classes": task.classes,
        "numeric": task.numeric,
        "golds": _golds(task),
        **_labels(task),
        "sft_adapter": f"{state.folder.name}/{SFT}/{ADAPTER}" if state.config.sft.enabled else None,
    }


def _golds(task: Task) -> str:
    if isinstance(task, JudgedTask):
        return _GOLDS.get(task.answers.equal.name, "plain")
    return "plain" if task.measures is None else "text"


def _labels(task: Task) -> dict[str, Any]:
    """How the user's data write the classes, where that is not by their names."""
    written = task.label_values
    return {"labels": written.values, "label_column": written.column} if written else {}


def _title(state: RunState, arm: str) -> str:
    return f"{state.candidates[arm].name} ({arm})" if arm in state.candidates else arm
