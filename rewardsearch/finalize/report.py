"""The final table: every arm on the sealed test, beside its estimate on `val`, and every pair of arms tested."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean
from typing import Any

from rewardsearch.config import Config
from rewardsearch.finalize.arms import UNTRAINED, Lineup
from rewardsearch.finalize.field import Field, is_flagged
from rewardsearch.records import (
    BASELINE,
    POLICY,
    FinalArm,
    FinalPair,
    FinalReport,
    FinalRow,
    Interval,
    Outcome,
    ScreenResult,
    SeedScores,
)
from rewardsearch.stats import Bootstrap, Metrics, SeedNoise, adjust, f1_accuracy, half_width, pairwise, seed_noise

Reading = tuple[str, int]
"""An arm and the seed that it was trained with."""
_POOLED = ("baseline", "single", "ensemble")
"""Kinds of arms that have one seed noise together; a reference or control, which may collapse, has its own."""
Trained = Mapping[Reading, ScreenResult]


def failure(arm: FinalArm, seeds: Sequence[int], trained: Trained) -> str | None:
    """Why an arm has no score: the first seed with which it could not be trained; None for one that has."""
    for seed in seeds if arm.kind not in UNTRAINED else ():
        result = trained[arm.id, seed]
        if result.status != "done":
            return f"with seed {seed}: {result.reason}"
    return None


def choose(lineup: Lineup, field: Field, seeds: Sequence[int], trained: Trained) -> str | None:
    """The arm to recommend: the ensemble or single candidate with the best mean F1 over the seeds on the split that was ranked
    on. What is flagged, by a member or in its own training, only where nothing else is there; None where nothing could be
    trained."""
    flagged = {row.id for row in field.screened if is_flagged(row)}
    flagged |= {id for (id, _), result in trained.items() if is_flagged(result)}
    entered = [arm for arm in lineup.arms if arm.kind in ("ensemble", "single") and not failure(arm, seeds, trained)]
    clean = [arm for arm in entered if not flagged.intersection((arm.id, *arm.members))] or entered
    # max takes the first of equals.
    return max(clean, key=lambda arm: _selection_f1(arm.id, seeds, trained)).id if clean else None


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
    `best` as the search trained it. The baseline must be among them. p_adjusted corrects p_vs_baseline over all arms but the
    baseline.
    """
    pooled = frozenset(arm.id for arm in lineup.arms if arm.kind in _POOLED)
    table = _Table(field, config, pooled, tuple(seeds), trained, outcomes, best, ruled)
    read = [arm for arm in lineup.arms if failure(arm, seeds, trained) is None]
    rows = sorted((table.row(arm) for arm in read), key=lambda row: (-(row.f1 or 0.0), row.id))
    pairs = table.pairs([row.id for row in rows])
    p = {(pair.a, pair.b): pair.p for pair in pairs} | {(pair.b, pair.a): pair.p for pair in pairs}
    against = {row.id: p[row.id, BASELINE] for row in rows if row.id != BASELINE}
    adjusted = dict(zip(against, adjust(list(against.values()), config.rank.correction), strict=True))
    tested = [
        row.model_copy(
            update={
                "p_vs_policy": p.get((row.id, POLICY)),
                "p_vs_baseline": against.get(row.id),
                "p_adjusted": adjusted.get(row.id),
            }
        )
        for row in rows
    ]
    return FinalReport(
        task=task,
        n=len(next(iter(outcomes.values()))),
        protocol="paper" if config.paper_protocol else "val",
        seeds=tuple(seeds),
        seed_sd=table.noise.sd if table.noise else None,
        own_noise=table.own_noise and any(row.kind in ("reference", "control") for row in rows),
        chosen=chosen,
        best=best,
        rows=(*tested, *(table.failed(arm) for arm in lineup.arms if arm not in read)),
        pairs=pairs,
        same=lineup.same,
        notes=lineup.notes,
    )


