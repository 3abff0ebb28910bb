"""Which moves a round makes: the config's mix, what a round allows, what has paid off, and who the parents are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_of import MakeRequest
from told_run import CROSSED, PENALTY, STEP_CHECK
from told_run import request as told_request

from rewardsearch.config import MixConfig, ProposeConfig
from rewardsearch.evidence import Feedback, Payoff
from rewardsearch.propose.llm.plan import FLOOR, PRIOR_ASKS, draw, payoff_rates, plan, shares
from rewardsearch.records import Front, Operator, Usage

ONE: Mapping[str, float] = {"gpt-5": 1.0}
TWO: Mapping[str, float] = {"gpt-5": 3.0, "small": 1.0}
ALL = MixConfig(fresh=1, mutate=2, crossover=1, simplify=1)


def config(adapt: bool = True, simplify_after: int = 1, **mix: float) -> ProposeConfig:
    return ProposeConfig(mix=ALL.model_copy(update=mix), adapt=adapt, simplify_after=simplify_after)


def feedback(*payoffs: Payoff, front: tuple[Front, ...] | None = None, stale: int = 1) -> Feedback:
    """What the told run knows after two rounds, with these payoffs; front: in place of its two members."""
    told = told_request().feedback
    assert told is not None
    evidence = told.evidence
    if front is not None:
        members = {member.id: member for member in front}
        evidence = tuple(each.model_copy(update={"front": members.get(each.candidate.id)}) for each in evidence)
    return told.model_copy(update={"payoffs": payoffs, "stale": stale, "evidence": evidence})


def paid(operator: Operator, credit: float, dollars: float = 1.0, asks: int = 10, model: str = "gpt-5") -> Payoff:
    usage = Usage(requests=asks, prompt_tokens=4000 * asks, completion_tokens=1000 * asks, dollars=dollars)
    return Payoff(operator=operator, model=model, asks=asks, credit=credit, usage=usage)


def by_move(found: Mapping[tuple[Operator, str], float]) -> dict[str, float]:
    out: dict[str, float] = {}
    for (move, _), share in found.items():
        out[move] = out.get(move, 0.0) + share
    return out


# --- what a round allows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", [{}, {"fresh": 0.0}])
def test_the_first_round_is_all_fresh_whatever_the_mix(request_of: MakeRequest, mix: dict[str, float]) -> None:
    asks = plan(request_of(count=6), config(**mix), ONE)
    assert [(ask.place, ask.operator, ask.model, ask.parents) for ask in asks] == [
        (place, "fresh", "gpt-5", ()) for place in range(1, 7)
    ]


def test_a_round_that_knows_the_references_alone_is_all_fresh() -> None:
    request = told_request(round=1)
    assert request.feedback is not None
    assert {ask.operator for ask in plan(request, config(), ONE)} == {"fresh"}


def test_two_rewards_are_crossed_only_where_two_are_on_the_front() -> None:
    alone = Front(id=PENALTY.id, share=1.0, right=50, alone=6)
    assert "crossover" in by_move(shares(config(), ONE, feedback()))
    assert "crossover" not in by_move(shares(config(), ONE, feedback(front=(alone,))))


@pytest.mark.parametrize(("stale", "after", "allowed"), [(0, 1, False), (1, 1, True), (1, 2, False), (3, 2, True)])
def test_rewards_are_simplified_only_after_rounds_without_gain(stale: int, after: int, allowed: bool) -> None:
    found = by_move(shares(config(simplify_after=after), ONE, feedback(stale=stale)))
    assert ("simplify" in found) is allowed


@pytest.mark.parametrize("move", ["fresh", "mutate", "crossover", "simplify"])
def test_a_move_without_a_share_is_never_drawn(move: str) -> None:
    best = paid("fresh", 9.0), paid("mutate", 9.0), paid("crossover", 9.0), paid("simplify", 9.0)
    assert move not in by_move(shares(config(**{move: 0.0}), ONE, feedback(*best)))


# --- the mix ----------------------------------------------------------------------------------------------------------


def test_the_configs_mix_is_kept_to_rounding() -> None:
    request = told_request().model_copy(update={"count": 10, "feedback": feedback()})
    for seed in range(20):
        asks = plan(request.model_copy(update={"seed": seed}), config(), ONE)
        counts = Counter(ask.operator for ask in asks)
        assert counts == {"fresh": 2, "mutate": 4, "crossover": 2, "simplify": 2}, seed


@given(
    weights=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=8).filter(lambda each: sum(each) > 0.01),
    count=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_an_arm_is_drawn_its_share_rounded_up_or_down(weights: list[float], count: int, seed: int) -> None:
    whole = sum(weights)
    wanted = {("fresh", f"model {place}"): weight / whole for place, weight in enumerate(weights)}
    drawn = Counter(draw(wanted, count, random.Random(seed)))  # type: ignore[arg-type]
    assert drawn.total() == count
    for arm, share in wanted.items():
        assert abs(drawn[arm] - share * count) < 1 + 1e-6  # type: ignore[index]


def test_small_rounds_keep_the_mix_in_the_long_run() -> None:
    found = shares(config(adapt=False), ONE, feedback())
    rng = random.Random(0)
    counts = Counter(move for _ in range(3000) for move, _ in draw(found, 2, rng))
    assert {move: round(count / 6000, 1) for move, count in counts.items()} == {
        "fresh": 0.2,
        "mutate": 0.4,
        "crossover": 0.2,
        "simplify": 0.2,
    }


def test_models_are_asked_by_weight(request_of: MakeRequest) -> None:
    counts = Counter(ask.model for ask in plan(request_of(count=8), config(), TWO))
    assert counts == {"gpt-5": 6, "small": 2}


def test_shares_sum_to_one() -> None:
    for known in (None, feedback(), feedback(paid("mutate", 3.0), paid("fresh", 0.0))):
        assert sum(shares(config(), TWO, known).values()) == pytest.approx(1.0)


# --- what follows from the seed ---------------------------------------------------------------------------------------


def test_the_same_request_draws_the_same_and_another_round_or_seed_another() -> None:
    request = told_request().model_copy(update={"count": 12})

    def drawn(**changes: int) -> tuple[object, ...]:
        return plan(request.model_copy(update=changes), config(), TWO)

    assert drawn() == drawn()
    assert len({drawn(), drawn(round=4), drawn(seed=1), drawn(attempt=1)}) == 4


def test_the_plan_does_not_depend_on_the_order_of_the_models() -> None:
    request = told_request().model_copy(update={"count": 12})
    assert plan(request, config(), TWO) == plan(request, config(), dict(reversed(TWO.items())))


# --- what has paid off ------------------------------------------------------------------------------------------------


def test_the_move_that_improves_more_for_its_dollar_gets_more() -> None:
    even = shares(config(), ONE, feedback())
    cheap = shares(config(), ONE, feedback(paid("mutate", 4.0, dollars=1.0), paid("fresh", 4.0, dollars=5.0)))
    better = shares(config(), ONE, feedback(paid("mutate", 8.0), paid("fresh", 1.0)))
    for shifted in (cheap, better):
        assert shifted["mutate", "gpt-5"] > even["mutate", "gpt-5"]
        assert shifted["fresh", "gpt-5"] < even["fresh", "gpt-5"]


def test_of_two_models_the_one_that_improves_more_for_its_dollar_gets_more() -> None:
    told = feedback(paid("mutate", 4.0, dollars=6.0), paid("mutate", 4.0, dollars=1.0, model="small"))
    even, shifted = shares(config(), TWO, feedback()), shares(config(), TWO, told)
    assert shifted["mutate", "small"] / shifted["mutate", "gpt-5"] > even["mutate", "small"] / even["mutate", "gpt-5"]


def test_no_move_falls_below_the_floor_of_its_share() -> None:
    told = feedback(paid("mutate", 1e6, dollars=0.0), paid("fresh", 0.0, dollars=1e6, asks=1000))
    even, shifted = shares(config(adapt=False), ONE, told), shares(config(), ONE, told)
    assert all(shifted[arm] >= FLOOR * even[arm] for arm in even)
    assert shifted["fresh", "gpt-5"] == pytest.approx(FLOOR * even["fresh", "gpt-5"], rel=0.05)


def test_the_mix_stays_the_configs_where_it_is_not_to_adapt_and_where_nothing_has_improved() -> None:
    good, bad = paid("mutate", 9.0), paid("mutate", 0.0)
    even = shares(config(), ONE, feedback())
    assert shares(config(adapt=False), ONE, feedback(good, paid("fresh", 0.0))) == pytest.approx(even)
    assert shares(config(), ONE, feedback(bad, paid("fresh", 0.0))) == pytest.approx(even)


def test_a_rate_is_improvement_for_cost_against_all_together_with_a_prior_of_a_few_asks() -> None:
    rates = payoff_rates([paid("mutate", 6.0, dollars=3.0), paid("fresh", 2.0, dollars=1.0)])
    # In units of the common 0.4 an ask and $0.2 an ask: 15 for 15, and 5 for 5.
    assert rates == pytest.approx({("mutate", "gpt-5"): 1.0, ("fresh", "gpt-5"): 1.0})
    rates = payoff_rates([paid("mutate", 6.0, dollars=1.0), paid("fresh", 2.0, dollars=3.0)])
    assert rates["mutate", "gpt-5"] == pytest.approx((PRIOR_ASKS + 15) / (PRIOR_ASKS + 5))
    assert rates["fresh", "gpt-5"] == pytest.approx((PRIOR_ASKS + 5) / (PRIOR_ASKS + 15))


def test_cost_is_money_only_where_everything_has_a_price_else_tokens_else_asks() -> None:
    mutate, fresh = paid("mutate", 2.0, dollars=1.0), paid("fresh", 2.0, dollars=3.0)
    assert payoff_rates([mutate, fresh])["mutate", "gpt-5"] > 1
    # Unpriced in part: the tokens are the same, and the dollars say nothing.
    unpriced = fresh.model_copy(update={"usage": fresh.usage.model_copy(update={"unpriced": 1})})
    assert payoff_rates([mutate, unpriced])["mutate", "gpt-5"] == pytest.approx(1.0)
    longer = unpriced.model_copy(update={"usage": unpriced.usage.model_copy(update={"completion_tokens": 90_000})})
    assert payoff_rates([mutate, longer])["mutate", "gpt-5"] > 1
    free = [each.model_copy(update={"usage": Usage()}) for each in (mutate, fresh.model_copy(update={"asks": 30}))]
    assert payoff_rates(free)["mutate", "gpt-5"] > 1


# --- parents ----------------------------------------------------------------------------------------------------------


def planned(count: int, known: Feedback, **mix: float) -> list[tuple[str, ...]]:
    request = told_request().model_copy(update={"count": count, "feedback": known})
    none = {"fresh": 0.0, "mutate": 0.0, "crossover": 0.0, "simplify": 0.0}
    return [ask.parents for ask in plan(request, config(**{**none, **mix}), ONE)]


def member(place: int, share: float, only: Mapping[int, int] | None = None) -> Front:
    evidence = feedback().evidence
    ids = [each.candidate.id for each in evidence]
    return Front(
        id=ids[place],
        share=share,
        right=50,
        alone=0,
        only={ids[other]: count for other, count in (only or {}).items()},
    )


def test_parents_are_drawn_by_their_share_of_the_front() -> None:
    much, little = member(0, 0.9), member(1, 0.1)
    drawn = Counter(parents[0] for seed in range(200) for parents in one_by_one(seed, feedback(front=(much, little))))
    assert 0.85 < drawn[much.id] / drawn.total() < 0.95


def one_by_one(seed: int, known: Feedback) -> list[tuple[str, ...]]:
    request = told_request().model_copy(update={"count": 1, "feedback": known, "seed": seed})
    return [ask.parents for ask in plan(request, config(fresh=0.0, crossover=0.0, simplify=0.0), ONE)]


def test_each_draw_of_a_parent_makes_the_next_of_it_less_likely() -> None:
    drawn = Counter(parents[0] for parents in planned(40, feedback(front=(member(0, 0.5), member(1, 0.5))), mutate=1.0))
    assert abs(drawn[member(0, 1).id] - drawn[member(1, 1).id]) <= 8
    assert drawn.total() == 40


def test_a_mate_is_drawn_by_what_it_wins_that_the_first_parent_does_not() -> None:
    # The third wins nothing of the first, the second nothing of the third.
    front = member(0, 0.4, {1: 6, 2: 9}), member(1, 0.2, {0: 5, 2: 0}), member(2, 0.4, {0: 0, 1: 4})
    pairs = Counter(pair for pair in planned(60, feedback(front=front), crossover=1.0, mutate=0.0001) if len(pair) == 2)
    first, second, third = (each.id for each in front)
    assert pairs.keys() == {(first, second), (second, first), (second, third), (third, first)}


def test_no_reward_is_crossed_with_itself_even_where_nobody_wins_anything() -> None:
    front = tuple(member(place, 0.0) for place in range(3))
    pairs = planned(30, feedback(front=front), crossover=1.0, mutate=0.0001)
    assert all(len(set(pair)) == len(pair) for pair in pairs)


def test_every_parent_is_on_the_front() -> None:
    asked = plan(told_request().model_copy(update={"count": 40}), config(), ONE)
    assert {parent for ask in asked for parent in ask.parents} == {PENALTY.id, STEP_CHECK.id}
    assert {(ask.operator, len(ask.parents)) for ask in asked} == {
        ("fresh", 0),
        ("mutate", 1),
        ("crossover", 2),
        ("simplify", 1),
    }


# --- repairs ----------------------------------------------------------------------------------------------------------


def test_a_repair_is_asked_of_the_model_that_wrote_the_code() -> None:
    request = told_request(round=2, attempt=1)
    for seed in range(10):
        (ask,) = plan(request.model_copy(update={"seed": seed}), config(), TWO)
        assert (ask.place, ask.operator, ask.model, ask.parents) == (1, "repair", "gpt-5", (CROSSED.id,))


def test_a_repair_of_a_model_that_is_gone_is_asked_of_the_others_by_weight() -> None:
    request = told_request(round=2, attempt=1)
    others = {"large": 3.0, "small": 1.0}
    asked = [plan(request.model_copy(update={"seed": seed}), config(), others)[0].model for seed in range(200)]
    assert 0.65 < Counter(asked)["large"] / 200 < 0.85
