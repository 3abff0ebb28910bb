"""The sentences on what the leaderboard has shown: their numbers, and when there is nothing to say."""

import re
from collections.abc import Mapping, Sequence

import pytest
from fakes import candidate, screened
from shown import shown

from rewardsearch.records import BASELINE, Candidate, Operator, Stage, TrainingResult, Verdict
from rewardsearch.records.feedback import Feedback
from rewardsearch.rewards.base import spec_of
from rewardsearch.train.worker.observe import label_of

N = 40


def right(first: int, last: int) -> str:
    """N questions of which those from `first` up to `last` are answered right."""
    return "".join("c" if first <= i < last else "w" for i in range(N))


def f1(correct: int) -> float:
    return 2 * correct / (N + correct)


def made(name: str, round: int = 1, operator: Operator = "fresh", of: Sequence[Candidate] = ()) -> Candidate:
    found = candidate(name, value=repr(name), round=round, parents=[parent.id for parent in of])
    return found.model_copy(update={"operator": operator})


A, B, C = made("alpha"), made("beta"), made("gamma", round=2)
D = made("delta", round=2, operator="mutate", of=[A])
SCREENS = {BASELINE: right(0, 20), A.id: right(0, 32), B.id: right(0, 16), C.id: right(0, 22), D.id: right(0, 24)}


def told(
    screens: Mapping[str, str],
    *candidates: Candidate,
    correlations: Mapping[str, Mapping[str, float | None]] | None = None,
    any_form: Mapping[str, Mapping[str, float | None]] | None = None,
    flags: Mapping[str, Sequence[str]] | None = None,
    refused: Mapping[str, Stage] | None = None,
    failed: Sequence[Candidate] = (),
    round: int = 1,
    confidence: float = 0.95,
    seeds: int = 2,
) -> Feedback:
    """The feedback on these screens. seeds: of the baseline, all with the same answers. refused: stages by the name of a
    rejected candidate; flags: of validation, by id."""
    results: dict[str, TrainingResult] = {
        id: screened(
            id,
            kinds,
            correlations=(correlations or {}).get(id, {}),
            correlations_any_form=(any_form or {}).get(id, {}),
        )
        for id, kinds in screens.items()
    } | {c.id: screened(c.id, "", status="failed", reason="returned nan") for c in failed}
    rejected = {name: made(name) for name in refused or {}}
    verdicts = {id: Verdict(candidate=id, accepted=True, flags=tuple(found)) for id, found in (flags or {}).items()}
    verdicts |= {
        rejected[name].id: Verdict(candidate=rejected[name].id, accepted=False, stage=stage, reason="because")
        for name, stage in (refused or {}).items()
    }
    baselines = [results[BASELINE].model_copy(update={"seed": seed}) for seed in range(seeds)]
    known = [*candidates, *failed, *rejected.values()]
    return shown(known, results, verdicts, round=round, confidence=confidence, baselines=baselines)


def line(feedback: Feedback, start: str) -> str:
    found = [lesson for lesson in feedback.lessons if start in lesson]
    assert len(found) == 1, feedback.lessons
    return found[0]


def says(sentence: str, *parts: str) -> bool:
    """Whether a lesson has all these figures and names, in this order."""
    return re.search(".*".join(map(re.escape, parts)), sentence) is not None


def own(candidate: Candidate, **components: float | None) -> dict[str, float | None]:
    """Correlations under the labels that screening gives a candidate's components, beside those of base rewards."""
    label = label_of(spec_of(candidate))
    return {"answer": 0.99, "answer/exact": 0.98, label: 0.4} | {f"{label}/{k}": r for k, r in components.items()}


def test_before_any_candidate_there_is_no_lesson() -> None:
    assert told({BASELINE: right(0, 20)}, round=0).lessons == ()


def test_the_standing_counts_gains_those_beyond_chance_and_their_mean() -> None:
    feedback = told(SCREENS, A, B, C, D, round=2)
    mean = (f1(32) + f1(16) + f1(22) + f1(24)) / 4 - f1(20)
    assert says(
        feedback.lessons[0], "3 of 4", f"F1 {f1(20):.3f}", "2 seeds", "1 of them", "p < 0.05", f"{mean:+.3f} (n 4)"
    )
    sure = [e for e in feedback.evidence if e.row.p_adjusted is not None and e.row.p_adjusted < 0.05 and e.gain > 0]
    assert [e.candidate for e in sure] == [A]


def test_with_one_seed_nothing_is_called_beyond_chance() -> None:
    alone = told(SCREENS, A, B, C, D, round=2, seeds=1)
    assert "one seed" in alone.lessons[0] and "p <" not in alone.lessons[0]
    assert all(e.row.p_adjusted is None for e in alone.evidence)


def test_a_loss_beyond_chance_is_no_gain_beyond_chance() -> None:
    assert says(told({BASELINE: right(0, 30), A.id: right(0, 5)}, A).lessons[0], "0 of 1", "none of them")


def test_what_is_beyond_chance_follows_the_ranking_confidence() -> None:
    screens = {BASELINE: right(0, 20), A.id: right(0, 26)}
    assert says(told(screens, A, confidence=0.99).lessons[0], "none of them", "p < 0.01")
    assert says(told(screens, A).lessons[0], "1 of them", "p < 0.05")


