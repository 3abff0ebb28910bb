"""Which arms the sealed test is read for: chosen on `val` alone."""

from __future__ import annotations

import random
from typing import Literal

from rewardsearch.config import FinalizeConfig
from rewardsearch.records import BASELINE, POLICY, Ranking, Record


class FinalArm(Record):
    """An arm of the final table. Those with several members are trained anew; the others have been screened."""

    id: str
    kind: Literal["ensemble", "single", "control", "baseline", "policy"]
    members: tuple[str, ...]

    @property
    def trained_anew(self) -> bool:
        return self.kind in ("ensemble", "control")


def choose_arms(ranking: Ranking, config: FinalizeConfig, seed: int) -> tuple[FinalArm, ...]:
    """The top-k ensemble, the best single candidate, a random-k control, the baseline and the untrained policy.

    The ensemble takes up to top_k of the candidates whose F1 on `val` is above the baseline's, or the best one where
    none is. The control draws random_k of all screened candidates.
    """
    screened = [row for row in ranking.rows if row.status == "screened" and row.id not in (BASELINE, POLICY)]
    baseline = next((row.f1 for row in ranking.rows if row.id == BASELINE), None) or 0.0
    better = [row.id for row in screened if (row.f1 or 0.0) > baseline]
    top = tuple((better or [row.id for row in screened])[: config.top_k if better else 1])
    arms = [FinalArm(id=f"ensemble-top{config.top_k}", kind="ensemble", members=top)] if top else []
    if screened:
        arms.append(FinalArm(id=screened[0].id, kind="single", members=(screened[0].id,)))
    if screened and config.random_k:
        drawn = random.Random(f"random control {seed}").sample(
            sorted(row.id for row in screened), min(config.random_k, len(screened))
        )
        arms.append(FinalArm(id=f"random-{config.random_k}", kind="control", members=tuple(drawn)))
    arms.append(FinalArm(id=BASELINE, kind="baseline", members=()))
    arms.append(FinalArm(id=POLICY, kind="policy", members=()))
    return tuple(arms)
