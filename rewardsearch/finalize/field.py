"""The candidates that final arms are put together from, as the search left them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rewardsearch.records import BASELINE, POLICY, Candidate, RankedRow, Ranking, TrainingResult, Verdict

FLAGGED = ("watch:", "bank:length", "bank:penalty", "bank:collapse", "trigger:", "leak:")
"""How the flags begin that keep an arm out of what is recommended: in training, or on completions that the policy really
writes, its reward went another way than correctness, or its code hides what it pays for. An `exploit:` flag alone does not: it
says what a text that nobody wrote would earn, and whether training went there is what the watch tells. Nor does `bank:form`:
it repeats what the base rewards pay. Nor does `bank:no-signal`: an untrained policy may show too little right work."""


@dataclass(frozen=True)
class Field:
    """Everything of the search that arms are chosen by, all of it from the split that candidates were ranked on.

    results: the search's screens, by arm.
    """

    ranking: Ranking
    candidates: Mapping[str, Candidate]
    verdicts: Mapping[str, Verdict]
    results: Mapping[str, TrainingResult]

    @property
    def split(self) -> Literal["val", "test"]:
        return self.ranking.split

    @property
    def screened(self) -> tuple[RankedRow, ...]:
        """Every candidate that was trained to the end, best first."""
        return tuple(row for row in self.ranking.rows if row.status == "trained" and row.id not in (BASELINE, POLICY))

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every candidate that validation accepted, by id, however far it was trained; without those whose training failed."""
        failed = {row.id for row in self.ranking.rows if row.status == "failed"}
        ids = (id for id in self.candidates if id in self.verdicts and self.verdicts[id].accepted)
        return tuple(sorted(id for id in ids if id not in failed))

    @property
    def eligible(self) -> tuple[RankedRow, ...]:
        """Those without a flag in FLAGGED; all of them where every one has such a flag."""
        return tuple(row for row in self.screened if not is_flagged(row)) or self.screened

    @property
    def baseline(self) -> float:
        """The baseline's F1 in the search, the mean over its seeds."""
        return next((row.f1 for row in self.ranking.rows if row.id == BASELINE), None) or 0.0

    @property
    def better(self) -> tuple[RankedRow, ...]:
        """The eligible ones that are not clearly below the baseline: the interval of their gain reaches 0, that over the
        questions alone where nothing is known of the noise between seeds."""
        known = ((row, row.gain_ci or row.gain_questions_ci) for row in self.eligible)
        return tuple(row for row, ci in known if ci is None or ci[1] >= 0)


def is_flagged(of: RankedRow | TrainingResult) -> bool:
    """Whether a candidate, or what a training run gave, must stay out of what is recommended."""
    return any(flag.startswith(FLAGGED) for flag in of.flags)
