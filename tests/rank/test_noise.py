"""What the leaderboard says of its noise, and which ranks it calls ties."""

from statistics import fmean

import numpy as np
import pytest
from fakes import candidate, outcomes, screened
from scipy.stats import t

from rewardsearch.config import RankConfig
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, POLICY, RankedRow, Ranking, ScreenResult, Verdict
from rewardsearch.stats import mcnemar

A, B, C = candidate("a", "1.0"), candidate("b", "2.0"), candidate("c", "3.0")


def kinds(right: int, n: int = 200) -> str:
    return "c" * right + "w" * (n - right)


def board(scores: dict[str, str], baseline_seeds: tuple[int, ...] = ()) -> Ranking:
    results = {arm: screened(arm, text) for arm, text in scores.items()}
    baselines: list[ScreenResult] = [
        results[BASELINE].model_copy(update={"seed": seed, "outcomes": outcomes(kinds(right))})
        for seed, right in enumerate(baseline_seeds)
    ]
    known = [c for c in (A, B, C) if c.id in scores]
    return rank(
        task="arithmetic",
        results=results,
        candidates={c.id: c for c in known},
        verdicts={c.id: Verdict(candidate=c.id, accepted=True) for c in known},
        config=RankConfig(resamples=500),
        seed=0,
        baselines=baselines,
    )


def ties(ranking: Ranking) -> dict[str, tuple[int, int] | None]:
    return {row.name: row.ties for row in ranking.rows if row.rank is not None}


def test_the_noise_of_the_baseline_stands_beside_that_of_the_questions() -> None:
    ranking = board({BASELINE: kinds(100), A.id: kinds(120)}, baseline_seeds=(100, 110, 90))
    assert ranking.noise is not None
    assert ranking.noise.f1_by_seed == pytest.approx({0: 2 / 3, 1: 1.1 / 1.55, 2: 0.9 / 1.45})
    assert ranking.noise.df == 2
    assert 0.03 < ranking.noise.seed_sd < 0.06
    assert ranking.noise.question_sd == pytest.approx(2 / 1.5**2 * (0.25 / 200) ** 0.5, rel=0.15)


def test_without_a_second_seed_there_is_no_noise_to_show() -> None:
    assert board({BASELINE: kinds(100), A.id: kinds(120)}).noise is None


def test_ranks_that_the_questions_cannot_tell_apart_are_ties() -> None:
    found = ties(board({BASELINE: kinds(60), A.id: kinds(160), B.id: "w" * 12 + kinds(159, 188)}))
    assert found == {"a": (1, 2), "b": (1, 2), "baseline": (3, 3)}


def test_seed_noise_makes_ties_of_what_the_questions_tell_apart() -> None:
    scores = {BASELINE: kinds(100), A.id: kinds(150), B.id: kinds(120)}
    assert ties(board(scores)) == {"a": (1, 1), "b": (2, 2), "baseline": (3, 3)}
    noisy = ties(board(scores, baseline_seeds=(100, 120, 80)))
    assert noisy == {"a": (1, 3), "b": (1, 3), "baseline": (1, 3)}


def test_the_untrained_policy_has_no_seed_of_its_own() -> None:
    scores = {POLICY: kinds(100), BASELINE: kinds(116)}
    ranking = board(scores, baseline_seeds=(116, 118, 114))
    assert ranking.noise is not None and ranking.noise.seed_sd < 0.02
    assert ties(ranking) == {"baseline": (1, 1), "policy": None}


def test_the_untrained_policy_ties_with_nobody_however_noisy_the_seeds() -> None:
    scores = {BASELINE: kinds(190), A.id: kinds(180), POLICY: kinds(150), B.id: kinds(110)}
    found = ties(board(scores, baseline_seeds=(190, 90, 60)))
    assert found == {"a": (1, 4), "baseline": (1, 4), "b": (1, 4), "policy": None}


# --- the baseline's seeds ---------------------------------------------------------------------------------------------


def f1(right: int) -> float:
    return 2 * right / (200 + right)


def by_name(ranking: Ranking) -> dict[str, RankedRow]:
    return {row.name: row for row in ranking.rows}