def test_the_best_is_told_with_those_that_cannot_be_told_from_it_and_the_width_of_a_score() -> None:
    feedback = told(SCREENS, A, B, C, D, round=2)
    ties = [e for e in feedback.evidence if (e.row.p_vs_best or 0) >= 0.05]
    half = sum(high - low for low, high in (parent.f1_ci for parent in feedback.parents)) / 8
    assert (len(ties), half > 0.05) == (0, True)
    gain = f"{f1(32) - f1(20):+.3f}"
    assert says(line(feedback, "The best"), "alpha", gain, "best of 4", "Every other", "95 %", f"±{half:.3f}")
    near = told({BASELINE: right(0, 20), A.id: right(0, 32), B.id: right(0, 30), C.id: right(0, 31)}, A, B, C)
    assert "2 of the 2 others" in line(near, "The best")


def test_one_reward_alone_is_not_called_the_best() -> None:
    assert len(told({BASELINE: right(0, 20), A.id: right(0, 32)}, A, seeds=1).lessons) == 1


def test_rewards_made_from_trained_ones_are_held_against_their_better_parent() -> None:
    child = made("epsilon", round=2, operator="crossover", of=[B, A])
    screens = {**SCREENS, child.id: right(0, 34)}
    feedback = told(screens, A, B, C, D, child, round=2)
    mean = (f1(24) - f1(32) + f1(34) - f1(32)) / 2
    changes = ("1 of 2", f"mean {mean:+.3f}, n 2", "p < 0.05", f"delta {f1(24) - f1(32):+.3f} over alpha")
    assert says(line(feedback, "better parent"), *changes)


def test_changes_within_chance_are_told_as_none() -> None:
    feedback = told({BASELINE: right(0, 20), A.id: right(0, 23), D.id: right(0, 24)}, A, D, round=2)
    assert line(feedback, "better parent").endswith("(p < 0.05): none.")


def test_a_mended_reward_has_no_trained_parent_to_be_held_against() -> None:
    mended = made("mended", operator="repair", of=[made("refused")])
    feedback = told({BASELINE: right(0, 20), A.id: right(0, 23), mended.id: right(0, 24)}, A, mended)
    assert not any("parent" in lesson for lesson in feedback.lessons)


def test_components_are_told_by_the_mean_gain_of_the_rewards_that_have_them_beside_both_correlations() -> None:
    correlations = {
        A.id: own(A, steps=0.5, form=0.3),
        D.id: own(D, steps=0.7, tags=-0.1),
        B.id: own(B, words=None),
    }
    any_form = {A.id: own(A, steps=0.2, form=0.9), D.id: own(D, steps=0.4, tags=0.6)}
    feedback = told(SCREENS, A, B, C, D, correlations=correlations, any_form=any_form, round=2)
    gain = {name: f1(right) - f1(20) for name, right in (("a", 32), ("b", 16), ("d", 24))}
    assert line(feedback, "Components").split(": ", 1)[1] == (
        f"form {gain['a']:+.3f} (n 1, r +0.30; +0.90); steps {(gain['a'] + gain['d']) / 2:+.3f} (n 2, r +0.60; +0.30); "
        f"tags {gain['d']:+.3f} (n 1, r -0.10; +0.60); words {gain['b']:+.3f} (n 1, without spread)."
    )


def test_without_the_other_correlation_one_is_told() -> None:
    feedback = told(SCREENS, A, B, C, D, correlations={A.id: own(A, steps=0.5)}, round=2)
    assert line(feedback, "Components").endswith(f"steps {f1(32) - f1(20):+.3f} (n 1, r +0.50).")


def test_no_more_than_four_components_of_each_end_are_told() -> None:
    many = {A.id: own(A, **{f"a{i}": 0.1 for i in range(6)}), B.id: own(B, **{f"b{i}": 0.1 for i in range(6)})}
    sentence = line(told(SCREENS, A, B, C, D, correlations=many, round=2), "Components")
    assert [f"a{i} " in sentence for i in range(6)] == [i < 4 for i in range(6)]
    assert [f"b{i} " in sentence for i in range(6)] == [i > 1 for i in range(6)]


def test_base_rewards_and_a_rewards_own_total_are_no_components() -> None:
    feedback = told(SCREENS, A, B, C, D, correlations={A.id: own(A)}, round=2)
    assert not any("Components" in lesson for lesson in feedback.lessons)


def test_components_under_a_label_of_another_reward_are_passed_over() -> None:
    feedback = told(SCREENS, A, B, C, D, correlations={A.id: own(B, steps=0.5)}, round=2)
    assert not any("Components" in lesson for lesson in feedback.lessons)


def test_a_training_in_which_nothing_correlates_says_nothing_of_its_components() -> None:
    none = dict.fromkeys(own(A, steps=None))
    feedback = told(SCREENS, A, B, C, D, correlations={A.id: none}, round=2)
    assert not any("Components" in lesson for lesson in feedback.lessons)


