"""The gain of an arm over the baseline: its interval and p-value over seeds and questions, and the verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import stdev
from typing import Any

import pytest
from fakes import outcomes
from scipy.stats import t
from searched import Played, Searched, right

from rewardsearch.finalize.gains import Gain, conclude
from rewardsearch.records import BASELINE, FinalReport, Outcome
from rewardsearch.stats import SeedNoise

DEMO = {BASELINE: 0.0792, "ensemble-top3": 0.0021}
"""Standard deviation of F1 between two seeds each, of an unsteady baseline and a steady ensemble."""
QUESTION_SE = 0.005


def gain(value: float, sds: tuple[float, ...] = tuple(DEMO.values()), seeds: int = 2, luck: float = 0.0) -> Gain:
    """With one seed nothing is known of the noise."""
    noises = tuple(SeedNoise(sd=sd, df=seeds - 1, luck=luck) for sd in sds) if seeds > 1 else None
    interval = (value - 0.0098, value + 0.0098)
    return Gain("ensemble-top3", BASELINE, value, seeds, QUESTION_SE, interval, noises, 0.95)


def test_a_gain_is_held_against_the_noise_of_its_own_two_arms() -> None:
    """By hand: Welch's variance and degrees of freedom between seeds, these divided by the seeds' share of the variance."""
    value, parts = 0.0615, (0.0792**2 / 2, 0.0021**2 / 2)
    variance = sum(parts) + QUESTION_SE**2
    df = sum(parts) ** 2 / sum(part**2 for part in parts) * variance / sum(parts)
    found, half = gain(value), t.ppf(0.975, df) * math.sqrt(variance)
    assert found.ci == pytest.approx((value - half, value + half)) and half > 0.6
    assert found.p == pytest.approx(2 * t.sf(value / math.sqrt(variance), df))
    said = conclude(found, "f1", 1000, ("ensemble-top3", "the baseline"))
    assert (said.verdict, said.seeds, said.questions) == ("not established", 2, 1000)
    assert (
        said.sentence.startswith("not established: ensemble-top3") and f"+0.061 [{value - half:+.3f}" in said.sentence
    )


def test_an_unsteady_arm_widens_no_gain_but_its_own() -> None:
    quiet, noisy = gain(0.05, (0.01, 0.01), seeds=5), gain(0.05, (0.01, 0.08), seeds=5)
    assert quiet.ci and quiet.ci[0] > 0 and noisy.ci and noisy.ci[0] < 0


def test_finalize_on_given_answers_says_what_was_calculated_by_hand() -> None:
    """1,000 questions, of which the policies of each seed answer the first so many right: no luck, as all agree in order."""
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
    assert row.seed_sd == pytest.approx(stdev(row.f1_by_seed.values()))
    sds = {each.id: each.seed_sd or 0 for each in found.rows if each.seed_sd is not None}
    error = math.sqrt((sds[BASELINE] ** 2 + sds[row.id] ** 2) / 2)
    # One seed less than two each, and nearly all of the variance is the baseline's.
    assert verdict.gain_ci == row.gain_ci == pytest.approx((0.0615 - 12.6 * error, 0.0615 + 12.6 * error), rel=0.1)
    assert (verdict.verdict, verdict.questions) == ("not established", 1000) and verdict.more_seeds in range(4, 12)
    assert verdict.p == row.p_vs_baseline == pytest.approx(2 * t.sf(0.0615 / error, 1), abs=0.03)
    assert verdict.gain_questions_ci == row.gain_questions_ci and row.gain_questions_ci[0] > 0.045


def answered(right: int) -> tuple[Outcome, ...]:
    return outcomes("c" * right + "w" * (1000 - right))


@pytest.mark.parametrize("luck", [0.0, 0.006])
def test_the_seeds_that_would_settle_it_are_the_fewest_whose_interval_leaves_out_nothing(luck: float) -> None:
    """With more seeds the luck of each policy weighs less, in the question part too."""
    value, sd = 0.03, 0.03

    def beyond(seeds: int) -> bool:
        questions = max(0.0, QUESTION_SE**2 - 2 * luck**2 / 2)
        between = 2 * sd**2 / seeds
        variance = questions + between
        return value > t.ppf(0.975, 2 * (seeds - 1) * variance / between) * math.sqrt(variance)

    found = gain(value, (sd, sd), luck=luck)
    more = found.more_seeds()
    assert more is not None and beyond(2 + more) and not beyond(1 + more)
    assert f"{more} more seeds per arm (finalize.seeds: {2 + more})" in said(found)


def said(of: Gain, **more: Any) -> str:
    return conclude(of, "f1", 1000, ("a", "the baseline"), **more).sentence


@pytest.mark.parametrize(
    ("value", "verdict", "settled"),
    [
        (0.9, "better", None),
        (-0.9, "worse", None),
        (0.02, "not established", "More than 20 more seeds"),
        (0.005, "not established", "within the noise of the questions"),
        (0.0, "not established", "within the noise of the questions"),
    ],
)
def test_the_verdict_says_what_would_settle_it(value: float, verdict: str, settled: str | None) -> None:
    found = conclude(gain(value), "f1", 1000, ("a", "b"))
    assert (found.verdict, found.more_seeds) == (verdict, None)
    assert (settled or "") in found.sentence and (". " in found.sentence) == (settled is not None)


def test_one_seed_says_nothing_of_rewards_and_its_interval_is_of_these_policies() -> None:
    alone = conclude(gain(0.9, seeds=1), "f1", 1000, ("a", "b"))
    assert (alone.verdict, alone.gain_ci, alone.p, alone.more_seeds) == ("not established", None, None, None)
    assert alone.gain_questions_ci == pytest.approx((0.8902, 0.9098))
    assert "[+0.890, +0.910]" in alone.sentence and "these trained policies" in alone.sentence
    assert "finalize.seeds: 5" in alone.sentence and "paper_protocol: false" in said(gain(0.9, seeds=1), paper=True)


def test_what_is_not_trained_has_no_noise_between_seeds() -> None:
    half = t.ppf(0.975, 4 * (0.01**2 / 5 + QUESTION_SE**2) / (0.01**2 / 5)) * math.sqrt(0.01**2 / 5 + QUESTION_SE**2)
    against_policy = gain(0.1, (0.01,), seeds=5)
    assert against_policy.ci == pytest.approx((0.1 - half, 0.1 + half))
    rule = replace(against_policy, noises=())
    assert rule.ci == pytest.approx((0.1 - 1.96 * QUESTION_SE, 0.1 + 1.96 * QUESTION_SE), abs=1e-5)


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
    assert (found.policy_conclusion, found.describe_arm(found.chosen or "")) == (None, (found.conclusion.sentence,))
    assert FinalReport.model_validate_json(found.model_dump_json()) == found


def test_the_same_gain_is_not_established_where_seeds_differ_more() -> None:
    answered = {("a", 1): 25, ("a", 2): 26, (BASELINE, 1): 4, (BASELINE, 2): 21}
    found = report(answered, seeds=2).conclusion
    assert found is not None and found.verdict == "not established" and found.p is not None and found.p > 0.05


def test_arms_whose_seeds_agree_exactly_are_as_unsure_as_their_questions() -> None:
    found = report({("a", seed): 25 for seed in (1, 2)} | {(BASELINE, seed): 24 for seed in (1, 2)}, seeds=2)
    row = found.row(found.chosen)
    assert row is not None and row.seed_sd == 0 and row.gain_ci and row.gain_questions_ci
    assert row.gain_ci[0] < 0 < row.gain_ci[1] and (row.p_vs_baseline or 0) > 0.05
    low, high = row.gain_questions_ci
    assert row.gain_ci[1] - row.gain_ci[0] == pytest.approx(high - low, abs=0.03)


def test_with_one_seed_no_row_has_a_gain_of_rewards() -> None:
    found = report({("a", 1): 27, (BASELINE, 1): 6}, seeds=1)
    rows = [row for row in found.rows if row.kind != "heuristic"]
    assert not found.of_rewards and not any(row.gain_ci or row.p_vs_baseline or row.p_vs_policy for row in rows)
    row = found.row(found.chosen)
    assert row is not None and row.gain_questions_ci and row.gain_questions_ci[0] > 0 and row.expected_ci is None
    assert "over the questions alone" in row.score
