"""Who goes on from a rung: figures made so that a person can say who should."""

from fakes import outcomes

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.rank import race
from rewardsearch.records import Fate, ScreenResult

RANK = RankConfig(resamples=500)


def at_rung(id: str, kinds: str, ended: str | None = None) -> ScreenResult:
    return ScreenResult(id=id, rung="rung1", seed=0, steps=10, status="done", outcomes=outcomes(kinds), ended=ended)


def decided(config: RaceConfig | None = None, **kinds: str) -> dict[str, Fate]:
    results = {id: at_rung(id, text) for id, text in kinds.items()}
    entrants = [id for id in results if id != "baseline"]
    return race(results, entrants, "baseline", {}, config or RaceConfig(), RANK, 0)


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
    assert fates["d"].told.endswith("; level with the best, but 3 of 6 go on at most")
    assert all(fate.promoted for fate in decided(RaceConfig(most=1.0), baseline=BEHIND, **kinds).values())


def test_what_is_told_names_the_best_and_the_interval() -> None:
    fate = decided(baseline=BEST, a=BEHIND, b=FAR, c=FAR)["b"]
    assert not fate.promoted
    assert fate.told.startswith("F1 0.333 against 0.889 of baseline, difference [-0.6")
    assert fate.told.endswith("after 10 steps on 100 questions")


def test_a_run_that_the_watch_ended_does_not_go_on_even_as_the_best() -> None:
    results = {
        "baseline": at_rung("baseline", BEHIND),
        "a": at_rung("a", BEST, ended="no gradient for 10 steps"),
        "b": at_rung("b", LEVEL),
    }
    fates = race(results, ["a", "b"], "baseline", {}, RaceConfig(), RANK, 0)
    assert [fates["a"].promoted, fates["b"].promoted] == [False, True]
    assert fates["a"].told.startswith("no gradient for 10 steps; F1 ")


def test_an_ended_run_does_not_hold_the_others_back() -> None:
    results = {
        "baseline": at_rung("baseline", BEHIND),
        "a": at_rung("a", BEST, ended="clipped"),
        "b": at_rung("b", BEHIND),
        "c": at_rung("c", "w" * 10 + BEHIND[:90]),
    }
    assert race(results, ["a", "b", "c"], "baseline", {}, RaceConfig(most=1.0), RANK, 0)["c"].promoted
