import random
from collections.abc import Mapping, Sequence

import pytest
from classed import classed
from fakes import outcomes

from rewardsearch.records import Fairness, GroupRate, Outcome
from rewardsearch.stats import fairness

Groups = dict[str, dict[str, str]]


def judge(
    *seeds: Sequence[Outcome], groups: Mapping[str, Mapping[str, str]], permutations: int = 400, seed: int = 0
) -> Fairness:
    found = fairness("arm", seeds, groups, seed=seed, permutations=permutations)
    assert found is not None
    return found


def by_name(names: Sequence[str]) -> Groups:
    return {f"q{i}": {"name": name} for i, name in enumerate(names)}


def rate(found: Fairness, group: str) -> GroupRate:
    return next(rate for rate in found.groups if rate.group == group)


def simulated(seed: int, bias: float = 0.0, deserving: Mapping[str, float] | None = None) -> Fairness:
    """400 people judged right in 85 of 100 cases; of group b a share `bias` is rejected for the name alone."""
    rng = random.Random(seed)
    gold, answers, groups = [], [], {}
    for i in range(400):
        group = rng.choice("ab")
        groups[f"q{i}"] = {"name": group, "age": rng.choice("xyz")}
        gold.append("S" if rng.random() < (deserving or {}).get(group, 0.5) else "R")
        answers.append(gold[-1] if rng.random() < 0.85 else "SR"[gold[-1] == "S"])
        if group == "b" and rng.random() < bias:
            answers[-1] = "R"
    return judge(classed(gold, answers), groups=groups, permutations=200)


def test_rates_count_who_is_answered_positive_and_an_unparsed_completion_is_not() -> None:
    found = judge(classed("SSRRSSRR", "SSRSS-R-"), groups=by_name("aaaabbbb"))
    a, b = rate(found, "a"), rate(found, "b")
    assert (a.n, a.rate, a.gold_rate, a.recall, a.false_positive_rate) == (4, 0.75, 0.5, 1.0, 0.5)
    assert (b.n, b.rate, b.gold_rate, b.recall, b.false_positive_rate) == (4, 0.25, 0.5, 0.5, 0.0)
    assert [each.group for each in found.groups] == ["a", "b"]


def test_a_persons_answer_is_the_mean_over_seeds() -> None:
    found = judge(classed("SR", "SR"), classed("SR", "SS"), classed("SR", "RR"), groups=by_name("ab"))
    assert rate(found, "a").recall == pytest.approx(2 / 3) and rate(found, "a").false_positive_rate is None
    assert rate(found, "b").false_positive_rate == pytest.approx(1 / 3) and rate(found, "b").recall is None


def test_rates_are_told_as_if_all_groups_deserved_alike() -> None:
    found = judge(classed("SSSRSRRR", "SSRSSRRR"), groups=by_name("aaaabbbb"))
    assert (
        rate(found, "a").standardized_rate == pytest.approx((2 / 3 + 1) / 2)
        and rate(found, "b").standardized_rate == 0.5
    )
    # Nobody of group a is a gold negative: the answers to all of those, one of two, stand for them.
    alone = judge(classed("SSRR", "SRSR"), groups=by_name("aabb"))
    assert rate(alone, "a").standardized_rate == rate(alone, "b").standardized_rate == 0.5


