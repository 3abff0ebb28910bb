"""Whom the next round may build on: the front over questions, its shares and its limit."""

from collections.abc import Mapping

import pytest
from fakes import screened
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsearch.rank import front
from rewardsearch.rank.pareto import MAX_MEMBERS
from rewardsearch.records import Front

SOME = st.dictionaries(
    st.sampled_from("abcdefghijkl"), st.text(alphabet="cwu", min_size=6, max_size=6), min_size=1, max_size=12
)


def front_of(kinds: Mapping[str, str]) -> dict[str, Front]:
    """The front of candidates with these outcomes, one letter a question, in its order."""
    return {member.id: member for member in front({id: screened(id, told) for id, told in kinds.items()}, kinds)}


def right(told: str) -> set[int]:
    return {i for i, kind in enumerate(told) if kind == "c"}


def test_a_candidate_that_another_beats_on_some_questions_and_loses_to_on_none_is_left_out() -> None:
    assert list(front_of({"a": "ccww", "b": "cccw", "c": "wwwc"})) == ["b", "c"]


def test_wrong_and_unparsed_answers_count_alike() -> None:
    assert list(front_of({"a": "cuu", "b": "cww"})) == ["a"]


def test_of_candidates_with_the_same_right_answers_the_first_by_id_is_kept() -> None:
    assert list(front_of({"z": "ccw", "b": "ccw", "m": "wcc"})) == ["b", "m"]


def test_a_candidate_that_is_right_nowhere_is_on_the_front_only_where_all_are() -> None:
    assert list(front_of({"a": "www", "b": "cww"})) == ["b"]
    assert front_of({"a": "www", "b": "uuu"}) == {"a": Front(id="a", share=1.0, right=0, alone=0)}


def test_a_contested_question_counts_for_one_divided_among_the_members_that_win_it() -> None:
    # Of four questions both win the first, which is not contested: the other three are, one of them a's alone.
    found = front_of({"a": "cccw", "b": "cwwc"})
    assert found["a"].share == pytest.approx(2 / 3) and found["b"].share == pytest.approx(1 / 3)
    # One that collapsed does not make it contested.
    assert front_of({"a": "cccw", "b": "cwwc", "x": "wwww"}) == found


def test_members_are_ordered_by_share_and_equal_ones_by_id() -> None:
    assert list(front_of({"z": "wwwcc", "b": "wwcww", "a": "cwwww"})) == ["z", "a", "b"]


def test_without_a_contested_question_the_one_member_has_the_whole_share() -> None:
    assert front_of({"a": "cc", "b": "cc"})["a"].share == 1.0


def test_alone_counts_what_no_other_candidate_of_the_run_wins_not_only_no_other_member() -> None:
    found = front_of({"a": "ccwc", "b": "wwcw", "dominated": "wcww"})
    assert (found["a"].right, found["a"].alone) == (3, 2)
    assert found["b"].alone == 1
    # Of two with the same right answers neither is alone.
    assert front_of({"a": "cw", "twin": "cw"})["a"].alone == 0


def test_only_counts_what_each_other_member_does_not_win() -> None:
    found = front_of({"a": "cccw", "b": "wccc", "c": "cwwc", "dominated": "cwww"})
    assert found["a"].only == {"b": 1, "c": 2}
    assert found["b"].only == {"a": 1, "c": 2}
    assert found["c"].only == {"a": 1, "b": 1}


def test_no_more_than_eight_of_the_greatest_shares_are_kept_and_their_shares_sum_to_1() -> None:
    kinds = {
        f"{i:02d}": "".join("c" if i == j else "w" for j in range(MAX_MEMBERS + 2)) for i in range(MAX_MEMBERS + 1)
    }
    kinds["00"] = kinds["00"][:-1] + "c"
    kinds["08"] = kinds["08"][:-1] + "c"
    found = front_of(kinds)
    # 00 and 08 win two questions each, though they share one; of the others the last by id goes.
    assert list(found) == ["00", "08", "01", "02", "03", "04", "05", "06"]
    assert sum(member.share for member in found.values()) == pytest.approx(1)
    assert all(set(member.only) == set(found) - {id} for id, member in found.items())


