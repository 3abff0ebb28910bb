"""What each operator with each model is credited with, and what it cost."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from rewardsearch.evidence import Payoff
from rewardsearch.feedback.payoff import LEAST_NOISE, improvement, payoffs
from rewardsearch.records import BASELINE, POLICY, Ask, Operator, Played, Proposal, RankedRow, Ranking, Usage

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
        status="screened",
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
) -> Played:
    return Played(
        ask=Ask(place=place, operator=operator, model=model, parents=of),
        candidates=made,
        usage=Usage(requests=requests, prompt_tokens=tokens, dollars=dollars),
    )


def proposal(*plays: Played) -> Proposal:
    return Proposal(candidates=(), played=plays)


def found(proposals: Proposals, ranked: Ranking) -> dict[tuple[str, str], Payoff]:
    return {(payoff.operator, payoff.model): payoff for payoff in payoffs(proposals, ranked, 0.95)}


def level_with(sds: float) -> float:
    """The expected improvement of a score this many standard deviations above the best."""
    return float(quad(lambda x: max(0.0, sds + x) * math.exp(-x * x / 2) / math.sqrt(2 * math.pi), -sds, 12)[0])


@settings(deadline=None)
@given(st.floats(-6, 6), st.floats(0.011, 0.2), st.floats(0.6, 0.999))
def test_the_credit_of_a_score_is_its_expected_improvement_in_standard_deviations(
    z: float, sd: float, confidence: float
) -> None:
    half = float(norm.ppf((1 + confidence) / 2)) * sd
    expected = quad(lambda x: max(0.0, x) * norm.pdf(x, z * sd, sd), 0, max(0.0, z * sd) + 12 * sd)[0] / sd
    credit = improvement(row("a", 0.5 + z * sd, half=half), 0.5, confidence)
    assert credit == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_score_level_with_the_best_earns_0_4_one_well_above_its_distance_and_one_well_below_nothing() -> None:
    assert improvement(row("a", 0.5), 0.5, 0.95) == pytest.approx(0.399, abs=0.001)
    assert improvement(row("a", 0.5 + 6 * SD), 0.5, 0.95) == pytest.approx(6, abs=0.001)
    assert improvement(row("a", 0.5 - 6 * SD), 0.5, 0.95) == pytest.approx(0, abs=0.001)


def test_an_interval_without_width_counts_with_the_least_noise() -> None:
    assert improvement(row("a", 1.0, half=0.0), 0.97, 0.95) == pytest.approx(level_with(0.03 / LEAST_NOISE), rel=1e-6)


def test_a_wider_confidence_of_the_same_interval_means_less_noise() -> None:
    assert improvement(row("a", 0.6), 0.5, 0.99) > improvement(row("a", 0.6), 0.5, 0.8) > 0


def test_each_operator_with_each_model_has_its_own_payoff_in_the_order_of_the_first_ask() -> None:
    proposals = {
        (2, 0): proposal(played(1, "fresh", "d", model="m"), played(2, "mutate", "e", model="m", of=("a",))),
        (1, 0): proposal(played(1, "fresh", "a", model="n"), played(2, "fresh", "b", model="m")),
    }
    told = found(proposals, ranking(row("a", 0.5), row("b", 0.5), row("d", 0.5, 2), row("e", 0.5, 2)))
    assert list(told) == [("fresh", "n"), ("fresh", "m"), ("mutate", "m")]
    assert [payoff.asks for payoff in told.values()] == [1, 2, 1]
    assert told["fresh", "m"].credit == pytest.approx(2 * level_with(0))


def test_a_round_is_held_against_the_best_score_that_was_known_when_it_began() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "a"), played(2, "fresh", "b", model="n")),
        (2, 0): proposal(played(1, "mutate", "c", of=("a",))),
        (3, 0): proposal(played(1, "simplify", "d", of=("c",))),
    }
    ranked = ranking(row("c", 0.6, 2), row("a", 0.58), row("b", 0.54), row("d", 0.6, 3))
    told = found(proposals, ranked)
    # The first round against the baseline, whatever else the round found, and later rounds against what came before.
    assert told["fresh", "m"].credit == pytest.approx(level_with(4), rel=1e-6)
    assert told["fresh", "n"].credit == pytest.approx(level_with(2), rel=1e-6)
    assert told["mutate", "m"].credit == pytest.approx(level_with(1), rel=1e-6)
    assert told["simplify", "m"].credit == pytest.approx(level_with(0), rel=1e-6)


def test_rounds_below_the_baseline_do_not_lower_the_bar() -> None:
    proposals = {(1, 0): proposal(played(1, "fresh", "a")), (2, 0): proposal(played(1, "mutate", "b", of=("a",)))}
    told = found(proposals, ranking(row("a", 0.4), row("b", 0.46, 2)))
    assert told["mutate", "m"].credit == pytest.approx(level_with(-2), rel=1e-5)


def test_the_untrained_policy_is_no_bar() -> None:
    told = found({(1, 0): proposal(played(1, "fresh", "a"))}, ranking(row("a", 0.5), row(POLICY, 0.9, 0)))
    assert told["fresh", "m"].credit == pytest.approx(level_with(0))


def test_several_candidates_of_one_ask_add_up() -> None:
    told = found({(1, 0): proposal(played(1, "fresh", "a", "b"))}, ranking(row("a", 0.52), row("b", 0.5)))
    assert told["fresh", "m"].asks == 1
    assert told["fresh", "m"].credit == pytest.approx(level_with(1) + level_with(0), rel=1e-6)


def test_an_ask_that_brought_no_scored_candidate_earns_nothing_and_costs_what_it_did() -> None:
    ranked = Ranking(
        task="arithmetic",
        split="val",
        n=100,
        rows=(
            row(BASELINE, 0.5, round=0),
            RankedRow(rank=None, id="failed", name="failed", round=1, operator="fresh", status="failed"),
        ),
    )
    told = found({(1, 0): proposal(played(1, "fresh"), played(2, "mutate", "failed", of=("x",)))}, ranked)
    assert [(payoff.asks, payoff.credit, payoff.usage.tokens) for payoff in told.values()] == [(1, 0, 100), (1, 0, 100)]


def test_a_chain_of_repairs_belongs_to_the_ask_it_mends_with_its_costs_and_what_came_of_it() -> None:
    proposals = {
        (1, 0): proposal(
            played(1, "crossover", "bad", of=("x", "y"), tokens=1000, dollars=0.5),
            played(2, "fresh", "fine", tokens=10),
        ),
        (1, 1): proposal(played(1, "repair", "still-bad", of=("bad",), tokens=300, dollars=0.25, requests=2)),
        (1, 2): proposal(played(1, "repair", "mended", of=("still-bad",), tokens=200, dollars=0.125)),
    }
    told = found(proposals, ranking(row("mended", 0.54), row("fine", 0.5)))
    assert list(told) == [("crossover", "m"), ("fresh", "m")]
    crossover = told["crossover", "m"]
    assert crossover.asks == 1
    assert crossover.credit == pytest.approx(level_with(2), rel=1e-6)
    assert crossover.usage == Usage(requests=4, prompt_tokens=1500, dollars=0.875)
    assert told["fresh", "m"].usage == Usage(requests=1, prompt_tokens=10)


def test_a_repair_by_another_model_still_belongs_to_the_model_that_was_asked_first() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "bad", model="cheap")),
        (1, 1): proposal(played(1, "repair", "mended", of=("bad",), model="dear", tokens=900)),
    }
    told = found(proposals, ranking(row("mended", 0.5)))
    assert list(told) == [("fresh", "cheap")]
    assert told["fresh", "cheap"].usage.tokens == 1000
    assert told["fresh", "cheap"].credit == pytest.approx(level_with(0))


def test_a_repair_that_brought_nothing_adds_its_cost() -> None:
    proposals = {
        (1, 0): proposal(played(1, "fresh", "bad", tokens=100)),
        (1, 1): proposal(played(1, "repair", of=("bad",), tokens=50)),
    }
    told = found(proposals, ranking())
    assert told["fresh", "m"] == Payoff(
        operator="fresh", model="m", asks=1, credit=0, usage=Usage(requests=2, prompt_tokens=150)
    )


def test_what_was_asked_of_no_model_has_no_payoff() -> None:
    assert payoffs({(1, 0): Proposal(candidates=())}, ranking(row("a", 0.6)), 0.95) == ()
    assert payoffs({}, ranking(), 0.95) == ()


def test_without_a_score_of_the_baseline_there_is_no_payoff() -> None:
    alone = Ranking(task="arithmetic", split="val", n=100, rows=(row("a", 0.6),))
    with pytest.raises(ValueError, match="the baseline has no score"):
        payoffs({(1, 0): proposal(played(1, "fresh", "a"))}, alone, 0.95)
