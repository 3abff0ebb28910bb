"""The final table: every arm on the sealed test and on `val`, the recommended arm, pairs of arms, groups of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from rewardsearch.config import RankConfig
from rewardsearch.finalize.arms import FinalArms
from rewardsearch.finalize.controls import AGAIN
from rewardsearch.finalize.ensembles import CandidatePool, is_flagged
from rewardsearch.finalize.gains import ArmSeed, Gain, conclude, expected_ci, gain_of
from rewardsearch.finalize.plan import FinalSetup
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Conclusion,
    Fairness,
    FinalArm,
    FinalPair,
    FinalReport,
    FinalRow,
    Interval,
    Outcome,
    SeedScores,
    TrainingResult,
)
from rewardsearch.stats import Bootstrap, Metric, adjust, f1_accuracy, fairness, pairwise

CHOSEN_FROM = ("ensemble", "single")
"""Kinds of arms that can be recommended."""
Trained = Mapping[ArmSeed, TrainingResult]
Groups = Mapping[str, Mapping[str, str]]
"""A person's group by attribute, by question id."""


def failure(arm: FinalArm, trained: Trained) -> str | None:
    """Why an arm has no score: the first seed with which it could not be trained; None for an arm with a score."""
    for seed in arm.seeds:
        result = trained[arm.id, seed]
        if result.status != "done":
            return f"with seed {seed}: {result.reason}"
    return None


def choose(arms: FinalArms, pool: CandidatePool, trained: Trained) -> str | None:
    """The arm to recommend: the ensemble or single candidate with the best mean F1 over its seeds on the split ranked on.

    An arm that is flagged, for a member or in its own training, is recommended only where there is no other. None where nothing
    could be trained.
    """
    flagged = {row.id for row in pool.trained if is_flagged(row)}
    flagged |= {id for (id, _), result in trained.items() if is_flagged(result)}
    entered = [arm for arm in arms.arms if arm.kind in CHOSEN_FROM and not failure(arm, trained)]
    clean = [arm for arm in entered if not flagged.intersection((arm.id, *arm.members))] or entered
    # max takes the first of equals.
    return max(clean, key=lambda arm: _selection_f1(arm, trained)).id if clean else None


