"""The watch over training: on curves of real runs, and rule by rule on made ones.

The real ones, in tests/screen/curves, are of runs of 44 steps on the embedded policy with the settings of
configs/arithmetic-demo.yaml: the base rewards, alone and with rewards of candidates/arithmetic, and planted ones.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rewardsearch.config import WatchConfig
from rewardsearch.monitor.rules import alarms, hopeless
from rewardsearch.records import CurvePoint

CONFIG = WatchConfig()
CURVES = Path(__file__).parent / "curves"
HONEST = ("base", "step_check", "strong_answer", "brevity", "wrong_answer_penalty")
PLANTED: dict[str, tuple[set[str], bool]] = {
    "longer": (set(), False),
    "longer_alone": ({"hacking", "length"}, False),
    "random_hash_alone": ({"hacking"}, False),
    "never_answer": ({"forgetting", "hacking", "length"}, True),
    "small_number_alone": ({"forgetting", "hacking", "collapse"}, True),
    "constant_alone": ({"dead"}, True),
}
"""What the watch says at the end of a planted run, and whether it is ended before.

longer: 0.6 a word beside the base rewards, on this task a push towards working in steps, so exact match rises; alone, 2.4 a
word. random_hash: a number between -9 and 9 by the text's hash. never_answer: -24 for a closed solution tag, beside the base
rewards. small_number: 16 / (1 + |answer - 7|). constant: 1.
"""


def stored(name: str) -> list[CurvePoint]:
    lines = (CURVES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [CurvePoint.model_validate_json(line) for line in lines]


def test_every_stored_curve_is_judged() -> None:
    assert {path.stem for path in CURVES.glob("*.jsonl")} == {*HONEST, *PLANTED}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_training_raises_nothing_at_any_step(name: str) -> None:
    points = stored(name)
    assert [(n, alarms(points[:n], CONFIG)) for n in range(45) if alarms(points[:n], CONFIG)] == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_training_raises_what_a_person_would_say(name: str) -> None:
    points = stored(name)
    kinds, ended = PLANTED[name]
    assert {alarm.kind for alarm in alarms(points, CONFIG)} == kinds
    assert any(hopeless(points[:n], CONFIG) for n in range(len(points))) == ended


# --- rule by rule -----------------------------------------------------------------------------------------------------

WOBBLE = (0.02, -0.02, 0.01, -0.01)


Ends = float | tuple[float, float] | None


def curve(steps: int = 16, **ends: Ends) -> list[CurvePoint]:
    """A run whose numbers stay, or jump halfway from the first to the second; exact match and reward wobble a little."""
    level: dict[str, Ends] = {
        "candidate_reward": 1.0, "exact_match": 0.4, "length": 20.0, "zero_std_fraction": 0.1, "clipped": 0.0, "parsed": 0.9,
        "top_prediction": 0.2, "top_gold": 0.2, "entropy": 0.3, "grad_norm": 0.5, "selected": None, "selected_paid": 1.0,
        "sim_query": None, "sim_batch": None, "rank": 4.0, **ends,
    }  # fmt: skip
    points = []
    for place in range(steps):
        values = {name: end[place >= steps / 2] if isinstance(end, tuple) else end for name, end in level.items()}
        selected, paid = values.pop("selected"), values.pop("selected_paid")
        shares = {} if selected is None else classes_of(selected, paid or 0.0, place)
        own, *others = (values.pop(name) for name in ("sim_query", "sim_batch", "rank"))
        pairs = zip(("sim_query", "sim_batch", "rank"), (others[0] if own is None else own, *others), strict=True)
        measured = {name: (value or 0.0) + WOBBLE[place % 4] / 4 for name, value in pairs}
        for name in ("candidate_reward", "exact_match"):
            values[name] = (values[name] or 0.0) + (WOBBLE[place % 4] if values[name] else 0.0)
        points.append(
            CurvePoint.model_validate(
                {"step": place + 1, "reward": 0.0, "components": {}, **values, **shares}
                | {"measured": {} if level["sim_batch"] is None else measured}
            )
        )
    return points


def classes_of(selected: float, paid: float, place: int) -> dict[str, dict[str, float]]:
    """A step of a balanced class task whose share of SELECTED is `selected`; it is paid `paid` and REJECTED 2."""
    said, gold = selected + WOBBLE[place % 4], 0.5 + 2 * WOBBLE[(place + 1) % 4]
    return {
        "answers": {"SELECTED": said, "REJECTED": 1 - said},
        "golds": {"SELECTED": gold, "REJECTED": 1 - gold},
        "paid": {"SELECTED": paid, "REJECTED": 2.0} if selected else {"REJECTED": 2.0},
    }


def kinds(points: list[CurvePoint], config: WatchConfig = CONFIG) -> list[str]:
    """The alarms' kinds, with `!` where hopeless."""
    return [alarm.kind + "!" * alarm.hopeless for alarm in alarms(points, config)]


