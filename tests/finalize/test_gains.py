"""The gain of an arm over the baseline: its interval and p-value over seeds and questions, and the verdict."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from fakes import outcomes
from scipy.stats import t
from searched import Played, Searched, right

from rewardsearch.finalize.gains import ArmNoise, Gain, conclude
from rewardsearch.records import BASELINE, FinalReport, Outcome, load_report
from rewardsearch.stats import SeedNoise

DEMO = {BASELINE: (0.847, 0.959), "ensemble-top3": (0.963, 0.966), "4d7e73": (0.959, 0.964)}
"""F1 by seed of the README's demo run, on 1,000 questions."""
QUESTION_SE = 0.005


def noise(scores: Any = DEMO, seeds: int = 2, searched: SeedNoise | None = None) -> ArmNoise:
    return ArmNoise({arm: each[:seeds] for arm, each in scores.items()}, frozenset(scores), seeds, searched)


def gain(value: float, of: ArmNoise, question_se: float = QUESTION_SE) -> Gain:
    return Gain("ensemble-top3", BASELINE, value, question_se, of, 0.95)


def test_the_demos_gain_is_the_one_calculated_by_hand() -> None:
    """Squares about the means 0.006272, 0.0000045 and 0.0000125 over three degrees of freedom: sd 0.0458."""
    value = (0.963 + 0.966 - 0.847 - 0.959) / 2
    found = gain(value, noise())
    variance = (0.006272 + 0.0000045 + 0.0000125) / 3
    error = math.sqrt(variance * (1 / 2 + 1 / 2) + QUESTION_SE**2)
    df = 3 * (error**2 / variance) ** 2
    assert found.ci == pytest.approx((value - t.ppf(0.975, df) * error, value + t.ppf(0.975, df) * error))
    assert found.ci == pytest.approx((-0.083, 0.207), abs=0.002)
    assert found.p == pytest.approx(2 * t.sf(value / error, df)) == pytest.approx(0.27, abs=0.005)
    said = conclude(found, "F1", 1000, ("ensemble-top3", "the baseline"))
    assert (said.verdict, said.seeds, said.questions) == ("not established", 2, 1000)
    assert said.sentence.startswith("not established: ensemble-top3") and "+0.061 [-0.083, +0.206]" in said.sentence


def test_finalize_on_the_demos_answers_says_what_was_calculated_by_hand() -> None:
    """1,000 questions answered right as often as in the demo: verdict, row and table agree with the figures above."""
    searched = Searched().add("a", right(18)).add("b", right(16))
    counts = {BASELINE: (735, 921), "ensemble-top2": (929, 934), searched.id("a"): (921, 931)}

    class Demo(Played):
        def read_test(self, readings: Any) -> Any:
            return {(id, seed): answered(counts.get(id, (514, 514))[seed - 1]) for id, seed in readings}

    played = Demo(searched, {("ensemble-top2", 1): 19, ("ensemble-top2", 2): 19}, {})
    found = played.finalize(ensembles=["top2"], controls=[], finalists=1, seeds=2)
    verdict, row = found.conclusion, found.row("ensemble-top2")
    assert found.chosen == "ensemble-top2" and verdict is not None and row is not None and row.gain_questions_ci
    assert [round(f1, 3) for f1 in row.f1_by_seed.values()] == [0.963, 0.966]
    assert found.seed_sd == pytest.approx(0.0458, abs=0.0002)
    assert verdict.gain_ci == row.gain_ci == pytest.approx((-0.083, 0.207), abs=0.002)
    assert (verdict.verdict, verdict.questions, verdict.more_seeds) == ("not established", 1000, 4)
    assert verdict.p == row.p_vs_baseline == pytest.approx(0.27, abs=0.005)
    assert row.gain_questions_ci[0] > 0.045


def answered(right: int) -> tuple[Outcome, ...]:
    return outcomes("c" * right + "w" * (1000 - right))


