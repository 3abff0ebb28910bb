"""Who goes on from a rung: figures made so that a person can say who should."""

from fakes import curves, outcomes

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.rank import race
from rewardsearch.records import Fate, ScreenResult

RANK = RankConfig(resamples=500)


def at_rung(id: str, kinds: str, ended: str | None = None) -> ScreenResult:
    return ScreenResult(id=id, rung="rung1", seed=0, steps=10, status="done", outcomes=outcomes(kinds), ended=ended)


def decided(config: RaceConfig | None = None, **kinds: str) -> dict[str, Fate]:
    results = {id: at_rung(id, text) for id, text in kinds.items()}
    entrants = [id for id in results if id != "baseline"]
    return race(results, entrants, "baseline", "the baseline with seed 0", config or RaceConfig(), RANK, 0)


BEST, LEVEL, BEHIND, FAR = "c" * 80 + "w" * 20, "w" * 5 + "c" * 78 + "w" * 17, "c" * 50 + "w" * 50, "c" * 20 + "w" * 80


def test_who_is_clearly_behind_the_best_is_dropped_and_who_is_level_goes_on() -> None:
    fates = decided(baseline=BEHIND, a=BEST, b=LEVEL, c=BEHIND, d=FAR)
    assert {id: fate.promoted for id, fate in fates.items()} == {"a": True, "b": True, "c": False, "d": False}


def test_a_share_goes_on_however_far_behind_the_incumbent_it_is() -> None:
    fates = decided(baseline=BEST, a=BEHIND, b=BEHIND, c=FAR, d=FAR)
    assert [id for id, fate in fates.items() if fate.promoted] == ["a", "b"]
    fates = decided(RaceConfig(keep=0.75, most=1.0), baseline=BEST, a=BEHIND, b=BEHIND, c=FAR, d=FAR)
    assert [id for id, fate in fates.items() if fate.promoted] == ["a", "b", "c"]


def test_of_many_that_are_level_the_best_go_on_up_to_the_most() -> None:
    # Each loses two questions more than the one before, and wins one.
    kinds = {name: "w" * 2 * k + "c" * (80 - k) + "w" * (20 - k) for k, name in enumerate("abcdef")}
    fates = decided(baseline=BEHIND, **kinds)
    assert [id for id, fate in fates.items() if fate.promoted] == ["a", "b", "c"]
    assert fates["d"].told == "stopped at step 10: tied with the best (F1 0.870 vs 0.889), and at most 3 of 6 continue"
    assert fates["a"].told == "continues after step 10: the best (F1 0.889)"
    assert all(fate.promoted for fate in decided(RaceConfig(most=1.0), baseline=BEHIND, **kinds).values())


def test_of_equals_the_one_with_more_right_completions_in_training_goes_on_then_the_one_proposed_first() -> None:
    results = {id: at_rung(id, BEST) for id in ("z", "y", "x", "w")} | {"baseline": at_rung("baseline", BEHIND)}
    results["w"] = results["w"].model_copy(update={"curves": curves("steps", 10)})
    fates = race(results, ["z", "y", "x", "w"], "baseline", "the baseline", RaceConfig(), RANK, 0)
    assert [id for id, fate in fates.items() if fate.promoted] == ["z", "w"]


def test_what_is_told_has_the_step_both_scores_and_how_far_apart_they_are_at_least() -> None:
    fates = decided(baseline=BEST, a=BEHIND, b=FAR, c=FAR)
    assert fates["b"].told.startswith(
        "stopped at step 10: behind the baseline with seed 0 (F1 0.333 vs 0.889, at least 0.4"
    )
    assert fates["a"].told.startswith("continues after step 10: behind the baseline with seed 0 (F1 0.667 vs 0.889")
    assert fates["a"].told.endswith(", and at least 1 of 3 continue")


def test_a_run_that_the_watch_ended_does_not_go_on_even_as_the_best() -> None:
    results = {
        "baseline": at_rung("baseline", BEHIND),
        "a": at_rung("a", BEST, ended="no gradient for 10 steps"),
        "b": at_rung("b", LEVEL),
    }
    fates = race(results, ["a", "b"], "baseline", "the baseline", RaceConfig(), RANK, 0)
    assert [fates["a"].promoted, fates["b"].promoted] == [False, True]
    assert fates["a"].told.startswith("stopped at step 10: no gradient for 10 steps (F1 ")


def test_an_ended_run_does_not_hold_the_others_back() -> None:
    results = {
        "baseline": at_rung("baseline", BEHIND),
        "a": at_rung("a", BEST, ended="clipped"),
        "b": at_rung("b", BEHIND),
        "c": at_rung("c", "w" * 10 + BEHIND[:90]),
    }
    assert race(results, ["a", "b", "c"], "baseline", "the baseline", RaceConfig(most=1.0), RANK, 0)["c"].promoted
