"""The feedback on one arm, as numbers and texts that prompts show as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from rewardsearch.feedback.answers import describe_answers, describe_lean
from rewardsearch.feedback.completions import disagreements, evenly, group_of, missed, mistakes, number
from rewardsearch.records import (
    BASELINE,
    AlarmKind,
    Candidate,
    Front,
    RankedRow,
    Ranking,
    Row,
    TrainingResult,
    Verdict,
    curve_label,
)
from rewardsearch.records.feedback import (
    Child,
    ComponentCurve,
    Evidence,
    Mistake,
    Reference,
    RungScore,
    Training,
    Unscored,
)
from rewardsearch.stats import f1_accuracy

POINTS = 10
"""Points shown of a curve."""
MAX_STOPPED = 8
"""Candidates stopped at a rung that are shown with their ideas."""

BANK_KINDS = ("bank:no-signal", "bank:form", "bank:length", "bank:penalty", "bank:collapse")
"""Flags of the rollout bank that do not reject a candidate."""
ONE_ANSWER = ("bank:collapse", "watch:collapse", "watch:class_avoidance")
"""Flags of a reward that pays one answer for everything, or drives the policy there."""
GAMED = ("exploit:", "trigger:", "leak:", "sensitive:", "watch:hacking")
"""Beginnings of the flags of a reward that validation could game, or the policy did."""
FLAG_KINDS = tuple(
    dict.fromkeys(
        (
            *GAMED,
            "exploit:generic",
            "exploit:copied",
            "ordering:",
            "dominant:",
            "constant:probes",
            *BANK_KINDS,
            *(f"watch:{kind}" for kind in get_args(AlarmKind)),
        )
    )
)
"""Beginnings of all flags that the prompts explain."""


@dataclass(frozen=True)
class Known:
    """The results that evidence is made from, apart from ranking and front.

    results: full trainings by arm, with the search's seed. rungs: trainings up to the rungs, by arm, in the order of their steps.
    rows: the held-out questions that may be shown, by id. completions: those of an arm's policy to these questions, by id.
    """

    candidates: Mapping[str, Candidate]
    verdicts: Mapping[str, Verdict]
    results: Mapping[str, TrainingResult]
    rungs: Mapping[str, Sequence[TrainingResult]] = field(default_factory=dict)
    rows: Mapping[str, Row] = field(default_factory=dict)
    completions: Callable[[str], Mapping[str, str]] = lambda arm: {}

    def rung_scores(self, arm: str) -> tuple[RungScore, ...]:
        """An arm's F1 at each rung, beside the baseline's at the same step."""
        baseline = {each.steps: f1_accuracy(each.outcomes).f1 for each in self.rungs.get(BASELINE, ())}
        return tuple(
            RungScore(
                steps=each.steps,
                n=len(each.outcomes),
                f1=f1_accuracy(each.outcomes).f1,
                baseline=None if arm == BASELINE else baseline.get(each.steps),
            )
            for each in self.rungs.get(arm, ())
        )

    def mistakes(self, arm: str) -> tuple[Mistake, ...]:
        return mistakes(self.results[arm].outcomes, self.rows, self.completions(arm)) if self.rows else ()


def evidence_of(
    row: RankedRow, gain: float, known: Known, rows: Mapping[str, RankedRow], front: Front | None, whole: bool
) -> Evidence:
    """The evidence on a trained candidate. gain: its F1 less the baseline's. rows: of the leaderboard, by id. whole: with its
    training and completions."""
    candidate, verdict, result = known.candidates[row.id], known.verdicts.get(row.id), known.results[row.id]
    own = (candidate.name, candidate.id)
    return Evidence(
        candidate=candidate,
        row=row,
        gain=gain,
        checks=verdict.measured if verdict else "",
        bank=verdict.on_bank if verdict else "",
        training=_training(result, own) if whole else None,
        disagreements=disagreements(result) if whole else (),
        front=front,
        answers=describe_answers(row.classes) if whole else "",
        lean=describe_lean(row.classes),
        rungs=known.rung_scores(row.id),
        group=group_of(result, own) if whole else None,
        mistakes=known.mistakes(row.id) if whole else (),
        missed=missed(result.outcomes),
        children=tuple(_child(each, row, rows) for each in made_from(row.id, known.candidates)),
        simplified=tuple(each for each in made_from(row.id, known.candidates) if each.operator == "simplify"),
    )


def made_from(id: str, candidates: Mapping[str, Candidate]) -> list[Candidate]:
    """The candidates that were made from this one, in the order of their proposal; a repair replaces the candidate it repairs."""
    found = [each for each in candidates.values() if id in each.parents]
    repairs_of = {
        each.id: [repair for repair in candidates.values() if repair.operator == "repair" and each.id in repair.parents]
        for each in found
    }
    return [
        repair.model_copy(update={"operator": each.operator})
        for each in found
        for repair in (repairs_of[each.id] or [each])
    ]


def ancestors(id: str, candidates: Mapping[str, Candidate]) -> tuple[str, ...]:
    """Every candidate that this one was made from, directly or indirectly, the nearest first."""
    found: list[str] = []
    ahead = list(candidates[id].parents)
    while ahead:
        each = ahead.pop(0)
        if each not in found and each != id:
            found.append(each)
            ahead += candidates[each].parents if each in candidates else ()
    return tuple(found)


def _child(candidate: Candidate, parent: RankedRow, rows: Mapping[str, RankedRow]) -> Child:
    row = rows.get(candidate.id)
    if row is not None and row.f1 is not None and parent.f1 is not None:
        outcome = f"F1 {row.f1:.3f}, {row.f1 - parent.f1:+.3f} over it"
    else:
        outcome = row.status if row is not None and row.status != "pending" else "not trained yet"
    return Child(
        name=candidate.name,
        id=candidate.id,
        operator=candidate.operator,
        idea=" ".join(candidate.rationale.split()),
        outcome=outcome,
    )


def reference(row: RankedRow, known: Known) -> Reference:
    """The evidence on the baseline, or on the policy before any GRPO."""
    answers = describe_answers(row.classes)
    if row.id != BASELINE:
        return Reference(row=row, answers=answers)
    result = known.results[BASELINE]
    return Reference(
        row=row,
        answers=answers,
        training=_training(result),
        disagreements=disagreements(result),
        rungs=known.rung_scores(BASELINE),
        group=group_of(result),
        mistakes=known.mistakes(BASELINE),
    )


def unscored_rows(ranking: Ranking, known: Known) -> list[Unscored]:
    """The candidates that were rejected, stopped at a rung, or failed in training, in the order of the ranking.

    Infrastructure errors are left out: they say nothing about the candidate.
    """
    return [
        Unscored(
            round=row.round,
            name=row.name,
            id=row.id,
            status=row.status,
            reason=row.reason or "no reason given",
            idea=" ".join(known.candidates[row.id].rationale.split()),
            rungs=known.rung_scores(row.id),
        )
        for row in ranking.rows
        if row.id in known.candidates and row.status in ("rejected", "stopped", "failed")
    ]


def best_stopped(unscored: Sequence[Unscored]) -> tuple[Unscored, ...]:
    """MAX_STOPPED of those that were stopped at a rung: the furthest first, and among equals the best there."""

    def order(each: Unscored) -> tuple[int, float]:
        return (-each.rungs[-1].steps, -each.rungs[-1].f1) if each.rungs else (0, 0.0)

    return tuple(sorted((each for each in unscored if each.status == "stopped"), key=order)[:MAX_STOPPED])


def _training(result: TrainingResult, own: tuple[str, str] | None = None) -> Training | None:
    """own: name and id of the candidate whose reward was trained on beside the base rewards."""
    points = evenly(result.curves, POINTS)
    if not points:
        return None
    names = list(dict.fromkeys(name for point in points for name in point.components))
    of_base: list[str] = []
    if own is not None:
        mine = [name for name in names if name.split("/")[0] == curve_label(*own)]
        # The base rewards' components repeat their sums.
        of_base = [name for name in names if name not in mine and "/" not in name] if mine else []
        names = mine or names
    curves = [
        ComponentCurve(
            name=name,
            points=" ".join(number(point.components.get(name)) for point in points),
            correlation=_signed(result.correlations.get(name)),
            any_form=_signed(result.correlations_any_form.get(name)) if result.correlations_any_form else "",
        )
        for name in names
    ]
    count = len(result.curves)
    return Training(
        steps=" ".join(str(point.step) for point in points),
        curves=tuple(curves),
        base_end=", ".join(f"{name} {number(points[-1].components.get(name))}" for name in of_base),
        answers=tuple(
            f"{name} (share that should be {sum(point.golds[name] for point in result.curves) / count:.2f}): "
            f"{' '.join(f'{point.answers[name]:.2f}' for point in points)}; "
            f"paid {' '.join(number(point.paid.get(name)) for point in points)}"
            for name in points[0].answers
        ),
        measured=tuple(
            f"{name}: {' '.join(number(point.measured.get(name)) for point in points)}" for name in points[0].measured
        ),
        exact_match=" ".join(f"{point.exact_match:.2f}" for point in points),
        reward=" ".join(number(point.reward) for point in points),
        length=_first_last([point.length for point in result.curves], ".1f"),
        zero_std_fraction=f"{sum(point.zero_std_fraction for point in result.curves) / count:.0%}",
        clipped=f"{sum(point.clipped for point in result.curves) / count:.0%}",
        alarms=tuple(
            f"{alarm.kind}: {alarm.message}"
            + ("; the training was stopped there" if alarm.message == result.stop_reason else "")
            for alarm in result.alarms
        ),
    )


def _first_last(values: Sequence[float], form: str) -> str:
    """The means of the first and the last tenth, since single steps are noisy."""
    k = max(1, len(values) // POINTS)
    return f"{sum(values[:k]) / k:{form}} -> {sum(values[-k:]) / k:{form}}"


def _signed(value: float | None) -> str:
    return "none (no spread)" if value is None else f"{value:+.2f}"
