from dataclasses import replace

import pytest
from fakes import candidate, screened
from searched import Searched, right, settings

from rewardsearch.config import RankConfig
from rewardsearch.finalize.ensembles import Recipe, build
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE


@pytest.fixture
def found() -> Searched:
    """Five above the baseline's 10 of 20, one below, over three rounds."""
    searched = Searched()
    for name, n, round in (("a", 18, 1), ("b", 16, 1), ("c", 15, 2), ("d", 14, 2), ("e", 11, 3), ("f", 5, 3)):
        searched.add(name, right(n), round=round)
    return searched


def built(searched: Searched, name: str) -> Recipe:
    recipe = build(name, searched.pool, settings().finalize)
    assert recipe is not None and sum(recipe.weights.values()) == pytest.approx(1)
    return recipe


def test_top_k_takes_the_best_on_val_alike(found: Searched) -> None:
    recipe = built(found, "top3")
    assert found.names(recipe.weights) == ["a", "b", "c"]
    assert set(recipe.weights.values()) == {1 / 3}
    assert recipe.how == "the best 3 by F1 on val"


def test_top_k_takes_nobody_who_is_clearly_below_the_baseline_and_says_so(found: Searched) -> None:
    recipe = built(found.add("level", right(9)), "top7")
    assert found.names(recipe.weights) == ["a", "b", "c", "d", "e", "level"]
    assert "clearly below the baseline" in recipe.how
    assert "clearly" not in built(found, "top6").how
    assert found.names(built(found, "weighted").weights) == ["a", "b", "c", "d", "e"]


def test_a_lucky_seed_of_the_baseline_keeps_nobody_out() -> None:
    """The first seed gave 0.978, the others 0.768 and 0.720; the mean is 0.822."""
    searched = Searched()
    arms = {"a": 0.964, "b": 0.963, "c": 0.957, BASELINE: 0.978}
    kinds = {name: right_share(f1) for name, f1 in arms.items()}
    known = {name: candidate(name, f"{place}.0") for place, name in enumerate("abc")}
    ranking = rank(
        task="arithmetic",
        results={(known[name].id if name in known else name): screened(name, text) for name, text in kinds.items()},
        candidates={each.id: each for each in known.values()},
        verdicts={},
        config=RankConfig(resamples=200),
        seed=3,
        baselines=[screened(BASELINE, right_share(f1), seed=seed) for seed, f1 in ((3, 0.978), (4, 0.768), (5, 0.720))],
    )
    pool = replace(searched.pool, ranking=ranking, candidates={each.id: each for each in known.values()})
    recipe = build("top3", pool, settings().finalize)
    assert recipe is not None and [pool.candidates[id].name for id in recipe.weights] == ["a", "b", "c"]
    assert pool.baseline == pytest.approx((0.978 + 0.768 + 0.720) / 3, abs=2e-3)


def right_share(f1: float, n: int = 500) -> str:
    """Outcomes of `n` questions with that F1."""
    correct = round(n * f1 / (2 - f1))
    return "c" * correct + "w" * (n - correct)


@pytest.mark.parametrize("name", ["top3", "top5-longer", "weighted", "normalised", "cover"])
def test_where_all_are_clearly_below_the_baseline_the_best_one_stands_alone(name: str) -> None:
    searched = Searched(baseline=right(19)).add("a", right(12)).add("b", right(9))
    recipe = built(searched, name)
    assert searched.names(recipe.weights) == ["a"]


@pytest.mark.parametrize(
    "name", ["top3", "top5-longer", "round-best", "correctness", "weighted", "normalised", "cover"]
)
def test_without_a_screened_candidate_there_is_no_ensemble(name: str) -> None:
    assert build(name, Searched().add("a", "", stopped=True).pool, settings().finalize) is None


