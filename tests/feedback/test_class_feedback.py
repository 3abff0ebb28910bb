"""What the feedback of a class task says: scores of the positive class, what is answered how often, one answer for everything."""

from __future__ import annotations

import pytest
from class_request import ANSWERED, CLASSES, GENTLE, GOLD, HARSH, feedback_of_classes, outcomes
from fakes import candidate
from shown import feedback

from rewardsearch.feedback.answers import MIN_LEAN, lean
from rewardsearch.records import BASELINE, POLICY, ClassScores
from rewardsearch.stats import Bootstrap


def scores(answered: str, gold: str) -> ClassScores:
    found = Bootstrap({"arm": outcomes(answered, gold)}, resamples=50, seed=0).class_scores("arm")
    assert found is not None
    return found


def test_scores_are_told_with_precision_recall_and_macro_f1() -> None:
    text = feedback_of_classes().text
    assert "of SELECTED (precision 1.000, recall 0.900), macro F1 0.950 [" in text
    assert "F1 is that of SELECTED, macro F1 the mean of both classes'" in text
    assert "2a / (1 + a)" not in text


def test_the_shares_of_the_answers_and_the_confusion_are_told() -> None:
    told = feedback_of_classes()
    assert told.classes == CLASSES
    assert told.policy is not None and told.policy.answers == (
        "SELECTED in 48 % (should be 50 %), REJECTED in 48 % (should be 50 %), neither in 5 %; "
        "of 20 SELECTED 14 right and 5 answered REJECTED; of 20 REJECTED 14 right and 5 answered SELECTED"
    )
    assert f"answers {told.policy.answers}" in told.text
    assert [each.answers in told.text for each in told.evidence] == [True, True]


def test_the_shares_of_the_answers_in_training_are_told_with_what_they_were_paid() -> None:
    told = feedback_of_classes()
    (line,) = {
        each
        for e in told.evidence
        if e.candidate == HARSH and e.training
        for each in e.training.answers
        if "SELECTED" in each
    }
    assert line == (
        "SELECTED (share that should be 0.50): 0.50 0.45 0.40 0.35 0.30 0.25 0.20 0.15 0.10 0.05; paid 2 2 2 2 2 2 2 2 2 2"
    )
    assert line in told.text


def test_a_policy_that_answers_one_class_clearly_too_often_is_told_so() -> None:
    told = feedback_of_classes()
    assert {e.candidate: e.lean for e in told.evidence} == {
        GENTLE: "",
        HARSH: "answers REJECTED in 95 % where 50 % should be",
    }
    assert "; answers REJECTED in 95 % where 50 % should be; flags: bank:collapse" in told.text


@pytest.mark.parametrize(
    ("answered", "gold", "leans"),
    [
        ("R" * 40, "SR" * 20, True),
        ("S" * 40, "SR" * 20, True),
        ("RS" * 20, "SR" * 20, False),  # all wrong, and as many of each
        ("u" * 40, "SR" * 20, False),
        ("R" * 40, "R" * 37 + "SSS", False),  # less than MIN_LEAN off
        ("RRRR" + "SR" * 3, "RRSS" + "SR" * 3, False),  # two of ten questions are within chance
    ],
)
def test_a_lean_is_more_than_chance_and_more_than_the_share_that_gold_has(
    answered: str, gold: str, leans: bool
) -> None:
    found = lean(scores(answered, gold))
    assert (found is not None) is leans
    assert found is None or found[0] >= MIN_LEAN


def test_rewards_that_favour_one_answer_are_held_against_the_others() -> None:
    told = feedback_of_classes()
    gain = {parent.candidate: parent.gain for parent in told.parents}
    figures = (
        "1 trained reward favoured",
        f"{gain[HARSH]:+.3f} (n 1)",
        f"{gain[GENTLE]:+.3f} (n 1)",
        "harsh answers REJECTED",
    )
    places = [told.lessons[-1].find(part) for part in figures]
    assert -1 not in places and places == sorted(places)


def test_a_reward_that_is_flagged_for_one_answer_counts_though_its_policy_does_not_lean() -> None:
    told = feedback_of_classes(flags={GENTLE.id: ("bank:collapse",)})
    assert "2 trained rewards favoured" in told.lessons[-1]
    assert "gentle bank:collapse" in told.lessons[-1]


def test_at_most_three_that_favour_one_answer_are_named_the_worst_first() -> None:
    made = [candidate(f"harsh{i}", f"{i}.5") for i in range(5)]
    answered = {c.id: "SR" * i + "RR" * (20 - i) for i, c in enumerate(made)}
    told = feedback_of_classes({POLICY: GOLD, BASELINE: GOLD, **answered}, made, {})
    assert [f"harsh{i} answers" in told.lessons[-1] for i in range(5)] == [True, True, True, False, False]
    assert "the others" not in told.lessons[-1] and len(told.lessons[-1]) < 330


def test_where_nothing_favours_one_answer_nothing_is_said_of_it() -> None:
    told = feedback_of_classes({arm: ANSWERED[arm] for arm in (BASELINE, GENTLE.id)}, [GENTLE], {})
    assert not any("favoured" in lesson for lesson in told.lessons)


def test_the_flags_of_one_answer_are_explained() -> None:
    told = feedback_of_classes()
    assert told.flag_kinds == ("bank:collapse", "watch:collapse", "watch:class_avoidance")
    explained = [line.split(": ")[0] for line in told.text.split("What the flags mean")[1].splitlines()]
    assert [line for line in explained if line.startswith("- ")] == [f"- {kind}" for kind in told.flag_kinds]


def test_exploits_are_explained_as_those_of_classes() -> None:
    text = feedback_of_classes(flags={GENTLE.id: ("exploit:both-classes",)}).text
    assert "both classes in the tag" in text and "every number listed" not in text


def test_a_task_without_classes_is_told_nothing_of_them() -> None:
    told = feedback()
    assert told.classes is None
    assert [(e.answers, e.lean) for e in told.evidence] == [("", "")] * len(told.evidence)
    assert "macro F1" not in told.text and "its policy answers" not in told.text