@pytest.mark.parametrize("status", ["failed", "error"])
def test_candidates_without_a_finished_screen_are_left_out(status: str) -> None:
    results = {"a": screened("a", "ccww"), "b": screened("b", "cccc", status=status, reason="because")}
    assert [member.id for member in front(results, ["a", "b", "pending"])] == ["a"]


def test_the_baseline_and_other_arms_that_are_no_candidates_neither_join_nor_dominate() -> None:
    results = {"a": screened("a", "ccww"), "baseline": screened("baseline", "cccc")}
    assert [member.id for member in front(results, ["a"])] == ["a"]


def test_without_a_screened_candidate_there_is_no_front() -> None:
    assert front({}, ["a"]) == ()
    assert front({"baseline": screened("baseline", "cc")}, []) == ()


def test_questions_are_matched_by_id_in_whatever_order_they_come() -> None:
    a, b = screened("a", "ccw"), screened("b", "wcc")
    turned = b.model_copy(update={"outcomes": tuple(reversed(b.outcomes))})
    assert front({"a": a, "b": turned}, ["a", "b"]) == front({"a": a, "b": b}, ["a", "b"])


def test_candidates_of_equal_worth_have_equal_shares_to_the_last_bit() -> None:
    # a wins the first 30 questions and b the next; of both, others win the same ones, and each one more of its own.
    others = [[(i * k + k) % 11 < 6 for i in range(30)] * 2 + [own == k for own in range(1, 7)] for k in range(1, 7)]
    kinds = {f"x{k}": "".join("c" if won else "w" for won in wins) for k, wins in enumerate(others)}
    kinds |= {"b": "w" * 30 + "c" * 30 + "w" * 6, "a": "c" * 30 + "w" * 36}
    found = front_of(kinds)
    assert found["a"].share == found["b"].share
    assert list(found).index("a") + 1 == list(found).index("b")


@settings(deadline=None, max_examples=40)
@given(SOME)
def test_a_candidate_is_on_the_front_as_the_definition_says(kinds: dict[str, str]) -> None:
    won = {id: right(told) for id, told in kinds.items()}
    best = {
        id
        for id in kinds
        if not any(won[id] < won[other] for other in kinds)
        and not any(won[id] == won[other] and other < id for other in kinds)
    }
    found = front_of(kinds)
    assert set(found) <= best and len(found) == min(len(best), MAX_MEMBERS)
    # What each question is worth: one, divided among the winners on the front, where another member does not win it.
    worth = dict.fromkeys(best, 0.0)
    for question in range(6):
        winners = [id for id in best if question in won[id]]
        if winners and any(question not in won[id] for id in best):
            for id in winners:
                worth[id] += 1 / len(winners)
    whole = sum(worth[id] for id in found)
    for id, member in found.items():
        assert member.share == pytest.approx(worth[id] / whole if whole else 1 / len(found))
        assert all(worth[id] >= worth[other] - 1e-9 for other in best - set(found))
        assert member.right == len(won[id])
        assert member.alone == sum(all(q not in won[other] for other in kinds if other != id) for q in won[id])
        assert member.only == {other: len(won[id] - won[other]) for other in found if other != id}


@settings(deadline=None, max_examples=40)
@given(SOME)
def test_the_shares_sum_to_1_in_falling_order_whatever_order_the_candidates_come_in(kinds: dict[str, str]) -> None:
    found = front_of(kinds)
    shares = [member.share for member in found.values()]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert list(front_of(dict(reversed(kinds.items()))).values()) == list(found.values())


@settings(deadline=None, max_examples=40)
@given(SOME)
def test_no_question_that_some_candidate_wins_is_lost_on_a_front_within_the_limit(kinds: dict[str, str]) -> None:
    won = set().union(*map(right, kinds.values()))
    members = front_of(kinds)
    if len(members) < MAX_MEMBERS:
        assert set().union(*(right(kinds[id]) for id in members)) == won