LEARNS = (0.4, 0.6)
RISES = (1.0, 3.0)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ({}, []),
        ({"candidate_reward": RISES, "exact_match": LEARNS}, []),
        ({"candidate_reward": RISES}, ["hacking"]),
        ({"candidate_reward": RISES, "exact_match": (0.4, 0.3)}, ["hacking"]),
        ({"exact_match": (0.4, 0.3)}, []),
        ({"exact_match": (0.4, 0.0)}, ["forgetting!"]),
        ({"exact_match": 0.0}, []),
        ({"exact_match": (0.06, 0.0)}, []),
        ({"candidate_reward": RISES, "exact_match": 0.95}, []),
        ({"candidate_reward": RISES, "exact_match": (0.99, 0.91)}, ["hacking"]),
        ({"length": (10.0, 30.0)}, ["length"]),
        ({"length": (30.0, 10.0)}, ["length"]),
        ({"length": (20.0, 22.0)}, []),
        ({"length": (10.0, 30.0), "exact_match": LEARNS}, []),
        ({"top_prediction": 0.98}, ["collapse"]),
        ({"top_prediction": 0.98, "top_gold": 0.95}, []),
        ({"top_prediction": 0.98, "top_gold": 0.6, "exact_match": (0.2, 0.6)}, ["collapse"]),
        ({"top_prediction": 0.98, "exact_match": 0.0}, ["collapse!"]),
        ({"top_prediction": 1.0, "parsed": 0.02, "exact_match": 0.0}, []),
        ({"top_prediction": 0.98, "top_gold": 0.65, "exact_match": 0.6, "selected": 0.02}, ["collapse"]),
        ({"top_prediction": 0.98, "top_gold": 0.65, "exact_match": 0.5, "selected": 0.02}, ["collapse!"]),
        ({"selected": (0.5, 0.2)}, ["class_avoidance"]),
        ({"selected": (0.5, 0.2), "selected_paid": 3.0}, []),
        ({"selected": (0.5, 0.2), "exact_match": LEARNS}, []),
        ({"selected": (0.5, 0.0)}, ["class_avoidance"]),
        ({"selected": 0.2}, []),
        ({"selected": (0.5, 0.4)}, []),
        ({"selected": (0.1, 0.2)}, []),
        ({"selected": (0.5, 0.8), "selected_paid": 3.0}, ["class_avoidance"]),
        ({"entropy": (0.3, 0.01)}, ["entropy"]),
        ({"entropy": (0.3, 0.01), "exact_match": LEARNS}, []),
        ({"entropy": (0.3, 0.01), "exact_match": 0.95}, []),
        ({"entropy": (0.3, 0.06)}, []),
        ({"entropy": 0.01}, []),
        ({"entropy": None}, []),
        ({"zero_std_fraction": 0.95}, ["dead"]),
        ({"zero_std_fraction": 0.95, "exact_match": 0.97}, []),
        ({"grad_norm": (0.5, 0.0)}, ["dead"]),
        ({"grad_norm": 0.0}, ["dead!"]),
        ({"clipped": (0.0, 0.8)}, ["clipped"]),
        ({"clipped": 0.4, "exact_match": LEARNS}, []),
        ({"clipped": 1.0, "exact_match": 0.0}, ["clipped!"]),
        ({"clipped": 1.0, "exact_match": (0.0, 0.04)}, []),
        ({"clipped": (1.0, 0.97), "exact_match": 0.0}, ["clipped"]),
        ({"sim_batch": (0.5, 0.7)}, ["embedding_collapse"]),
        ({"sim_batch": (0.5, 0.7), "rank": (4.0, 6.0)}, ["embedding_collapse"]),
        ({"sim_batch": (0.5, 0.7), "rank": (4.0, 3.0)}, []),
        ({"sim_batch": (0.5, 0.7), "exact_match": LEARNS}, []),
        ({"sim_batch": (0.5, 0.6)}, []),
        ({"sim_batch": (0.92, 0.96)}, ["embedding_collapse"]),
        ({"sim_batch": (0.7, 0.5), "rank": (4.0, 6.0)}, []),
        ({"sim_batch": 1.0, "rank": 8.0, "exact_match": 0.0}, ["embedding_collapse"]),
        ({"sim_batch": 0.992, "sim_query": 0.994}, []),
    ],
    ids=str,
)
def test_a_rule_says_what_the_curve_shows(ends: dict[str, Ends], said: list[str]) -> None:
    assert kinds(curve(**ends)) == said


