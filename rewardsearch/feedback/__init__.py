"""Feedback: what a round has shown, as the text that the next round's prompt carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rewardsearch.feedback.summary import candidate_summary, reference, unscored_rows
from rewardsearch.prompting import render
from rewardsearch.records import BASELINE, POLICY, Candidate, Feedback, Parent, Ranking, Refusal, ScreenResult, Verdict

__all__ = ["write_feedback"]

_KINDS = ("exploit:", "trigger:", "leak:", "sensitive:")
"""The flags of validation, which feedback.j2 explains."""


def write_feedback(
    *,
    round: int,
    ranking: Ranking,
    candidates: Mapping[str, Candidate],
    verdicts: Mapping[str, Verdict],
    results: Mapping[str, ScreenResult],
    refusals: Sequence[Refusal] = (),
    shown: int = 4,
) -> Feedback:
    """What the round after `round` is told: the text, and every screened candidate as a parent, best first.

    refusals: this round's replies that gave no candidate. shown: how many of the best candidates are told whole, with
    curves and disagreements; the others get a line. Rejected and failed candidates of this round come with their
    reasons, those of earlier rounds are counted.

    Raises ValueError when the baseline has no score: gains would mean nothing.
    """
    rows = {row.id: row for row in ranking.rows}
    baseline = rows.get(BASELINE)
    if baseline is None or baseline.f1 is None:
        raise ValueError("the baseline has no score to hold candidates against")
    parents = []
    summaries = []
    for row in ranking.rows:
        if row.id in candidates and row.f1 is not None and row.f1_ci is not None:
            gain = row.f1 - baseline.f1
            parents.append(Parent(candidate=candidates[row.id], f1=row.f1, f1_ci=row.f1_ci, gain=gain))
            summaries.append(candidate_summary(row, gain, candidates[row.id], verdicts.get(row.id), results[row.id]))
    unscored = unscored_rows(ranking, candidates)
    text = render(
        "feedback.j2",
        round=round,
        n=ranking.n,
        baseline=reference(baseline, results[BASELINE]),
        policy=reference(rows[POLICY], None) if POLICY in rows and rows[POLICY].f1 is not None else None,
        flag_kinds={
            kind for summary in summaries for flag in summary.row.flags for kind in _KINDS if flag.startswith(kind)
        },
        best=summaries[:shown],
        others=summaries[shown:],
        unscored=[row for row in unscored if row.round == round],
        earlier=sum(row.round != round for row in unscored),
        refusals=refusals,
    )
    return Feedback(round=round, text=text, parents=tuple(parents), seen=tuple(candidates))
