"""Which completions of a training are kept: where reward and truth disagree, and one whole group."""

from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsearch.records import Row
from rewardsearch.train.worker import examples
from rewardsearch.train.worker.examples import DISAGREEMENTS, Examples, Step

KINDS = {"c": "correct", "w": "wrong", "u": "unparsed", "r": "unparsed"}
"""By letter; r is right in a form that does not count."""


def step(said: str, paid: Sequence[float], size: int, number: int = 1, base: float = 0.0) -> Step:
    """Groups of `size` completions, a letter of KINDS each, paid so much by the reward on trial; base: what a correct one is paid
    beside that. Every group is of a prompt of its own."""
    rows = [Row(id=str(i // size), prompt=f"How many, {number}.{i // size}?", answer="7") for i in range(len(said))]
    judged = np.asarray(paid, dtype=float)
    right = np.asarray([letter in "cr" for letter in said])
    extra = np.asarray([base * (letter == "c") for letter in said])
    return Step(
        number=number,
        rows=rows,
        texts=[f"{letter}{i}" for i, letter in enumerate(said)],
        kinds=[KINDS[letter] for letter in said],
        right=right,
        candidate_reward=judged,
        total=judged + extra,
        parts={"base": extra, "mine": judged},
    )


def noted(*steps: Step, size: int) -> Examples:
    found = Examples(group_size=size)
    for each in steps:
        found.note(each)
    return found


@pytest.mark.parametrize(
    ("said", "paid", "size", "told"),
    [
        # Paid what the best are paid: no disagreement, however few are paid less.
        ("cccc", [8, 8, 8, 8], 4, {}),
        ("ccww", [8, 8, 6, 2], 4, {}),
        ("cwuw", [2, 2, 2, 2], 4, {}),
        # A wrong one above the correct ones of its group; the correct one is then below the others.
        ("cwww", [1, 3, 0, 0], 4, {"w1": 1.0}),
        ("ccww", [0, 4, 3, 3], 4, {"w2": 2.0, "w3": 2.0, "c0": 3.0}),
        # Right elsewhere is told apart from wrong.
        ("cuwr", [1, 1, 0, 4], 4, {"r3": 1.0, "c0": 5 / 3}),
        # Without a correct one in the group the step's are taken.
        ("ccww", [2, 4, 3.5, 2], 2, {"w2": 3.0, "c0": 2.75}),
        # And without any in the step nothing can be said.
        ("wwuu", [3, 1, 0, 9], 2, {}),
    ],
)
def test_a_disagreement_is_on_the_wrong_side_of_the_others_mean(
    said: str, paid: list[float], size: int, told: dict[str, float]
) -> None:
    found = noted(step(said, paid, size), size=size).disagreements()
    assert {each.completion: each.against for each in found} == pytest.approx(told)
    for each in found:
        assert (each.reward < (each.against or 0)) is (each.kind == "correct")
        assert each.right is (each.completion[0] in "cr")


def test_the_furthest_on_the_wrong_side_come_first_of_each_kind_with_different_prompts() -> None:
    steps = [step("cwrw" * 2, [0, k, k + 1, k / 2] * 2, 4, number=k) for k in range(1, 6)]
    found = noted(*steps, size=4).disagreements()
    wrong = [each for each in found if each.completion[0] == "w"]
    assert [each.step for each in wrong] == [5, 5, 4, 4, 3, 3]
    assert len({each.prompt for each in wrong}) == DISAGREEMENTS
    assert [each.completion[0] for each in found] == ["w"] * 6 + ["r"] * 6 + ["c"] * 6


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("cwur"), st.integers(0, 3)), min_size=1, max_size=5), min_size=1, max_size=6
    )
)
def test_what_is_kept_step_by_step_is_what_all_steps_together_give(steps: list[list[tuple[str, int]]]) -> None:
    def run() -> Examples:
        return noted(*(step("".join(k for k, _ in s), [p for _, p in s], 1, i) for i, s in enumerate(steps)), size=1)

    kept = run()
    with patch.object(examples, "_needed", list):
        assert kept.disagreements() == run().disagreements()


def test_the_group_is_the_widest_mixed_one_of_the_last_step_that_has_a_spread() -> None:
    early = step("cwcw", [1, 0, 9, 0], 2, number=1)
    mixed = step("ccwwcwwu", [9, 0, 0, 5, 1, 0, 0, 0], 2, number=2, base=3.0)
    dead = step("wwcc", [1, 1, 1, 1], 2, number=3)
    group = noted(early, mixed, dead, size=2).group
    assert group is not None and (group.step, group.prompt, group.answer) == (2, "How many, 2.2?", "7")
    assert [(m.completion, m.kind, m.right, m.reward) for m in group.members] == [
        ("c4", "correct", True, 4.0),
        ("w5", "wrong", False, 0.0),
    ]
    assert group.members[0].parts == {"base": 3.0, "mine": 1.0}


def test_a_group_of_different_completions_is_worth_more_than_a_wide_one() -> None:
    alike = step("ccww" * 2, [9, 0, 0, 0, 2, 1, 0, 0], 4)
    texts = ["a", "a", "b", "b", "a", "b", "c", "d"]
    group = noted(replace(alike, texts=texts), size=4).group
    assert group is not None and [m.completion for m in group.members] == ["a", "b", "c", "d"]


def test_where_no_group_is_mixed_the_widest_is_taken_and_without_any_spread_none() -> None:
    group = noted(step("wwuu", [1, 2, 0, 5], 2), size=2).group
    assert group is not None and [m.completion for m in group.members] == ["u2", "u3"]
    assert noted(step("wwcc", [1, 1, 2, 2], 2), size=2).group is None