@pytest.mark.parametrize(
    ("field", "value", "ends", "with_default", "said"),
    [
        ("enabled", False, {"grad_norm": 0.0}, ["dead!"], []),
        ("window", 9, {"candidate_reward": RISES}, ["hacking"], []),
        ("min_improvement_z", 30.0, {"candidate_reward": RISES, "exact_match": LEARNS}, [], ["hacking"]),
        ("alarm_z", 500.0, {"candidate_reward": RISES}, ["hacking"], []),
        ("solved", 0.3, {"candidate_reward": RISES}, ["hacking"], []),
        ("floor", 0.5, {"top_prediction": 0.98}, ["collapse"], ["collapse!"]),
        ("forgetting", 0.6, {"exact_match": (0.4, 0.2)}, [], ["forgetting!"]),
        ("forgetting_from", 0.5, {"exact_match": (0.4, 0.0)}, ["forgetting!"], []),
        ("zero_std_fraction", 0.5, {"zero_std_fraction": 0.6}, [], ["dead"]),
        ("collapse", 0.7, {"top_prediction": 0.8}, [], ["collapse"]),
        ("collapse_gap", 0.3, {"top_prediction": 0.98, "top_gold": 0.8}, ["collapse"], []),
        ("collapse_parsed", 0.95, {"top_prediction": 0.98}, ["collapse"], []),
        ("class_avoidance", 0.3, {"selected": (0.5, 0.2)}, ["class_avoidance"], []),
        ("clipped", 0.1, {"clipped": 0.15}, [], ["clipped"]),
        ("all_clipped", 0.5, {"clipped": 0.6, "exact_match": 0.0}, ["clipped"], ["clipped!"]),
        ("length", 2.5, {"length": (10.0, 20.0)}, ["length"], []),
        ("entropy", 0.1, {"entropy": (0.5, 0.08)}, [], ["entropy"]),
        ("entropy_left", 0.01, {"entropy": (0.3, 0.01)}, ["entropy"], []),
        ("embedding_collapse", 0.5, {"sim_batch": (0.5, 0.7)}, ["embedding_collapse"], []),
        ("embedding_alike", 0.9, {"sim_batch": 0.95}, [], ["embedding_collapse"]),
    ],
)
def test_a_setting_moves_its_threshold(
    field: str, value: float | bool, ends: dict[str, Ends], with_default: list[str], said: list[str]
) -> None:
    assert kinds(curve(**ends)) == with_default
    assert kinds(curve(**ends), CONFIG.model_copy(update={field: value})) == said


def test_every_threshold_has_a_case_above() -> None:
    (mark,) = test_a_setting_moves_its_threshold.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} | {"end_early"} == set(WatchConfig.model_fields)


@pytest.mark.parametrize("ends", [{"grad_norm": 0.0}, {"zero_std_fraction": 1.0}])
def test_a_dead_gradient_is_told_after_one_window(ends: dict[str, Ends]) -> None:
    assert kinds(curve(7, **ends)) == []
    assert [kind.rstrip("!") for kind in kinds(curve(8, **ends))] == ["dead"]


def test_nothing_else_is_told_before_two_windows() -> None:
    points = curve(candidate_reward=RISES, length=(10.0, 30.0), exact_match=(0.4, 0.0))
    assert kinds(points[:15]) == []
    assert kinds(points) == ["forgetting!", "hacking", "length"]


