"""Finalize: finalists, ensembles and controls trained with new seeds, then one reading of the sealed test for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, NothingAccepted, RewardSearchError, UserError
from rewardsearch.finalize.arms import choose_arms
from rewardsearch.finalize.controls import check
from rewardsearch.finalize.field import FLAGGED, Field
from rewardsearch.finalize.gains import Reading
from rewardsearch.finalize.groups import Groups, group_rates
from rewardsearch.finalize.plan import Plan, final_seeds, plan, plan_of
from rewardsearch.finalize.references import Judged, load_references
from rewardsearch.finalize.report import CHOSEN_FROM, choose, failure, write_report
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
    "Plan",
    "check",
    "final_seeds",
    "finalize",
    "group_rates",
    "load_references",
    "plan",
    "plan_of",
]

Train = Callable[[Sequence[FinalArm]], Mapping[Reading, TrainingResult]]
ReadTest = Callable[[Sequence[Reading]], Mapping[Reading, Sequence[Outcome]]]
Rules = Callable[[Literal["val", "test"]], Mapping[str, Sequence[Outcome]]]


def finalize(
    *,
    task: str,
    ranking: Ranking,
    candidates: Mapping[str, Candidate],
    verdicts: Mapping[str, Verdict],
    results: Mapping[str, TrainingResult],
    base: Sequence[RewardSpec],
    config: Config,
    train: Train,
    read_test: ReadTest,
    say: Callable[[str], None],
    references: Sequence[Judged] = (),
    rules: Rules = lambda split: {},
    groups: Callable[[], Groups] = dict,
) -> FinalReport:
    """Chooses the arms on `val`, has them trained with seeds that no candidate was trained with, recommends one of them by
    `val`, and reads the sealed test once for all.

    results: the search's screens, by arm. train: arms in, the results on `val` of each arm with each of its seeds out; what has
    been trained so already costs nothing. read_test: arms with their seeds in, outcomes on the test out; called once, after
    everything is trained and chosen. say: is told the cost before it is spent, and what is left out.

    references: hand-written rewards with what validation found, arms that are trained and never recommended. rules: outcomes of
    the task's own rules on a split, by name; groups: each test row's person's groups by attribute, by row id. Both are asked for
    the test once it is open.

    With config.paper_protocol the literature's way is repeated instead: the ranking is on the test, and so is every choice, by
    the search's one seed. Raises UserError for a control that cannot be made or a reference that cannot be trained on.

    An arm that could not be trained is left out. Where that is the baseline, or every arm that could be chosen, the test stays
    sealed: UserError, NothingAccepted or MachineError says why.
    """
    field = Field(ranking=ranking, candidates=candidates, verdicts=verdicts, results=results)
    ruled = rules(field.split)
    lineup, seeds = choose_arms(field, base, config, references, ruled), final_seeds(config)
    say(f"finalize: {plan_of(lineup.trained, seeds, config).told}")
    for note in lineup.notes:
        say(f"  {note}")
    trained = train(lineup.trained)
    scored = [arm for arm in lineup.trained if failure(arm, trained) is None]
    for arm in lineup.trained:
        if arm not in scored:
            say(f"warning: {arm.id} is left out: {failure(arm, trained)}")
    baseline = [arm for arm in lineup.trained if arm.id == BASELINE]
    if baseline[0] not in scored:
        raise _untrained(baseline, trained)
    chosen = choose(lineup, field, trained)
    entered = [arm for arm in lineup.trained if arm.kind in CHOSEN_FROM]
    if entered and chosen is None:
        raise _untrained(entered, trained)
    best = next((row.id for row in field.eligible if row.id in {arm.id for arm in scored}), None)
    readings = [(arm.id, seed) for arm in scored for seed in arm.seeds]
    readings += [(id, config.seed) for id in (POLICY, best) if id is not None]
    outcomes = dict(read_test(tuple(dict.fromkeys(readings))))
    if ruled:
        outcomes |= {(name, config.seed): each for name, each in rules("test").items()}
    report = write_report(task, lineup, field, config, seeds, trained, chosen, best, outcomes, ruled)
    told = {POLICY: [outcomes[POLICY, config.seed]]}
    watched = [arm for arm in scored if arm.id == chosen or arm.kind == "reference"]
    told |= {arm.id: [outcomes[arm.id, seed] for seed in arm.seeds] for arm in watched}
    return report.model_copy(update={"fairness": group_rates(told, groups(), config)})


def _untrained(arms: Sequence[FinalArm], trained: Mapping[Reading, TrainingResult]) -> RewardSearchError:
    """The error that ends finalize where none of `arms` has a score: an infrastructure error, or the runs' own failure."""
    told = "; ".join(f"{arm.id} {failure(arm, trained)}" for arm in arms)
    told = f"not finalized, and the sealed test stays closed: {told}"
    if any(trained[arm.id, seed].status == "error" for arm in arms for seed in arm.seeds):
        return MachineError(f"{told}; fix the cause and run the same command")
    if arms[0].kind == "baseline":
        return UserError(f"{told}; lower train.learning_rate in another --run-dir, or set fewer finalize.seeds")
    return NothingAccepted(f"{told}; see rewardsearch leaderboard")
