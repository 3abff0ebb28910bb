"""Scores of a task with five classes, held against counting and against resampling question by question."""

import numpy as np
import pytest
from five_classes import FIVE, counted, drawn_letters, of_five
from sklearn.metrics import confusion_matrix, f1_score

from rewardsearch.records import Outcome
from rewardsearch.stats import Bootstrap, f1_accuracy, fairness


@pytest.mark.parametrize("seed", range(5))
def test_metrics_and_class_scores_are_those_of_counting(seed: int) -> None:
    gold, answers = drawn_letters(seed)
    expected = counted(gold, answers)
    means = np.mean(list(expected.values()), axis=0)
    macro, positive = (f1_accuracy(of_five(gold, answers, positive)) for positive in (False, True))
    assert (macro.precision, macro.recall, macro.f1) == pytest.approx(means)
    assert (positive.precision, positive.recall, positive.f1) == pytest.approx(expected["joy"])
    assert macro.macro_f1 == positive.macro_f1 == macro.f1
    assert macro.accuracy == positive.accuracy == sum(map(str.__eq__, gold, answers)) / 200
    assert macro.parse_rate == (200 - answers.count("-")) / 200
    found = Bootstrap({"a": of_five(gold, answers)}, resamples=20, seed=0).class_scores("a")
    assert found is not None and found.positive is None and tuple(found.classes) == FIVE
    for name, row in found.classes.items():
        assert (row.precision.value, row.recall.value, row.f1.value) == pytest.approx(expected[name])
    labels = [name[0] for name in FIVE]
    assert found.macro_f1.value == pytest.approx(
        f1_score(list(gold), list(answers), labels=labels, average="macro", zero_division=0)
    )
    matrix = confusion_matrix(list(gold), list(answers), labels=[*labels, "-"])
    assert [list(row.values()) for row in found.confusion.values()] == matrix[:5].tolist()
    assert all(list(row) == [*FIVE, "unparsed"] for row in found.confusion.values())


@pytest.mark.parametrize("positive", [False, True])
def test_intervals_are_those_of_resampling_question_by_question(positive: bool) -> None:
    arms = {}
    gold, arms["a"] = drawn_letters(0, n=40)
    arms["b"] = drawn_letters(0, n=40, right=0.8)[1]
    outcomes = {arm: of_five(gold, answers, positive) for arm, answers in arms.items()}
    bootstrap = Bootstrap(outcomes, resamples=200, seed=3)
    order = sorted(range(40), key=lambda place: f"q{place}")
    drawn = np.random.default_rng(3).integers(0, 40, size=(200, 40))
    direct = {arm: [metrics_of(each, [order[i] for i in row]) for row in drawn] for arm, each in outcomes.items()}
    for arm, values in direct.items():
        sample = bootstrap.sample(arm)
        for place, metric in enumerate(("f1", "accuracy", "macro_f1")):
            assert sample.drawn[metric] == pytest.approx([each[place] for each in values], abs=1e-12)  # type: ignore[index]
    low, high = np.quantile([a[0] - b[0] for a, b in zip(direct["a"], direct["b"], strict=True)], [0.025, 0.975])
    assert (bootstrap.sample("a") - bootstrap.sample("b")).estimate.f1_ci == pytest.approx((low, high))


def metrics_of(outcomes: tuple[Outcome, ...], places: list[int]) -> tuple[float, float, float]:
    found = f1_accuracy(outcomes[place].model_copy(update={"id": str(copy)}) for copy, place in enumerate(places))
    assert found.macro_f1 is not None
    return found.f1, found.accuracy, found.macro_f1


def test_an_unparsed_completion_is_an_answer_of_no_class() -> None:
    found = Bootstrap({"a": of_five("jjaa", "j-a-")}, resamples=5, seed=0).class_scores("a")
    assert found is not None
    assert (found.classes["joy"].precision.value, found.classes["joy"].recall.value) == (1, 0.5)
    assert found.classes["fear"].precision.value == 0


def test_people_are_compared_by_the_positive_class_alone() -> None:
    gold, answers = "jajf" * 30, "jjaa" * 30
    groups = {f"q{place}": {"name": "xy"[place % 2]} for place in range(120)}
    assert fairness("a", [of_five(gold, answers)], groups, seed=0) is None
    found = fairness("a", [of_five(gold, answers, positive=True)], groups, seed=0, permutations=50)
    assert found is not None
    # x is asked joy and joy, and answered joy and anger; y is asked anger and fear, and answered joy and anger.
    assert [(each.group, each.rate, each.gold_rate) for each in found.groups] == [("x", 0.5, 1.0), ("y", 0.5, 0.0)]


def test_twenty_classes_have_scores_and_a_confusion_matrix() -> None:
    names = tuple(f"class{number}" for number in range(20))
    golds = [names[place % 20] for place in range(400)]
    arms = {
        str(arm): tuple(
            Outcome(
                id=f"q{i}",
                kind="wrong" if said != gold else "correct",
                gold=gold,
                prediction=said,
                length=1,
                classes=names,
            )
            for i, gold in enumerate(golds)
            for said in (names[(i * (arm + 1)) % 20],)
        )
        for arm in range(3)
    }
    bootstrap = Bootstrap(arms, resamples=500, seed=0)
    scores = bootstrap.class_scores("0")
    assert scores is not None and scores.macro_f1.value == 1.0 and len(scores.confusion) == 20
