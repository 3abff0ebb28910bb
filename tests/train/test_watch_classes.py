"""The watch on tasks with classes of which one is rare: a constant answer is mostly right there, and no success."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rewardsearch.config import WatchConfig
from rewardsearch.monitor.rules import alarms, hopeless
from rewardsearch.records import CurvePoint

CONFIG = WatchConfig()
Rate = Callable[[int], float]


def screening(
    steps: int, share: float, recall: Rate, false: Rate, seed: int = 0, parsed: float = 1.0
) -> list[CurvePoint]:
    """A run on 8 questions of 8 completions a step, of which a share of `share` is to be SELECTED; of those a share of
    `recall` is, by step, and of the others `false`. The policy is mostly sure of a question."""
    rng, points = random.Random(seed), []
    for place in range(steps):
        said, gold, right = 0.0, 0.0, 0.0
        for _ in range(8):
            deserves = rng.random() < share
            rate = (recall if deserves else false)(place)
            likely = rng.betavariate(1.5 * rate, 1.5 * (1 - rate)) if 0 < rate < 1 else rate
            selected = sum(rng.random() < likely for _ in range(8)) / 64
            said, gold = said + selected, gold + deserves / 8
            right += selected if deserves else 1 / 8 - selected
        points.append(
            CurvePoint(
                step=place + 1,
                reward=1.0,
                candidate_reward=1.0 + rng.gauss(0, 0.02),
                exact_match=right * parsed,
                components={},
                length=30 + rng.gauss(0, 1),
                zero_std_fraction=0.5,
                clipped=0.0,
                parsed=parsed,
                top_prediction=max(said, 1 - said),
                top_gold=max(gold, 1 - gold),
                answers={"SELECTED": said * parsed, "REJECTED": (1 - said) * parsed},
                golds={"SELECTED": gold, "REJECTED": 1 - gold},
                paid={"REJECTED": 1.0} | ({"SELECTED": -1.0} if said else {}),
                entropy=0.3,
                grad_norm=0.3,
            )
        )
    return points


def falling(at: int) -> float:
    return max(0.0, 0.7 - 0.07 * at)


def never(at: int) -> float:
    return 0.0


def told_at(points: list[CurvePoint], kind: str) -> list[int]:
    return [n for n in range(len(points) + 1) if kind in {alarm.kind for alarm in alarms(points[:n], CONFIG)}]


@pytest.mark.parametrize("share", [0.05, 0.1])
@pytest.mark.parametrize("recall", [falling, never])
def test_a_rare_class_that_is_hardly_answered_is_a_collapse_and_ended(share: float, recall: Rate) -> None:
    runs = [screening(44, share, recall, lambda at: falling(at) / 50, seed) for seed in range(20)]
    assert sum(bool(told_at(points, "collapse")) for points in runs) >= 19
    assert sum(any(hopeless(points[:n], CONFIG) for n in range(45)) for points in runs) >= 18


@pytest.mark.parametrize("recall", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("share", [0.02, 0.05])
def test_a_careful_judge_of_a_rare_class_is_no_collapse(share: float, recall: float) -> None:
    runs = [screening(44, share, lambda at: recall, lambda at: 0.01, seed) for seed in range(20)]
    assert [told for points in runs if (told := told_at(points, "collapse"))] == []


def test_what_is_told_has_the_stretch_the_class_and_its_shares() -> None:
    points = screening(40, 0.06, lambda at: 0.8 if at < 12 else 0.0, lambda at: 0.0, seed=3)
    (alarm,) = alarms(points, CONFIG)
    assert alarm.flag == "watch:collapse" and alarm.hopeless
    assert alarm.message == "0.0% of the completions of steps 13-40 are SELECTED where 4.5% should be, 3.6% before"
    from_the_start = alarms(screening(40, 0.06, never, never), CONFIG)[-1]
    assert from_the_start.message.startswith("0.0% of the completions of steps 1-40 are SELECTED where")
    assert from_the_start.message.endswith("should be")


def test_a_form_that_is_hardly_known_is_no_neglect_of_a_class() -> None:
    points = screening(30, 0.3, lambda at: 0.8, lambda at: 0.05, parsed=0.12)
    assert told_at(points, "collapse") == []


def curve(exact_match: float, gold: float | None) -> list[CurvePoint]:
    """Steps without a gradient at an even exact match, with a share of `gold` to be SELECTED, or without classes."""
    shares = {} if gold is None else {"SELECTED": gold, "REJECTED": 1 - gold}
    level = {"reward": 0.0, "length": 20.0, "zero_std_fraction": 1.0, "clipped": 0.0, "parsed": 1.0, "grad_norm": 0.0}
    return [
        CurvePoint.model_validate(
            {"step": step, "exact_match": exact_match, "components": {}, "answers": shares, "golds": shares, **level}
        )
        for step in range(1, 17)
    ]


@pytest.mark.parametrize(
    ("exact_match", "gold", "solved"),
    [
        (0.95, None, True),
        (0.89, None, False),
        (0.95, 0.5, True),
        (0.95, 0.05, False),
        (0.97, 0.05, False),
        (0.98, 0.05, True),
        (0.98, 0.95, True),
        (0.95, 0.95, False),
    ],
)
def test_a_constant_answer_that_is_mostly_right_is_not_solved(
    exact_match: float, gold: float | None, solved: bool
) -> None:
    # Where the task is solved a dead gradient is no alarm.
    assert bool(alarms(curve(exact_match, gold), CONFIG)) != solved
