"""What each operator with each model is credited with, and what it cost."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from rewardsearch.feedback.payoff import MIN_COST, MIN_NOISE, expected_improvement, payoffs
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Operator,
    Proposal,
    RankedRow,
    Ranking,
    Request,
    RequestOutcome,
    Usage,
)
from rewardsearch.records.feedback import Payoff

SD = 0.02
HALF = float(norm.ppf(0.975)) * SD
Proposals = Mapping[tuple[int, int], Proposal]


def row(id: str, f1: float, round: int = 1, half: float = HALF) -> RankedRow:
    return RankedRow(
        rank=1,
        id=id,
        name=id,
        round=round,
        operator="fresh",
        status="trained",
        f1=f1,
        f1_ci=(f1 - half, f1 + half),
    )


def ranking(*rows: RankedRow, baseline: float = 0.5) -> Ranking:
    return Ranking(task="arithmetic", split="val", n=100, rows=(*rows, row(BASELINE, baseline, round=0)))


def played(
    place: int,
    operator: Operator,
    *made: str,
    of: tuple[str, ...] = (),
    model: str = "m",
    tokens: int = 100,
    requests: int = 1,
    dollars: float = 0.0,
    unpriced: int = 0,
) -> RequestOutcome:
    return RequestOutcome(
        request=Request(index=place, operator=operator, model=model, parents=of),
        candidates=made,
        usage=Usage(requests=requests, prompt_tokens=tokens, dollars=dollars, unpriced=unpriced),
    )


def proposal(*plays: RequestOutcome) -> Proposal:
    return Proposal(candidates=(), outcomes=plays)


def found(proposals: Proposals, ranked: Ranking) -> dict[tuple[str, str], Payoff]:
    return {(payoff.operator, payoff.model): payoff for payoff in payoffs(proposals, ranked, 0.95)}


def credits(proposals: Proposals, ranked: Ranking) -> dict[str, float]:
    """By operator, of a search with one model."""
    return {operator: payoff.improvement for (operator, _), payoff in found(proposals, ranked).items()}


def costs(*plays: RequestOutcome) -> list[float]:
    """Of one round, in the order of the asks."""
    return [payoff.cost for payoff in payoffs({(1, 0): proposal(*plays)}, ranking(), 0.95)]


def portions(count: int, **parts: float) -> dict[str, float]:
    """`count` asks' worth, split in proportion."""
    return {name: pytest.approx(count * part / sum(parts.values()), rel=1e-5) for name, part in parts.items()}


def level_with(sds: float) -> float:
    """The expected improvement of a score this many standard deviations above the best."""
    return float(quad(lambda x: max(0.0, sds + x) * math.exp(-x * x / 2) / math.sqrt(2 * math.pi), -sds, 12)[0])


# --- a score's improvement --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.floats(-6, 6), st.floats(0.011, 0.2), st.floats(0.6, 0.999))
def test_the_credit_of_a_score_is_its_expected_improvement_in_standard_deviations(
    z: float, sd: float, confidence: float
) -> None:
    half = float(norm.ppf((1 + confidence) / 2)) * sd
    expected = quad(lambda x: max(0.0, x) * norm.pdf(x, z * sd, sd), 0, max(0.0, z * sd) + 12 * sd)[0] / sd
    credit = expected_improvement(row("a", 0.5 + z * sd, half=half), 0.5, confidence)
    assert credit == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_score_level_with_the_best_earns_0_4_one_well_above_its_distance_and_one_well_below_nothing() -> None:
    assert expected_improvement(row("a", 0.5), 0.5, 0.95) == pytest.approx(0.399, abs=0.001)
    assert expected_improvement(row("a", 0.5 + 6 * SD), 0.5, 0.95) == pytest.approx(6, abs=0.001)
    assert expected_improvement(row("a", 0.5 - 6 * SD), 0.5, 0.95) == pytest.approx(0, abs=0.001)


def test_an_interval_without_width_counts_with_the_least_noise() -> None:
    assert expected_improvement(row("a", 1.0, half=0.0), 0.97, 0.95) == pytest.approx(
        level_with(0.03 / MIN_NOISE), rel=1e-6
    )