def test_the_seeds_that_would_settle_it_are_the_fewest_whose_interval_leaves_out_nothing() -> None:
    value, sd = 0.0615, math.sqrt(0.006289 / 3)

    def beyond(seeds: int) -> bool:
        error = math.sqrt(2 * sd * sd / seeds + QUESTION_SE**2)
        return value > t.ppf(0.975, 3 * (seeds - 1) * (error / (sd * math.sqrt(2 / seeds))) ** 4) * error

    more = gain(value, noise()).more_seeds()
    assert more is not None and beyond(2 + more) and not beyond(1 + more)
    assert f"{more} more seeds an arm (finalize.seeds: {2 + more})" in said(value)


def said(value: float, of: ArmNoise | None = None, **more: Any) -> str:
    return conclude(gain(value, of or noise()), "F1", 1000, ("a", "the baseline"), **more).sentence


@pytest.mark.parametrize(
    ("value", "verdict", "settled"),
    [
        (0.4, "better", None),
        (-0.4, "worse", None),
        (0.02, "not established", "more than 20 more seeds"),
        (0.005, "not established", "within the noise of the questions"),
        (0.0, "not established", "within the noise of the questions"),
    ],
)
def test_the_verdict_says_what_would_settle_it(value: float, verdict: str, settled: str | None) -> None:
    found = conclude(gain(value, noise()), "F1", 1000, ("a", "b"))
    assert (found.verdict, found.more_seeds) == (verdict, None)
    assert (settled or "") in found.sentence and ("; " in found.sentence) == (settled is not None)


def test_one_seed_without_known_noise_establishes_nothing() -> None:
    alone = conclude(gain(0.9, noise(seeds=1)), "F1", 1000, ("a", "b"))
    assert (alone.verdict, alone.gain_ci, alone.p, alone.more_seeds) == ("not established", None, None, None)
    assert "finalize.seeds: 3" in alone.sentence and "paper_protocol: false" in said(0.9, noise(seeds=1), paper=True)


def test_one_seed_has_the_noise_that_the_search_measured() -> None:
    searched = SeedNoise(sd=0.01, df=2, arms=1)
    found = gain(0.1, noise(seeds=1, searched=searched), question_se=0)
    assert found.p == pytest.approx(2 * t.sf(0.1 / (0.01 * math.sqrt(2)), 2)) and found.p < 0.05
    assert conclude(found, "F1", 9, ("a", "b")).verdict == "better"


def test_what_is_not_trained_has_no_seed_noise_and_a_control_its_own() -> None:
    scores = {**DEMO, "format-only": (0.2, 0.8)}
    of = ArmNoise(scores, frozenset(DEMO), 2)
    (baseline,) = of.parts("policy", BASELINE) or []
    assert baseline == (of.own, 1 / 2)
    own, shared = sorted(of.parts("format-only", BASELINE) or [], key=lambda part: -part[0].sd)
    assert (own[0].df, own[1], shared) == (1, 1 / 2, (of.own, 1 / 2))
    assert own[0].sd == pytest.approx(0.6 / math.sqrt(2))


def test_one_unsteady_arm_among_many_steady_ones_is_held_against_its_own_noise() -> None:
    steady = {f"e{i}": (0.95, 0.951, 0.952) for i in range(10)}
    of = noise({BASELINE: (0.85, 0.9, 0.96), "ensemble-top3": (0.95, 0.951, 0.952), **steady}, seeds=3)
    ((used, _),) = of.parts("ensemble-top3", BASELINE) or []
    assert (used.arms, used.df) == (2, 4) and of.own is not None and used.sd > 2 * of.own.sd
    ((others, _),) = of.parts("e0", "e1") or []
    assert others == of.own