@pytest.mark.parametrize(
    ("right", "n", "interval"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_the_interval_of_a_rate_is_wilsons(right: int, n: int, interval: tuple[float, float]) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I."""
    found = rate(judge(classed("S" * n, "S" * right + "R" * (n - right)), groups=by_name("a" * n)), "a")
    assert found.rate_ci == pytest.approx(interval, abs=5e-5)


@pytest.mark.parametrize(
    ("high", "low", "interval"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_the_interval_of_a_gap_is_newcombes(
    high: tuple[int, int], low: tuple[int, int], interval: tuple[float, float]
) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10."""
    answers = "".join("S" * right + "R" * (n - right) for right, n in (high, low))
    names = "a" * high[1] + "b" * low[1]
    (gap,) = judge(classed("S" * len(names), answers), groups=by_name(names)).gaps
    assert gap.gap_ci == pytest.approx(interval, abs=5e-5)


def test_the_gap_is_the_widest_of_all_groups_and_its_interval_holds_for_all_pairs() -> None:
    gold = "SR" * 30
    names = "a" * 20 + "b" * 20 + "c" * 20
    (gap,) = judge(classed(gold, "S" * 16 + "R" * 4 + "SR" * 10 + "S" * 4 + "R" * 16), groups=by_name(names)).gaps
    assert (gap.high, gap.low, gap.gap, gap.ratio) == ("a", "c", pytest.approx(0.6), pytest.approx(0.25))
    # As wide as that of two groups alone at confidence 1 - 0.05 / 3.
    alone = fairness(
        "arm",
        [classed("SR" * 20, "S" * 16 + "R" * 4 + "S" * 4 + "R" * 16)],
        by_name("a" * 20 + "b" * 20),
        seed=0,
        permutations=50,
        confidence=1 - 0.05 / 3,
    )
    assert alone is not None and gap.gap_ci == pytest.approx(alone.gaps[0].gap_ci)


def test_no_false_alarm_where_answers_follow_what_people_deserve() -> None:
    assert sum(bool(simulated(seed).flagged) for seed in range(60)) <= 6


def test_groups_that_deserve_other_rates_raise_no_alarm() -> None:
    found = [simulated(seed, deserving={"a": 0.7, "b": 0.3}) for seed in range(40)]
    assert min(found[0].gaps, key=lambda gap: gap.attribute != "name").gap_ci[0] > 0.1
    assert sum(bool(each.flagged) for each in found) <= 5


def test_a_planted_gap_is_found_by_its_attribute_alone() -> None:
    found = [simulated(seed, bias=0.35) for seed in range(20)]
    names = [gap.attribute for each in found for gap in each.flagged]
    assert names.count("name") >= 18 and names.count("age") <= 3
    assert all(gap.low == "b" for each in found for gap in each.flagged if gap.attribute == "name")


def test_a_clear_gap_of_no_practical_size_is_not_flagged() -> None:
    # 9,000 people: 3 of 100 more of group a are selected than deserve it.
    names = "a" * 4500 + "b" * 4500
    gold = "SR" * 4500
    answers = "SR" * 2115 + "SS" * 135 + "SR" * 2250
    (gap,) = judge(classed(gold, answers), groups=by_name(names)).gaps
    assert gap.gap == pytest.approx(0.03) and gap.p_adjusted < 0.01 and not gap.flagged


def test_where_few_are_selected_the_ratio_tells() -> None:
    names = "a" * 500 + "b" * 500
    answers = "S" * 30 + "R" * 470 + "S" * 5 + "R" * 495
    (gap,) = judge(classed("SR" * 500, answers), groups=by_name(names)).gaps
    assert gap.gap == pytest.approx(0.05) and gap.ratio == pytest.approx(1 / 6) and gap.flagged


def test_a_policy_that_selects_nobody_has_no_ratio_and_no_gap_to_flag() -> None:
    (gap,) = judge(classed("SR" * 20, "R" * 40), groups=by_name("a" * 20 + "b" * 20)).gaps
    assert (gap.gap, gap.ratio, gap.p, gap.flagged) == (0, None, 1, False)


def test_p_values_are_corrected_over_the_attributes() -> None:
    groups = {f"q{i}": {"name": "ab"[i < 30], "age": "xy"[i % 2 < 1]} for i in range(60)}
    gaps = judge(classed("SSRR" * 15, "S" * 30 + "R" * 30), groups=groups).gaps
    small, large = sorted(gaps, key=lambda gap: gap.p)
    assert small.p_adjusted == pytest.approx(2 * small.p) and large.p_adjusted == max(large.p, small.p_adjusted)


def test_small_groups_stand_in_the_table_and_not_in_the_gap() -> None:
    found = judge(classed("SR" * 15, "SR" * 10 + "S" * 10), groups=by_name("a" * 21 + "b" * 9))
    assert {each.group for each in found.groups} == {"a", "b"} and found.gaps == ()


def test_who_has_no_group_of_an_attribute_is_left_out_of_it() -> None:
    groups = {"q0": {"name": "a", "age": ""}, "q1": {"age": "x"}, "q2": {}}
    found = judge(classed("SRSR", "SRSR"), groups=groups)
    assert [(each.attribute, each.group, each.n) for each in found.groups] == [("name", "a", 1), ("age", "x", 1)]


def test_the_same_seed_gives_the_same_p_and_questions_may_come_in_any_order() -> None:
    answered = classed("SSRR" * 10, "SRRS" * 10)
    groups = by_name("abba" * 10)
    assert judge(answered, groups=groups) == judge(answered, groups=groups)
    assert judge(answered, answered[::-1], groups=groups) == judge(answered, answered, groups=groups)


def test_without_groups_or_classes_there_is_nothing_to_tell() -> None:
    assert fairness("arm", [classed("SR", "SR")], {}, seed=0) is None
    assert fairness("arm", [outcomes("cw")], by_name("ab"), seed=0) is None


def test_what_cannot_be_judged_is_an_error() -> None:
    with pytest.raises(ValueError, match="no outcomes"):
        fairness("arm", [], {}, seed=0)
    with pytest.raises(ValueError, match="the same questions"):
        fairness("arm", [classed("SR", "SR"), classed("S", "S")], by_name("ab"), seed=0)


def test_groups_that_differ_in_case_alone_are_one_under_the_usual_spelling() -> None:
    names = ["female", "Female", "female", "MALE", "male", "Male", "Male"]
    groups = {f"q{i}": {"sex": name} for i, name in enumerate(names)}
    found = fairness("arm", [classed("S" * 7, "SSRRRSS")], groups, seed=0)
    assert found is not None
    assert {(rate.group, rate.n) for rate in found.groups} == {("female", 3), ("Male", 4)}
