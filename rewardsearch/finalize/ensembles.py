"""The candidates that ensembles are made of, and how each ensemble is made: its members, their weights, its length of training.

The first seven ensembles are those of the literature (arXiv 2605.02073). All are chosen on the split that candidates were ranked
on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from rewardsearch.config import TOP, FinalizeConfig
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Aggregation,
    Candidate,
    RankedRow,
    Ranking,
    TrainingResult,
    Verdict,
    curve_label,
)

FLAGGED = ("watch:", "bank:length", "bank:penalty", "bank:collapse", "trigger:", "leak:")
"""Flags that begin so keep an arm from being recommended: its reward went another way than correctness, in training or on
completions of the policy, or its code hides what it pays for.

Not among them: `exploit:` (what a text that nobody wrote would earn; the watch sees whether training went there), `bank:form`
(repeats what the base rewards pay) and `bank:no-signal` (an untrained policy may show too little correct work)."""

MAX_WEIGHTED = 10
"""Members of `weighted`, as many as the largest ensemble of the literature has."""
MAX_CORRECTNESS = 5
MAX_COVER = 5
MIN_AUC = 0.7
"""A reward follows correctness when its within-group AUC on the rollout bank is at least this."""


@dataclass(frozen=True)
class CandidatePool:
    """What the search found, on the split that candidates were ranked on. results: those of the search, by arm."""

    ranking: Ranking
    candidates: Mapping[str, Candidate]
    verdicts: Mapping[str, Verdict]
    results: Mapping[str, TrainingResult]

    @property
    def split(self) -> Literal["val", "test"]:
        return self.ranking.split

    @property
    def trained(self) -> tuple[RankedRow, ...]:
        """Every candidate that was trained to the end, best first."""
        return tuple(row for row in self.ranking.rows if row.status == "trained" and row.id not in (BASELINE, POLICY))

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every candidate that validation accepted, by id, also those stopped at a rung; without those whose training failed."""
        failed = {row.id for row in self.ranking.rows if row.status == "failed"}
        ids = (id for id in self.candidates if id in self.verdicts and self.verdicts[id].accepted)
        return tuple(sorted(id for id in ids if id not in failed))

    @property
    def eligible(self) -> tuple[RankedRow, ...]:
        """Trained candidates without a flag in FLAGGED; all of them where every one has such a flag."""
        return tuple(row for row in self.trained if not is_flagged(row)) or self.trained

    @property
    def baseline(self) -> float:
        """The baseline's F1 in the search, the mean over its seeds."""
        return next((row.f1 for row in self.ranking.rows if row.id == BASELINE), None) or 0.0

    @property
    def better(self) -> tuple[RankedRow, ...]:
        """Eligible candidates that are not clearly below the baseline: the interval of their gain reaches 0. Where the noise
        between seeds is unknown, that is the interval over questions."""
        known = ((row, row.gain_ci or row.gain_questions_ci) for row in self.eligible)
        return tuple(row for row, ci in known if ci is None or ci[1] >= 0)


def is_flagged(of: RankedRow | TrainingResult) -> bool:
    """Whether a candidate, or a training, has a flag in FLAGGED."""
    return any(flag.startswith(FLAGGED) for flag in of.flags)


@dataclass(frozen=True)
class Recipe:
    """The members of an ensemble with their weights, which sum to 1, and how it was made, in words.

    longer: its training steps, in trainings of the search."""

    weights: Mapping[str, float]
    how: str
    longer: float = 1.0
    aggregation: Aggregation = "sum_then_normalize"


def equal_weights(members: Iterable[str]) -> dict[str, float]:
    """Each member at weight 1/k, so that an ensemble weighs as much as a single candidate."""
    ids = tuple(members)
    return {id: 1 / len(ids) for id in ids}


