"""What the leaderboard says of its noise, and which ranks it calls ties."""

import pytest
from fakes import candidate, outcomes, screened

from rewardsearch.config import RankConfig
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, POLICY, Ranking, ScreenResult, Verdict

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
    assert ties(ranking) == {"baseline": (1, 1), "policy": (2, 2)}
