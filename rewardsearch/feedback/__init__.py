"""Feedback: what the rounds so far have shown, as records and text for the prompts of the next round."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from rewardsearch.feedback.lessons import lessons
from rewardsearch.feedback.payoff import payoffs
from rewardsearch.feedback.summary import (
    FLAG_KINDS,
    Known,
    ancestors,
    best_stopped,
    evidence_of,
    reference,
    unscored_rows,
)
from rewardsearch.files.templates import render
from rewardsearch.records import BASELINE, POLICY, Candidate, Front, Proposal, Ranking, Row, TrainingResult, Verdict
from rewardsearch.records.feedback import Evidence, Feedback, Parent, in_turn

__all__ = ["write_feedback"]

_BLANK = re.compile(r"\n{3,}")


def write_feedback(
    *,
    round: int,
    ranking: Ranking,
    front: Sequence[Front],
    candidates: Mapping[str, Candidate],
    verdicts: Mapping[str, Verdict],
    results: Mapping[str, TrainingResult],
    proposals: Mapping[tuple[int, int], Proposal],
    rungs: Mapping[str, Sequence[TrainingResult]] | None = None,
    rows: Mapping[str, Row] | None = None,
    completions: Callable[[str], Mapping[str, str]] = lambda arm: {},
    confidence: float = 0.95,
    shown: int = 4,
) -> Feedback:
    """The feedback for the round after `round`; `round` 0 is before the first.

    proposals: by round and attempt. rungs, rows, completions: as in Known. confidence: of the ranking's intervals. shown: this
    number of the best candidates, and the members of the front, are shown with curves and completions. Rejected, stopped and
    failed candidates of this round are listed with their reasons; those of earlier rounds are counted.

    Raises ValueError when the baseline has no score: gains would mean nothing.
    """
    known = Known(candidates, verdicts, results, rungs or {}, rows or {}, completions)
    ranked = {row.id: row for row in ranking.rows}
    baseline = ranked.get(BASELINE)
    if baseline is None or baseline.f1 is None:
        raise ValueError("the baseline has no score to compare candidates with")
    fronts = {member.id: member for member in front}
    parents: list[Parent] = []
    evidence: list[Evidence] = []
    others: list[Evidence] = []
    for row in ranking.rows:
        if row.id in candidates and row.f1 is not None and row.f1_ci is not None:
            candidate, gain = candidates[row.id], row.f1 - baseline.f1
            whole = len(parents) < shown or row.id in fronts
            parents.append(
                Parent(
                    candidate=candidate,
                    f1=row.f1,
                    f1_ci=row.f1_ci,
                    gain=gain,
                    ancestors=ancestors(row.id, candidates),
                )
            )
            (evidence if whole else others).append(
                evidence_of(row, gain, known, ranked, fronts.get(row.id), whole=whole)
            )
    unscored = unscored_rows(ranking, known)
    rejected = [verdict.stage for verdict in verdicts.values() if verdict.stage is not None]
    rounds_without_improvement = _rounds_without_improvement(parents, round)
    flags = {flag for parent in parents for flag in ranked[parent.candidate.id].flags}
    feedback = Feedback(
        round=round,
        text="",
        n=ranking.n,
        classes=tuple(baseline.classes.classes) if baseline.classes else None,
        positive=baseline.classes.positive if baseline.classes else None,
        policy=reference(ranked[POLICY], known) if POLICY in ranked and ranked[POLICY].f1 is not None else None,
        baseline=reference(baseline, known),
        evidence=tuple(evidence),
        others=tuple(others),
        unscored=tuple(each for each in unscored if each.round == round),
        earlier=sum(each.round != round for each in unscored),
        stopped=best_stopped(unscored),
        refusals=tuple(
            refusal for (number, _), p in sorted(proposals.items()) if number == round for refusal in p.refusals
        ),
        lessons=lessons(
            ranking,
            parents,
            results,
            rejected,
            rounds_without_improvement=rounds_without_improvement,
            confidence=confidence,
        ),
        flag_kinds=tuple(kind for kind in FLAG_KINDS if any(flag.startswith(kind) for flag in flags)),
        parents=tuple(parents),
        rounds_without_improvement=rounds_without_improvement,
        payoffs=payoffs(proposals, ranking, confidence),
    )
    text = render("feedback.j2", feedback=in_turn(feedback, round))
    # Sections that are left out leave empty lines.
    return feedback.model_copy(update={"text": _BLANK.sub("\n\n", text).strip("\n") + "\n"})


def _rounds_without_improvement(parents: Sequence[Parent], round: int) -> int:
    """Rounds since the best score last rose; a round without a trained candidate counts as one that did not raise it."""
    best, last = 0.0, 0
    for number in range(1, round + 1):
        gains = [parent.gain for parent in parents if parent.candidate.round == number]
        if gains and max(gains) > best:
            best, last = max(gains), number
    return round - last
