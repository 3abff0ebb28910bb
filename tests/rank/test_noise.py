"""What the leaderboard says of its noise, and which ranks it calls ties."""

from statistics import fmean

import numpy as np
import pytest
from fakes import candidate, outcomes, screened
from scipy.stats import norm, t

from rewardsearch.config import RankConfig
from rewardsearch.rank import rank, reward_gap
from rewardsearch.records import BASELINE, POLICY, RankedRow, Ranking, TrainingResult, Verdict

A, B, C = candidate("a", "1.0"), candidate("b", "2.0"), candidate("c", "3.0")


def kinds(right: int, n: int = 200) -> str:
    return "c" * right + "w" * (n - right)


def board(scores: dict[str, str], baseline_seeds: tuple[int, ...] = ()) -> Ranking:
    results = {arm: screened(arm, text) for arm, text in scores.items()}
    baselines: list[TrainingResult] = [
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
    scores = {BASELINE: kinds(60), A.id: kinds(160), B.id: "w" * 12 + kinds(159, 188)}
    assert ties(board(scores, (60, 60))) == {"a": (1, 2), "b": (1, 2), "baseline": (3,)}


def test_seed_noise_makes_ties_of_what_the_questions_tell_apart() -> None:
    scores = {BASELINE: kinds(100), A.id: kinds(150), B.id: kinds(120)}
    assert ties(board(scores, (100, 100))) == {"a": (1,), "b": (2,), "baseline": (3,)}
    noisy = ties(board(scores, (100, 120, 80)))
    assert noisy == dict.fromkeys(("a", "b", "baseline"), (1, 2, 3))


@pytest.mark.parametrize("baseline", [(100, 110, 90), (100, 101, 99), (100, 100)])
def test_a_tie_is_where_the_p_value_is_no_less_than_one_minus_the_confidence(baseline: tuple[int, ...]) -> None:
    """Two candidates are held against each other with one seed each, and against the baseline's mean with less noise."""
    ranking = board(
        {BASELINE: kinds(100), A.id: kinds(122), B.id: "w" * 60 + kinds(124, 140), C.id: kinds(90)}, baseline
    )
    rows = {row.rank: row for row in ranking.rows}
    base, best = by_name(ranking)["baseline"], rows[1]
    for place, row in rows.items():
        if row.p_vs_baseline is not None:
            assert (row.p_vs_baseline < 0.05) == (base.rank not in (row.ties or ()))
            assert row.gain_ci and (row.p_vs_baseline < 0.05) == (not row.gain_ci[0] <= 0 <= row.gain_ci[1])
        if row.p_vs_best is not None:
            assert (row.p_vs_best < 0.05) == (place not in (best.ties or ()))


def test_the_untrained_policy_has_no_seed_of_its_own() -> None:
    scores = {POLICY: kinds(100), BASELINE: kinds(116)}
    ranking = board(scores, baseline_seeds=(116, 118, 114))
    assert ranking.noise is not None and ranking.noise.seed_sd < 0.02
    assert ties(ranking) == {"baseline": (1,), "policy": None}


def test_the_untrained_policy_ties_with_nobody_however_noisy_the_seeds() -> None:
    scores = {BASELINE: kinds(190), A.id: kinds(180), POLICY: kinds(150), B.id: kinds(110)}
    found = ties(board(scores, baseline_seeds=(190, 90, 60)))
    assert found == dict.fromkeys(("a", "baseline", "b"), (1, 3, 4)) | {"policy": None}


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
    """By hand: Student's t of the gap, with the variance of the questions plus that of one seed and of the mean of the others.
    All policies answer the first questions right, and the luck of each is little."""
    ranking = board({BASELINE: kinds(seeds[0]), A.id: "w" * 10 + kinds(134, 190)}, baseline_seeds=seeds)
    row = by_name(ranking)["a"]
    k, scores = len(seeds), [f1(right) for right in seeds]
    in_a = np.array([0.0] * 10 + [1.0] * 134 + [0.0] * 56)
    in_base = np.array([[float(q < right) for q in range(200)] for right in seeds])
    # F1 = 2a / (1 + a) moves by 2 / (1 + a)^2 for a small step in a.
    slopes = [2 / (1 + each.mean()) ** 2 for each in in_base]
    moved = 2 / (1 + in_a.mean()) ** 2 * in_a - np.mean([s * each for s, each in zip(slopes, in_base, strict=True)], 0)
    question, seed = moved.var() / 200, np.var(scores, ddof=1) * (1 + 1 / k)
    luck = (
        np.mean(np.var([s * (row - row.mean()) for s, row in zip(slopes, in_base, strict=True)], axis=0, ddof=1)) / 200
    )
    alone, question = question, max(0.0, question - luck * (1 + 1 / k))
    df = (k - 1) * (question + seed) / seed if seed else np.inf
    half = max(t.ppf(0.975, df) * (question + seed) ** 0.5, 1.96 * alone**0.5)
    gap = f1(134) - fmean(scores)
    assert row.gain == pytest.approx(gap)
    p = max(2 * t.sf(gap / (question + seed) ** 0.5, df), 2 * norm.sf(gap / alone**0.5))
    assert row.p_vs_baseline == pytest.approx(p, rel=0.35)
    assert row.gain_ci == pytest.approx((gap - half, gap + half), abs=0.02)
    assert row.p_adjusted == row.p_vs_baseline


def test_two_rewards_are_compared_as_the_leaderboard_does() -> None:
    scores, seeds = {BASELINE: kinds(100), A.id: kinds(150), B.id: "w" * 20 + kinds(125, 180)}, (100, 104, 97)
    results = {arm: screened(arm, text) for arm, text in scores.items()}
    baselines = [screened(BASELINE, kinds(right), seed=seed) for seed, right in enumerate(seeds)]
    rows, settings = by_name(board(scores, seeds)), RankConfig(resamples=500)
    found = reward_gap(A.id, BASELINE, results, baselines, settings, 0)
    assert found is not None and (found.f1, found.p, found.seeds) == (
        rows["a"].gain,
        rows["a"].p_vs_baseline,
        (0, 1, 2),
    )
    assert found.f1_ci == rows["a"].gain_ci
    pair = reward_gap(B.id, A.id, results, baselines, settings, 0)
    assert pair is not None and pair.p == rows["b"].p_vs_best and pair.f1 < 0
    assert reward_gap(A.id, B.id, results, baselines[:1], settings, 0) is None
    assert reward_gap(A.id, "ensemble-top3", results, baselines, settings, 0) is None
    assert (found.baseline_mean, pair.baseline_mean) == (True, False)
    known = results | {POLICY: screened(POLICY, kinds(60))}
    assert reward_gap(A.id, POLICY, known, baselines, settings, 0) is None
    assert reward_gap(POLICY, BASELINE, known, baselines, settings, 0) is None


def test_with_one_seed_nothing_is_said_of_rewards() -> None:
    for seeds in ((), (120,)):
        ranking = board({BASELINE: kinds(120), A.id: kinds(150)}, baseline_seeds=seeds)
        row = by_name(ranking)["a"]
        assert ranking.noise is None
        assert (row.p_vs_baseline, row.p_adjusted, row.gain_ci, row.ties) == (None, None, None, None)
        assert row.gain == pytest.approx(f1(150) - f1(120))
        assert row.gain_questions_ci is not None and row.gain_questions_ci[0] > 0


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
        baselines=[screened(BASELINE, kinds(100)).model_copy(update={"seed": seed}) for seed in (0, 1)],
    )
    rows = by_name(ranking)
    # The child is the best candidate, so that a parent's p_vs_best is of the same pair.
    assert rows["child"].p_vs_parent == rows["b"].p_vs_best != rows["a"].p_vs_best
    assert rows["a"].p_vs_parent is None