@pytest.mark.parametrize(("arms", "seeds", "unsteady", "most"), [(3, 2, 1, 0.08), (15, 3, 1, 0.06), (15, 3, 20, 0.13)])
def test_of_equal_rewards_few_are_called_better_and_interval_and_p_agree(
    arms: int, seeds: int, unsteady: float, most: float
) -> None:
    """Few degrees of freedom let somewhat more through (half_width), as does one arm so many times as unsteady as the others."""
    rng = np.random.default_rng(arms)
    worlds, false = 1500, 0
    sds = 0.01 * np.where(np.arange(arms) == 0, unsteady, 1)
    for scores in 0.9 + rng.normal(size=(worlds, arms, seeds)) * sds[:, None]:
        named = {BASELINE: scores[0], **{f"e{i}": each for i, each in enumerate(scores[1:])}}
        luck = rng.normal(0, QUESTION_SE)
        found = Gain("e0", BASELINE, scores[1].mean() - scores[0].mean() + luck, QUESTION_SE, noise(named, seeds), 0.95)
        assert found.ci is not None and found.p is not None
        assert (found.p < 0.05) == (not found.ci[0] <= 0 <= found.ci[1])
        false += found.p < 0.05
    assert 0.03 < false / worlds < most


def report(test: dict[Any, int], **config: Any) -> FinalReport:
    searched = Searched().add("a", right(18))
    named = {(searched.id("a") if arm == "a" else arm, seed): n for (arm, seed), n in test.items()}
    return Played(searched, {}, named).finalize(ensembles=[], controls=[], **config)


def test_the_report_has_the_verdict_on_the_chosen_arm() -> None:
    answered = {("a", 1): 25, ("a", 2): 26, (BASELINE, 1): 12, (BASELINE, 2): 13}
    found = report(answered, seeds=2)
    assert found.conclusion is not None and found.conclusion.verdict == "better"
    row = found.row(found.chosen)
    assert row is not None and found.conclusion.gain_ci == row.gain_ci and found.conclusion.p == row.p_vs_baseline
    assert row.gain_ci and row.gain_questions_ci
    assert row.gain_ci[0] < row.gain_questions_ci[0] < row.gain_questions_ci[1] < row.gain_ci[1]
    assert (found.policy_conclusion, found.said_of(found.chosen or "")) == (None, (found.conclusion.sentence,))
    assert FinalReport.model_validate_json(found.model_dump_json()) == found


def test_the_same_gain_is_not_established_where_seeds_differ_more() -> None:
    answered = {("a", 1): 25, ("a", 2): 26, (BASELINE, 1): 4, (BASELINE, 2): 21}
    found = report(answered, seeds=2).conclusion
    assert found is not None and found.verdict == "not established" and found.p is not None and found.p > 0.05


def test_a_report_of_questions_alone_claims_no_more_than_that() -> None:
    found = report({("a", 1): 25, ("a", 2): 26}, seeds=2)
    new = {"conclusion", "policy_conclusion"}
    data = found.model_dump(mode="json", exclude=new)
    for row in data["rows"]:
        row["gain_ci"], row["p_vs_baseline"], row["p_adjusted"] = [0.1, 0.2], 0.001, 0.001
        del row["gain_questions_ci"], row["macro_gain_questions_ci"], row["expected_macro_ci"]
    old = load_report(data)
    row = old.row(old.chosen)
    assert row is not None and old.conclusions == ()
    assert (row.gain_ci, row.gain_questions_ci, row.p_vs_baseline, row.p_adjusted) == (None, (0.1, 0.2), None, None)
    assert "questions alone" in old.said_of(row.id)[0] and old.pairs == found.pairs
    assert load_report(found.model_dump(mode="json")) == found


def test_f1_by_seed_is_what_the_noise_is_made_of() -> None:
    found = report({("a", 1): 25, ("a", 2): 21, (BASELINE, 1): 12, (BASELINE, 2): 18}, seeds=2)
    scores = [list(row.f1_by_seed.values()) for row in found.rows if row.kind in ("single", "baseline")]
    squares = sum(float(np.var(each, ddof=1)) for each in scores)
    assert found.seed_sd == pytest.approx(math.sqrt(squares / 2))