def build(name: str, pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    """The ensemble of that name (FinalizeConfig.ensembles); None where no candidate fits it.

    Where every candidate is clearly below the baseline, the best one is the only member.
    """
    top = TOP.fullmatch(name)
    return _top(pool, int(top.group(1))) if top else _NAMED[name](pool, config)


def _equal(
    members: Iterable[str], how: str, *, longer: float = 1.0, aggregation: Aggregation = "sum_then_normalize"
) -> Recipe | None:
    """Each member at weight 1/k; None without members."""
    ids = tuple(members)
    return Recipe(equal_weights(ids), how, longer, aggregation) if ids else None


def _top(pool: CandidatePool, k: int) -> Recipe | None:
    return _equal(_better(pool)[:k], _best(pool, k))


def _top5_longer(pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    how = f"{_best(pool, 5)}, trained {config.longer:g} times as long"
    return _equal(_better(pool)[:5], how, longer=config.longer)


def _normalised(pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    how = f"{_best(pool, 3)}, each reward normalised within its group before the sum"
    return _equal(_better(pool)[:3], how, aggregation="normalize_then_sum")


def _round_best(pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    best: dict[int, str] = {}
    for row in pool.eligible:
        best.setdefault(row.round, row.id)
    return _equal(best.values(), f"the best of each of {len(best)} rounds")


def _correctness(pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    """By the AUC on the rollout bank; where no reward reaches MIN_AUC, by the correlation in training."""
    eligible = [row.id for row in pool.eligible]
    auc = {id: value for id in eligible if (value := _auc(pool, id)) is not None and value >= MIN_AUC}
    r = {id: value for id in eligible if (value := _correlation(pool, id)) is not None and value > 0}
    values, where = (auc, "on the rollout bank (AUC") if auc else (r, "in training (correlation")
    # `sorted` keeps the leaderboard's order among equals.
    chosen = sorted(values, key=lambda id: -values[id])[:MAX_CORRECTNESS]
    ends = dict.fromkeys(f"{values[id]:.2f}" for id in (*chosen[:1], *chosen[-1:]))
    return _equal(chosen, f"the {len(chosen)} that follow correctness most {where} {' to '.join(ends)})")


def _weighted(pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    members = _better(pool)[:MAX_WEIGHTED]
    f1 = {row.id: row.f1 or 0.0 for row in pool.eligible}
    gains = {id: gain for id in members if (gain := f1[id] - pool.baseline) > 0}
    if not gains:
        return _equal(members, _best(pool, MAX_WEIGHTED))
    whole = sum(gains.values())
    how = f"the {len(gains)} best above the baseline, weighted by their gain in F1 on {pool.split}"
    return Recipe({id: gain / whole for id, gain in gains.items()}, how)


def _cover(pool: CandidatePool, config: FinalizeConfig) -> Recipe | None:
    """Greedy set cover: always the candidate that adds the most correct questions (the better ranked of equals), until none
    adds any."""
    won = {
        id: {outcome.id for outcome in pool.results[id].outcomes if outcome.kind == "correct"} for id in _better(pool)
    }
    chosen: list[str] = []
    covered: set[str] = set()
    while len(chosen) < min(MAX_COVER, len(won)):
        # max takes the first of equals.
        best = max(won, key=lambda id: len(won[id] - covered))
        if not won[best] - covered:
            break
        chosen.append(best)
        covered |= won[best]
    how = f"those that together answer the most questions of {pool.split} correctly, {len(covered)} of {pool.ranking.n}"
    return _equal(chosen, how)


_NAMED: Mapping[str, Callable[[CandidatePool, FinalizeConfig], Recipe | None]] = {
    "top5-longer": _top5_longer,
    "round-best": _round_best,
    "correctness": _correctness,
    "weighted": _weighted,
    "normalised": _normalised,
    "cover": _cover,
}


def _better(pool: CandidatePool) -> list[str]:
    return [row.id for row in pool.better or pool.eligible[:1]]


def _best(pool: CandidatePool, asked: int) -> str:
    if not pool.better:
        return "the best candidate; all are clearly below the baseline"
    count = min(asked, len(pool.better))
    few = "; the others are clearly below the baseline" if count < min(asked, len(pool.eligible)) else ""
    return f"the best {count} by F1 on {pool.split}{few}"


def _auc(pool: CandidatePool, id: str) -> float | None:
    """AUC of the reward alone against correctness in any form, within groups of the rollout bank."""
    verdict = pool.verdicts.get(id)
    value = verdict.checks.get("bank_auc_any_form") if verdict else None
    return float(value) if isinstance(value, float) else None


def _correlation(pool: CandidatePool, id: str) -> float | None:
    """Pearson's r of the reward alone with correctness over the completions of its training."""
    return pool.results[id].correlations.get(curve_label(pool.candidates[id].name, id))
