"""Which moves a round makes: the config's mix, what a round allows, what has paid off, and who the parents are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pytest
from fakes import candidate
from hypothesis import given
from hypothesis import strategies as st
from requests_of import MakeRequest
from two_rounds import CROSSED, HARSHER, PENALTY, SHOWS_WORK, STEP_CHECK
from two_rounds import request as told_request

from rewardsearch.config import MixConfig, ProposeConfig
from rewardsearch.propose.llm.operators import (
    FLOOR,
    PRIOR_REQUESTS,
    draw,
    model_of,
    payoff_rates,
    plan,
    request_for,
    shares,
)
from rewardsearch.records import Front, Operator, Request, Usage
from rewardsearch.records.feedback import Feedback, Payoff

ONE: Mapping[str, float] = {"gpt-5": 1.0}
TWO: Mapping[str, float] = {"gpt-5": 3.0, "small": 1.0}
ALL = MixConfig(fresh=1, mutate=2, crossover=1, simplify=1)


def config(adapt: bool = True, simplify_after: int = 1, **mix: float) -> ProposeConfig:
    return ProposeConfig(mix=ALL.model_copy(update=mix), adapt=adapt, simplify_after=simplify_after)


def feedback(*payoffs: Payoff, front: tuple[Front, ...] | None = None, rounds_without_improvement: int = 1) -> Feedback:
    """What the told run knows after two rounds, with these payoffs; front: in place of its two members."""
    told = told_request().feedback
    assert told is not None
    evidence = told.evidence
    if front is not None:
        members = {member.id: member for member in front}
        evidence = tuple(each.model_copy(update={"front": members.get(each.candidate.id)}) for each in evidence)
    return told.model_copy(
        update={"payoffs": payoffs, "rounds_without_improvement": rounds_without_improvement, "evidence": evidence}
    )


def paid(operator: Operator, credit: float, cost: float = 10.0, model: str = "gpt-5") -> Payoff:
    """Of ten asks; credit and cost in average asks."""
    return Payoff(operator=operator, model=model, requests=10, improvement=credit, cost=cost, usage=Usage())


def by_move(found: Mapping[tuple[Operator, str], float]) -> dict[str, float]:
    out: dict[str, float] = {}
    for (move, _), share in found.items():
        out[move] = out.get(move, 0.0) + share
    return out


# --- what a round allows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", [{}, {"fresh": 0.0}])
def test_the_first_round_is_all_fresh_whatever_the_mix(request_of: MakeRequest, mix: dict[str, float]) -> None:
    asks = plan(request_of(count=6), config(**mix), ONE)
    assert [(ask.index, ask.operator, ask.model, ask.parents) for ask in asks] == [
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


@pytest.mark.parametrize(
    ("rounds_without_improvement", "after", "allowed"), [(0, 1, False), (1, 1, True), (1, 2, False), (3, 2, True)]
)
def test_rewards_are_simplified_only_after_rounds_without_gain(
    rounds_without_improvement: int, after: int, allowed: bool
) -> None:
    found = by_move(
        shares(config(simplify_after=after), ONE, feedback(rounds_without_improvement=rounds_without_improvement))
    )
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


@pytest.mark.parametrize(("model", "makes"), [("gpt-5", ["gpt-5"] * 4), ("gone", ["gpt-5", "small"] * 2)])
def test_an_ask_is_made_by_its_model_and_by_the_others_in_turn_where_that_is_gone(model: str, makes: list[str]) -> None:
    asks = [Request(index=place, operator="fresh", model=model) for place in (1, 2, 3, 4)]
    assert [model_of(ask, ["gpt-5", "small"]) for ask in asks] == makes
    assert [model_of(ask, ["small", "gpt-5"]) for ask in asks] == makes


def test_the_plan_does_not_depend_on_the_order_of_the_models() -> None:
    request = told_request().model_copy(update={"count": 12})
    assert plan(request, config(), TWO) == plan(request, config(), dict(reversed(TWO.items())))


# --- what has paid off ------------------------------------------------------------------------------------------------


def test_the_move_that_improves_more_for_its_cost_gets_more() -> None:
    even = shares(config(), ONE, feedback())
    cheap = shares(config(), ONE, feedback(paid("mutate", 10.0, cost=4.0), paid("fresh", 10.0, cost=16.0)))
    better = shares(config(), ONE, feedback(paid("mutate", 17.0), paid("fresh", 3.0)))
    for shifted in (cheap, better):
        assert shifted["mutate", "gpt-5"] > even["mutate", "gpt-5"]
        assert shifted["fresh", "gpt-5"] < even["fresh", "gpt-5"]


def test_of_two_models_the_one_that_improves_more_for_its_cost_gets_more() -> None:
    told = feedback(paid("mutate", 10.0, cost=16.0), paid("mutate", 10.0, cost=4.0, model="small"))
    even, shifted = shares(config(), TWO, feedback()), shares(config(), TWO, told)
    assert shifted["mutate", "small"] / shifted["mutate", "gpt-5"] > even["mutate", "small"] / even["mutate", "gpt-5"]


def test_a_move_never_asked_counts_as_an_average_one() -> None:
    told = feedback(paid("mutate", 15.0), paid("fresh", 10.0))
    even, shifted = shares(config(), ONE, feedback()), shares(config(), ONE, told)
    assert shifted["crossover", "gpt-5"] / shifted["fresh", "gpt-5"] == pytest.approx(1.0)
    assert shifted["crossover", "gpt-5"] < even["crossover", "gpt-5"]


def test_no_move_falls_below_the_floor_of_its_share() -> None:
    told = feedback(paid("mutate", 1e6, cost=0.0), paid("fresh", 0.0, cost=1e6))
    even, shifted = shares(config(adapt=False), ONE, told), shares(config(), ONE, told)
    assert all(shifted[arm] >= FLOOR * even[arm] for arm in even)
    assert shifted["fresh", "gpt-5"] == pytest.approx(FLOOR * even["fresh", "gpt-5"], rel=0.05)


def test_the_mix_stays_the_configs_where_it_is_not_to_adapt_and_where_every_ask_was_average() -> None:
    even = shares(config(), ONE, feedback())
    assert shares(config(adapt=False), ONE, feedback(paid("mutate", 19.0), paid("fresh", 1.0))) == pytest.approx(even)
    assert shares(config(), ONE, feedback(paid("mutate", 10.0), paid("fresh", 10.0))) == pytest.approx(even)


def test_a_rate_is_improvement_for_cost_with_a_prior_of_a_few_average_asks() -> None:
    assert payoff_rates([]) == {}
    rates = payoff_rates([paid("mutate", 15.0, cost=15.0), paid("fresh", 5.0, cost=5.0)])
    assert rates == pytest.approx({("mutate", "gpt-5"): 1.0, ("fresh", "gpt-5"): 1.0})
    rates = payoff_rates([paid("mutate", 15.0, cost=5.0), paid("fresh", 5.0, cost=15.0, model="small")])
    assert rates["mutate", "gpt-5"] == pytest.approx((PRIOR_REQUESTS + 15) / (PRIOR_REQUESTS + 5))
    assert rates["fresh", "small"] == pytest.approx((PRIOR_REQUESTS + 5) / (PRIOR_REQUESTS + 15))


# --- parents ----------------------------------------------------------------------------------------------------------


def planned(count: int, known: Feedback, **mix: float) -> list[tuple[str, ...]]:
    request = told_request().model_copy(update={"count": count, "feedback": known})
    none = {"fresh": 0.0, "mutate": 0.0, "crossover": 0.0, "simplify": 0.0}
    return [ask.parents for ask in plan(request, config(**{**none, **mix}), ONE)]


def member(place: int, share: float) -> Front:
    return Front(id=feedback().evidence[place].candidate.id, share=share, right=50, alone=0)


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


def on_front(*won: Iterable[int], share: float = 0.5) -> tuple[Front, ...]:
    """The first rewards of the told run, with the questions that each answers right."""
    ids = [each.candidate.id for each in feedback().evidence]
    sets = [frozenset(each) for each in won]
    return tuple(
        Front(
            id=id, share=share, right=len(own), alone=0, only={ids[i]: len(own - each) for i, each in enumerate(sets)}
        )
        for id, own in zip(ids, sets, strict=False)
    )


def crossed(front: Sequence[Front], ancestors: Mapping[int, Iterable[int]] | None = None) -> Counter[frozenset[int]]:
    """The pairs that many crossovers draw, by place. ancestors: of the rewards, by place."""
    known, ids = feedback(front=tuple(front)), [member.id for member in front]
    lineage = {ids[child]: tuple(ids[i] for i in of) for child, of in (ancestors or {}).items()}
    parents = [each.model_copy(update={"ancestors": lineage.get(each.candidate.id, ())}) for each in known.parents]
    drawn = planned(60, known.model_copy(update={"parents": tuple(parents)}), crossover=1.0, mutate=0.0001)
    return Counter(frozenset(map(ids.index, pair)) for pair in drawn if len(pair) == 2)


def test_rewards_are_crossed_by_how_far_their_questions_go_beyond_the_best_one() -> None:
    # The first alone answers most; what the others win together is less than that.
    front = on_front(range(90), [*range(40), *range(90, 100)], [*range(30, 60), 100])
    pairs = crossed(front)
    assert pairs.keys() == {frozenset((0, 1)), frozenset((0, 2))}
    assert pairs[frozenset((0, 1))] > pairs[frozenset((0, 2))]


def test_level_rewards_that_win_on_different_questions_are_crossed_whoever_is_best() -> None:
    front = on_front(range(52), range(50, 100), range(51))
    assert crossed(front).keys() == {frozenset((0, 1)), frozenset((1, 2))}


@pytest.mark.parametrize("ancestors", [{1: [0]}, {0: [1]}, {1: [2, 0]}])
def test_a_reward_is_not_crossed_with_what_it_was_made_from_while_there_is_another(
    ancestors: dict[int, list[int]],
) -> None:
    front = on_front(range(90), [*range(40), *range(90, 100)], [*range(30, 60), 100])
    pairs = crossed(front, ancestors)
    related = {frozenset((child, of)) for child, found in ancestors.items() for of in found}
    assert pairs and not related & pairs.keys()
    # Where there is no other the round crosses nothing; who asks for the move all the same gets that pair.
    assert not crossed(front[:2], {1: [0]})
    ids, known = [member.id for member in front[:2]], feedback(front=front[:2])
    parents = tuple(each.model_copy(update={"ancestors": (ids[0],)}) for each in known.parents)
    asked = told_request().model_copy(update={"feedback": known.model_copy(update={"parents": parents})})
    assert set(request_for("crossover", asked, ONE, random.Random(0)).parents) == set(ids)


def test_no_reward_is_crossed_with_itself_even_where_nobody_wins_anything() -> None:
    pairs = crossed(on_front(*[range(5)] * 3, share=0.0))
    assert len(pairs) == 3 and all(len(pair) == 2 for pair in pairs)


def test_what_is_simplified_has_several_components_where_a_parent_has() -> None:
    ids = [each.candidate.id for each in feedback().evidence]
    # Two of these have one component, and two have two.
    single = [ids.index(each.id) for each in (PENALTY, HARSHER)]
    several = [ids.index(each.id) for each in (STEP_CHECK, SHOWS_WORK)]
    everybody = tuple(member(place, 0.25) for place in range(4))

    def simplified(front: Sequence[Front]) -> set[tuple[str, ...]]:
        return set(planned(40, feedback(front=tuple(front)), simplify=1.0, fresh=0.0001)) - {()}

    assert simplified(everybody) == {(ids[place],) for place in several}
    assert simplified([everybody[place] for place in single]) == {(ids[place],) for place in single}
    assert set(planned(40, feedback(front=everybody), mutate=1.0)) == {(id,) for id in ids[:4]}


def test_what_was_simplified_before_comes_after_what_was_not() -> None:
    simpler = candidate("simpler").model_copy(update={"operator": "simplify", "parents": (STEP_CHECK.id,)})
    told = feedback(front=tuple(member(place, 0.25) for place in range(4)))
    evidence = tuple(
        each.model_copy(update={"simplified": (simpler,) if each.candidate.id == STEP_CHECK.id else ()})
        for each in told.evidence
    )
    known = told.model_copy(update={"evidence": evidence})
    assert set(planned(1, known, simplify=1.0, fresh=0.0001)) == {(SHOWS_WORK.id,)}
    # Two of one round are not of the same reward, and where all were simplified they are again.
    assert set(planned(2, known, simplify=1.0, fresh=0.0001)) == {(SHOWS_WORK.id,), (STEP_CHECK.id,)}


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
        assert (ask.index, ask.operator, ask.model, ask.parents) == (1, "repair", "gpt-5", (CROSSED.id,))


def test_a_repair_of_a_model_that_is_gone_is_asked_of_the_others_by_weight() -> None:
    request = told_request(round=2, attempt=1)
    others = {"large": 3.0, "small": 1.0}
    asked = [plan(request.model_copy(update={"seed": seed}), config(), others)[0].model for seed in range(200)]
    assert 0.65 < Counter(asked)["large"] / 200 < 0.85
