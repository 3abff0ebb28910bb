"""Who goes on from a rung: figures made so that a person can say who should."""

import pytest
from fakes import curves, outcomes

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.records import PromotionDecision, TrainingResult
from rewardsearch.stats import SeedNoise, f1_accuracy, seed_noise
from rewardsearch.train.race import baseline_noise, race, rank_agreement

RANK = RankConfig(resamples=500)
QUIET = SeedNoise(sd=0.001, df=2)


def at_rung(id: str, kinds: str, stop_reason: str | None = None) -> TrainingResult:
    return TrainingResult(
        id=id, rung="rung1", seed=0, steps=10, status="done", outcomes=outcomes(kinds), stop_reason=stop_reason
    )


def decided(
    config: RaceConfig | None = None,
    noise: SeedNoise | None = QUIET,
    agreement: float | None = None,
    results: dict[str, TrainingResult] | None = None,
    **kinds: str,
) -> dict[str, PromotionDecision]:
    results = {id: at_rung(id, text) for id, text in kinds.items()} | (results or {})
    entrants = [id for id in results if id != "baseline"]
    settings = config or RaceConfig()
    return race(results, entrants, "baseline", "the baseline with seed 0", settings, RANK, 0, noise, agreement)


def promoted(promotions: dict[str, PromotionDecision]) -> str:
    return "".join(id for id, promotion in promotions.items() if promotion.promoted)


BEST, LEVEL, BEHIND, FAR = "c" * 80 + "w" * 20, "w" * 5 + "c" * 78 + "w" * 17, "c" * 50 + "w" * 50, "c" * 20 + "w" * 80


def test_who_is_clearly_behind_is_dropped_and_who_is_level_goes_on() -> None:
    assert promoted(decided(baseline=BEHIND, a=BEST, b=LEVEL, c=BEHIND, d=FAR)) == "ab"
    assert promoted(decided(baseline=BEHIND, a=BEST, b=LEVEL, c=LEVEL, d=BEST)) == "abcd"


@pytest.mark.parametrize(
    ("noise", "on"),
    [
        (SeedNoise(sd=0.02, df=2), "ab"),
        # Beyond the questions' noise alone: F1 0.667 and 0.333 against 0.889.
        (SeedNoise(sd=0.05, df=2), "abc"),
        (SeedNoise(sd=0.05, df=20), "ab"),
        (SeedNoise(sd=0.2, df=2), "abcd"),
        # The luck of each policy counts once; with few seeds more of what is left is then of unknown size.
        (SeedNoise(sd=0.04, df=2), "ab"),
        (SeedNoise(sd=0.04, df=2, luck=0.03), "abc"),
        (SeedNoise(sd=0.075, df=20), "abc"),
        (SeedNoise(sd=0.075, df=20, luck=0.03), "ab"),
        (None, "abcd"),
    ],
)
def test_a_distance_within_the_noise_between_seeds_drops_nobody(noise: SeedNoise | None, on: str) -> None:
    assert promoted(decided(noise=noise, baseline=BEHIND, a=BEST, b=LEVEL, c=BEHIND, d=FAR)) == on


def test_the_noise_of_a_race_is_that_of_the_baselines_seeds_with_their_luck() -> None:
    kinds = ("c" * 40 + "w" * 60, "w" * 20 + "c" * 44 + "w" * 36, "w" * 60 + "c" * 38 + "w" * 2)
    baselines = [at_rung("baseline", text).model_copy(update={"seed": seed}) for seed, text in enumerate(kinds)]
    found = baseline_noise(baselines, RANK, 0)
    alone = seed_noise([f1_accuracy(each.outcomes).f1 for each in baselines])
    assert found is not None and alone is not None
    assert (found.sd, found.df) == (pytest.approx(alone.sd), 2)
    # They answer other questions right: nearly all of what questions move is luck.
    assert found.luck == pytest.approx(0.06, abs=0.02) and alone.luck == 0
    assert baseline_noise(baselines[:1], RANK, 0) is None


def test_a_share_goes_on_however_far_behind_the_incumbent_it_is() -> None:
    assert promoted(decided(baseline=BEST, a=BEHIND, b=BEHIND, c=FAR, d=FAR)) == "ab"
    keeping = RaceConfig(min_promoted=0.75, max_promoted=1.0)
    assert promoted(decided(keeping, baseline=BEST, a=BEHIND, b=BEHIND, c=FAR, d=FAR)) == "abc"


