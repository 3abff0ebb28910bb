"""Scores of tasks with classes, held against scikit-learn's and against resampling question by question."""

import numpy as np
import pytest
from classed import NAMES, classed
from fakes import outcomes
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from rewardsearch.records import ClassScores, Outcome
from rewardsearch.stats import Bootstrap, Metrics, Sample, f1_accuracy

CLASSES = ["SELECTED", "REJECTED"]


def drawn_answers(seed: int) -> tuple[list[str], list[str]]:
    """Gold and answers of up to 300 questions, from sure to hopeless, with anything from none to all of one kind."""
    rng = np.random.default_rng(seed)
    n, positive, right, unparsed = int(rng.integers(1, 300)), rng.beta(0.7, 0.7), rng.random(), rng.beta(0.3, 1)
    gold = np.where(rng.random(n) < positive, "S", "R")
    answers = np.where(rng.random(n) < right, gold, np.where(gold == "S", "R", "S"))
    return gold.tolist(), np.where(rng.random(n) < unparsed, "-", answers).tolist()


def as_classes(gold: list[str], answers: list[str]) -> tuple[list[str], list[str]]:
    """As scikit-learn takes them, the unparsed being the wrong class."""
    wrong = {"S": "R", "R": "S"}
    taken = [wrong[g] if a == "-" else a for g, a in zip(gold, answers, strict=True)]
    return [str(NAMES[g]) for g in gold], [str(NAMES[a]) for a in taken]


def scores(bootstrap: Bootstrap[str], *arms: str) -> ClassScores:
    found = bootstrap.class_scores(*arms)
    assert found is not None
    return found


def macro_of(sample: Sample) -> tuple[float, tuple[float, float]]:
    estimate = sample.score("macro_f1")
    return estimate.value, estimate.ci


