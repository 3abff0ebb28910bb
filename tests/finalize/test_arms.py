import pytest
from searched import BASE, Searched, right, setup

from rewardsearch.errors import UserError
from rewardsearch.finalize.arms import FinalArms, choose_arms
from rewardsearch.records import BASELINE, POLICY, FinalArm

EVERYTHING = {
    "finalists": 3,
    "ensembles": [
        "top3",
        "top5",
        "top7",
        "top10",
        "top5-longer",
        "round-best",
        "correctness",
        "weighted",
        "normalised",
        "cover",
    ],
    "controls": ["random-k", "random-reward", "format-only", "a-a", "average"],
    "random_k": 5,
    "random_draws": 3,
}


def twelve() -> Searched:
    searched = Searched(baseline="w" * 20)
    for i in range(12):
        searched.add(
            f"c{i:02}", "w" * i + "c" * (8 - i // 3) + "w" * (12 - i + i // 3), round=1 + i // 4, r=0.1 + i / 20
        )
    return searched


def final_arms(searched: Searched, **finalize: object) -> FinalArms:
    return choose_arms(searched.pool, BASE, setup(**finalize))


def arm(found: FinalArms, id: str) -> FinalArm:
    return next(arm for arm in found.arms if arm.id == id)


def test_everything_that_can_be_asked_for_is_put_together() -> None:
    found = final_arms(twelve(), **EVERYTHING)
    assert [arm.kind for arm in found.arms].count("single") == 3
    asked = {f"ensemble-{name}" for name in EVERYTHING["ensembles"]}  # type: ignore[attr-defined]
    asked |= {"random-5-a", "random-5-b", "random-5-c", "random-reward", "format-only", "a-a", "average"}
    asked |= {BASELINE, POLICY}
    assert asked - {arm.id for arm in found.arms} == set(found.same)
    assert found.notes == ()
    assert found.arms[-1].id == POLICY and found.arms[-1].rewards == ()


def test_an_arm_trains_on_the_base_rewards_and_its_members_at_their_weights() -> None:
    searched = Searched().add("a", right(18)).add("b", right(16))
    found = final_arms(searched, ensembles=["top2"], finalists=1, controls=[])
    ensemble, single = arm(found, "ensemble-top2"), arm(found, searched.id("a"))
    assert [(spec.name, spec.weight) for spec in ensemble.rewards] == [
        ("format_exact", 1),
        ("answer", 1),
        ("a", 0.5),
        ("b", 0.5),
    ]
    assert [(spec.name, spec.weight) for spec in single.rewards][2:] == [("a", 1)]
    assert ensemble.how == "the best 2 by F1 on val: a, b"
    assert single.how == "number 1 of the search by F1 on val"


def test_longer_and_normalised_are_trained_so() -> None:
    found = final_arms(twelve(), ensembles=["top5-longer", "normalised"], longer=1.5)
    assert arm(found, "ensemble-top5-longer").steps == 60
    assert arm(found, "ensemble-normalised").aggregation == "normalize_then_sum"
    assert {each.steps for each in found.trained if each.id != "ensemble-top5-longer"} == {40}


def test_controls_train_on_what_their_names_say() -> None:
    found = final_arms(twelve(), **EVERYTHING)
    assert [spec.name for spec in arm(found, "format-only").rewards] == ["format_exact"]
    assert [spec.name for spec in arm(found, "random-reward").rewards] == ["random_reward"]
    assert [spec.name for spec in arm(found, BASELINE).rewards] == ["format_exact", "answer"]
    drawn = arm(found, "random-5-a")
    assert len(drawn.members) == 5 and {spec.weight for spec in drawn.rewards[2:]} == {0.2}


def test_a_a_is_the_baseline_with_seeds_of_its_own() -> None:
    found = final_arms(twelve(), controls=["a-a"], seeds=2)
    again, baseline = arm(found, "a-a"), arm(found, BASELINE)
    assert (again.kind, again.rewards, again.steps) == ("control", baseline.rewards, baseline.steps)
    # The search trains the baseline with seeds 0, 1 and 2.
    assert (again.seeds, baseline.seeds) == ((3, 4), (1, 2)) and "3, 4" in again.how
    assert {each.seeds for each in found.trained if each.id != "a-a"} == {(1, 2)}
    assert arm(found, POLICY).seeds == () and "a-a" not in found.same


def test_the_average_is_of_all_accepted_candidates_also_of_those_that_the_race_stopped() -> None:
    searched = Searched().add("a", right(18)).add("b", right(3), flags=["watch:hacking"]).add("c", "", stopped=True)
    found = arm(final_arms(searched, controls=["average"]), "average")
    assert sorted(searched.names(found.members)) == ["a", "b", "c"]
    assert [spec.weight for spec in found.rewards] == [1, 1, *[1 / 3] * 3]


def test_an_average_of_the_members_of_another_arm_is_that_arm() -> None:
    searched = Searched().add("a", right(18)).add("b", right(16))
    assert final_arms(searched, controls=["average"]).same == {"average": "ensemble-top3"}
    assert final_arms(searched, ensembles=[], controls=["average", "random-k"], random_k=2).same == {
        "random-2": "average"
    }
    alone = Searched().add("a", right(18))
    assert final_arms(alone, controls=["average"], ensembles=[]).same == {"average": alone.id("a")}


def test_without_an_accepted_candidate_there_is_no_average() -> None:
    found = final_arms(Searched(), ensembles=[], controls=["average"])
    assert [each.id for each in found.arms] == [BASELINE, POLICY] and "average" in found.notes[0]


def test_what_is_trained_alike_is_one_arm_under_its_first_name() -> None:
    searched = Searched().add("a", right(18)).add("b", right(16))
    found = final_arms(
        searched, ensembles=["top3", "top5", "normalised"], finalists=0, controls=["random-k"], random_k=2
    )
    assert [each.id for each in found.trained] == [BASELINE, "ensemble-top3", "ensemble-normalised"]
    assert found.same == {"ensemble-top5": "ensemble-top3", "random-2": "ensemble-top3"}
    assert "random-k: 2 accepted candidates, too few" in found.notes[0]
    assert "; ensemble-top5 is the same; random-2 is the same" in arm(found, "ensemble-top3").how


def test_an_ensemble_of_one_is_that_candidate() -> None:
    searched = Searched().add("a", right(18)).add("b", right(4))
    assert final_arms(searched, finalists=1, controls=[]).same == {"ensemble-top3": searched.id("a")}


def test_uneven_weights_are_told() -> None:
    searched = Searched().add("a", right(18)).add("b", right(12))
    assert ": a 0.77, b 0.23" in arm(final_arms(searched, ensembles=["weighted"]), "ensemble-weighted").how


def test_a_finalist_is_not_one_that_was_hacked() -> None:
    searched = Searched().add("a", right(19), flags=["watch:hacking"]).add("b", right(12))
    singles = [each.id for each in final_arms(searched, finalists=2).arms if each.kind == "single"]
    assert singles == [searched.id("b")]


def test_what_cannot_be_put_together_is_noted() -> None:
    found = final_arms(Searched().add("a", right(12)), ensembles=["correctness"], random_k=3, finalists=1)
    ensemble, draws = found.notes
    assert "ensemble-correctness" in ensemble and "random-k" in draws and "1 accepted candidate," in draws


def test_format_only_without_a_reward_for_form_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="format-only"):
        choose_arms(twelve().pool, BASE[1:], setup(controls=["format-only"]))
