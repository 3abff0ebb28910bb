"""What a search leaves behind for finalize, a ranking of small real records, and finalize with its training played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fakes import candidate, outcomes, screened

from rewardsearch.config import Config, parse_config
from rewardsearch.finalize import FinalSetup, finalize
from rewardsearch.finalize.ensembles import CandidatePool
from rewardsearch.finalize.gains import ArmSeed
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    FinalArm,
    FinalReport,
    Outcome,
    RankedRow,
    Ranking,
    RewardSpec,
    Stage,
    TrainingResult,
    Verdict,
    curve_label,
)
from rewardsearch.stats import f1_accuracy

QUESTIONS = 20
BASE = tuple(RewardSpec(id=f"base:{name}", name=name, code=candidate(name).code) for name in ("format_exact", "answer"))


def right(n: int) -> str:
    """The first `n` of the questions right."""
    return "c" * n + "w" * (QUESTIONS - n)


class Searched:
    """Candidates by name: what each answers (letters as in fakes.outcomes), round, flags, AUC on the bank, correlation."""

    def __init__(self, baseline: str = right(10), split: str = "val") -> None:
        self.candidates: dict[str, Candidate] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.results = {BASELINE: screened(BASELINE, baseline), POLICY: screened(POLICY, right(4), steps=0)}
        self.rows: list[RankedRow] = []
        self.split = split

    def add(
        self,
        name: str,
        kinds: str,
        *,
        round: int = 1,
        flags: Sequence[str] = (),
        auc: float | None = None,
        r: float | None = None,
        stopped: bool = False,
    ) -> Searched:
        made = candidate(name, f"{len(self.candidates)}.0", round)
        self.candidates[made.id] = made
        checks = {} if auc is None else {"bank_auc_any_form": auc}
        self.verdicts[made.id] = Verdict(candidate=made.id, accepted=True, checks=checks)
        label = curve_label(name, made.id)
        if not stopped:
            self.results[made.id] = screened(made.id, kinds, correlations={label: r})
        status = "stopped" if stopped else "trained"
        row = RankedRow(
            rank=None, id=made.id, name=name, round=round, operator="fresh", status=status, flags=tuple(flags)
        )
        self.rows.append(row if stopped else row.model_copy(update={"f1": self.f1(made.id)}))
        return self

    def f1(self, id: str) -> float:
        return f1_accuracy(self.results[id].outcomes).f1

    def id(self, name: str) -> str:
        return next(candidate.id for candidate in self.candidates.values() if candidate.name == name)

    def names(self, members: Sequence[str] | Mapping[str, float]) -> list[str]:
        return [self.candidates[id].name for id in members]

    @property
    def ranking(self) -> Ranking:
        references = [
            RankedRow(rank=1, id=id, name=id, round=0, operator="none", status="trained", f1=self.f1(id))
            for id in (BASELINE, POLICY)
        ]
        rows = sorted(
            (*map(self._against_baseline, self.rows), *references),
            key=lambda row: (row.f1 is None, -(row.f1 or 0), row.id),
        )
        return Ranking(task="arithmetic", split=self.split, n=QUESTIONS, rows=tuple(rows))

    def _against_baseline(self, row: RankedRow) -> RankedRow:
        if row.f1 is None:
            return row
        gain = row.f1 - self.f1(BASELINE)
        return row.model_copy(update={"gain": gain, "gain_ci": (gain - 0.1, gain + 0.1)})

    @property
    def pool(self) -> CandidatePool:
        return CandidatePool(
            ranking=self.ranking, candidates=self.candidates, verdicts=self.verdicts, results=self.results
        )


def judged(
    name: str, stage: Stage | None = None, reason: str = "because", flags: Sequence[str] = ()
) -> tuple[Candidate, Verdict]:
    """A reference with what validation found: refused at `stage`, or accepted."""
    made = candidate(name, "len(text)")
    verdict = Verdict(candidate=made.id, accepted=stage is None, stage=stage, reason=reason if stage else None)
    return made, verdict.model_copy(update={"flags": tuple(flags)})


def settings(paper: bool = False, tuned: bool = False, **finalize: object) -> Config:
    data = {"train": {"steps": 40}, "rank": {"resamples": 200}, "finalize": finalize, "paper_protocol": paper}
    return parse_config({**data, "sft": {"enabled": tuned}}, "test")


def setup(**finalize: object) -> FinalSetup:
    return FinalSetup.of(settings(**finalize))


N_TEST = 30


def on_test(n: int) -> tuple[Outcome, ...]:
    return outcomes("c" * n + "w" * (N_TEST - n), first=1000)


class Played:
    """Training and the evaluation on the test, by arm and seed: how many are right on `val` and on the test."""

    def __init__(self, searched: Searched, val: Mapping[ArmSeed, int], test: Mapping[ArmSeed, int]) -> None:
        self.searched, self.val, self.test = searched, val, test
        self.failing: dict[ArmSeed, str] = {}
        self.errors: set[ArmSeed] = set()
        """Of what fails, the infrastructure errors."""
        self.flags: dict[ArmSeed, list[str]] = {}
        self.calls: list[str] = []
        self.said: list[str] = []
        self.trained: list[ArmSeed] = []
        self.read: list[ArmSeed] = []
        self.tuned = False
        self.further: dict[str, Any] = {}
        """Further arguments of finalize: references, heuristics, groups."""

    def train(self, arms: Sequence[FinalArm]) -> dict[ArmSeed, TrainingResult]:
        self.calls.append("train")
        self.trained = [(arm.id, seed) for arm in arms for seed in arm.seeds]
        return {key: self.result(key) for key in self.trained}

    def result(self, key: ArmSeed) -> TrainingResult:
        if key in self.failing:
            status = "error" if key in self.errors else "failed"
            return screened(key[0], "", seed=key[1], status=status, reason=self.failing[key])
        return screened(key[0], right(self.val.get(key, 12)), seed=key[1], flags=self.flags.get(key, []))

    def read_test(self, readings: Sequence[ArmSeed]) -> dict[ArmSeed, Sequence[Outcome]]:
        self.calls.append("test")
        self.read = list(readings)
        return {key: on_test(self.test.get(key, 15)) for key in readings}

    def finalize(self, paper: bool = False, **config: object) -> FinalReport:
        return finalize(
            task="arithmetic",
            ranking=self.searched.ranking,
            candidates=self.searched.candidates,
            verdicts=self.searched.verdicts,
            results=self.searched.results,
            base=BASE,
            setup=FinalSetup.of(settings(paper, self.tuned, **config)),
            train=self.train,
            read_test=self.read_test,
            say=self.said.append,
            **self.further,
        )