@pytest.mark.parametrize("seed", range(25))
def test_metrics_are_those_of_scikit_learn_with_the_unparsed_in_the_wrong_class(seed: int) -> None:
    gold, answers = drawn_answers(seed)
    metrics: Metrics = f1_accuracy(classed(gold, answers))
    true, taken = as_classes(gold, answers)
    precision, recall, f1, _ = precision_recall_fscore_support(true, taken, labels=CLASSES, zero_division=0)
    assert (metrics.precision, metrics.recall, metrics.f1) == pytest.approx((precision[0], recall[0], f1[0]), abs=1e-12)
    assert metrics.macro_f1 == pytest.approx(f1.mean(), abs=1e-12)
    assert metrics.accuracy == pytest.approx(accuracy_score(true, taken), abs=1e-12)
    assert metrics.unparsed == answers.count("-")
    assert metrics.parse_rate == pytest.approx(1 - answers.count("-") / len(gold), abs=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_class_scores_are_those_of_scikit_learn(seed: int) -> None:
    gold, answers = drawn_answers(seed)
    found = scores(Bootstrap({"a": classed(gold, answers)}, resamples=20, seed=0), "a")
    true, taken = as_classes(gold, answers)
    of = [name for name in found.classes if name in CLASSES]
    expected = precision_recall_fscore_support(true, taken, labels=of, zero_division=0)
    for place, name in enumerate(of):
        row = found.classes[name]
        values = (row.precision.value, row.recall.value, row.f1.value)
        assert values == pytest.approx([column[place] for column in expected[:3]], abs=1e-12)
    both = f1_score(true, taken, labels=CLASSES, average="macro", zero_division=0)
    assert found.macro_f1.value == pytest.approx(both, abs=1e-12)
    matrix = confusion_matrix(true, [NAMES[a] or "unparsed" for a in answers], labels=[*of, "unparsed"])
    for place, name in enumerate(of):
        assert list(found.confusion[name].values())[: len(of)] == matrix[place][: len(of)].tolist()
        assert found.confusion[name]["unparsed"] == matrix[place][-1]


def test_resamples_are_those_of_drawing_question_by_question_even_without_a_class() -> None:
    gold, answers = list("SSRRR"), list("SRRS-")
    sample = Bootstrap({"b": classed(gold, "SSSSS"), "a": classed(gold, answers)}, resamples=400, seed=3).sample("a")
    drawn = np.random.default_rng(3).integers(0, 5, size=(400, 5))
    assert any(set(row) <= {2, 3, 4} for row in drawn.tolist())
    for place, row in enumerate(drawn.tolist()):
        direct = f1_accuracy(
            outcome.model_copy(update={"id": str(copy)})
            for copy, outcome in enumerate(classed([gold[i] for i in row], [answers[i] for i in row]))
        )
        seen = tuple(sample.drawn[metric][place] for metric in ("f1", "accuracy", "macro_f1"))
        assert seen == pytest.approx((direct.f1, direct.accuracy, direct.macro_f1), abs=1e-12)


def test_who_rejects_everyone_has_no_precision_and_no_recall() -> None:
    gold = "S" * 40 + "R" * 60
    metrics = f1_accuracy(classed(gold, "R" * 100))
    assert (metrics.f1, metrics.precision, metrics.recall, metrics.accuracy) == (0, 0, 0, 0.6)
    assert metrics.macro_f1 == (2 * 60 / (2 * 60 + 40)) / 2
    found = scores(Bootstrap({"a": classed(gold, "R" * 100)}, resamples=200, seed=0), "a")
    assert found.classes["SELECTED"].recall.ci == (0, 0)
    assert found.classes["REJECTED"].recall.value == 1 and found.classes["REJECTED"].precision.value == 0.6
    assert found.confusion["SELECTED"] == {"SELECTED": 0, "REJECTED": 40, "unparsed": 0}


def test_scores_of_several_seeds_are_means_of_each_ones() -> None:
    gold = "SSSSRRRR"
    arms = {"1": classed(gold, "SSSRRRRR"), "2": classed(gold, "SSRRRR-S")}
    bootstrap = Bootstrap(arms, resamples=300, seed=0)
    both, each = scores(bootstrap, "1", "2"), [scores(bootstrap, arm) for arm in arms]
    recalls = [one.classes["SELECTED"].recall.value for one in each]
    assert recalls == [0.75, 0.5] and both.classes["SELECTED"].recall.value == 0.625
    assert both.macro_f1.value == pytest.approx(sum(one.macro_f1.value for one in each) / 2)
    assert (both.macro_f1.value, both.macro_f1.ci) == macro_of(bootstrap.sample("1", "2"))
    assert both.classes["SELECTED"].f1.value == pytest.approx(bootstrap.estimate("1", "2").f1)
    assert both.classes["SELECTED"].f1.ci == pytest.approx(bootstrap.estimate("1", "2").f1_ci)
    assert both.confusion["REJECTED"] == {"SELECTED": 0.5, "REJECTED": 3, "unparsed": 0.5}
    assert bootstrap.class_scores("1", "1") == bootstrap.class_scores("1")
    with pytest.raises(ValueError, match="no arms"):
        bootstrap.class_scores()


def test_the_difference_of_macro_f1_is_paired() -> None:
    rng = np.random.default_rng(0)
    gold = np.where(rng.random(200) < 0.5, "S", "R").tolist()
    a = np.where(rng.random(200) < 0.8, gold, "-").tolist()
    b = ["-", "-", *a[2:]]
    bootstrap = Bootstrap({"a": classed(gold, a), "b": classed(gold, b)}, resamples=2000, seed=0)
    value, (low, high) = macro_of(bootstrap.sample("a") - bootstrap.sample("b"))
    alone, own = macro_of(bootstrap.sample("a"))
    assert value == pytest.approx(alone - macro_of(bootstrap.sample("b"))[0])
    assert high - low < 0.3 * (own[1] - own[0])
    assert macro_of(bootstrap.sample("a") - bootstrap.sample("a")) == (0, (0, 0))


def test_intervals_of_macro_f1_and_precision_cover_the_truth_at_the_nominal_rate() -> None:
    n, positive, recall, specificity = 200, 0.45, 0.8, 0.85
    tp, fp = positive * recall, (1 - positive) * (1 - specificity)
    tn, fn = (1 - positive) * specificity, positive * (1 - recall)
    truth = (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2
    rng = np.random.default_rng(7)
    made = {(g, a): classed(g * n, a * n) for g in "SR" for a in "SR-"}
    covered = np.zeros(2)
    for draw in range(200):
        gold = np.where(rng.random(n) < positive, "S", "R")
        right = rng.random(n) < np.where(gold == "S", recall, specificity)
        off = np.where(rng.random(n) < 0.3, "-", np.where(gold == "S", "R", "S"))
        pairs = zip(gold.tolist(), np.where(right, gold, off).tolist(), strict=True)
        arm = [made[pair][question] for question, pair in enumerate(pairs)]
        found = scores(Bootstrap({"a": arm}, resamples=300, seed=draw), "a")
        for place, (estimate, true) in enumerate(
            ((found.macro_f1, truth), (found.classes["SELECTED"].precision, tp / (tp + fp)))
        ):
            covered[place] += estimate.ci[0] <= true <= estimate.ci[1]
    assert np.all((covered / 200 > 0.91) & (covered / 200 < 0.99))


def test_a_class_without_questions_counts_as_0() -> None:
    named = scores(Bootstrap({"a": classed("SSS", "SR-")}, resamples=10, seed=0), "a")
    assert list(named.classes) == CLASSES and named.classes["REJECTED"].recall.value == 0
    assert named.macro_f1.value == named.classes["SELECTED"].f1.value / 2


def test_outcomes_with_and_without_classes_do_not_mix() -> None:
    mixed = (*classed("S", "S"), *outcomes("c", first=1))
    with pytest.raises(ValueError, match="different classes"):
        f1_accuracy(mixed)
    with pytest.raises(ValueError, match="different classes"):
        Bootstrap({"a": mixed}, resamples=10, seed=0)
    with pytest.raises(ValueError, match="different classes"):
        Bootstrap({"a": classed("SR", "SS"), "b": outcomes("cc")}, resamples=10, seed=0)


def test_arms_with_other_gold_are_refused() -> None:
    with pytest.raises(ValueError, match="arm b has other gold classes"):
        Bootstrap({"a": classed("SR", "SS"), "b": classed("SS", "SS")}, resamples=10, seed=0)


@pytest.mark.parametrize(
    "change",
    [
        {"gold": "HIRED"},
        {"prediction": "maybe"},
        {"positive": False},
        {"classes": None},
        {"classes": ("SELECTED",)},
        {"classes": ("SELECTED", "unparsed")},
        {"classes": ("SELECTED", "SELECTED")},
    ],
)
def test_an_outcome_is_of_its_classes(change: dict[str, object]) -> None:
    outcome = classed("S", "S")[0]
    with pytest.raises(ValueError):
        Outcome.model_validate(outcome.model_dump() | change)


def test_a_numeric_task_has_the_same_draws_as_ever_and_no_class_scores() -> None:
    kinds = "ccwucwccuw" * 13
    bootstrap = Bootstrap({"b": outcomes("w" * 130), "a": outcomes(kinds)}, resamples=300, seed=5)
    sample = bootstrap.sample("a")
    # Questions stand in the order of their ids.
    right = np.array([kind == "c" for _, kind in sorted((f"q{i}", kind) for i, kind in enumerate(kinds))])
    correct = right[np.random.default_rng(5).integers(0, 130, size=(300, 130))].sum(axis=1).astype(float)
    assert sample.drawn["accuracy"].tolist() == (correct / 130).tolist()
    assert sample.drawn["f1"].tolist() == (2 * correct / (130 + correct)).tolist()
    assert (bootstrap.class_scores("a"), sample.has_classes) == (None, False)
    assert f1_accuracy(outcomes(kinds)).macro_f1 is None
