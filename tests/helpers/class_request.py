"""A round of a class task as proposers are told of it, from small screens: what each policy answered, as letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fakes import candidate, curves, screened

from rewardsearch.config import Config, RankConfig
from rewardsearch.feedback import write_feedback
from rewardsearch.propose import ProposalRequest
from rewardsearch.rank import front, rank
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    LabelledCompletion,
    Outcome,
    OutcomeKind,
    Request,
    Row,
    TrainingResult,
    Verdict,
)
from rewardsearch.records.feedback import Feedback
from rewardsearch.rewards.base import load_base_rewards

CLASSES = ("SELECTED", "REJECTED")
GOLD = "SR" * 20
"""The gold class of each of 40 questions by its first letter."""
GENTLE, HARSH = candidate("gentle", "1.0"), candidate("harsh", "2.0")
ANSWERED = {
    POLICY: "SR" * 14 + "RS" * 5 + "uu",
    BASELINE: "SR" * 15 + "RS" * 5,
    GENTLE.id: "SR" * 18 + "RR" * 2,
    HARSH.id: "SR" * 2 + "RR" * 18,
}
"""What each policy answered: S, R, or u for a completion without an answer."""
FLAGS = {HARSH.id: ("bank:collapse", "watch:collapse", "watch:class_avoidance")}


def outcomes(answered: str, gold: str = GOLD) -> tuple[Outcome, ...]:
    names = {"S": CLASSES[0], "R": CLASSES[1]}
    found = []
    for place, (own, wanted) in enumerate(zip(answered, gold, strict=True)):
        kind: OutcomeKind = "unparsed" if own == "u" else "correct" if own == wanted else "wrong"
        told = {"gold": names[wanted], "prediction": names.get(own), "positive": wanted == "S", "classes": CLASSES}
        found.append(Outcome.model_validate({"id": f"q{place}", "kind": kind, "length": 9, **told}))
    return tuple(found)


def screen(arm: str, answered: str) -> TrainingResult:
    """A training in which the share of SELECTED goes evenly from a half to what was answered at the end."""
    last = answered.count("S") / len(answered)
    points = []
    for place, point in enumerate(curves("decision", steps=10)):
        share = 0.5 + (last - 0.5) * place / 9
        shares = dict(zip(CLASSES, (share, 1 - share), strict=True))
        told = {"answers": shares, "golds": dict.fromkeys(CLASSES, 0.5), "paid": dict.fromkeys(CLASSES, 2.0)}
        points.append(point.model_copy(update=told))
    return screened(arm, "c", outcomes=outcomes(answered), curves=tuple(points))


def feedback_of_classes(
    answered: Mapping[str, str] = ANSWERED,
    candidates: Sequence[Candidate] = (GENTLE, HARSH),
    flags: Mapping[str, tuple[str, ...]] = FLAGS,
) -> Feedback:
    """The feedback on what each policy answered."""
    known = {c.id: c for c in candidates}
    results = {arm: screen(arm, said) for arm, said in answered.items()}
    verdicts = {id: Verdict(candidate=id, accepted=True, flags=flags.get(id, ())) for id in known}
    ranking = rank(
        task="resume", results=results, candidates=known, verdicts=verdicts, config=RankConfig(resamples=200), seed=0
    )
    return write_feedback(
        round=1,
        ranking=ranking,
        front=front(results, known),
        candidates=known,
        verdicts=verdicts,
        results=results,
        proposals={},
    )


def request_of_classes(feedback: Feedback | None = None) -> ProposalRequest:
    """What is asked of a class task: in the first round, or, with the feedback on it, in the second."""
    job, resume = "Data analyst. Needs SQL, Python and 3 years.", "Kim, 5 years. Python, PostgreSQL, reports."
    row = Row(
        id="a", prompt=f"Job: {job}\nResume: {resume}\n", answer=CLASSES[0], columns={"resume": resume, "job": job}
    )
    reasons = "sql by postgresql, python yes, years 5 of 3."
    said: dict[str, OutcomeKind] = {
        f"<thinking> {reasons} </thinking> <solution> SELECTED </solution>": "correct",
        f"<thinking> {reasons} </thinking> <solution> REJECTED </solution>": "wrong",
        f"{reasons} SELECTED": "unparsed",
    }
    return ProposalRequest(
        round=2 if feedback else 1,
        count=4,
        seed=0,
        task="resume",
        description="A resume beside a job; the policy gives its reasons and then decides.",
        training="40 steps, each on 8 prompts with a group of 8 completions of at most 64 tokens",
        classes=CLASSES,
        positive=CLASSES[0],
        columns=tuple(row.columns),
        base_rewards=tuple((spec.name, spec.code) for spec in load_base_rewards(Config().train.base_rewards)),
        examples=tuple(LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in said.items()),
        feedback=feedback,
        folder=Path("runs/told"),
    )


MUTATE = Request(index=2, operator="mutate", model="gpt-5", parents=(HARSH.id,))
