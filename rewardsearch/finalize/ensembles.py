"""How each ensemble is put together: who is in it, at what weight, for how many screens it is trained.

The first seven are those of the literature (arXiv 2605.02073). All are chosen on the split that candidates were ranked on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rewardsearch.config import TOP, FinalizeConfig
from rewardsearch.finalize.field import Field
from rewardsearch.records import Aggregation, RankedRow, curve_label

MOST_WEIGHTED = 10
"""Members of `weighted`, as many as the largest ensemble of the literature has."""
MOST_FOLLOWING = 5
MOST_COVERING = 5
LEAST_AUC = 0.7
"""Within-group AUC on the rollout bank from which on a reward counts as following correctness."""


@dataclass(frozen=True)
class Recipe:
    """The members of an ensemble with their weights, which sum to 1, and how it was put together, in words."""

    weights: Mapping[str, float]
    how: str
    longer: float = 1.0
    """Training steps, in screens."""
    aggregation: Aggregation = "sum_then_normalize"


def build(name: str, field: Field, config: FinalizeConfig) -> Recipe | None:
    """The ensemble of that name (FinalizeConfig.ensembles); None where no candidate fits it.

    Where every candidate is clearly below the baseline, the best one stands alone.
    """
    top = TOP.fullmatch(name)
    return _top(field, int(top.group(1))) if top else _NAMED[name](field, config)


def _top(field: Field, k: int) -> Recipe | None:
    rows = _better(field)[:k]
    return Recipe(alike(row.id for row in rows), _best(field, rows, k)) if rows else None


def _top5_longer(field: Field, config: FinalizeConfig) -> Recipe | None:
    rows = _better(field)[:5]
    how = f"{_best(field, rows, 5)}, trained {config.longer:g} times as long"
    return Recipe(alike(row.id for row in rows), how, longer=config.longer) if rows else None


def _round_best(field: Field, config: FinalizeConfig) -> Recipe | None:
    rows: dict[int, RankedRow] = {}
    for row in field.eligible:
        rows.setdefault(row.round, row)
    return Recipe(alike(row.id for row in rows.values()), f"the best of each of {len(rows)} rounds") if rows else None


def _correctness(field: Field, config: FinalizeConfig) -> Recipe | None:
    """By the AUC on the rollout bank; where no reward reaches LEAST_AUC, by the correlation in training."""
    eligible = [row.id for row in field.eligible]
    auc = {id: value for id in eligible if (value := _auc(field, id)) is not None and value >= LEAST_AUC}
    if auc:
        chosen = _highest(auc)
        how = f"the {len(chosen)} that follow correctness most on the rollout bank (AUC {_range(auc, chosen)})"
        return Recipe(alike(chosen), how)
    r = {id: value for id in eligible if (value := _correlation(field, id)) is not None and value > 0}
    if not r:
        return None
    chosen = _highest(r)
    how = f"the {len(chosen)} that follow correctness most in training (correlation {_range(r, chosen)})"
    return Recipe(alike(chosen), how)


def _weighted(field: Field, config: FinalizeConfig) -> Recipe | None:
    rows = _better(field)[:MOST_WEIGHTED]
    if not rows:
        return None
    gains = {row.id: gain for row in rows if (gain := (row.f1 or 0.0) - field.baseline) > 0}
    if not gains:
        return Recipe(alike(row.id for row in rows), _best(field, rows, MOST_WEIGHTED))
    whole = sum(gains.values())
    how = f"the {len(gains)} best above the baseline, weighted by their gain in F1 on {field.split}"
    return Recipe({id: gain / whole for id, gain in gains.items()}, how)


def _normalised(field: Field, config: FinalizeConfig) -> Recipe | None:
    rows = _better(field)[:3]
    if not rows:
        return None
    how = f"{_best(field, rows, 3)}, each reward normalised within its group before the sum"
    return Recipe(alike(row.id for row in rows), how, aggregation="normalize_then_sum")


def _cover(field: Field, config: FinalizeConfig) -> Recipe | None:
    """Greedy set cover: whoever adds the most questions, the better ranked of equals, while one adds any."""
    rows = _better(field)
    won = {
        row.id: {outcome.id for outcome in field.results[row.id].outcomes if outcome.kind == "correct"} for row in rows
    }
    chosen: list[str] = []
    covered: set[str] = set()
    while len(chosen) < min(MOST_COVERING, len(rows)):
        # max takes the first of equals.
        best = max(won, key=lambda id: len(won[id] - covered))
        if not won[best] - covered:
            break
        chosen.append(best)
        covered |= won[best]
    if not chosen:
        return None
    how = f"those that together answer the most questions of {field.split} right, {len(covered)} of {field.ranking.n}"
    return Recipe(alike(chosen), how)


_NAMED: Mapping[str, Callable[[Field, FinalizeConfig], Recipe | None]] = {
    "top5-longer": _top5_longer,
    "round-best": _round_best,
    "correctness": _correctness,
    "weighted": _weighted,
    "normalised": _normalised,
    "cover": _cover,
}


def _better(field: Field) -> Sequence[RankedRow]:
    return field.better or field.eligible[:1]


def _best(field: Field, rows: Sequence[RankedRow], asked: int) -> str:
    if not field.better:
        return "the best candidate, all being clearly below the baseline"
    few = ", the others being clearly below the baseline" if len(rows) < min(asked, len(field.eligible)) else ""
    return f"the best {len(rows)} by F1 on {field.split}{few}"


def alike(members: Iterable[str]) -> dict[str, float]:
    """Each at weight 1/k, so that an ensemble weighs as much as a single candidate."""
    ids = tuple(members)
    return {id: 1 / len(ids) for id in ids}


def _auc(field: Field, id: str) -> float | None:
    """Of the reward alone, against what is right in any form, within groups of the rollout bank."""
    verdict = field.verdicts.get(id)
    value = verdict.checks.get("bank_auc_any_form") if verdict else None
    return float(value) if isinstance(value, float) else None


def _correlation(field: Field, id: str) -> float | None:
    """Pearson's r of the reward alone with correctness over the completions of its training."""
    return field.results[id].correlations.get(curve_label(field.candidates[id].name, id))


def _highest(values: Mapping[str, float]) -> list[str]:
    """The ids with the highest values; `sorted` keeps the leaderboard's order among equals."""
    return sorted(values, key=lambda id: -values[id])[:MOST_FOLLOWING]


def _range(values: Mapping[str, float], chosen: Sequence[str]) -> str:
    high, low = (f"{values[id]:.2f}" for id in (chosen[0], chosen[-1]))
    return high if high == low else f"{high} to {low}"