def test_candidates_are_held_against_the_mean_over_the_baselines_seeds() -> None:
    ranking = board({BASELINE: kinds(180), A.id: kinds(170), B.id: kinds(100)}, baseline_seeds=(180, 120, 130))
    rows, mean = by_name(ranking), fmean(map(f1, (180, 120, 130)))
    baseline = rows["baseline"]
    assert baseline.f1 == pytest.approx(mean) and baseline.gain is None
    assert baseline.f1_by_seed == pytest.approx({0: f1(180), 1: f1(120), 2: f1(130)})
    assert baseline.f1_ci is not None and baseline.f1_ci[0] < mean < baseline.f1_ci[1] < f1(180)
    assert [rows[name].gain for name in "ab"] == pytest.approx([f1(170) - mean, f1(100) - mean])
    assert [row.name for row in ranking.rows if row.rank is not None] == ["a", "baseline", "b"]


@pytest.mark.parametrize("seeds", [(120, 122, 118), (120, 150, 100), (120, 120)])
def test_a_p_value_is_of_the_gain_over_questions_and_seeds(seeds: tuple[int, ...]) -> None:
    """By hand: Student's t of the gap, with the variance of the questions plus that of one seed and of the mean of the others."""
    ranking = board({BASELINE: kinds(seeds[0]), A.id: "w" * 10 + kinds(134, 190)}, baseline_seeds=seeds)
    row = by_name(ranking)["a"]
    k, scores = len(seeds), [f1(right) for right in seeds]
    in_a = np.array([0.0] * 10 + [1.0] * 134 + [0.0] * 56)
    in_base = np.array([[float(q < right) for q in range(200)] for right in seeds])
    # F1 = 2a / (1 + a) moves by 2 / (1 + a)^2 for a small step in a.
    slopes = [2 / (1 + each.mean()) ** 2 for each in in_base]
    moved = 2 / (1 + in_a.mean()) ** 2 * in_a - np.mean([s * each for s, each in zip(slopes, in_base, strict=True)], 0)
    question, seed = moved.var() / 200, np.var(scores, ddof=1) * (1 + 1 / k)
    df = (k - 1) * ((question + seed) / seed) ** 2 if seed else np.inf
    gap = f1(134) - fmean(scores)
    assert row.gain == pytest.approx(gap)
    assert row.p_vs_baseline == pytest.approx(2 * t.sf(gap / (question + seed) ** 0.5, df), rel=0.35)
    assert row.gain_ci == pytest.approx(t.interval(0.95, df, gap, (question + seed) ** 0.5), abs=0.02)
    assert row.p_adjusted == row.p_vs_baseline
    assert ranking.p_values == "questions and seeds"
    assert (row.p_vs_baseline or 0) < 0.05 or row.ties == by_name(ranking)["baseline"].ties


def test_with_one_seed_the_p_values_are_mcnemars_of_the_policies_and_the_ranking_says_so() -> None:
    for seeds in ((), (120,)):
        ranking = board({BASELINE: kinds(120), A.id: kinds(150)}, baseline_seeds=seeds)
        row = by_name(ranking)["a"]
        assert (ranking.p_values, ranking.noise) == ("questions", None)
        assert row.p_vs_baseline == mcnemar(outcomes(kinds(150)), outcomes(kinds(120))).p
        assert row.gain == pytest.approx(f1(150) - f1(120))


def test_a_child_is_held_against_the_best_of_its_screened_parents() -> None:
    child = candidate("child", "9.0", parents=(A.id, B.id, "gone"))
    arms = {BASELINE: kinds(100), A.id: kinds(120), B.id: kinds(140), child.id: kinds(150)}
    ranking = rank(
        task="arithmetic",
        results={arm: screened(arm, text) for arm, text in arms.items()},
        candidates={each.id: each for each in (A, B, child)},
        verdicts={},
        config=RankConfig(resamples=200),
        seed=0,
    )
    rows = by_name(ranking)
    assert rows["child"].p_vs_parent == mcnemar(outcomes(kinds(150)), outcomes(kinds(140))).p
    assert rows["a"].p_vs_parent is None