@pytest.mark.parametrize(("r", "warned"), [(0.97, True), (0.9, False)])
def test_a_component_that_is_all_but_the_check_of_the_answer_is_told_as_one(r: float, warned: bool) -> None:
    feedback = told(SCREENS, A, B, C, D, correlations={A.id: own(A, gold=r)}, round=2)
    assert ("only repeats the check" in line(feedback, "Components")) is warned


def test_rounds_are_told_by_their_mean_gain_once_there_are_two() -> None:
    first = (f1(32) + f1(16)) / 2 - f1(20)
    second = (f1(22) + f1(24)) / 2 - f1(20)
    feedback = told(SCREENS, A, B, C, D, round=2)
    assert f"round 1 {first:+.3f} (n 2), round 2 {second:+.3f} (n 2)." in line(feedback, "round 1")
    assert not any("by round" in lesson for lesson in told(SCREENS, A, B).lessons)


def test_only_the_last_six_rounds_are_told() -> None:
    rounds = [made(f"r{i}", round=i) for i in range(1, 9)]
    screens = {BASELINE: right(0, 20)} | {c.id: right(0, 20 + c.round) for c in rounds}
    sentence = line(told(screens, *rounds, round=8), "by round")
    assert [f"round {i} " in sentence for i in range(1, 9)] == [i > 2 for i in range(1, 9)]


def test_rounds_without_a_better_score_are_counted_from_the_second() -> None:
    assert not any("not risen" in lesson for lesson in told(SCREENS, A, B, C, D, round=2).lessons)
    assert line(told(SCREENS, A, B, C, D, round=4), "risen").endswith("3 rounds.")
    assert told(SCREENS, A, B, round=3).lessons[-1].endswith("risen for 2 rounds.")


def test_moves_are_told_by_their_mean_gain_once_there_are_two() -> None:
    fresh = (f1(32) + f1(16) + f1(22)) / 3 - f1(20)
    feedback = told(SCREENS, A, B, C, D, round=2)
    assert f"fresh {fresh:+.3f} (n 3), mutate {f1(24) - f1(20):+.3f} (n 1)." in line(feedback, "by operator")
    assert not any("by operator" in lesson for lesson in told(SCREENS, A, B, C, round=2).lessons)


def test_rewards_that_can_be_gamed_are_held_against_the_others_once_there_are_two_of_each() -> None:
    flags = {A.id: ["exploit:empty"], B.id: ["leak:answer", "trigger:line-3"]}
    gamed = (f1(32) + f1(16)) / 2 - f1(20)
    clean = (f1(22) + f1(24)) / 2 - f1(20)
    compared = line(told(SCREENS, A, B, C, D, flags=flags, round=2), "gaming")
    assert says(compared, f"{gamed:+.3f} (n 2)", "others", f"{clean:+.3f} (n 2)")
    assert not any("gaming" in each for each in told(SCREENS, A, B, C, flags=flags, round=2).lessons)


def test_flags_of_the_training_are_not_taken_for_gaming() -> None:
    flags = {A.id: ["2 failed reward calls"], B.id: ["2 failed reward calls"]}
    assert not any("gaming" in each for each in told(SCREENS, A, B, C, D, flags=flags, round=2).lessons)


def test_rewards_that_the_policy_gamed_in_training_count_as_gamed() -> None:
    flags = {A.id: ["watch:hacking"], B.id: ["exploit:empty"]}
    gamed = (f1(32) + f1(16)) / 2 - f1(20)
    assert f": {gamed:+.3f} (n 2)" in line(told(SCREENS, A, B, C, D, flags=flags, round=2), "gaming")
    other = {A.id: ["watch:length"], B.id: ["watch:dead"]}
    assert not any("gaming" in each for each in told(SCREENS, A, B, C, D, flags=other, round=2).lessons)


def test_refusals_are_counted_by_the_check_and_failures_beside_them() -> None:
    refused: dict[str, Stage] = {"one": "static", "two": "static", "three": "bank"}
    (alone,) = told({BASELINE: right(0, 20)}, refused=refused).lessons
    assert "1 bank, 2 static" in alone and "training." not in alone
    (both,) = told({BASELINE: right(0, 20)}, refused=refused, failed=[A]).lessons
    assert says(both, "1 bank, 2 static", "1 failed")
    (failures,) = told({BASELINE: right(0, 20)}, failed=[A, B]).lessons
    assert failures.startswith("2 rewards") and "failed" in failures


def test_whatever_there_is_to_say_takes_eight_sentences_at_most_and_none_is_long() -> None:
    flags = {A.id: ["exploit:empty"], B.id: ["leak:answer"]}
    correlations = {A.id: own(A, steps=0.99, form=0.3, a=0.1, b=0.2, c=0.0, d=-0.5, e=None)}
    refused: dict[str, Stage] = {"one": "static"}
    feedback = told(SCREENS, A, B, C, D, correlations=correlations, flags=flags, refused=refused, round=5, seeds=1)
    assert len(feedback.lessons) == 8
    assert all(len(lesson) < 520 and lesson.endswith(".") for lesson in feedback.lessons)
    assert all("\n" not in lesson for lesson in feedback.lessons)
