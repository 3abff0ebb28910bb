"""What the feedback says of one arm, in numbers and texts ready to be read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import get_args

from rewardsearch.evidence import ComponentCurve, Disagreement, Evidence, Reference, Training, Unscored
from rewardsearch.feedback.answers import answers_told, lean_told
from rewardsearch.records import (
    AlarmKind,
    Candidate,
    CurvePoint,
    Example,
    Front,
    RankedRow,
    Ranking,
    ScreenResult,
    Verdict,
)

POINTS = 10
"""Points of a curve that are told."""
_TEXT = 300
"""Characters of a prompt or completion that are told."""

BANK_KINDS = ("bank:no-signal", "bank:form", "bank:length", "bank:penalty", "bank:collapse")
"""The flags of the rollout bank that a candidate may be trained with."""
ONE_ANSWER = ("bank:collapse", "watch:collapse", "watch:penalty")
"""The flags of a reward that pays one answer for everything, or drives the policy there."""
GAMED = ("exploit:", "trigger:", "leak:", "sensitive:", "watch:hacking")
"""How the flags begin of a reward that can be gamed: validation could, or the policy did."""
FLAG_KINDS = tuple(dict.fromkeys((*GAMED, *BANK_KINDS, *(f"watch:{kind}" for kind in get_args(AlarmKind)))))
"""How all flags begin that the prompts explain."""


def evidence_of(
    row: RankedRow,
    gain: float,
    candidate: Candidate,
    verdict: Verdict | None,
    result: ScreenResult,
    front: Front | None,
    whole: bool,
) -> Evidence:
    """The evidence on a screened candidate; gain: its F1 less the baseline's; whole: with its training and disagreements."""
    return Evidence(
        candidate=candidate,
        row=row,
        gain=gain,
        checks=verdict.measured if verdict else "",
        bank=verdict.on_bank if verdict else "",
        training=_training(result) if whole else None,
        disagreements=_disagreements(result) if whole else (),
        front=front,
        answers=answers_told(row.classes) if whole else "",
        lean=lean_told(row.classes),
    )


def reference(row: RankedRow, result: ScreenResult | None) -> Reference:
    """The evidence on the baseline, or, without a result, on the untrained policy."""
    answers = answers_told(row.classes)
    if result is None:
        return Reference(row=row, answers=answers)
    return Reference(row=row, answers=answers, training=_training(result), disagreements=_disagreements(result))


def unscored_rows(ranking: Ranking, candidates: Mapping[str, Candidate]) -> list[Unscored]:
    """The candidates that were rejected, dropped at a rung, or failed in training, in the ranking's order.

    The machine's errors are left out: they say nothing about the candidate.
    """
    return [
        Unscored(round=row.round, name=row.name, id=row.id, status=row.status, reason=row.reason or "no reason given")
        for row in ranking.rows
        if row.id in candidates and row.status in ("rejected", "dropped", "failed")
    ]


def evenly(points: Sequence[CurvePoint], count: int = POINTS) -> list[CurvePoint]:
    """`count` of the points, evenly spaced, the first and the last among them; all where there are no more."""
    if len(points) <= count:
        return list(points)
    return [points[round(i * (len(points) - 1) / (count - 1))] for i in range(count)]


def _training(result: ScreenResult) -> Training | None:
    told = evenly(result.curves)
    if not told:
        return None
    names = list(dict.fromkeys(name for point in told for name in point.components))
    curves = [
        ComponentCurve(
            name=name,
            points=" ".join(_number(point.components.get(name)) for point in told),
            correlation=_signed(result.correlations.get(name)),
        )
        for name in names
    ]
    count = len(result.curves)
    return Training(
        steps=" ".join(str(point.step) for point in told),
        curves=tuple(curves),
        answers=tuple(
            f"{name} (share that should be {sum(point.golds[name] for point in result.curves) / count:.2f}): "
            f"{' '.join(f'{point.answers[name]:.2f}' for point in told)}; "
            f"paid {' '.join(_number(point.paid.get(name)) for point in told)}"
            for name in told[0].answers
        ),
        monitor=" ".join(f"{point.monitor:.2f}" for point in told),
        reward=" ".join(_number(point.reward) for point in told),
        length=_first_last([point.length for point in result.curves], ".1f"),
        dead_groups=f"{sum(point.dead_groups for point in result.curves) / count:.0%}",
        clipped=f"{sum(point.clipped for point in result.curves) / count:.0%}",
        alarms=tuple(
            f"{alarm.kind}: {alarm.told}" + ("; the training was ended there" if alarm.told == result.ended else "")
            for alarm in result.alarms
        ),
    )


def _first_last(values: Sequence[float], form: str) -> str:
    """From and to: the means of the first and last tenth, since single steps are noisy."""
    k = max(1, len(values) // POINTS)
    return f"{sum(values[:k]) / k:{form}} -> {sum(values[-k:]) / k:{form}}"


def _disagreements(result: ScreenResult) -> tuple[Disagreement, ...]:
    return tuple(_disagreement(example) for example in result.disagreements)


def _disagreement(example: Example) -> Disagreement:
    right = example.kind == "correct"
    return Disagreement(
        what="right, yet among the least rewarded" if right else f"{example.kind}, yet among the most rewarded",
        reward=_number(example.reward),
        prompt=_quoted(example.prompt),
        completion=_quoted(example.completion),
        answer=example.answer,
    )


def _quoted(text: str) -> str:
    cut = text if len(text) <= _TEXT else f"{text[: _TEXT // 2]} ... {text[-_TEXT // 2 :]}"
    return json.dumps(cut, ensure_ascii=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _signed(value: float | None) -> str:
    return "none (no spread)" if value is None else f"{value:+.2f}"