@pytest.mark.parametrize(
    "flag", ["watch:hacking", "watch:length", "watch:collapse", "bank:length", "trigger:line-3", "leak:answer"]
)
def test_who_was_seen_to_be_hacked_is_no_member_while_there_are_others(flag: str) -> None:
    searched = Searched().add("a", right(19), flags=[flag]).add("b", right(12), flags=["exploit:empty"])
    assert searched.names(built(searched, "top3").weights) == ["b"]


@pytest.mark.parametrize("flag", ["bank:no-signal", "bank:form", "exploit:near-number"])
def test_a_flag_that_warns_bars_no_member(flag: str) -> None:
    searched = Searched().add("a", right(19), flags=[flag]).add("b", right(12))
    assert searched.names(built(searched, "top3").weights) == ["a", "b"]


def test_where_everyone_is_flagged_the_flagged_are_taken() -> None:
    searched = Searched().add("a", right(19), flags=["watch:hacking"])
    assert searched.names(built(searched, "top3").weights) == ["a"]


def test_longer_is_the_top_five_for_more_screens(found: Searched) -> None:
    recipe = built(found, "top5-longer")
    assert (found.names(recipe.weights), recipe.longer) == (["a", "b", "c", "d", "e"], 2.0)


def test_the_best_of_each_round_may_be_below_the_baseline() -> None:
    searched = Searched().add("a", right(18)).add("b", right(17)).add("c", right(6), round=2)
    assert searched.names(built(searched, "round-best").weights) == ["a", "c"]


def test_correctness_goes_by_the_bank_and_at_most_five() -> None:
    searched = Searched()
    for name, auc in (("a", 0.69), ("b", 0.71), ("c", 0.99), ("d", 0.75), ("e", 0.8), ("f", 0.95), ("g", 0.72)):
        searched.add(name, right(12), auc=auc, r=1.0)
    recipe = built(searched, "correctness")
    assert searched.names(recipe.weights) == ["c", "f", "e", "d", "g"]
    assert "AUC 0.99 to 0.72" in recipe.how


def test_correctness_goes_by_training_where_no_reward_follows_it_on_the_bank() -> None:
    searched = Searched().add("a", right(12), auc=0.69, r=0.1).add("b", right(11), r=0.6)
    searched.add("c", right(13), r=-0.2).add("d", right(13))
    recipe = built(searched, "correctness")
    assert searched.names(recipe.weights) == ["b", "a"]
    assert "correlation 0.60 to 0.10" in recipe.how


def test_weights_are_the_gains_over_the_baseline(found: Searched) -> None:
    recipe = built(found, "weighted")
    gain = {name: found.f1(found.id(name)) - 2 * 10 / 30 for name in "ae"}
    ratio = recipe.weights[found.id("a")] / recipe.weights[found.id("e")]
    assert ratio == pytest.approx(gain["a"] / gain["e"])
    assert found.names(recipe.weights) == ["a", "b", "c", "d", "e"]


def test_normalised_takes_three_and_another_aggregation(found: Searched) -> None:
    recipe = built(found, "normalised")
    assert (found.names(recipe.weights), recipe.aggregation) == (["a", "b", "c"], "normalize_then_sum")


def test_the_cover_takes_who_adds_questions_and_stops_when_none_does() -> None:
    searched = Searched(baseline="c" * 2 + "w" * 18)
    searched.add("most", "c" * 12 + "w" * 8).add("same", "c" * 11 + "w" * 9)
    searched.add("other", "w" * 12 + "c" * 6 + "w" * 2).add("some", "w" * 12 + "c" * 5 + "w" * 3)
    recipe = built(searched, "cover")
    assert searched.names(recipe.weights) == ["most", "other"]
    assert "18 of 20" in recipe.how


def test_the_cover_has_five_members_at_most() -> None:
    searched = Searched(baseline="w" * 20)
    for i in range(8):
        searched.add(f"only-{i}", "w" * i + "c" + "w" * (19 - i))
    assert len(built(searched, "cover").weights) == 5