@dataclass(frozen=True)
class TestEvaluation:
    """The final arms on the sealed test, and all that the rows of the table are made from.

    trained: results on the split that candidates were ranked on. outcomes: on the test, by arm and seed: of every arm with a
    score under each of its seeds; of the policy and the heuristics, which have no seeds, under the search's seed; of `best` as
    the search trained it. The baseline must be among them. heuristics: their outcomes on the split that was ranked on, by name.
    """

    arms: FinalArms
    pool: CandidatePool
    setup: FinalSetup
    trained: Trained
    outcomes: Mapping[ArmSeed, Sequence[Outcome]]
    heuristics: Mapping[str, Sequence[Outcome]]
    best: str | None

    def report(self, task: str, chosen: str | None) -> FinalReport:
        """The arms on the test, best first, then those that could not be trained. p_adjusted corrects p_vs_baseline over the arms
        that have one."""
        scored = [arm for arm in self.arms.arms if failure(arm, self.trained) is None]
        rows = sorted((self._row(arm) for arm in scored), key=lambda row: (-(row.f1 or 0.0), row.id))
        tested = {row.id: row.p_vs_baseline for row in rows if row.p_vs_baseline is not None}
        adjusted = dict(zip(tested, adjust(list(tested.values()), self.setup.rank.correction), strict=True))
        rows = [row.model_copy(update={"p_adjusted": adjusted.get(row.id)}) for row in rows]
        failed = [self._failed(arm) for arm in self.arms.arms if arm not in scored]
        control = next((row.id for row in rows if row.kind == "control" and row.id != AGAIN), None)
        conclusions: dict[str, Conclusion | None] = {}
        if chosen is not None:
            conclusions["conclusion"] = self._conclusion(chosen, BASELINE)
            if control is not None:
                conclusions["control_conclusion"] = self._conclusion(chosen, control)
            if self._bootstrap.sample(*self._evaluated(chosen)).has_classes:
                conclusions["policy_conclusion"] = self._conclusion(chosen, POLICY, "macro_f1")
        return FinalReport(
            task=task,
            n=self._questions,
            protocol="paper" if self.setup.paper_protocol else "val",
            seeds=self.setup.seeds,
            chosen=chosen,
            **conclusions,
            best=self.best,
            rows=(*rows, *failed),
            pairs=all_pairs({row.id: self.outcomes[self._evaluated(row.id)[0]] for row in rows}),
            same=self.arms.same,
            notes=self.arms.notes,
        )

    @cached_property
    def _bootstrap(self) -> Bootstrap[ArmSeed]:
        rank = self.setup.rank
        return Bootstrap(self.outcomes, resamples=rank.resamples, seed=self.setup.seed, confidence=rank.confidence)

    @cached_property
    def _seeds(self) -> Mapping[str, tuple[int, ...]]:
        return {arm.id: arm.seeds for arm in self.arms.arms}

    @property
    def _untrained(self) -> frozenset[str]:
        return frozenset(id for id, seeds in self._seeds.items() if not seeds)

    @property
    def _questions(self) -> int:
        return len(next(iter(self.outcomes.values())))

    def _evaluated(self, id: str) -> list[ArmSeed]:
        """The keys of an arm in `outcomes`."""
        return [(id, seed) for seed in (self._seeds[id] or (self.setup.seed,))]

    def _row(self, arm: FinalArm) -> FinalRow:
        """The scores of an arm on the test and on `val`, and its gains."""
        evaluated = self._evaluated(arm.id)
        metrics = {seed: f1_accuracy(self.outcomes[id, seed]) for id, seed in evaluated}
        by_seed = {} if arm.kind == "heuristic" else metrics
        sample, noise = self._bootstrap.sample(*evaluated), self._bootstrap.seed_noise(*evaluated)
        scores: dict[str, Any] = sample.estimate.model_dump()
        if arm.id != BASELINE:
            gain = self._gain(arm.id, BASELINE)
            scores |= {"gain": gain.value, "gain_ci": gain.ci, "gain_questions_ci": gain.questions_ci}
            scores["p_vs_baseline"] = gain.p
        if arm.id != POLICY:
            scores["p_vs_policy"] = self._gain(arm.id, POLICY).p
        scores |= self._class_scores(arm)
        if scores.get("classes"):
            fields = set(SeedScores.model_fields)
            each = {seed: metric.model_dump(include=fields) for seed, metric in by_seed.items()}
            scores["classes_by_seed"] = {seed: SeedScores.model_validate(found) for seed, found in each.items()}
        return FinalRow(
            **self._description(arm),
            **scores,
            **self._elsewhere(arm),
            status="done",
            retrieval=self._bootstrap.retrieval_scores(*evaluated),
            expected_ci=self._expected(arm.id),
            seed_sd=noise.sd if noise else None,
            parse_rate=fmean(each.parse_rate for each in metrics.values()),
            f1_by_seed={seed: each.f1 for seed, each in by_seed.items()},
            flags=self._flags(arm),
        )

    def _failed(self, arm: FinalArm) -> FinalRow:
        """The row of an arm without a score, with the reason."""
        reason = failure(arm, self.trained)
        return FinalRow(**self._description(arm), status="failed", reason=reason, flags=arm.flags)

    def _description(self, arm: FinalArm) -> dict[str, Any]:
        known = arm.model_dump(include={"id", "kind", "members", "steps", "aggregation", "how"})
        return {**known, "name": self._name(arm.id)}

    def _name(self, id: str, with_id: bool = False) -> str:
        candidate = self.pool.candidates.get(id)
        if candidate is None:
            return self.setup.policy_name if id == POLICY else id
        return f"{candidate.name} ({id[:6]})" if with_id else candidate.name

    def _conclusion(self, id: str, against: str, metric: Metric = "f1") -> Conclusion:
        named = {BASELINE: "the baseline", POLICY: "the untrained policy"}
        other = self._name(against, with_id=True)
        names = self._name(id, with_id=True), named.get(other, other)
        gain = self._gain(id, against, metric)
        return conclude(gain, metric, self._questions, names, self.setup.paper_protocol)

    def _gain(self, id: str, against: str, metric: Metric = "f1") -> Gain:
        arms = self._evaluated(id), self._evaluated(against)
        return gain_of(self._bootstrap, *arms, untrained=self._untrained, metric=metric)

    def _expected(self, id: str, metric: Metric = "f1") -> Interval | None:
        return expected_ci(self._bootstrap, self._evaluated(id), untrained=self._untrained, metric=metric)

    def _class_scores(self, arm: FinalArm) -> dict[str, Any]:
        """The scores that only a task with classes has; empty for any other task."""
        classes = self._bootstrap.class_scores(*self._evaluated(arm.id))
        if classes is None:
            return {}
        scores: dict[str, Any] = {"classes": classes, "expected_macro_ci": self._expected(arm.id, "macro_f1")}
        if arm.kind != "policy":
            gain = self._gain(arm.id, POLICY, "macro_f1")
            scores |= {"macro_gain": gain.value, "macro_gain_ci": gain.ci, "macro_gain_questions_ci": gain.questions_ci}
        return scores

    def _flags(self, arm: FinalArm) -> tuple[str, ...]:
        """The flags of a reference from validation, and those of the arm's own trainings."""
        results = [result for seed in arm.seeds if (result := self.trained.get((arm.id, seed)))]
        raised = [flag for each in results for flag in (*each.flags, *(["stopped early"] if each.stop_reason else []))]
        return tuple(dict.fromkeys((*arm.flags, *raised)))

    def _elsewhere(self, arm: FinalArm) -> dict[str, float]:
        """Scores of the arm on `val`, and of the search's own training. Empty where the test was ranked on."""
        if self.setup.paper_protocol:
            return {}
        if arm.kind == "policy":
            return {"val_f1": f1_accuracy(self.pool.results[POLICY].outcomes).f1}
        if arm.kind == "heuristic":
            return {"val_f1": f1_accuracy(self.heuristics[arm.id]).f1}
        scores = {"val_f1": _selection_f1(arm, self.trained)}
        if arm.kind in ("single", "baseline"):
            scores["searched_val_f1"] = f1_accuracy(self.pool.results[arm.id].outcomes).f1
        if arm.id == self.best:
            scores["searched_test_f1"] = f1_accuracy(self.outcomes[arm.id, self.setup.seed]).f1
        return scores