def test_a_wider_confidence_of_the_same_interval_means_less_noise() -> None:
    assert expected_improvement(row("a", 0.6), 0.5, 0.99) > expected_improvement(row("a", 0.6), 0.5, 0.8) > 0


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_each_operator_with_each_model_has_its_own_payoff_in_the_order_of_the_first_ask() -> None:
    proposals = {
        (2, 0): proposal(played(1, "fresh", "d", model="m"), played(2, "mutate", "e", model="m", of=("a",))),
        (1, 0): proposal(played(1, "fresh", "a", model="n"), played(2, "fresh", "b", model="m")),
    }
    told = found(proposals, ranking(row("a", 0.5), row("b", 0.5), row("d", 0.5, 2), row("e", 0.5, 2)))
    assert list(told) == [("fresh", "n"), ("fresh", "m"), ("mutate", "m")]
    assert [payoff.requests for payoff in told.values()] == [1, 2, 1]
    assert [payoff.improvement for payoff in told.values()] == pytest.approx([1, 2, 1])
    assert [payoff.cost for payoff in told.values()] == pytest.approx([1, 2, 1])
    assert [payoff.usage.tokens for payoff in told.values()] == [100, 200, 100]


# --- what a score is held against -------------------------------------------------------------------------------------


def test_a_round_is_held_against_the_best_score_that_was_known_when_it_began() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "a"), played(2, "mutate", "b")),
        (2, 0): proposal(played(1, "fresh", "c"), played(2, "mutate", "d", of=("a",))),
        (3, 0): proposal(played(1, "fresh", "e"), played(2, "simplify", "f", of=("d",))),
    }
    later = row("d", 0.6, 2), row("c", 0.56, 2), row("f", 0.6, 3), row("e", 0.58, 3)
    ranked = ranking(*later, row("a", 0.58), row("b", 0.54))

    def of_round(number: int) -> dict[str, float]:
        return credits({(number, 0): proposals[number, 0]}, ranked)

    # The first round against the baseline, whatever else the round found, and later rounds against what came before.
    assert of_round(1) == portions(2, fresh=level_with(4), mutate=level_with(2))
    assert of_round(2) == portions(2, fresh=level_with(-1), mutate=level_with(1))
    assert of_round(3) == portions(2, fresh=level_with(-1), simplify=level_with(0))
    whole = credits(proposals, ranked)
    assert whole["fresh"] == pytest.approx(sum(of_round(number)["fresh"] for number in (1, 2, 3)))
    assert whole["mutate"] == pytest.approx(of_round(1)["mutate"] + of_round(2)["mutate"])


def test_rounds_below_the_baseline_do_not_lower_the_bar() -> None:
    proposals = {(2, 0): proposal(played(1, "fresh", "b"), played(2, "mutate", "c", of=("a",)))}
    found = credits(proposals, ranking(row("a", 0.4), row("b", 0.5, 2), row("c", 0.46, 2)))
    assert found == portions(2, fresh=level_with(0), mutate=level_with(-2))


def test_the_untrained_policy_is_no_bar() -> None:
    proposals = {(1, 0): proposal(played(1, "fresh", "a"), played(2, "mutate", "b"))}
    found = credits(proposals, ranking(row("a", 0.5), row("b", 0.54), row(POLICY, 0.9, 0)))
    assert found == portions(2, fresh=level_with(0), mutate=level_with(2))


def test_without_a_score_of_the_baseline_there_is_no_payoff() -> None:
    alone = Ranking(task="arithmetic", split="val", n=100, rows=(row("a", 0.6),))
    with pytest.raises(ValueError, match="the baseline has no score"):
        payoffs({(1, 0): proposal(played(1, "fresh", "a"))}, alone, 0.95)


# --- credit -----------------------------------------------------------------------------------------------------------


def test_several_candidates_of_one_ask_add_up() -> None:
    proposals = {(1, 0): proposal(played(1, "fresh", "a", "b"), played(2, "mutate", "c"))}
    told = found(proposals, ranking(row("a", 0.52), row("b", 0.5), row("c", 0.5)))
    assert [payoff.requests for payoff in told.values()] == [1, 1]
    assert {operator: payoff.improvement for (operator, _), payoff in told.items()} == portions(
        2, fresh=level_with(1) + level_with(0), mutate=level_with(0)
    )


def test_an_ask_that_brought_no_scored_candidate_earns_nothing_and_costs_what_it_did() -> None:
    failed = RankedRow(rank=None, id="failed", name="failed", round=1, operator="mutate", status="failed")
    ranked = ranking(row("a", 0.5))
    ranked = ranked.model_copy(update={"rows": (*ranked.rows, failed)})
    plays = played(1, "fresh", "a"), played(2, "mutate", "failed", of=("x",)), played(3, "simplify", of=("x",))
    told = payoffs({(1, 0): proposal(*plays)}, ranked, 0.95)
    assert [payoff.improvement for payoff in told] == pytest.approx([3, 0, 0])
    assert [(payoff.requests, payoff.cost, payoff.usage.tokens) for payoff in told] == [(1, 1, 100)] * 3


