"""The watch on a task with five classes: one answer for everyone, a class that is left out, a class that is avoided."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from five_classes import FIVE

from rewardsearch.config import WatchConfig
from rewardsearch.monitor.rules import alarms
from rewardsearch.records import CurvePoint

CONFIG = WatchConfig(window=8)
EVEN = dict.fromkeys(FIVE, 0.2)
WOBBLE = (-0.01, 0.0, 0.01, 0.0)
ALL_JOY = {"joy": 0.96, "anger": 0.01, "fear": 0.01, "love": 0.01, "surprise": 0.01}
NO_LOVE = {"joy": 0.25, "anger": 0.25, "fear": 0.25, "love": 0.0, "surprise": 0.25}
LITTLE_LOVE = {"joy": 0.23, "anger": 0.23, "fear": 0.24, "love": 0.06, "surprise": 0.24}


def curve(
    last: Mapping[str, float],
    exact_match: tuple[float, float] = (0.5, 0.5),
    first: Mapping[str, float] = EVEN,
    paid: Mapping[str, float] = {},
) -> list[CurvePoint]:
    """16 steps: 8 that answer as `first`, 8 as `last`; every class should be a fifth."""
    points = []
    for place in range(16):
        answers = {
            name: max(0.0, share + WOBBLE[place % 4]) if share else 0.0
            for name, share in (first, last)[place >= 8].items()
        }
        points.append(
            CurvePoint(
                step=place + 1,
                reward=1.0,
                candidate_reward=1.0,
                exact_match=exact_match[place >= 8] + WOBBLE[place % 4],
                components={},
                length=20.0,
                zero_std_fraction=0.1,
                clipped=0.0,
                parsed=1.0,
                top_prediction=max(answers.values()),
                top_gold=0.25,
                answers=answers,
                golds=dict.fromkeys(FIVE, 0.2 + WOBBLE[(place + 1) % 4]),
                paid={name: paid.get(name, 2.0) for name, share in answers.items() if share},
                grad_norm=0.5,
            )
        )
    return points


@pytest.mark.parametrize(
    ("points", "found"),
    [
        (curve(EVEN), []),
        (curve(ALL_JOY, (0.5, 0.2)), ["collapse"]),
        (curve(NO_LOVE), ["collapse"]),
        (curve(NO_LOVE, (0.3, 0.6)), []),
        (curve(LITTLE_LOVE), []),
        (curve(LITTLE_LOVE, paid={"love": 0.5}), ["class_avoidance"]),
        (curve(LITTLE_LOVE, paid={"joy": 0.5}), []),
    ],
)
def test_alarms(points: list[CurvePoint], found: list[str]) -> None:
    assert [alarm.kind for alarm in alarms(points, CONFIG)] == found


def test_an_alarm_names_the_class() -> None:
    (left_out,) = alarms(curve(NO_LOVE), CONFIG)
    (avoided,) = alarms(curve(LITTLE_LOVE, paid={"love": 0.5}), CONFIG)
    assert "love" in left_out.message and "joy" not in left_out.message
    assert "a wrong love" in avoided.message and "0.5" in avoided.message
    (all_joy,) = alarms(curve(ALL_JOY, (0.2, 0.2)), CONFIG)
    assert "joy" in all_joy.message and all_joy.hopeless
