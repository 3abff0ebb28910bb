"""What a round has shown, from small screens: ranked and put on the front as a search does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fakes import ARMS, BAD, GOOD, LEVEL, REFUSED, screened

from rewardsearch.config import RankConfig
from rewardsearch.feedback import write_feedback
from rewardsearch.rank import front, rank
from rewardsearch.records import BASELINE, POLICY, Candidate, Proposal, Refusal, TrainingResult, Verdict
from rewardsearch.records.feedback import Feedback

CANDIDATES = (GOOD, LEVEL, BAD, REFUSED)
VERDICTS = {
    **{c.id: Verdict(candidate=c.id, accepted=True, checks={"mean_correct": 1.25}) for c in (GOOD, LEVEL, BAD)},
    REFUSED.id: Verdict(candidate=REFUSED.id, accepted=False, stage="static", reason="line 3: no files"),
}
RESULTS = {
    **{arm: screened(arm, kinds, "style", correlations={"answer": 0.5, "style": None}) for arm, kinds in ARMS.items()},
    BAD.id: screened(BAD.id, "", status="failed", reason="returned nan for a completion"),
}
REFERENCES = {arm: RESULTS[arm] for arm in (POLICY, BASELINE)}
REPLIES = {
    (1, 0): Proposal(candidates=CANDIDATES, refusals=(Refusal(name="reply-5", reason="no code block in it"),)),
    (1, 1): Proposal(candidates=(), refusals=(Refusal(name="reply-1", reason="the model refused"),)),
    (2, 0): Proposal(candidates=(), refusals=(Refusal(name="reply-9", reason="of another round"),)),
}


def shown(
    candidates: Iterable[Candidate],
    results: Mapping[str, TrainingResult],
    verdicts: Mapping[str, Verdict] | None = None,
    proposals: Mapping[tuple[int, int], Proposal] | None = None,
    round: int = 1,
    most: int = 4,
    confidence: float = 0.95,
    baselines: Sequence[TrainingResult] = (),
) -> Feedback:
    """The feedback after `round`; candidates without a verdict are accepted. most: of the candidates told whole. baselines: the
    baseline's screens, one a seed."""
    known = {c.id: c for c in candidates}
    judged = {id: Verdict(candidate=id, accepted=True) for id in known} | dict(verdicts or {})
    ranking = rank(
        task="arithmetic",
        results=results,
        candidates=known,
        verdicts=judged,
        config=RankConfig(resamples=200, confidence=confidence),
        seed=0,
        baselines=baselines,
    )
    return write_feedback(
        round=round,
        ranking=ranking,
        front=front(results, known),
        candidates=known,
        verdicts=judged,
        results=results,
        proposals=proposals or {},
        confidence=confidence,
        shown=most,
    )


def feedback(
    round: int = 1,
    candidates: Iterable[Candidate] = CANDIDATES,
    results: Mapping[str, TrainingResult] = RESULTS,
    most: int = 4,
    proposals: Mapping[tuple[int, int], Proposal] | None = None,
    verdicts: Mapping[str, Verdict] = VERDICTS,
) -> Feedback:
    """The feedback on the round of CANDIDATES: two screened, one failed, one rejected."""
    known = list(candidates)
    judged = {c.id: verdicts[c.id] for c in known if c.id in verdicts}
    return shown(known, results, judged, proposals, round=round, most=most)