def test_in_a_round_without_a_scored_candidate_every_ask_has_an_average_credit() -> None:
    proposals = {(1, 0): proposal(played(1, "fresh", "x"), played(2, "fresh"), played(3, "mutate", tokens=400))}
    told = found(proposals, ranking())
    assert [payoff.improvement for payoff in told.values()] == [2, 1]
    assert [payoff.cost for payoff in told.values()] == pytest.approx([1, 2])


def test_a_round_that_raised_the_best_a_lot_counts_no_more_than_one_that_raised_it_a_little() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "a"), played(2, "crossover", "b")),
        (2, 0): proposal(played(1, "mutate", "c"), played(2, "simplify", "d")),
    }
    told = credits(proposals, ranking(row("a", 0.9), row("b", 0.1), row("c", 0.92, 2), row("d", 0.7, 2)))
    assert told == pytest.approx({"fresh": 2, "crossover": 0, "mutate": 2, "simplify": 0}, abs=1e-5)


# --- repairs ----------------------------------------------------------------------------------------------------------


def test_a_chain_of_repairs_belongs_to_the_ask_it_mends_with_its_costs_and_what_came_of_it() -> None:
    proposals = {
        (1, 0): proposal(
            played(1, "crossover", "bad", of=("x", "y"), tokens=1000, dollars=0.5),
            played(2, "fresh", "fine", tokens=10, dollars=0.125),
        ),
        (1, 1): proposal(played(1, "repair", "still-bad", of=("bad",), tokens=300, dollars=0.25, requests=2)),
        (1, 2): proposal(played(1, "repair", "mended", of=("still-bad",), tokens=200, dollars=0.125)),
    }
    told = found(proposals, ranking(row("mended", 0.54), row("fine", 0.5)))
    assert list(told) == [("crossover", "m"), ("fresh", "m")]
    crossover, fresh = told.values()
    assert (crossover.requests, fresh.requests) == (1, 1)
    assert {"crossover": crossover.improvement, "fresh": fresh.improvement} == portions(
        2, crossover=level_with(2), fresh=level_with(0)
    )
    assert (crossover.cost, fresh.cost) == pytest.approx((1.75, 0.25))
    assert crossover.usage == Usage(requests=4, prompt_tokens=1500, dollars=0.875)
    assert fresh.usage == Usage(requests=1, prompt_tokens=10, dollars=0.125)


def test_a_repair_by_another_model_still_belongs_to_the_model_that_was_asked_first() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "bad", model="cheap"), played(2, "fresh", "worse", model="dear")),
        (1, 1): proposal(played(1, "repair", "mended", of=("bad",), model="dear", tokens=200)),
    }
    cheap, dear = payoffs(proposals, ranking(row("mended", 0.5)), 0.95)
    assert (cheap.model, cheap.requests, cheap.usage.tokens) == ("cheap", 1, 300)
    assert (dear.model, dear.requests, dear.usage.tokens) == ("dear", 1, 100)
    assert (cheap.improvement, dear.improvement) == pytest.approx((2, 0))
    assert (cheap.cost, dear.cost) == pytest.approx((1.5, 0.5))


def test_a_repair_that_brought_nothing_adds_its_cost() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "bad", tokens=100), played(2, "mutate", "a", tokens=50)),
        (1, 1): proposal(played(1, "repair", of=("bad",), tokens=50)),
    }
    fresh, _ = payoffs(proposals, ranking(row("a", 0.6)), 0.95)
    usage = Usage(requests=2, prompt_tokens=150)
    assert fresh == Payoff(operator="fresh", model="m", requests=1, improvement=0, cost=1.5, usage=usage)


def test_a_repair_that_got_no_reply_costs_nothing() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "bad"), played(2, "mutate")),
        (1, 1): proposal(played(1, "repair", of=("bad",), requests=0, tokens=0)),
    }
    assert [payoff.cost for payoff in payoffs(proposals, ranking(), 0.95)] == pytest.approx([1, 1])


# --- cost -------------------------------------------------------------------------------------------------------------


def test_cost_is_money_where_every_request_of_the_round_has_a_price() -> None:
    plays = played(1, "fresh", dollars=0.03, tokens=100), played(2, "mutate", dollars=0.01, tokens=900)
    assert costs(*plays) == pytest.approx([1.5, 0.5])


def test_cost_is_tokens_where_a_request_of_the_round_has_no_price() -> None:
    plays = played(1, "fresh", dollars=0.03, tokens=100), played(2, "mutate", dollars=0.01, tokens=300, unpriced=1)
    assert costs(*plays) == pytest.approx([0.5, 1.5])


