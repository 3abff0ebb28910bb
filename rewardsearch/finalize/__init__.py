"""Finalize: trains finalists, ensembles and controls with new seeds, then evaluates all of them on the sealed test, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from rewardsearch.errors import MachineError, NothingAccepted, RewardSearchError, UserError
from rewardsearch.finalize.arms import choose_arms
from rewardsearch.finalize.controls import Judged, check, load_references
from rewardsearch.finalize.ensembles import FLAGGED, CandidatePool
from rewardsearch.finalize.gains import ArmSeed
from rewardsearch.finalize.plan import FinalSetup, Plan, plan, plan_of
from rewardsearch.finalize.report import CHOSEN_FROM, Groups, TestEvaluation, choose, failure, group_rates
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    FinalArm,
    FinalReport,
    Outcome,
    Ranking,
    RewardSpec,
    TrainingResult,
    Verdict,
)

__all__ = [
    "FLAGGED",
    "FinalSetup",
    "Plan",
    "check",
    "finalize",
    "group_rates",
    "load_references",
    "plan",
    "plan_of",
]

Train = Callable[[Sequence[FinalArm]], Mapping[ArmSeed, TrainingResult]]
EvaluateOnTest = Callable[[Sequence[ArmSeed]], Mapping[ArmSeed, Sequence[Outcome]]]
Heuristics = Callable[[Literal["val", "test"]], Mapping[str, Sequence[Outcome]]]


def finalize(
    *,
    task: str,
    ranking: Ranking,
    candidates: Mapping[str, Candidate],
    verdicts: Mapping[str, Verdict],
    results: Mapping[str, TrainingResult],
    base: Sequence[RewardSpec],
    setup: FinalSetup,
    train: Train,
    read_test: EvaluateOnTest,
    say: Callable[[str], None],
    references: Sequence[Judged] = (),
    heuristics: Heuristics = lambda split: {},
    groups: Callable[[], Groups] = dict,
) -> FinalReport:
    """Chooses the arms on `val`, trains them with seeds that no candidate was trained with, recommends one of them by `val`, and
    evaluates all of them on the sealed test.

    results: those of the search, by arm. train: takes arms and returns the results on `val` of each arm with each of its seeds;
    what has been trained already costs nothing. read_test: takes arms with their seeds and returns their outcomes on the test; it
    is called once, after everything is trained and chosen. say: receives the cost before it is spent, and what is left out.

    references: hand-written rewards with their verdicts. They are trained and never recommended. heuristics: outcomes of the
    task's heuristics on a split, by name. groups: the groups of each test row's person by attribute, by row id. Heuristics and
    groups are requested for the test only once it is open.

    With paper_protocol the literature's procedure is repeated: the ranking and every choice are on the test, by the search's one
    seed. An arm that could not be trained is left out.

    Raises UserError for a control that cannot be made or a reference that cannot be trained on. Where the baseline, or every arm
    that could be recommended, could not be trained, the test stays sealed: raises UserError, NothingAccepted or MachineError.
    """
    pool = CandidatePool(ranking=ranking, candidates=candidates, verdicts=verdicts, results=results)
    on_ranked = heuristics(pool.split)
    arms = choose_arms(pool, base, setup, references, on_ranked)
    say(f"finalize: {plan_of(arms.trained, setup).text}")
    for note in arms.notes:
        say(f"  {note}")
    trained = train(arms.trained)
    scored = [arm for arm in arms.trained if failure(arm, trained) is None]
    for arm in arms.trained:
        if arm not in scored:
            say(f"warning: {arm.id} is left out: {failure(arm, trained)}")
    baseline = [arm for arm in arms.trained if arm.id == BASELINE]
    if baseline[0] not in scored:
        raise _untrained(baseline, trained)
    chosen = choose(arms, pool, trained)
    entered = [arm for arm in arms.trained if arm.kind in CHOSEN_FROM]
    if entered and chosen is None:
        raise _untrained(entered, trained)
    best = next((row.id for row in pool.eligible if row.id in {arm.id for arm in scored}), None)
    evaluated = [(arm.id, seed) for arm in scored for seed in arm.seeds]
    evaluated += [(id, setup.seed) for id in (POLICY, best) if id is not None]
    outcomes = dict(read_test(tuple(dict.fromkeys(evaluated))))
    if on_ranked:
        outcomes |= {(name, setup.seed): each for name, each in heuristics("test").items()}
    report = TestEvaluation(arms, pool, setup, trained, outcomes, on_ranked, best).report(task, chosen)
    shown = [arm for arm in scored if arm.id == chosen or arm.kind == "reference"]
    of_arms = {arm.id: [outcomes[arm.id, seed] for seed in arm.seeds] for arm in shown}
    of_arms = {POLICY: [outcomes[POLICY, setup.seed]], **of_arms}
    return report.model_copy(update={"fairness": group_rates(of_arms, groups(), setup.rank, setup.seed)})


def _untrained(arms: Sequence[FinalArm], trained: Mapping[ArmSeed, TrainingResult]) -> RewardSearchError:
    """The error where none of `arms` has a score: an infrastructure error, or a failure of the trainings themselves."""
    reasons = "; ".join(f"{arm.id} {failure(arm, trained)}" for arm in arms)
    message = f"not finalized, and the sealed test stays closed: {reasons}"
    if any(trained[arm.id, seed].status == "error" for arm in arms for seed in arm.seeds):
        return MachineError(f"{message}; fix the cause and run the same command")
    if arms[0].kind == "baseline":
        return UserError(f"{message}; lower train.learning_rate in another --run-dir, or set fewer finalize.seeds")
    return NothingAccepted(f"{message}; see rewardsearch leaderboard")
