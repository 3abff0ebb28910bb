"""The final table: every arm on the sealed test, beside its estimate on `val`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rewardsearch.config import Config
from rewardsearch.finalize.arms import FinalArm
from rewardsearch.records import BASELINE, POLICY, FinalReport, FinalRow, Outcome, Ranking, ScreenResult
from rewardsearch.stats import Bootstrap, adjust, f1_accuracy, mcnemar


def write_report(
    task: str,
    arms: Sequence[FinalArm],
    results: Mapping[str, ScreenResult],
    ranking: Ranking,
    outcomes: Mapping[str, Sequence[Outcome]],
    config: Config,
) -> FinalReport:
    """The arms on the test, best first, then those that could not be trained.

    results: of the arms trained anew, on `val`; ranking: of the others, on `val`; outcomes: on `test`, by arm.
    p_adjusted corrects p_vs_baseline over all arms but the baseline.
    """
    settings = config.rank
    bootstrap = Bootstrap(outcomes, resamples=settings.resamples, seed=config.seed, confidence=settings.confidence)
    on_val = {row.id: row.f1 for row in ranking.rows}
    on_val.update({id: f1_accuracy(result.outcomes).f1 for id, result in results.items() if result.status == "done"})
    p_vs_baseline = {id: mcnemar(outcomes[id], outcomes[BASELINE]).p for id in outcomes if id != BASELINE}
    p_adjusted = dict(zip(p_vs_baseline, adjust(list(p_vs_baseline.values()), settings.correction), strict=True))
    rows = []
    for arm in arms:
        known: dict[str, Any] = {"id": arm.id, "kind": arm.kind, "members": arm.members, "val_f1": on_val.get(arm.id)}
        if arm.id not in outcomes:
            result = results[arm.id]
            rows.append(FinalRow(**known, status=result.status, reason=result.reason))
            continue
        rows.append(
            FinalRow(
                **known,
                **bootstrap.estimate(arm.id).model_dump(),
                status="done",
                parse_rate=f1_accuracy(outcomes[arm.id]).parse_rate,
                p_vs_policy=mcnemar(outcomes[arm.id], outcomes[POLICY]).p if arm.id != POLICY else None,
                p_vs_baseline=p_vs_baseline.get(arm.id),
                p_adjusted=p_adjusted.get(arm.id),
            )
        )
    rows.sort(key=lambda row: (row.f1 is None, -(row.f1 or 0.0), row.id))
    return FinalReport(task=task, n=len(outcomes[BASELINE]), rows=tuple(rows))
