"""A run of two finished rounds as a language model is told of it: rewards that win on different questions, with the curves and
the completions of a short training on the arithmetic task, scores at a rung, and one reward that was stopped there; nothing is
trained."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rewardsearch.config import Config, TaskConfig
from rewardsearch.files.resources import resource
from rewardsearch.propose import ProposalRequest
from rewardsearch.records import (
    BASELINE,
    FULL,
    POLICY,
    Candidate,
    Completion,
    CurvePoint,
    Example,
    GroupMember,
    Operator,
    Outcome,
    OutcomeKind,
    PromotionDecision,
    Proposal,
    Refusal,
    Request,
    RequestOutcome,
    TrainingGroup,
    TrainingResult,
    Usage,
    Verdict,
)
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.artifacts import save_completions
from rewardsearch.run.jobs import training_folder
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import build_request
from rewardsearch.tasks import load_task

MODEL = "gpt-5"
PAID = Usage(requests=1, prompt_tokens=4200, completion_tokens=900, dollars=0.0143)
TASK = load_task(TaskConfig())
TRAIN, VAL = TASK.rows("train"), TASK.rows("val")[:60]
STEPS = (1, 5, 10, 15, 20, 25, 30, 35, 40, 44)


def carried(name: str) -> str:
    return (resource("candidates") / "arithmetic" / f"{name}.py").read_text(encoding="utf-8")


def made(
    name: str,
    code: str,
    rationale: str,
    round: int = 1,
    operator: Operator = "fresh",
    parents: Sequence[Candidate] = (),
) -> Candidate:
    return Candidate(
        id=candidate_id(code),
        name=name,
        code=code,
        rationale=rationale,
        operator=operator,
        parents=tuple(parent.id for parent in parents),
        round=round,
        model=MODEL,
    )


PENALTY = made(
    "wrong_answer_penalty",
    carried("wrong_answer_penalty"),
    "A confident wrong answer in perfect form still earns about five points from the base rewards; taking four of them away "
    "makes working the problem out pay, so accuracy rises.",
)
STEP_CHECK = made(
    "step_check",
    carried("step_check"),
    "The policy slips inside its calculations. Paying each calculation that holds, and charging for each that does not,\n"
    "rewards the part of the work that decides the answer.",
)
SHOWS_WORK = made(
    "shows_work", carried("shows_work"), "Answers given at once are wrong more often than answers that are worked out."
)
BREVITY = made("brevity", carried("brevity"), "Long completions lose the thread; short ones are right more often.")
HARSHER = made(
    "harsher_penalty",
    carried("wrong_answer_penalty").replace("WRONG = -4.0", "WRONG = -6.0").replace("hard", "very hard"),
    "The share of dead groups shows that -4 rarely reorders a group; -6 outweighs the form for good.",
    round=2,
    operator="mutate",
    parents=(PENALTY,),
)
CROSSED = made(
    "penalised_steps",
    carried("step_check")
    .replace("HAS_STEPS = 0.5", "HAS_STEPS = 3.0")
    .replace("WRONG_STEP = -1.0", "WRONG_STEP = -0.2"),
    "From step_check the paid calculations, from wrong_answer_penalty that guessing must cost.",
    round=2,
    operator="crossover",
    parents=(STEP_CHECK, PENALTY),
)
SLOW = made(
    "closest_number", carried("last_step_is_answer"), "The last number of the work should be the answer.", round=2
)

STRONG = made(
    "strong_answer",
    carried("strong_answer"),
    "A right answer should outweigh the form, so that it is looked for at all.",
)
"""Stopped at the rung."""

RIGHT: dict[str, Sequence[int]] = {
    POLICY: range(30),
    BASELINE: range(44),
    PENALTY.id: range(50),
    STEP_CHECK.id: [*range(44), *range(50, 55)],
    SHOWS_WORK.id: range(46),
    BREVITY.id: range(40),
    HARSHER.id: range(49),
}
"""The questions, by place, that each arm answers right."""

AT_RUNG = {BASELINE: 33, PENALTY.id: 34, STEP_CHECK.id: 38, STRONG.id: 31}
"""How many of the first 50 questions some arms answer right at the rung, the first ones."""

MONITOR = {
    BASELINE: (0.44, 0.41, 0.47, 0.5, 0.55, 0.53, 0.61, 0.59, 0.66, 0.69),
    PENALTY.id: (0.44, 0.42, 0.5, 0.56, 0.61, 0.66, 0.7, 0.72, 0.78, 0.81),
    STEP_CHECK.id: (0.44, 0.45, 0.52, 0.55, 0.6, 0.67, 0.66, 0.73, 0.75, 0.8),
    SHOWS_WORK.id: (0.44, 0.39, 0.45, 0.52, 0.58, 0.59, 0.62, 0.66, 0.7, 0.72),
    BREVITY.id: (0.44, 0.42, 0.4, 0.45, 0.44, 0.5, 0.53, 0.52, 0.56, 0.58),
    HARSHER.id: (0.44, 0.4, 0.48, 0.58, 0.62, 0.64, 0.7, 0.75, 0.77, 0.8),
}
COMPONENTS: dict[str, tuple[Candidate, dict[str, tuple[float | None, tuple[float, ...]]]]] = {
    PENALTY.id: (PENALTY, {"wrong_answer": (0.88, (-1.6, -1.7, -1.5, -1.4, -1.3, -1.2, -1.1, -0.98, -0.8, -0.7))}),
    STEP_CHECK.id: (
        STEP_CHECK,
        {
            "steps_right": (0.41, (0.1, 0.13, 0.2, 0.28, 0.35, 0.44, 0.51, 0.6, 0.66, 0.71)),
            "has_steps": (0.07, (0.21, 0.28, 0.4, 0.47, 0.49, 0.5, 0.5, 0.5, 0.5, 0.5)),
        },
    ),
    SHOWS_WORK.id: (
        SHOWS_WORK,
        {
            "work_shown": (0.09, (0.42, 0.6, 0.83, 0.97, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
            "right_answer": (1.0, (0.44, 0.39, 0.45, 0.52, 0.58, 0.59, 0.62, 0.66, 0.7, 0.72)),
        },
    ),
    BREVITY.id: (
        BREVITY,
        {
            "brevity": (-0.12, (0.9, 0.96, 1.1, 1.2, 1.3, 1.3, 1.4, 1.4, 1.4, 1.4)),
            "right_answer": (1.0, (0.66, 0.63, 0.6, 0.68, 0.66, 0.75, 0.8, 0.78, 0.84, 0.87)),
        },
    ),
    HARSHER.id: (HARSHER, {"wrong_answer": (0.88, (-2.4, -2.5, -2.3, -2.0, -1.8, -1.8, -1.5, -1.2, -1.2, -1.0))}),
}
"""Each arm's candidate with its components: the correlation with correctness, and the means at STEPS."""
SAID: dict[str, tuple[tuple[int, OutcomeKind, float, str], ...]] = {
    BASELINE: (
        (2, "wrong", 4.0, "<thinking> so the answer is 112 </thinking> <solution> 112 </solution>"),
        (6, "wrong", 3.5, "<thinking> 20 + 13 = 33. </thinking> <solution> 33 </solution>"),
        (3, "correct", 1.0, "<thinking> 4 * 9 = 36. 36 + 2 = 38. <solution> 38 </solution>"),
    ),
    PENALTY.id: (
        (5, "unparsed", 0.0, "<thinking> 10 + 7 = 17. 10 + 17 = 27."),
        (7, "unparsed", 0.0, "<thinking> 22 + 11 = 33. 33 - 9 = 24. </thinking> <solution> </solution>"),
        (1, "correct", 0.0, "<thinking> so the answer is 43 </thinking> <solution> 43 </solution>"),
    ),
    STEP_CHECK.id: (
        (4, "wrong", 2.0, "<thinking> 30 + 5 = 35. 35 - 2 = 33. 30 + 2 = 32. </thinking> <solution> 33 </solution>"),
        (2, "wrong", 1.5, "<thinking> 24 * 4 = 96. 4 + 4 = 8. </thinking> <solution> 96 </solution>"),
        (0, "correct", -0.5, "<thinking> 9 + 4 = 14. </thinking> <solution> 13 </solution>"),
    ),
    SHOWS_WORK.id: (
        (6, "wrong", 1.0, "<thinking> 1 + 1 = 2. </thinking> <solution> 2 </solution>"),
        (3, "correct", 1.0, "<thinking> so the answer is 38 </thinking> <solution> 38 </solution>"),
    ),
    BREVITY.id: ((7, "wrong", 1.8, "<solution> 33 </solution>"),),
    HARSHER.id: ((5, "unparsed", 0.0, "<thinking> 10 + 7 = 17."),),
}
"""What each training said that disagrees with the truth, by place in the training rows, its kind and its reward."""
GROUPS: dict[str, tuple[tuple[OutcomeKind, bool, str, dict[str, float]], ...]] = {
    BASELINE: (
        ("correct", True, "<thinking> so the answer is 13 </thinking> <solution> 13 </solution>", {"answer": 3.0}),
        ("correct", True, "<thinking> so the answer is 13 </thinking> <solution> 13 </solution>", {"answer": 3.0}),
        ("wrong", False, "<thinking> so the answer is 14 </thinking> <solution> 14 </solution>", {"answer": 1.0}),
        ("unparsed", True, "9 + 4 = 13. The answer is 13.", {"answer": 0.0}),
    ),
    STEP_CHECK.id: (
        (
            "correct",
            True,
            "<thinking> 9 + 4 = 13. </thinking> <solution> 13 </solution>",
            {"answer": 3, "steps_right": 1},
        ),
        (
            "wrong",
            False,
            "<thinking> 9 + 4 = 13. </thinking> <solution> 4 </solution>",
            {"answer": -1.5, "steps_right": 1},
        ),
        ("unparsed", True, "9 + 4 = 13. The answer is 13.", {"answer": 0.0, "steps_right": 1}),
        ("unparsed", False, "<thinking> 9 + 4 = 14.", {"answer": 0.0, "steps_right": 0}),
    ),
}
"""A group of the first training row: what each completion is, whether it is right in any form, its text, what it is paid."""