def _selection_f1(arm: FinalArm, trained: Trained) -> float:
    """Mean F1 over the arm's seeds on the split that was ranked on."""
    return fmean(f1_accuracy(trained[arm.id, seed].outcomes).f1 for seed in arm.seeds)


def all_pairs(outcomes: Mapping[str, Sequence[Outcome]]) -> tuple[FinalPair, ...]:
    """McNemar's tests of all pairs of arms, in their order, by the outcomes of one policy per arm."""
    tests = pairwise(outcomes)
    ps = [test.p for test in tests.values()]
    corrected = zip(adjust(ps, "holm"), adjust(ps, "bonferroni"), strict=True)
    return tuple(
        FinalPair(
            a=a,
            b=b,
            **test.model_dump(include={"both", "only_a", "only_b", "neither"}),
            p=test.p,
            p_holm=holm,
            p_bonferroni=bonferroni,
        )
        for ((a, b), test), (holm, bonferroni) in zip(tests.items(), corrected, strict=True)
    )


def group_rates(
    arms: Mapping[str, Sequence[Sequence[Outcome]]], groups: Groups, config: RankConfig, seed: int
) -> tuple[Fairness, ...]:
    """Fairness between groups of people under each arm, by its outcomes under each training seed; empty where nobody has a group
    or the task has no classes."""
    if not any(groups.values()):
        return ()
    found = (
        fairness(arm, seeds, groups, seed=seed, permutations=config.resamples, confidence=config.confidence)
        for arm, seeds in arms.items()
    )
    return tuple(each for each in found if each is not None)