def test_ranks_drop_only_where_they_are_known_to_hold_to_the_end() -> None:
    # Each loses two questions more than the one before, and wins one.
    kinds = {name: "w" * 2 * k + "c" * (80 - k) + "w" * (20 - k) for k, name in enumerate("abcdef")}
    assert promoted(decided(baseline=BEHIND, **kinds)) == "abcdef"
    promotions = decided(agreement=0.72, baseline=BEHIND, **kinds)
    assert promoted(promotions) == "abc"
    assert all(fact in promotions["d"].message for fact in ("tied", "0.870 vs 0.889", "3 of 6", "0.72"))
    assert promotions["a"].message == "continues after step 10: the best (F1 0.889)"
    assert promoted(decided(RaceConfig(max_promoted=1.0), agreement=0.72, baseline=BEHIND, **kinds)) == "abcdef"
    assert (
        promoted(decided(RaceConfig(min_promoted=0.5, max_promoted=0.67), agreement=0.72, baseline=BEHIND, **kinds))
        == "abcd"
    )


def pairs(at_rung_right: list[int], at_end_right: list[int]) -> list[tuple[TrainingResult, TrainingResult]]:
    kinds = [["c" * right + "w" * (100 - right) for right in each] for each in (at_rung_right, at_end_right)]
    return [(at_rung("a", early), at_rung("a", late)) for early, late in zip(*kinds, strict=True)]


@pytest.mark.parametrize(
    ("early", "late", "settings", "agreement"),
    [
        ([40, 41, 42, 43, 44, 45], [60, 62, 70, 75, 80, 90], {}, 1.0),
        ([40, 41, 42, 43, 44, 45], [60, 62, 75, 70, 90, 80], {}, 1 - 6 * 4 / 210),
        ([40, 41, 42, 43, 44, 45], [90, 80, 75, 70, 62, 60], {}, None),
        ([40, 41, 42, 43, 44, 45], [62, 60, 90, 80, 75, 70], {}, None),
        ([40, 41, 42, 43, 44, 45], [62, 60, 90, 80, 75, 70], {"min_correlation": 0.3}, 1 - 6 * 22 / 210),
        ([40, 41, 42, 43, 44], [60, 62, 70, 75, 80], {}, None),
        ([40, 41, 42, 43, 44], [60, 62, 70, 75, 80], {"min_candidates": 5}, 1.0),
        ([40] * 6, [60, 62, 70, 75, 80, 90], {}, None),
    ],
)
def test_a_rung_is_trusted_by_what_its_ranks_were_worth(
    early: list[int], late: list[int], settings: dict[str, float], agreement: float | None
) -> None:
    found = rank_agreement(pairs(early, late), RaceConfig(**settings))  # type: ignore[arg-type]
    assert found == (agreement if agreement is None else pytest.approx(agreement))


def test_of_equals_the_one_with_more_right_completions_in_training_goes_on_then_the_one_proposed_first() -> None:
    results = {id: at_rung(id, BEST) for id in ("z", "y", "x", "w")} | {"baseline": at_rung("baseline", BEHIND)}
    results["w"] = results["w"].model_copy(update={"curves": curves("steps", 10)})
    assert promoted(decided(agreement=0.8, results=results)) == "zw"


def test_what_is_told_has_the_step_both_scores_and_how_far_apart_they_are_at_least() -> None:
    promotions = decided(baseline=BEST, a=BEHIND, b=FAR, c=FAR)
    stopped, on = promotions["b"].message, promotions["a"].message
    assert all(fact in stopped for fact in ("stopped at step 10", "seed 0", "0.333 vs 0.889", "at least 0.4"))
    assert all(fact in on for fact in ("continues after step 10", "seed 0", "0.667 vs 0.889", "1 of 3"))


def test_a_run_that_the_watch_ended_does_not_go_on_even_as_the_best() -> None:
    ended = {"a": at_rung("a", BEST, stop_reason="no gradient for 10 steps")}
    promotions = decided(results=ended, baseline=BEHIND, b=LEVEL)
    assert promoted(promotions) == "b"
    assert promotions["a"].message.startswith("stopped at step 10: no gradient for 10 steps (F1 ")


def test_an_ended_run_does_not_hold_the_others_back() -> None:
    ended = {"a": at_rung("a", BEST, stop_reason="clipped")}
    assert promoted(decided(results=ended, baseline=BEHIND, b=BEHIND, c="w" * 10 + BEHIND[:90])) == "bc"