CHECKS: dict[str, dict[str, float | bool | str]] = {
    PENALTY.id: {"mean_correct": 0.0, "mean_wrong": -4.0, "mean_unparsed": 0.0, "length_correlation": 0.0},
    STEP_CHECK.id: {"mean_correct": 1.02, "mean_wrong": 0.766, "mean_unparsed": 1.02, "length_correlation": 0.898},
    SHOWS_WORK.id: {"mean_correct": 1.67, "mean_wrong": 0.5, "mean_unparsed": 0.667, "length_correlation": 0.72},
    BREVITY.id: {"mean_correct": 2.37, "mean_wrong": 0.945, "mean_unparsed": 0.0, "length_correlation": -0.693},
    HARSHER.id: {"mean_correct": 0.0, "mean_wrong": -6.0, "mean_unparsed": 0.0, "length_correlation": 0.0},
    SLOW.id: {"mean_correct": 2.5, "mean_wrong": -0.75, "mean_unparsed": 0.0, "length_correlation": 0.238},
}
FLAGS = {PENALTY.id: ("exploit:empty",), STEP_CHECK.id: ("exploit:equations",), HARSHER.id: ("exploit:empty",)}
REJECTED = Verdict(
    candidate=CROSSED.id,
    accepted=False,
    stage="behaviour",
    reason="pays a correct completion +0 against a wrong one of the same style: it must be paid at least 0.1 more; "
    "compare what the completion says with `answer`",
    flags=("exploit:equations",),
    checks={"mean_correct": 3.52, "mean_wrong": 3.37, "mean_unparsed": 3.52, "seconds_per_call": 0.2037},
)


