"""The rules of the watch on logs of other trainers: each on a planted log, without correctness too, and the remedies."""

from __future__ import annotations

import pytest
from trl_logs import Ends, entries

from rewardsearch.config import WatchConfig
from rewardsearch.errors import UserError
from rewardsearch.monitor.curve import curve_of
from rewardsearch.monitor.findings import dead_groups, findings, unchecked

CONFIG = WatchConfig()
RISES = (1.0, 3.0)


def kinds(correct: str | None, **ends: Ends) -> list[str]:
    found = findings(curve_of(entries(**ends), correct), CONFIG)
    return [each.alarm.kind + "!" * each.alarm.hopeless for each in found]


@pytest.mark.parametrize(
    ("ends", "with_truth", "without"),
    [
        ({}, [], []),
        ({"reward": RISES, "right": (0.4, 0.6)}, [], []),
        ({"reward": RISES}, ["hacking"], []),
        ({"right": (0.4, 0.0)}, ["forgetting!"], []),
        ({"length": (10.0, 30.0)}, ["length"], ["length"]),
        ({"length": (10.0, 30.0), "reward": RISES, "right": (0.4, 0.6)}, [], []),
        ({"clipped": (0.0, 0.5)}, ["clipped"], ["clipped"]),
        ({"clipped": 1.0, "right": 0.0}, ["clipped!"], ["clipped"]),
        ({"entropy": (0.3, 0.01)}, ["entropy"], ["entropy"]),
        ({"dead": (0.1, 0.95)}, ["dead"], ["dead"]),
        ({"grad_norm": 0.0}, ["dead!"], ["dead!"]),
        ({"grad_norm": 0.0, "right": 0.95}, [], ["dead!"]),
        ({"grad_norm": None, "entropy": None, "length": None, "clipped": None, "dead": None}, [], []),
    ],
)
def test_each_rule_names_its_planted_fault(ends: dict[str, Ends], with_truth: list[str], without: list[str]) -> None:
    assert kinds("is_right", **ends) == with_truth
    assert kinds(None, **ends) == without


@pytest.mark.parametrize(
    ("right", "share", "mostly", "remedy"),
    [
        (0.8, 0.95, "right", "harder"),
        (0.1, 0.95, "wrong", "easier"),
        (0.5, 0.95, "both", "drop"),
        (None, 0.95, None, "weight 0"),
    ],
)
def test_dead_groups_are_split_and_their_remedies_are_opposite(
    right: float | None, share: float, mostly: str | None, remedy: str
) -> None:
    curve = curve_of(entries(right=right, dead=share), None if right is None else "is_right")
    groups, (found,) = dead_groups(curve, CONFIG), findings(curve, CONFIG)
    assert groups is not None and groups.mostly == mostly and groups.share == pytest.approx(share)
    assert found.alarm.kind == "dead" and remedy in found.remedy
    if groups.all_right is not None and groups.all_wrong is not None:
        assert sum(groups.all_right) / 2 == pytest.approx(right, abs=0.03)
        assert groups.all_right[0] + groups.all_wrong[1] == pytest.approx(share)


def test_a_reward_that_is_the_same_for_right_and_wrong_is_not_a_question_of_how_hard_they_are() -> None:
    log = [{**entry, "reward": 1.0} for entry in entries(dead=1.0, grad_norm=0.0) if "reward" in entry]
    groups = dead_groups(curve_of(log, "is_right"), CONFIG)
    assert groups is not None and groups.mostly == "same" and groups.all_right is None


def test_the_function_that_rose_most_is_named() -> None:
    (found,) = findings(curve_of(entries(reward=RISES, form=(0.1, 0.9)), "is_right"), CONFIG)
    assert found.remedy.startswith("form rose most (0.1 -> 0.9)")


def test_rules_without_their_numbers_are_listed_with_what_the_log_lacks() -> None:
    known = unchecked(curve_of(entries(entropy=None), "is_right"))
    assert known == {"collapse": ("top_prediction",), "class_avoidance": ("answers",), "entropy": ("entropy",)}
    blind = unchecked(curve_of(entries(dead=None, grad_norm=None)))
    assert blind["hacking"] == ("exact_match",) and blind["dead"] == ("grad_norm", "zero_std_fraction")


@pytest.mark.parametrize(("correct", "named"), [("is_rihgt", "is_right, form"), ("reward_of_3", "0 and 1")])
def test_a_function_that_cannot_be_the_correctness_is_refused(correct: str, named: str) -> None:
    log = [{**entry, "rewards/reward_of_3/mean": 3.0} if named == "0 and 1" else entry for entry in entries()]
    with pytest.raises(UserError, match=named):
        curve_of(log, correct)


def test_numbers_that_are_not_finite_and_prefixed_names_are_read() -> None:
    log = [{f"train/{name}": value for name, value in entry.items()} for entry in entries()]
    log[3]["train/grad_norm"] = float("nan")
    curve = curve_of(log, "is_right")
    assert len(curve.points) == 16 and curve.points[3].grad_norm is None and "grad_norm" in curve.measured
    assert curve.points[0].components == {"is_right": pytest.approx(0.42), "form": 0.5}
