import math
import random
from itertools import combinations
from typing import Literal

import pytest
from fakes import outcomes
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2
from statsmodels.stats.multitest import multipletests

from rewardsearch.records import Outcome
from rewardsearch.stats import McNemar, adjust, mcnemar, pairwise

Arms = dict[str, tuple[Outcome, ...]]


def two(both: int, only_a: int, only_b: int, neither: int) -> tuple[tuple[Outcome, ...], tuple[Outcome, ...]]:
    """Two arms whose paired table is this."""
    a = "c" * (both + only_a) + "w" * (only_b + neither)
    return outcomes(a), outcomes("c" * both + "u" * only_a + "c" * only_b + "u" * neither)


def arms_of(seed: int, count: int, questions: int) -> Arms:
    rng = random.Random(seed)
    given = {}
    for arm in range(count):
        kinds = "".join(rng.choices("cwu", weights=(1 + arm, 2, 1), k=questions))
        # In another order for every arm.
        given[f"arm {arm}"] = tuple(rng.sample(outcomes(kinds), questions))
    return given


def test_questions_are_matched_by_id() -> None:
    a, b = outcomes("ccwu"), tuple(reversed(outcomes("cwcu")))
    test = mcnemar(a, b)
    assert (test.both, test.only_a, test.only_b, test.neither) == (1, 1, 1, 1)


def test_only_questions_that_both_answered_count() -> None:
    test = mcnemar(outcomes("cccc"), outcomes("ww", first=3))
    assert (test.both, test.only_a, test.only_b, test.neither) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_exact", "statistic"),
    [
        # Exact: twice the sum of the binomial coefficients of the smaller side over 2**n, at most 1.
        (1, 0, 1, 0),
        (5, 0, 2 / 32, 16 / 5),
        (8, 2, 2 * (1 + 10 + 45) / 1024, 25 / 10),
        (2, 8, 2 * (1 + 10 + 45) / 1024, 25 / 10),
        (3, 3, 1, 1 / 6),
        (10, 1, 2 * (1 + 11) / 2048, 64 / 11),
    ],
)
def test_both_forms_are_those_worked_out_by_hand(only_a: int, only_b: int, p_exact: float, statistic: float) -> None:
    test = mcnemar(*two(4, only_a, only_b, 3))
    assert (test.both, test.only_a, test.only_b, test.neither) == (4, only_a, only_b, 3)
    assert test.p_exact == pytest.approx(p_exact, rel=1e-12)
    # The upper tail of chi-square with one degree of freedom.
    assert test.p_chi2 == pytest.approx(math.erfc(math.sqrt(statistic / 2)), rel=1e-12)


def test_the_exact_form_is_reported_while_discordant_pairs_are_few() -> None:
    test = mcnemar(*two(75, 20, 5, 0))
    assert test.p_exact == pytest.approx(binomtest(5, 25).pvalue)
    assert test.p == test.p_exact


def test_the_chi_square_form_is_reported_beyond() -> None:
    test = mcnemar(*two(0, 20, 6, 0))
    assert test.p_chi2 == pytest.approx(chi2.sf((20 - 6 - 1) ** 2 / 26, 1))
    assert test.p == test.p_chi2


def test_arms_that_agree_everywhere_do_not_differ() -> None:
    test = mcnemar(outcomes("cwu"), outcomes("cuw"))
    assert (test.p_exact, test.p_chi2, test.p) == (1, 1, 1)


@pytest.mark.parametrize("questions", [1, 7, 300])
def test_all_pairs_at_once_are_the_tests_of_each_pair(questions: int) -> None:
    arms = arms_of(questions, 6, questions)
    tests = pairwise(arms)
    assert list(tests) == list(combinations(arms, 2))
    for (a, b), test in tests.items():
        assert test == mcnemar(arms[a], arms[b])


def test_a_single_arm_has_no_pairs() -> None:
    assert pairwise({"a": outcomes("cw")}) == {}


def test_pairs_of_arms_with_different_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="same ones"):
        pairwise({"a": outcomes("cc"), "b": outcomes("ccc")})
    with pytest.raises(ValueError, match="no outcomes"):
        pairwise({})


def test_pairs_are_plain_records() -> None:
    test = pairwise({"a": outcomes("c"), "b": outcomes("w")})["a", "b"]
    assert McNemar.model_validate_json(test.model_dump_json()) == test


def test_corrections_by_hand() -> None:
    assert adjust([0.01, 0.04, 0.03], "bonferroni") == pytest.approx([0.03, 0.12, 0.09])
    assert adjust([0.01, 0.04, 0.03], "holm") == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([0.5, 0.9], "holm") == [1, 1]
    assert adjust([], "holm") == adjust([], "bonferroni") == []


@pytest.mark.parametrize("count", [1, 2, 10, 50, 1225])
@pytest.mark.parametrize("method", ["holm", "bonferroni"])
def test_corrections_are_those_of_statsmodels(count: int, method: Literal["holm", "bonferroni"]) -> None:
    rng = random.Random(count)
    # Small and large ones, and ties.
    ps = [rng.choice([0.0, 1e-9, 0.001, 0.01, 1.0, rng.random(), rng.random() / count]) for _ in range(count)]
    assert adjust(ps, method) == pytest.approx(multipletests(ps, method=method)[1], rel=1e-12)


@given(st.lists(st.floats(0, 1), max_size=40))
def test_corrected_p_values_keep_their_order_and_holms_lie_between(ps: list[float]) -> None:
    holm, bonferroni = adjust(ps, "holm"), adjust(ps, "bonferroni")
    assert all(p <= h <= b <= 1 for p, h, b in zip(ps, holm, bonferroni, strict=True))
    by_p = [h for _, h in sorted(zip(ps, holm, strict=True))]
    assert by_p == sorted(by_p)


@pytest.mark.parametrize("p", [float("nan"), -0.1, 1.1])
def test_what_is_no_p_value_is_not_corrected(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust([0.1, p], "holm")
