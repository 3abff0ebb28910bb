"""The leaderboard: every candidate ever proposed, the baseline and the untrained policy, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewardsearch.config import RankConfig
from rewardsearch.rank.noise import Scores
from rewardsearch.records import (
    BASELINE,
    MIXED,
    POLICY,
    Candidate,
    PromotionDecision,
    RankedRow,
    Ranking,
    TrainingResult,
    Verdict,
)
from rewardsearch.stats import adjust

Status = Literal["trained", "stopped", "failed", "rejected", "error", "pending"]
_UNRANKED: tuple[Status, ...] = ("stopped", "failed", "error", "rejected", "pending")


def rank(
    *,
    task: str,
    results: Mapping[str, TrainingResult],
    candidates: Mapping[str, Candidate],
    verdicts: Mapping[str, Verdict],
    config: RankConfig,
    seed: int,
    split: Literal["val", "test"] = "val",
    baselines: Sequence[TrainingResult] = (),
    stop_decisions: Mapping[str, PromotionDecision] | None = None,
    stopped: Mapping[str, TrainingResult] | None = None,
    policy_name: str = POLICY,
    feedback: bool = True,
) -> Ranking:
    """The leaderboard of a run as it stands.

    results: full trainings with the search's seed, by arm id (BASELINE, POLICY, candidate ids; others are ignored). baselines:
    full trainings of the baseline, one per seed; its score is their mean, and they show the noise between seeds.
    stop_decisions and stopped: candidates stopped at a rung, with the decision and the training up to there. policy_name: of the
    policy before GRPO in its row. feedback: whether proposers get feedback.

    Trained arms are ranked by F1 on `split` (on a task with classes that of the positive class, or macro F1), equal ones by
    id. Arms without a score follow with the reason. p_vs_best is against the best candidate, p_vs_baseline against the
    baseline, p_vs_parent against the best trained parent. p_adjusted is p_vs_baseline corrected over all trained candidates.
    All p-values are about rewards, over questions and seeds; they are None where the baseline has one seed.

    Raises ValueError when the arms answered different questions.
    """
    arms = (*candidates, BASELINE, POLICY)
    known = _Known(candidates, verdicts, results, stop_decisions or {}, stopped or {}, policy_name)
    done = {arm: results[arm] for arm in arms if arm in results and results[arm].status == "done"}
    if not done:
        rows = [known.row(arm) for arm in arms]
        return Ranking(task=task, split=split, n=0, rows=tuple(_in_order(rows)), feedback=feedback)
    scores = Scores(done, baselines, config, seed)
    ranked = sorted(done, key=lambda arm: (-scores.sample(arm).f1, arm))
    trained = [arm for arm in ranked if arm in candidates]
    best = trained[0] if trained else None

    def p_against(arm: str, other: str | None) -> float | None:
        return None if other is None or other not in done or arm == other else scores.p(arm, other)

    p_vs_baseline = {arm: p_against(arm, BASELINE) for arm in ranked}
    tested = {arm: p for arm in trained if (p := p_vs_baseline[arm]) is not None}
    p_adjusted = dict(zip(tested, adjust(list(tested.values()), config.correction), strict=True))
    ties = scores.tied_ranks(ranked)
    rows = [known.row(arm) for arm in arms if arm not in done]
    for number, arm in enumerate(ranked, start=1):
        trained_parents = [id for id in known.parents(arm) if id in done]
        parent = max(trained_parents, key=lambda id: scores.sample(id).f1, default=None)
        found: dict[str, Any] = {
            **scores.sample(arm).estimate.model_dump(),
            "rank": number,
            "parse_rate": scores.parse_rate(arm),
            "mean_training_accuracy": scores.training_accuracy(arm),
            "p_vs_parent": p_against(arm, parent),
            "p_vs_best": p_against(arm, best),
            "p_vs_baseline": p_vs_baseline[arm],
            "p_adjusted": p_adjusted.get(arm),
            "ties": ties.get(arm),
            "classes": scores.bootstrap.class_scores(*scores.trained(arm)),
            "retrieval": scores.bootstrap.retrieval_scores(*scores.trained(arm)),
        }
        if arm == BASELINE:
            found["f1_by_seed"] = scores.f1_by_seed
            mixed = (flag for each in baselines for flag in each.flags if flag.startswith(MIXED))
            found["flags"] = tuple(dict.fromkeys((*known.row(arm).flags, *mixed)))
        elif BASELINE in done:
            over_questions = scores.gap(arm, BASELINE).estimate
            found |= {"gain": over_questions.f1, "gain_questions_ci": over_questions.f1_ci}
            found["gain_ci"] = scores.gap_ci(arm, BASELINE)
        rows.append(known.row(arm).model_copy(update=found))
    return Ranking(
        task=task,
        split=split,
        n=len(scores.outcomes(ranked[0])),
        rows=tuple(_in_order(rows)),
        noise=scores.noise(),
        feedback=feedback,
    )


@dataclass(frozen=True)
class _Known:
    """The arms apart from their scores."""

    candidates: Mapping[str, Candidate]
    verdicts: Mapping[str, Verdict]
    results: Mapping[str, TrainingResult]
    stop_decisions: Mapping[str, PromotionDecision]
    stopped: Mapping[str, TrainingResult]
    policy_name: str

    def parents(self, arm: str) -> tuple[str, ...]:
        return self.candidates[arm].parents if arm in self.candidates else ()

    def row(self, arm: str) -> RankedRow:
        candidate, verdict = self.candidates.get(arm), self.verdicts.get(arm)
        result = self.results.get(arm) or self.stopped.get(arm)
        status, reason = self._status(arm)
        flags = (*(verdict.flags if verdict else ()), *(result.flags if result else ()))
        return RankedRow(
            rank=None,
            id=arm,
            name=candidate.name if candidate else self.policy_name if arm == POLICY else arm,
            round=candidate.round if candidate else 0,
            operator=candidate.operator if candidate else "none",
            parents=self.parents(arm),
            status=status,
            steps=result.steps if result else 0,
            seconds=result.seconds if result else 0.0,
            flags=tuple(dict.fromkeys(flags)),
            reason=reason,
            **_on_bank(verdict),
        )

    def _status(self, arm: str) -> tuple[Status, str | None]:
        verdict, result = self.verdicts.get(arm), self.results.get(arm)
        if verdict is not None and not verdict.accepted:
            return "rejected", verdict.refusal
        if arm in self.stop_decisions:
            return "stopped", self.stop_decisions[arm].message
        if result is None:
            return "pending", None
        return ("trained" if result.status == "done" else result.status), result.reason or result.stop_reason


def _on_bank(verdict: Verdict | None) -> dict[str, Any]:
    """The measures of the rollout bank that a row has."""
    names = [name for name in RankedRow.model_fields if name.startswith("bank_")]
    return {name: verdict.checks[name] for name in names if verdict is not None and name in verdict.checks}


def _in_order(rows: list[RankedRow]) -> list[RankedRow]:
    ranked = sorted((row for row in rows if row.rank is not None), key=lambda row: row.rank or 0)
    rest = (row for row in rows if row.rank is None)
    return [*ranked, *sorted(rest, key=lambda row: (_UNRANKED.index(row.status), row.round, row.name, row.id))]
