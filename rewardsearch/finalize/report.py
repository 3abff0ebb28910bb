"""The final table: every arm on the sealed test, beside its estimate on `val`, and what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from rewardsearch.config import Config
from rewardsearch.finalize.arms import Lineup
from rewardsearch.finalize.controls import AGAIN
from rewardsearch.finalize.field import Field, is_flagged
from rewardsearch.finalize.gains import Gain, Reading, conclude, expected_ci, gain_of
from rewardsearch.finalize.pairs import all_pairs
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Conclusion,
    FinalArm,
    FinalReport,
    FinalRow,
    Interval,
    Outcome,
    SeedScores,
    TrainingResult,
)
from rewardsearch.stats import Bootstrap, Metrics, Sample, adjust, f1_accuracy

CHOSEN_FROM = ("ensemble", "single")
"""Kinds of arms that can be recommended."""
Trained = Mapping[Reading, TrainingResult]


def failure(arm: FinalArm, trained: Trained) -> str | None:
    """Why an arm has no score: the first seed with which it could not be trained; None for one that has."""
    for seed in arm.seeds:
        result = trained[arm.id, seed]
        if result.status != "done":
            return f"with seed {seed}: {result.reason}"
    return None


def choose(lineup: Lineup, field: Field, trained: Trained) -> str | None:
    """The arm to recommend: the ensemble or single candidate with the best mean F1 over the seeds on the split that was ranked
    on. What is flagged, by a member or in its own training, only where nothing else is there; None where nothing could be
    trained."""
    flagged = {row.id for row in field.screened if is_flagged(row)}
    flagged |= {id for (id, _), result in trained.items() if is_flagged(result)}
    entered = [arm for arm in lineup.arms if arm.kind in CHOSEN_FROM and not failure(arm, trained)]
    clean = [arm for arm in entered if not flagged.intersection((arm.id, *arm.members))] or entered
    # max takes the first of equals.
    return max(clean, key=lambda arm: _selection_f1(arm, trained)).id if clean else None


def write_report(
    task: str,
    lineup: Lineup,
    field: Field,
    config: Config,
    seeds: Sequence[int],
    trained: Trained,
    chosen: str | None,
    best: str | None,
    outcomes: Mapping[Reading, Sequence[Outcome]],
    ruled: Mapping[str, Sequence[Outcome]],
) -> FinalReport:
    """The arms on the test, best first, then those that could not be trained.

    trained: on the split that was ranked on, by arm and seed, and ruled: of the task's rules by name; outcomes: on the test, of
    every arm that has a score under each of its seeds, of the policy and the rules, which have none, under the search's, and of
    `best` as the search trained it. The baseline must be among them. p_adjusted corrects p_vs_baseline over the arms that have
    one.
    """
    table = _Table(lineup, field, config, trained, outcomes, best, ruled)
    read = [arm for arm in lineup.arms if failure(arm, trained) is None]
    rows = sorted((table.row(arm) for arm in read), key=lambda row: (-(row.f1 or 0.0), row.id))
    against = {row.id: row.p_vs_baseline for row in rows if row.p_vs_baseline is not None}
    adjusted = dict(zip(against, adjust(list(against.values()), config.rank.correction), strict=True))
    tested = [row.model_copy(update={"p_adjusted": adjusted.get(row.id)}) for row in rows]
    control = next((row.id for row in rows if row.kind == "control" and row.id != AGAIN), None)
    return FinalReport(
        task=task,
        n=len(next(iter(outcomes.values()))),
        protocol="paper" if config.paper_protocol else "val",
        seeds=tuple(seeds),
        chosen=chosen,
        conclusion=table.conclusion(chosen) if chosen is not None else None,
        control_conclusion=table.conclusion(chosen, control) if chosen is not None and control is not None else None,
        policy_conclusion=table.policy_conclusion(chosen) if chosen is not None else None,
        best=best,
        rows=(*tested, *(table.failed(arm) for arm in lineup.arms if arm not in read)),
        pairs=all_pairs({row.id: table.first(row.id) for row in rows}),
        same=lineup.same,
        notes=lineup.notes,
    )


class _Table:
    """What the rows of the table are made from."""

    def __init__(
        self,
        lineup: Lineup,
        field: Field,
        config: Config,
        trained: Trained,
        outcomes: Mapping[Reading, Sequence[Outcome]],
        best: str | None,
        ruled: Mapping[str, Sequence[Outcome]],
    ) -> None:
        self._field, self._config = field, config
        self._seeds = {arm.id: arm.seeds for arm in lineup.arms}
        self._untrained = frozenset(arm.id for arm in lineup.arms if not arm.seeds)
        self._trained, self._outcomes, self._best, self._ruled = trained, outcomes, best, ruled
        settings = config.rank
        self._bootstrap = Bootstrap(
            outcomes, resamples=settings.resamples, seed=config.seed, confidence=settings.confidence
        )
        self._metrics = {reading: f1_accuracy(each) for reading, each in outcomes.items()}

    def row(self, arm: FinalArm) -> FinalRow:
        """The scores of an arm on the test and on `val`, and its gains."""
        readings = self._readings(arm.id)
        metrics = {seed: self._metrics[id, seed] for id, seed in readings}
        by_seed = {} if arm.kind == "rule" else metrics
        sample = self._bootstrap.sample(*readings)
        scores: dict[str, Any] = sample.estimate.model_dump()
        noise = self._bootstrap.seed_noise(*readings)
        scores |= {"expected_ci": self._expected(arm.id), "seed_sd": noise.sd if noise else None}
        if arm.id != BASELINE:
            gain = self._gain(arm.id, BASELINE)
            scores |= {"gain": gain.value, "gain_ci": gain.ci, "gain_questions_ci": gain.questions_ci}
            scores["p_vs_baseline"] = gain.p
        if arm.id != POLICY:
            scores["p_vs_policy"] = self._gain(arm.id, POLICY).p
        return FinalRow(
            **self._known(arm),
            **scores,
            **self._of_classes(arm, sample, by_seed),
            **self._elsewhere(arm),
            status="done",
            parse_rate=fmean(each.parse_rate for each in metrics.values()),
            f1_by_seed={seed: each.f1 for seed, each in by_seed.items()},
            flags=self._flags(arm),
        )

    def conclusion(self, id: str, against: str = BASELINE) -> Conclusion:
        """On an arm against another, in F1."""
        return self._conclude(self._gain(id, against), "F1")

    def policy_conclusion(self, id: str) -> Conclusion | None:
        """On an arm against the policy that training started from, on a task with classes."""
        if self._bootstrap.sample(*self._readings(id)).macro_f1 is None:
            return None
        return self._conclude(self._gain(id, POLICY, macro=True), "macro F1")

    def _conclude(self, gain: Gain, metric: Literal["F1", "macro F1"]) -> Conclusion:
        called = {BASELINE: "the baseline", POLICY: "the untrained policy"}
        against = self._name(gain.against, whole=True)
        names = self._name(gain.arm, whole=True), called.get(against, against)
        questions = len(next(iter(self._outcomes.values())))
        return conclude(gain, metric, questions, names, self._config.paper_protocol)

    def _gain(self, id: str, against: str, macro: bool = False) -> Gain:
        arms = self._readings(id), self._readings(against)
        return gain_of(self._bootstrap, *arms, untrained=self._untrained, macro=macro)

    def _of_classes(self, arm: FinalArm, sample: Sample, by_seed: Mapping[int, Metrics]) -> dict[str, Any]:
        """What a task with classes has beside; nothing for any other task."""
        classes = self._bootstrap.class_scores(*self._readings(arm.id))
        if classes is None or sample.macro_f1 is None:
            return {}
        scores: dict[str, Any] = {
            "classes": classes,
            "classes_by_seed": {
                seed: SeedScores.model_validate(each.model_dump(include=set(SeedScores.model_fields)))
                for seed, each in by_seed.items()
            },
            "expected_macro_ci": self._expected(arm.id, macro=True),
        }
        if arm.kind != "policy":
            gain = self._gain(arm.id, POLICY, macro=True)
            scores |= {"macro_gain": gain.value, "macro_gain_ci": gain.ci, "macro_gain_questions_ci": gain.questions_ci}
        return scores

    def _flags(self, arm: FinalArm) -> tuple[str, ...]:
        """What validation said of a reference, and what training the arm raised, under any of its seeds."""
        found = (self._trained.get((arm.id, seed)) for seed in arm.seeds)
        flags = (
            flag
            for result in found
            if result
            for flag in (*result.flags, *(["stopped early"] if result.stop_reason else []))
        )
        return tuple(dict.fromkeys((*arm.flags, *flags)))

    def failed(self, arm: FinalArm) -> FinalRow:
        """An arm without a score, and why."""
        reason = failure(arm, self._trained)
        return FinalRow(**self._known(arm), status="failed", reason=reason, flags=arm.flags)

    def first(self, id: str) -> Sequence[Outcome]:
        """What the policy of an arm's first seed answers."""
        return self._outcomes[self._readings(id)[0]]

    def _expected(self, id: str, macro: bool = False) -> Interval | None:
        return expected_ci(self._bootstrap, self._readings(id), untrained=self._untrained, macro=macro)

    def _readings(self, id: str) -> list[Reading]:
        return [(id, seed) for seed in (self._seeds[id] or (self._config.seed,))]

    def _name(self, id: str, whole: bool = False) -> str:
        """whole: with the id of a candidate, as tables have it."""
        candidate = self._field.candidates.get(id)
        if candidate is None:
            return self._config.policy_name if id == POLICY else id
        return f"{candidate.name} ({id[:6]})" if whole else candidate.name

    def _known(self, arm: FinalArm) -> dict[str, Any]:
        known = arm.model_dump(include={"id", "kind", "members", "steps", "aggregation", "how"})
        return {**known, "name": self._name(arm.id)}

    def _elsewhere(self, arm: FinalArm) -> dict[str, float]:
        """What the arm scores apart from the test under its seeds. Where the test was ranked on, there is nothing else."""
        if self._config.paper_protocol:
            return {}
        if arm.kind == "policy":
            return {"val_f1": f1_accuracy(self._field.results[POLICY].outcomes).f1}
        if arm.kind == "rule":
            return {"val_f1": f1_accuracy(self._ruled[arm.id]).f1}
        scores = {"val_f1": _selection_f1(arm, self._trained)}
        if arm.kind in ("single", "baseline"):
            scores["searched_val_f1"] = f1_accuracy(self._field.results[arm.id].outcomes).f1
        if arm.id == self._best:
            scores["searched_test_f1"] = f1_accuracy(self._outcomes[arm.id, self._config.seed]).f1
        return scores


def _selection_f1(arm: FinalArm, trained: Trained) -> float:
    """Mean F1 over the arm's seeds on the split that was ranked on."""
    return fmean(f1_accuracy(trained[arm.id, seed].outcomes).f1 for seed in arm.seeds)