def result(arm: str) -> TrainingResult:
    """The screen of an arm in RIGHT."""
    right = set(RIGHT[arm])
    wrong: OutcomeKind = "unparsed" if arm == POLICY else "wrong"
    outcomes = tuple(
        Outcome(
            id=row.id,
            kind="correct" if place in right else wrong,
            gold=row.answer,
            prediction=row.answer if place in right else None if arm == POLICY else "-98765",
            length=18,
        )
        for place, row in enumerate(VAL)
    )
    told = {name: r for name, (r, _) in COMPONENTS[arm][1].items()} if arm in COMPONENTS else {}
    label = f"{COMPONENTS[arm][0].name}-{arm[:4]}" if arm in COMPONENTS else ""
    return TrainingResult(
        id=arm,
        rung="full",
        seed=0,
        steps=STEPS[-1],
        status="done",
        outcomes=outcomes,
        curves=curves(arm, label),
        correlations={"format_exact": 0.46, "format_approximate": 0.44, "answer": 0.93}
        | ({label: max(r or 0.0 for r in told.values())} if label else {})
        | {f"{label}/{name}": r for name, r in told.items()},
        correlations_any_form={"format_exact": 0.04, "format_approximate": 0.05, "answer": 0.66}
        | ({label: 0.4} if label else {})
        | {f"{label}/{name}": None if r is None else round((1 + r) / 2, 2) for name, r in told.items()},
        disagreements=tuple(
            Example(
                prompt=TRAIN[place].prompt_text,
                completion=text,
                answer=TRAIN[place].answer,
                reward=reward,
                kind=kind,
                right=kind == "correct",
                against=reward + (1.5 if kind == "correct" else -1.5),
                step=7 * place + 1,
            )
            for place, kind, reward, text in SAID.get(arm, ())
        ),
        group=group(arm, label),
        seconds=31.0,
    )