def pairs_csv(report: FinalReport) -> str:
    """Every pair of arms as CSV text, with a header, in the order of the table."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(FinalPair.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(pair.model_dump() for pair in report.pairs)
    return out.getvalue()


class _Table:
    """What the rows of the table are made from."""

    def __init__(
        self,
        field: Field,
        config: Config,
        pooled: frozenset[str],
        seeds: tuple[int, ...],
        trained: Trained,
        outcomes: Mapping[Reading, Sequence[Outcome]],
        best: str | None,
        ruled: Mapping[str, Sequence[Outcome]],
    ) -> None:
        self._field, self._config, self._pooled, self._seeds = field, config, pooled, seeds
        self._trained, self._outcomes, self._best, self._ruled = trained, outcomes, best, ruled
        settings = config.rank
        self._bootstrap = Bootstrap(
            outcomes, resamples=settings.resamples, seed=config.seed, confidence=settings.confidence
        )
        self._seed_f1 = self._by_seed()
        self.noise = self._noise()

    def row(self, arm: FinalArm) -> FinalRow:
        """The scores of an arm on the test and on `val`, without its tests."""
        readings = self._readings(arm.id)
        metrics = {seed: f1_accuracy(self._outcomes[id, seed]) for id, seed in readings}
        by_seed = {} if arm.kind == "rule" else metrics
        scores: dict[str, Any] = self._bootstrap.estimate_mean(readings).model_dump()
        scores["expected_ci"] = self._expected(arm, readings)
        if arm.id != BASELINE:
            gain = self._bootstrap.difference_of_means(readings, self._readings(BASELINE))
            scores |= {"gain": gain.f1, "gain_ci": gain.f1_ci}
        return FinalRow(
            **self._known(arm),
            **scores,
            **self._of_classes(arm, readings, by_seed),
            **self._elsewhere(arm),
            status="done",
            parse_rate=fmean(each.parse_rate for each in metrics.values()),
            f1_by_seed={seed: each.f1 for seed, each in by_seed.items()},
            flags=self._flags(arm),
        )

    def _of_classes(self, arm: FinalArm, readings: Sequence[Reading], by_seed: Mapping[int, Metrics]) -> dict[str, Any]:
        """What a task with classes has beside; nothing for any other task."""
        classes = self._bootstrap.class_scores(*readings)
        if classes is None:
            return {}
        scores: dict[str, Any] = {
            "classes": classes,
            "classes_by_seed": {
                seed: SeedScores.model_validate(each.model_dump(include=set(SeedScores.model_fields)))
                for seed, each in by_seed.items()
            },
        }
        if arm.kind != "policy":
            start = self._bootstrap.sample(*self._readings(POLICY))
            gain = (self._bootstrap.sample(*readings) - start).macro_f1_estimate
            scores |= {"macro_gain": gain.value, "macro_gain_ci": gain.ci} if gain else {}
        return scores

    def _flags(self, arm: FinalArm) -> tuple[str, ...]:
        """What validation said of a reference, and what training the arm raised, under any of its seeds."""
        found = (self._trained.get((arm.id, seed)) for seed in self._seeds)
        flags = (
            flag for result in found if result for flag in (*result.flags, *(["ended early"] if result.ended else []))
        )
        return tuple(dict.fromkeys((*arm.flags, *flags)))

    def failed(self, arm: FinalArm) -> FinalRow:
        """An arm without a score, and why."""
        reason = failure(arm, self._seeds, self._trained)
        return FinalRow(**self._known(arm), status="failed", reason=reason, flags=arm.flags)

    def pairs(self, arms: Sequence[str]) -> tuple[FinalPair, ...]:
        """All pairs of arms in their order, each by the policy of its first seed."""
        tests = pairwise({id: self._outcomes[self._readings(id)[0]] for id in arms})
        ps = [test.p for test in tests.values()]
        holm, bonferroni = adjust(ps, "holm"), adjust(ps, "bonferroni")
        return tuple(
            FinalPair(
                a=a,
                b=b,
                **test.model_dump(include={"both", "only_a", "only_b", "neither"}),
                p=test.p,
                p_holm=by_holm,
                p_bonferroni=by_bonferroni,
            )
            for ((a, b), test), by_holm, by_bonferroni in zip(tests.items(), holm, bonferroni, strict=True)
        )

    def _by_seed(self) -> dict[Hashable, list[float]]:
        """F1 of each arm under each of the seeds that it was trained with."""
        scores: dict[Hashable, list[float]] = {}
        for id, seed in self._outcomes:
            if seed in self._seeds:
                scores.setdefault(id, []).append(f1_accuracy(self._outcomes[id, seed]).f1)
        return scores

    @property
    def own_noise(self) -> bool:
        """Whether the seeds of an arm tell its noise; with one seed it is that of the search for all."""
        return len(self._seeds) > 1

    def _noise(self) -> SeedNoise | None:
        """The noise between seeds: of the final arms of _POOLED kinds where they have several seeds, else of the search."""
        pooled: dict[Hashable, list[float]] = {id: scores for id, scores in self._seed_f1.items() if id in self._pooled}
        searched = self._field.ranking.noise
        return seed_noise(pooled) or (SeedNoise(sd=searched.seed_sd, df=searched.df, arms=1) if searched else None)

    def _expected(self, arm: FinalArm, readings: Sequence[Reading]) -> Interval | None:
        """The interval of the F1 that training the arm anew is expected to give; None where nothing is known of its seeds."""
        own: dict[Hashable, list[float]] = {arm.id: self._seed_f1.get(arm.id, [])}
        noise = self.noise if arm.id in self._pooled or not self.own_noise else seed_noise(own)
        if noise is None and arm.kind not in UNTRAINED:
            return None
        sample = self._bootstrap.sample(*readings)
        seeds = (math.inf if arm.kind in UNTRAINED else len(readings), math.inf)
        half = half_width(sample.standard_error, noise, self._config.rank.confidence, seeds=seeds)
        return max(0.0, sample.f1 - half), min(1.0, sample.f1 + half)

    def _readings(self, id: str) -> list[Reading]:
        untrained = id == POLICY or id in self._ruled
        return [(id, seed) for seed in ((self._config.seed,) if untrained else self._seeds)]

    def _known(self, arm: FinalArm) -> dict[str, Any]:
        candidate = self._field.candidates.get(arm.id)
        known = arm.model_dump(include={"id", "kind", "members", "steps", "aggregation", "how"})
        name = self._config.policy_name if arm.id == POLICY else arm.id
        return {**known, "name": candidate.name if candidate else name}

    def _elsewhere(self, arm: FinalArm) -> dict[str, float]:
        """What the arm scores apart from the test under its seeds. Where the test was ranked on, there is nothing else."""
        if self._config.paper_protocol:
            return {}
        if arm.kind == "policy":
            return {"val_f1": f1_accuracy(self._field.results[POLICY].outcomes).f1}
        if arm.kind == "rule":
            return {"val_f1": f1_accuracy(self._ruled[arm.id]).f1}
        scores = {"val_f1": _selection_f1(arm.id, self._seeds, self._trained)}
        if arm.kind in ("single", "baseline"):
            scores["searched_val_f1"] = f1_accuracy(self._field.results[arm.id].outcomes).f1
        if arm.id == self._best:
            scores["searched_test_f1"] = f1_accuracy(self._outcomes[arm.id, self._config.seed]).f1
        return scores


def _selection_f1(id: str, seeds: Sequence[int], trained: Trained) -> float:
    """Mean F1 over the seeds on the split that was ranked on."""
    return fmean(f1_accuracy(trained[id, seed].outcomes).f1 for seed in seeds)