def test_cost_is_tokens_where_every_model_is_free() -> None:
    assert costs(played(1, "fresh", tokens=100), played(2, "mutate", tokens=300)) == pytest.approx([0.5, 1.5])


def test_cost_is_the_number_of_asks_where_nothing_was_paid() -> None:
    plays = (played(place, operator, tokens=0) for place, operator in enumerate(("fresh", "mutate", "fresh"), start=1))
    assert costs(*plays) == [2, 1]


def test_an_unpriced_request_says_nothing_of_the_money_of_another_round() -> None:
    dear, cheap = played(1, "fresh", dollars=0.03), played(2, "mutate", dollars=0.01)
    unpriced = played(1, "fresh", tokens=100, unpriced=1), played(2, "mutate", tokens=300, dollars=0.01)
    fresh, mutate = payoffs({(1, 0): proposal(dear, cheap), (2, 0): proposal(*unpriced)}, ranking(), 0.95)
    assert (fresh.cost, mutate.cost) == pytest.approx((1.5 + 0.5, 0.5 + 1.5))


def test_an_ask_of_a_free_model_beside_priced_ones_counts_the_least_cost() -> None:
    free = played(1, "fresh", model="free"), played(2, "fresh", model="free"), played(3, "mutate", model="free")
    assert costs(*free, played(4, "fresh", dollars=0.5)) == pytest.approx([2 * MIN_COST, MIN_COST, 4])


@pytest.mark.parametrize("dollars", [0.0, 0.5])
def test_an_ask_that_got_no_reply_counts_an_average_one_beside_those_that_did(dollars: float) -> None:
    silent = played(2, "fresh", requests=0, tokens=0), played(3, "mutate", requests=0, tokens=0)
    replied = played(1, "fresh", dollars=dollars), played(4, "crossover", dollars=3 * dollars, tokens=300)
    assert costs(replied[0], *silent, replied[1]) == pytest.approx([0.5 + 1, 1, 1.5])


def test_by_hand_every_ask_costs_the_same() -> None:
    plays = (played(place, "fresh", requests=0, tokens=0, model="") for place in (1, 2))
    assert costs(*plays, played(3, "mutate", requests=0, tokens=0, model="")) == [2, 1]


# --- rounds -----------------------------------------------------------------------------------------------------------

PLAYS = st.lists(
    st.tuples(
        st.sampled_from(["fresh", "mutate"]),
        st.lists(st.floats(0.4, 0.7), max_size=2),
        st.booleans(),
        st.just(Usage())
        | st.builds(
            Usage,
            requests=st.integers(1, 3),
            prompt_tokens=st.integers(0, 5000),
            dollars=st.sampled_from([0.0, 0.001, 0.2]),
            unpriced=st.integers(0, 1),
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=40)
@given(PLAYS)
def test_the_credits_of_a_round_sum_to_its_asks_and_so_do_its_costs_but_for_the_least(
    drawn: list[tuple[Operator, list[float], bool, Usage]],
) -> None:
    rows: list[RankedRow] = []
    asked: list[RequestOutcome] = []
    repairs: list[RequestOutcome] = []
    for place, (operator, scores, mended, usage) in enumerate(drawn, start=1):
        made = [row(f"{place} {number}", score) for number, score in enumerate(scores)]
        rows += made
        ids = [each.id for each in made]
        asked.append(played(place, operator, *(["bad"] if mended else ids)).model_copy(update={"usage": usage}))
        if mended:
            repairs.append(played(place, "repair", *ids, of=("bad",), model="n").model_copy(update={"usage": usage}))
    told = payoffs({(1, 0): proposal(*asked), (1, 1): proposal(*repairs)}, ranking(*rows), 0.95)
    asks = len(drawn)
    assert sum(payoff.requests for payoff in told) == asks
    assert sum(payoff.improvement for payoff in told) == pytest.approx(asks)
    assert all(payoff.cost >= MIN_COST * payoff.requests for payoff in told)
    cost = sum(payoff.cost for payoff in told)
    if any(payoff.cost == MIN_COST * payoff.requests for payoff in told):
        assert asks <= cost + 1e-9 <= (1 + MIN_COST) * asks
    else:
        assert cost == pytest.approx(asks)


# --- without payoff ---------------------------------------------------------------------------------------------------


def test_what_was_asked_of_no_model_has_no_payoff() -> None:
    assert payoffs({(1, 0): Proposal(candidates=())}, ranking(row("a", 0.6)), 0.95) == ()
    assert payoffs({}, ranking(), 0.95) == ()