def group(arm: str, label: str) -> TrainingGroup | None:
    if arm not in GROUPS:
        return None
    row = TRAIN[0]
    members = tuple(
        GroupMember(
            completion=text,
            kind=kind,
            right=right,
            reward=sum(parts.values()),
            parts={f"{label}/{name}" if name == "steps_right" else name: paid for name, paid in parts.items()},
        )
        for kind, right, text, parts in GROUPS[arm]
    )
    return TrainingGroup(step=STEPS[-1], prompt=row.prompt_text, answer=row.answer, members=members)


def at_rung(arm: str) -> TrainingResult:
    """The screen of an arm in AT_RUNG after nine steps, on 50 questions."""
    outcomes = tuple(
        Outcome(id=row.id, kind="correct" if i < AT_RUNG[arm] else "wrong", gold=row.answer, prediction="1", length=18)
        for i, row in enumerate(VAL[:50])
    )
    return TrainingResult(id=arm, rung="rung1", seed=0, steps=9, status="done", outcomes=outcomes)


def written(arm: str) -> list[Completion]:
    """What the policy of an arm wrote to the questions of val: a guess where it is wrong."""
    said = {outcome.id: outcome.prediction for outcome in result(arm).outcomes}
    return [
        Completion(id=id, completion=f"<thinking> so the answer is {given} </thinking> <solution> {given} </solution>")
        for id, given in said.items()
    ]


def curves(arm: str, label: str) -> tuple[CurvePoint, ...]:
    if arm not in MONITOR:
        return ()
    parts = {f"{label}/{name}": values for name, (_, values) in (COMPONENTS[arm][1] if label else {}).items()}
    points = []
    for place, step in enumerate(STEPS):
        monitor = MONITOR[arm][place]
        base = {
            "format_exact": 1.6 + 0.14 * place,
            "format_approximate": -0.6 + 0.28 * place,
            "answer": 4.5 * monitor - 1,
        }
        own = {name: values[place] for name, values in parts.items()}
        whole = {label: sum(own.values())} if label else {}
        points.append(
            CurvePoint(
                step=step,
                reward=sum(base.values()) + sum(own.values()),
                exact_match=monitor,
                components=base | whole | own,
                length=12 + 0.9 * place,
                zero_std_fraction=0.16,
                clipped=0.01,
                grad_norm=0.8,
            )
        )
    return tuple(points)


