"""Two arms side by side where answers are classes."""

from pathlib import Path

import pytest
from classed import classed
from fakes import outcomes, write_predictions

from rewardsearch.config import RankConfig
from rewardsearch.errors import UserError
from rewardsearch.rank import Comparison, compare_outcomes, compare_predictions, read_predictions

CONFIG = RankConfig(resamples=300)


def compared(folder: Path, rows: list[tuple[object, object, object]], positive: str) -> Comparison:
    """Predictions against themselves."""
    read = read_predictions(write_predictions(folder / "rows.jsonl", rows))
    return compare_predictions(read, read, CONFIG, positive=positive)


def test_both_sides_have_class_scores_and_the_difference_is_of_macro_f1() -> None:
    result = compare_outcomes(classed("SSSSRRRR", "SSSRRRRR"), classed("SSSSRRRR", "SSRRRRR-"), CONFIG, seed=0)
    assert result.a.classes is not None and result.b.classes is not None and result.macro_f1_difference is not None
    assert result.a.classes.classes["SELECTED"].recall.value == 0.75
    difference = result.a.classes.macro_f1.value - result.b.classes.macro_f1.value
    assert result.macro_f1_difference.value == pytest.approx(difference)
    low, high = result.macro_f1_difference.ci
    assert low <= difference <= high
    assert result.difference.f1 == pytest.approx(result.a.f1 - result.b.f1)


def test_numeric_arms_have_none_of_it() -> None:
    result = compare_outcomes(outcomes("ccw"), outcomes("cww"), CONFIG, seed=0)
    assert (result.a.classes, result.b.classes, result.macro_f1_difference) == (None, None, None)


def test_predictions_become_classes_by_their_positive_answer_whatever_its_form(tmp_path: Path) -> None:
    rows = [(1, "Yes", "yes "), (2, " YES", "no"), (3, "no", "NO"), (4, "No", None), (5, "no", "maybe")]
    side = compared(tmp_path, rows, " yes").a
    assert side.classes is not None
    assert side.classes.confusion == {
        "yes": {"yes": 1, "no": 1, "unparsed": 0},
        "no": {"yes": 0, "no": 1, "unparsed": 2},
    }
    assert side.f1 == pytest.approx(2 * 1 / (2 + 2 + 1))
    assert (side.correct, side.wrong, side.unparsed) == (2, 1, 2)


def test_classes_may_be_numbers(tmp_path: Path) -> None:
    side = compared(tmp_path, [(1, 1, 1.0), (2, "1", 0), (3, 0, 0)], "1").a
    assert side.classes is not None and side.classes.classes["1"].recall.value == 0.5


def test_without_a_positive_answer_texts_are_compared_as_ever(tmp_path: Path) -> None:
    rows = read_predictions(write_predictions(tmp_path / "a", [(1, "yes", "yes"), (2, "no", "maybe")]))
    side = compare_predictions(rows, rows, CONFIG).a
    assert (side.classes, side.f1, side.wrong) == (None, pytest.approx(2 / 3), 1)


@pytest.mark.parametrize(
    ("golds", "said"),
    [
        (("yes", *map(str, range(20))), "21 classes"),
        (("yes", "yes"), "1 classes"),
        (("no", "never"), "'yes'; gold has 'no', 'never'"),
        (("yes", "unparsed"), "'unparsed'"),
    ],
)
def test_gold_that_is_not_of_2_to_20_classes_is_the_users_error(
    tmp_path: Path, golds: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError) as error:
        compared(tmp_path, [(i, gold, "yes") for i, gold in enumerate(golds)], "yes")
    assert said in str(error.value)


def test_gold_may_have_more_classes_with_and_without_a_positive_one(tmp_path: Path) -> None:
    rows = [(1, "joy", "Joy"), (2, "joy", "fear"), (3, "fear", "fear"), (4, "anger", "joy"), (5, "anger", "rage")]
    path = write_predictions(tmp_path / "a", rows)
    read = read_predictions(path)
    plain, positive = (
        compare_predictions(read, read, CONFIG, **of).a for of in ({"classes": True}, {"positive": "joy"})
    )
    assert plain.classes is not None and positive.classes is not None
    assert (plain.classes.positive, positive.classes.positive) == (None, "joy")
    assert plain.classes.confusion["anger"] == {"anger": 0, "fear": 0, "joy": 1, "unparsed": 1}
    # joy: TP 1, FN 1, FP 1; fear: TP 1, FP 1; anger: none right.
    assert plain.f1 == pytest.approx((1 / 2 + 2 / 3 + 0) / 3) == plain.classes.macro_f1.value
    assert positive.f1 == pytest.approx(1 / 2)
