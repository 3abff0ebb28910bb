"""The request to the proposer for a round, built from the run's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.feedback import write_feedback
from rewardsearch.propose import Limits, ProposalRequest, load_proposer
from rewardsearch.rank import front, rank
from rewardsearch.records import (
    BASELINE,
    FULL,
    Candidate,
    LabelledCompletion,
    Ranking,
    RewardSpec,
    TrainingResult,
    Verdict,
)
from rewardsearch.records.feedback import Feedback
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.run.artifacts import load_completions
from rewardsearch.run.jobs import training_folder
from rewardsearch.run.state import RunState
from rewardsearch.tasks import Task, load_task
from rewardsearch.tasks.forms import TAGS


def current_ranking(state: RunState) -> Ranking:
    """The leaderboard of a run as it stands."""
    return rank(
        task=state.config.task.label,
        results=state.results,
        candidates=state.candidates,
        verdicts=state.verdicts,
        config=state.config.rank,
        seed=state.config.seed,
        split=state.config.ranked_on,
        baselines=state.baselines,
        stop_decisions=state.stop_decisions,
        stopped=state.stopped,
        policy_name=state.config.policy_name,
        feedback=state.config.propose.feedback,
    )


def current_feedback(state: RunState, ranking: Ranking, round: int, task: Task) -> Feedback:
    """The feedback after `round`; 0 is before the first. Raises ValueError when the baseline has no score."""
    shows_rows = state.config.task.rows_shown
    # Where the test is ranked on, its questions are shown to nobody.
    held_out = task.rows("val") if shows_rows and state.config.ranked_on == "val" else ()

    def completions(arm: str) -> Mapping[str, str]:
        return load_completions(state.folder / training_folder(arm, FULL, state.config.seed))

    return write_feedback(
        round=round,
        ranking=ranking,
        front=front(state.results, state.candidates),
        candidates=state.candidates,
        verdicts=state.verdicts,
        results=state.results if shows_rows else _without_rows(state.results),
        proposals=state.proposals,
        rungs=state.rungs,
        rows={row.id: row for row in held_out},
        completions=completions,
        confidence=state.config.rank.confidence,
    )


def _without_rows(results: Mapping[str, TrainingResult]) -> dict[str, TrainingResult]:
    return {id: result.model_copy(update={"disagreements": (), "group": None}) for id, result in results.items()}


def first_request(config: Config, examples: bool = False) -> ProposalRequest:
    """The first request of a search with `config`, as far as it is known before training. examples: with completions of a row,
    for which the data are read. Raises UserError for a missing base reward."""
    task = load_task(config.task)
    request = _request(config, task, load_base_rewards(config.train.base_rewards, task.reward_code), 1, 0, Path())
    return request.model_copy(update={"examples": _examples(task, config)}) if examples else request


def build_request(state: RunState, config: Config, task: Task, round: int, attempt: int) -> ProposalRequest:
    """The request for `round`: new candidates (`attempt` 0), or repairs of what was rejected in the attempt before.

    `plan` is the journalled plan; empty before one was made. Where feedback is withheld (propose.feedback: false), the
    request has no feedback and no repairs. It then asks for as many new candidates as were rejected.
    """
    refused = rejected(state, round, attempt - 1) if attempt else ()
    withheld = not config.propose.feedback and load_proposer(config).uses_feedback
    repairs = () if withheld else refused
    feedback = None if withheld else state.feedbacks.get(round - 1)
    if feedback is None and not withheld and _is_trained(state, BASELINE):
        feedback = current_feedback(state, current_ranking(state), round - 1, task)
    folder = state.folder / "rounds" / f"{round:02d}" / (f"repair-{attempt}" if attempt else "")
    request = _request(config, task, state.base, round, attempt, folder)
    return request.model_copy(
        update={
            "run": f"{state.folder.name} {state.started}",
            "count": len(refused) or config.candidates,
            "examples": _examples(task, config),
            "feedback": feedback,
            "repairs": repairs,
            "rivals": _rivals(repairs, state.candidates),
            "seen": tuple(state.candidates),
            "plan": state.plans.get((round, attempt), ()),
        }
    )


def next_request(state: RunState, config: Config, repairing: bool) -> ProposalRequest:
    """The next request of a run. repairing: a repair of the last candidates that validation rejected.

    Raises UserError when a repair is wanted and nothing was rejected.
    """
    task = load_task(config.task)
    if not repairing:
        return build_request(state, config, task, state.rounds_done + 1, 0)
    refused = [key for key in sorted(state.proposals) if rejected(state, *key)]
    if not refused:
        raise UserError(
            f"no candidate of {state.folder} was rejected, so there is nothing to repair; use another operator"
        )
    round, attempt = refused[-1]
    return build_request(state, config, task, round, attempt + 1)


def rejected(state: RunState, round: int, attempt: int) -> tuple[tuple[Candidate, Verdict], ...]:
    """The candidates of an attempt that validation rejected, with its reasons."""
    proposal = state.proposals.get((round, attempt))
    judged = [(c, state.verdicts[c.id]) for c in (proposal.candidates if proposal else ()) if c.id in state.verdicts]
    return tuple((c, verdict) for c, verdict in judged if not verdict.accepted)


def _rivals(repairs: Sequence[tuple[Candidate, Verdict]], candidates: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """For each candidate that was rejected as not new, the earlier candidate that it behaves like, by the rejected one's id."""
    found = {c.id: verdict.checks.get("bank_agreement_with") for c, verdict in repairs if verdict.stage == "novelty"}
    return {id: candidates[other] for id, other in found.items() if isinstance(other, str) and other in candidates}


def _is_trained(state: RunState, arm: str) -> bool:
    return arm in state.results and state.results[arm].status == "done"


def _request(
    config: Config, task: Task, base: Sequence[RewardSpec], round: int, attempt: int, folder: Path
) -> ProposalRequest:
    return ProposalRequest(
        round=round,
        rounds=config.rounds,
        attempt=attempt,
        count=config.candidates,
        seed=config.seed,
        task=task.name,
        description=task.description,
        classes=task.classes,
        positive=task.positive,
        numeric=task.numeric,
        form_code="" if task.answer_form == TAGS else task.answer_form.code,
        columns=task.columns,
        measured={} if task.measures is None else dict(task.measures.meanings),
        constant=() if task.measures is None else task.measures.constant,
        training=(
            f"{config.train.steps} steps, each on {config.train.prompts_per_step} prompts with a group of "
            f"{config.train.group_size} completions of at most {config.train.max_completion_tokens} tokens"
        ),
        scale_rewards=config.train.scale_rewards,
        limits=_limits(config),
        base_rewards=tuple((spec.name, spec.code) for spec in base),
        prompts=config.propose.prompts,
        folder=folder,
    )


def _limits(config: Config) -> Limits:
    bank = config.bank
    return Limits(
        exploits_refuse=config.validation.exploits == "refuse",
        bank=bank.enabled,
        **bank.model_dump(include={*Limits.model_fields} - {"bank"}),
    )


def _examples(task: Task, config: Config) -> tuple[LabelledCompletion, ...]:
    """A correct, a wrong and an unparsed completion of one training row; none where rows are not shown."""
    found: dict[str, LabelledCompletion] = {}
    for each in task.labelled(1) if config.task.rows_shown else ():
        found.setdefault(each.kind, each)
    return tuple(found.values())