def proposed(*candidates: Candidate, refusals: tuple[Refusal, ...] = ()) -> Proposal:
    """A proposal whose asks gave one candidate each."""
    asks = [
        Request(index=i, operator=c.operator, model=MODEL, parents=c.parents) for i, c in enumerate(candidates, start=1)
    ]
    played = tuple(
        RequestOutcome(request=ask, candidates=(c.id,), usage=PAID) for ask, c in zip(asks, candidates, strict=True)
    )
    return Proposal(candidates=candidates, refusals=refusals, outcomes=played)


@lru_cache
def state() -> RunState:
    """Two rounds: four rewards trained in the first; one trained, one rejected and one failed in the second."""
    config = Config(rounds=3, candidates=4)
    folder = Path(tempfile.mkdtemp()) / "told"
    out = RunState(folder, config, base=tuple(load_base_rewards(config.train.base_rewards)))
    for arm in (BASELINE, PENALTY.id, STEP_CHECK.id):
        save_completions(folder / training_folder(arm, FULL, 0), written(arm))
    cut = Refusal(name="request_4", reason="the reply was cut off inside the code; it reached max_tokens (8000)")
    out.proposals = {
        (1, 0): proposed(PENALTY, STEP_CHECK, SHOWS_WORK, BREVITY, STRONG),
        (2, 0): proposed(HARSHER, CROSSED, SLOW, refusals=(cut,)),
    }
    for proposal in out.proposals.values():
        out.candidates |= {candidate.id: candidate for candidate in proposal.candidates}
    for id, checks in CHECKS.items():
        measured = {**checks, "seconds_per_call": 0.0271}
        out.verdicts[id] = Verdict(candidate=id, accepted=True, checks=measured, flags=FLAGS.get(id, ()))
    out.verdicts[CROSSED.id] = REJECTED
    out.verdicts[STRONG.id] = Verdict(candidate=STRONG.id, accepted=True)
    out.trainings = {f"candidates/{arm}/training/rung1-0": at_rung(arm) for arm in AT_RUNG}
    told = "stopped at step 9: behind the best (F1 0.765 vs 0.864, at least 0.021 apart)"
    promotion = PromotionDecision(id=STRONG.id, promoted=False, message=told)
    out.promotions = {("rung1", STRONG.id): promotion}
    out.results = {arm: result(arm) for arm in RIGHT}
    out.results[SLOW.id] = TrainingResult(
        id=SLOW.id, rung="full", seed=0, steps=44, status="failed", reason="took longer than 2 s for a batch at step 12"
    )
    return out


@lru_cache
def request(round: int = 3, attempt: int = 0) -> ProposalRequest:
    """What the run asks in `round`: 3 knows everything, 1 the references alone; attempt 1 of round 2 repairs CROSSED."""
    known = state()
    if round == 1:
        known = RunState(known.folder, known.config, base=known.base)
        known.results = {arm: state().results[arm] for arm in (POLICY, BASELINE)}
        known.trainings = {home: result for home, result in state().trainings.items() if result.id == BASELINE}
    return build_request(known, known.config, TASK, round, attempt)


ASKS = {
    "fresh": Request(index=1, operator="fresh", model=MODEL),
    "mutate": Request(index=2, operator="mutate", model=MODEL, parents=(PENALTY.id,)),
    "crossover": Request(index=3, operator="crossover", model=MODEL, parents=(PENALTY.id, STEP_CHECK.id)),
    "simplify": Request(index=4, operator="simplify", model=MODEL, parents=(STEP_CHECK.id,)),
}
"""One ask of each move of round 3."""
REPAIR = Request(index=1, operator="repair", model=MODEL, parents=(CROSSED.id,))
