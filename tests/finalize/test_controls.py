import statistics

import pytest
from searched import BASE, Searched, right, settings, setup

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import UserError
from rewardsearch.finalize import check
from rewardsearch.finalize.controls import format_rewards, random_draws, random_reward
from rewardsearch.records import Batch, Verdict
from rewardsearch.rewards.sandbox import Sandbox


def many(n: int) -> Searched:
    searched = Searched()
    for i in range(n):
        searched.add(f"c{i}", right(i % 20))
    return searched


def test_format_only_takes_the_base_rewards_for_form() -> None:
    assert [spec.name for spec in format_rewards(BASE)] == ["format_exact"]


def test_format_only_without_a_reward_for_form_is_told_before_the_search() -> None:
    with pytest.raises(UserError, match=r"finalize\.controls: format-only .*'format'.*train\.base_rewards has answer"):
        check(settings(controls=["format-only"]).finalize, BASE[1:])
    check(settings(controls=["format-only"]).finalize, BASE)
    check(settings(controls=["random-reward"]).finalize, BASE[1:])
    check(settings(enabled=False, controls=["format-only"]).finalize, BASE[1:])


def test_draws_follow_from_the_seed_and_differ() -> None:
    config = setup(random_k=5, random_draws=3).finalize
    pool = many(12).pool
    first, again, other = (random_draws(pool, config, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert list(first) == ["random-5-a", "random-5-b", "random-5-c"]
    assert len(set(first.values())) == 3 and all(len(set(drawn)) == 5 for drawn in first.values())


def test_one_draw_has_no_letter_and_takes_what_there_is() -> None:
    draws = random_draws(many(2).pool, setup(random_k=3).finalize, 0)
    assert {name: len(drawn) for name, drawn in draws.items()} == {"random-3": 2}


def test_there_are_no_more_draws_than_ways_to_draw() -> None:
    assert len(random_draws(many(3).pool, setup(random_k=2, random_draws=9).finalize, 0)) == 3


def test_all_that_were_accepted_are_drawn_from_and_what_failed_or_was_rejected_is_not() -> None:
    searched = Searched().add("flagged", right(3), flags=["watch:hacking"]).add("stopped", "", stopped=True)
    searched.add("failed", right(3)).add("rejected", right(3))
    rows = searched.rows
    searched.rows = [row.model_copy(update={"status": "failed"} if row.name == "failed" else {}) for row in rows]
    refused = searched.id("rejected")
    searched.verdicts[refused] = Verdict(candidate=refused, accepted=False, stage="bank", reason="because")
    (drawn,) = random_draws(searched.pool, setup(random_k=4).finalize, 0).values()
    assert sorted(searched.names(drawn)) == ["flagged", "stopped"]


def test_three_survivors_of_a_race_are_not_what_is_drawn_against_them() -> None:
    """Three of five can be drawn in ten ways."""
    searched = many(3).add("d0", "", stopped=True).add("d1", "", stopped=True)
    chosen = frozenset(row.id for row in searched.pool.trained)
    for seed in range(40):
        draws = random_draws(searched.pool, setup(random_k=3, random_draws=9).finalize, seed, [chosen])
        assert len(draws) == 9 and chosen not in {frozenset(drawn) for drawn in draws.values()}


def test_where_there_is_no_other_draw_the_same_is_drawn() -> None:
    pool = many(3).pool
    everything = frozenset(pool.accepted)
    (drawn,) = random_draws(pool, setup(random_k=3).finalize, 0, [everything]).values()
    assert frozenset(drawn) == everything


def test_the_random_reward_runs_in_the_sandbox_and_knows_nothing() -> None:
    n = 400
    answers = tuple(str(i % 7) for i in range(n))
    texts = tuple(f"<thinking> {i} </thinking> <solution> {i % 5} </solution>" for i in range(n))
    batch = Batch(prompts=("How many?",) * n, completions=texts, answer=answers)
    with Sandbox(SandboxConfig()) as sandbox:
        given = sandbox.call(random_reward().code, batch).rewards
        assert sandbox.call(random_reward().code, batch).rewards == given
        moved = sandbox.call(random_reward().code, batch.model_copy(update={"prompts": ("How few?",) * n})).rewards
    assert 0 <= min(given) < 0.1 and 2.9 < max(given) < 3
    assert statistics.fmean(given) == pytest.approx(1.5, abs=0.2)
    # Of independent numbers, |r| is below 3 / sqrt(n) = 0.15 in 997 of 1000 cases.
    for other in (range(n), [i % 5 for i in range(n)], [float(i % 5 == i % 7) for i in range(n)], moved):
        assert abs(statistics.correlation(given, list(map(float, other)))) < 0.15