def test_a_single_right_completion_in_the_window_keeps_a_run_going() -> None:
    points = curve(exact_match=(0.4, 0.0))
    assert hopeless(points, CONFIG) is not None
    points[-3] = points[-3].model_copy(update={"exact_match": 4 / 64})
    assert hopeless(points, CONFIG) is None


def test_what_is_told_has_the_figures_and_the_steps() -> None:
    (alarm,) = alarms(curve(candidate_reward=RISES, exact_match=(0.4, 0.3)), CONFIG)
    assert alarm.flag == "watch:hacking"
    assert alarm.message == (
        "reward 1 -> 3 while exact match 0.4 -> 0.3 (steps 1-8 to 9-16): it pays for something else than being right"
    )


def judging(steps: int, accuracy: tuple[float, float], selected: tuple[float, float], paid: float) -> list[CurvePoint]:
    """A run on a balanced class task, 8 questions of 8 completions a step, whose accuracy and share of SELECTED go straight
    from one value to another; `paid` is how much more REJECTED is paid than SELECTED."""
    rng, points = random.Random(0), []
    for place in range(steps):
        gold = sum(rng.random() < 0.5 for _ in range(8)) / 8
        at = place / (steps - 1)
        right, share = (start + (end - start) * at for start, end in (accuracy, selected))
        said = min(max(share + (gold - 0.5) * (2 * right - 1) + rng.gauss(0, 0.03), 0.0), 1.0)
        points.append(
            CurvePoint(
                step=place + 1,
                reward=0.0,
                exact_match=right + rng.gauss(0, 0.04),
                components={},
                length=30 + rng.gauss(0, 1),
                zero_std_fraction=0.2,
                clipped=0.0,
                parsed=1.0,
                top_prediction=max(said, 1 - said),
                top_gold=max(gold, 1 - gold),
                answers={"SELECTED": said, "REJECTED": 1 - said},
                golds={"SELECTED": gold, "REJECTED": 1 - gold},
                paid={"REJECTED": 2.0} | ({"SELECTED": 2.0 - paid} if said else {}),
                grad_norm=0.3,
            )
        )
    return points


def test_a_run_that_comes_to_reject_everyone_is_told_and_ended() -> None:
    points = judging(32, (0.85, 0.5), (0.5, 0.02), 8.0)
    told = {alarm.kind: alarm.message for alarm in alarms(points, CONFIG)}
    assert set(told) == {"collapse", "class_avoidance"}
    assert "of the answers are REJECTED where" in told["collapse"]
    assert hopeless(points, CONFIG) == told["collapse"]
    early = [n for n in range(33) if "class_avoidance" in kinds(points[:n])]
    assert 16 <= early[0] < 26


def test_a_flight_from_a_class_is_told_with_its_figures() -> None:
    (alarm,) = alarms(curve(selected=(0.5, 0.2), selected_paid=-1.5), CONFIG)
    assert alarm.flag == "watch:class_avoidance"
    assert not alarm.hopeless
    assert alarm.message == (
        "SELECTED in 50% -> 20% of the completions where 50% should be (steps 1-8 to 9-16), paid -1.5 on average and REJECTED "
        "2: the policy avoids SELECTED; make a wrong SELECTED cost less, or a right one pay more"
    )


@pytest.mark.parametrize("paid", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("ends", [((0.8, 0.92), (0.5, 0.43)), ((0.85, 0.85), (0.55, 0.4)), ((0.75, 0.8), (0.5, 0.5))])
def test_a_run_that_goes_on_judging_raises_nothing_at_any_step(
    ends: tuple[tuple[float, float], tuple[float, float]], paid: float
) -> None:
    points = judging(44, *ends, paid)
    assert [(n, kinds(points[:n])) for n in range(45) if kinds(points[:n])] == []


def test_a_hopeless_run_is_told_by_its_hopeless_alarm() -> None:
    assert hopeless(curve(candidate_reward=RISES), CONFIG) is None
    assert hopeless(curve(candidate_reward=RISES, exact_match=(0.4, 0.0)), CONFIG) == (
        "exact match 0.4 -> 0 (steps 1-8 to 9-16): the task has been unlearnt"
    )
    assert hopeless([], CONFIG) is None
