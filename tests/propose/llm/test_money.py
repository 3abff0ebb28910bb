"""Budgets of tokens and money, held against what the server itself counts."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from asked import PRICE, answer, asked, bill, booked, kept, place_of, reply_with
from bad_server import BadServer
from chat_server import Body
from requests_of import MakeRequest, MemoryLedger, ledger_of
from server_faults import Fault

from rewardsearch.config import BudgetConfig
from rewardsearch.errors import BudgetReached
from rewardsearch.propose.llm.scheduler import MAX_LOST
from rewardsearch.records import Usage

pytestmark = pytest.mark.usefixtures("quick")
PRICES = {"served": PRICE}
TROUBLE = (Fault.EMPTY, Fault.LENGTH, Fault.RESET, Fault.CUT_IN_CONTENT, Fault.RATE_LIMIT_MS, Fault.SERVER_ERROR)


def dollars_billed(server: BadServer) -> float:
    _, prompt_tokens, completion_tokens = bill(server)
    return (prompt_tokens * PRICE["input"] + completion_tokens * PRICE["output"]) / 1e6


def bound_of(request_of: MakeRequest, **openai: object) -> Usage:
    """The most that one request of the first round can cost."""
    ledger = ledger_of()
    with BadServer(answer) as server:
        asked(request_of(count=1), server, ledger, **openai)
    (sent,) = ledger.told("sent")
    for path in request_of().folder.glob("response-*"):
        path.unlink()
    return Usage.model_validate(sent["bound"])


# --- what is booked ---------------------------------------------------------------------------------------------------


def test_tokens_and_money_are_what_the_server_counts(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(answer, [Fault.EMPTY, Fault.LENGTH]) as server:
        proposal = asked(request_of(count=3), server, ledger, prices=PRICES, in_flight=1)
    usage = ledger.account.usage
    assert booked(ledger) == bill(server) and usage.requests == 5
    # Every other reply told that half its prompt was cached, which costs the same where no price of its own is known.
    assert usage.cached_tokens == sum(each.prompt_tokens // 2 for each in server.billed[1::2]) > 0
    assert usage.dollars == pytest.approx(dollars_billed(server))
    assert (usage.unpriced, usage.estimated) == (0, 0)
    assert [played.usage.requests for played in proposal.outcomes] == [3, 1, 1]
    assert ledger.account.unconfirmed == Usage()


def test_a_price_that_changes_between_sessions_leaves_booked_costs_alone(request_of: MakeRequest) -> None:
    request, first = request_of(count=2), ledger_of()
    with BadServer(answer) as server:
        asked(request, server, first, prices=PRICES)
        before = first.account.usage
        (request.folder / "response-2.json").unlink()
        dear = {"served": {"input": 100.0, "output": 100.0}}
        second = ledger_of(events=first.events)
        asked(request, server, second, prices=dear)
    paid = second.account.paid
    assert before == paid["1/0/1/1", 1] + paid["1/0/2/1", 1]
    again = paid["1/0/2/1", 2]
    assert again.dollars == pytest.approx(again.tokens * 100 / 1e6)


def test_requests_that_were_lost_count_at_their_most_where_the_server_bills_each(request_of: MakeRequest) -> None:
    lost = [Fault.RESET, Fault.CUT_IN_CONTENT, Fault.CUT_BEFORE_USAGE, Fault.CLOSED]
    ledger = ledger_of()
    with BadServer(answer, lost, honours_idempotency=False) as server:
        proposal = asked(request_of(count=4), server, ledger, prices=PRICES)
    assert len(proposal.candidates) == 4
    usage, unconfirmed = ledger.account.usage, ledger.account.unconfirmed
    assert (usage.requests, unconfirmed.requests, len(server.billed)) == (4, 4, 7)
    assert usage.tokens <= server.tokens <= usage.tokens + unconfirmed.tokens
    assert usage.dollars <= dollars_billed(server) <= usage.dollars + unconfirmed.dollars


def test_requests_that_were_lost_are_billed_once_where_the_server_knows_their_key(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(answer, [Fault.RESET, Fault.CUT_IN_CONTENT]) as server:
        asked(request_of(count=2), server, ledger)
    assert booked(ledger) == bill(server) and len(server.billed) == 2


def test_an_ask_whose_replies_are_lost_again_and_again_is_given_up(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(answer, [None, *[Fault.RESET] * 9]) as server:
        proposal = asked(request_of(count=2), server, ledger, in_flight=1)
    assert len(server.requests) == 1 + MAX_LOST
    assert [refusal.reason for refusal in proposal.refusals] == [f"the connection to {server.url} broke off"]
    files = sorted(path.name for path in request_of().folder.glob("response-2*"))
    assert files == [f"response-2.lost-{n}.txt" for n in range(1, 1 + MAX_LOST)]


# --- budgets ----------------------------------------------------------------------------------------------------------


def play(request_of: MakeRequest, folder: Path, server: BadServer, ledger: MemoryLedger, **openai: object) -> int:
    """Round after round until the budget is reached; how many candidates there were."""
    found = 0
    with pytest.raises(BudgetReached, match=r"raise the budget and run the same command to carry on"):
        for round in range(1, 50):
            request = request_of(round=round, count=4, folder=folder / str(round))
            found += len(asked(request, server, ledger, **openai).candidates)
    return found


@pytest.mark.parametrize("honours", [True, False], ids=["idempotent", "not-idempotent"])
@pytest.mark.parametrize("kind", ["tokens", "dollars"])
@pytest.mark.parametrize("seed", range(2))
def test_what_the_server_bills_never_exceeds_the_budget(
    request_of: MakeRequest, tmp_path: Path, seed: int, kind: str, honours: bool
) -> None:
    rng = random.Random(seed)
    max_tokens = 600

    def respond(body: Body) -> str:
        threading.Event().wait(rng.random() * 0.02)
        text = answer(body)
        room = (body["max_completion_tokens"] - 2) * 4 - len(text)
        return text + "Thus. " * rng.randrange(room // 6)

    def schedule(place: int) -> Fault | None:
        return rng.choice(TROUBLE) if rng.random() < 0.4 else None

    most = bound_of(request_of, max_tokens=max_tokens, prices=PRICES)
    factor = rng.uniform(3, 8)
    budget = (
        BudgetConfig(tokens=int(most.tokens * factor))
        if kind == "tokens"
        else BudgetConfig(dollars=most.dollars * factor)
    )
    ledger = ledger_of(budget)
    with BadServer(respond, schedule, honours) as server:
        play(request_of, tmp_path, server, ledger, max_tokens=max_tokens, prices=PRICES, in_flight=3)
    usage, unconfirmed = ledger.account.usage, ledger.account.unconfirmed
    assert usage.requests > 0
    if kind == "tokens":
        assert budget.tokens is not None
        assert usage.tokens <= server.tokens <= usage.tokens + unconfirmed.tokens <= budget.tokens
    else:
        assert budget.dollars is not None
        assert dollars_billed(server) <= usage.dollars + unconfirmed.dollars + 1e-9 <= budget.dollars + 2e-9


def test_requests_in_flight_count_at_the_most_they_can_cost(request_of: MakeRequest) -> None:
    most = bound_of(request_of, max_tokens=5000)
    now, together = 0, []
    lock = threading.Lock()

    def respond(body: Body) -> str:
        nonlocal now
        with lock:
            now += 1
            together.append(now)
        threading.Event().wait(0.1)
        with lock:
            now -= 1
        return answer(body)

    # Room for two at their most; each turns out to cost less than half of that.
    ledger = ledger_of(BudgetConfig(tokens=2 * most.tokens))
    with BadServer(respond) as server:
        proposal = asked(request_of(count=3), server, ledger, max_tokens=5000, in_flight=3)
    assert 2 * server.billed[0].prompt_tokens + 1000 < most.tokens
    assert (len(proposal.candidates), max(together)) == (3, 2)


def test_a_budget_reached_inside_a_round_leaves_the_round_what_was_paid_for(
    request_of: MakeRequest, tmp_path: Path
) -> None:
    most = bound_of(request_of)
    one = request_of(count=4, folder=tmp_path / "1")
    two = request_of(round=2, count=4, folder=tmp_path / "2")
    tight = BudgetConfig(tokens=most.tokens + 1)
    ledger = ledger_of(tight)
    with BadServer(answer) as server:
        proposal = asked(one, server, ledger, in_flight=4)
        paid = len(kept(one))
        assert 0 < paid < 4 and len(proposal.candidates) == paid
        told = {refusal.reason for refusal in proposal.refusals}
        assert len(proposal.refusals) == 4 - paid
        assert all("not asked: budget.tokens: " in reason and "the next request may take" in reason for reason in told)
        with pytest.raises(BudgetReached, match=r"^budget\.tokens: [\d,]+ of [\d,]+ are used, and the next") as error:
            asked(two, server, ledger)
        assert error.value.exit_code == 3
        assert len(server.requests) == paid
        raised = ledger_of(BudgetConfig(tokens=100 * most.tokens), events=ledger.events)
        assert len(asked(two, server, raised).candidates) == 4
        assert asked(one, server, ledger_of(tight, events=ledger.events)) == proposal
    assert booked(raised) == bill(server)


def test_one_ask_that_cannot_be_afforded_does_not_hold_up_those_that_can(request_of: MakeRequest) -> None:
    most = bound_of(request_of, max_tokens=4000)
    # The first reply is cut off, so that twice as long a one would be asked for; the other asks are as long as before.
    ledger = ledger_of(BudgetConfig(tokens=most.tokens + 4000))
    with BadServer(answer, [Fault.LENGTH]) as server:
        proposal = asked(request_of(count=2), server, ledger, max_tokens=4000, in_flight=1)
    assert server.tokens < 2 * 4000
    assert [place_of(request.body) for request in server.requests] == [1, 2]
    assert len(proposal.candidates) == 1
    assert "not asked: budget.tokens" in proposal.refusals[0].reason


def test_the_bound_of_a_request_is_above_what_an_answer_of_full_length_costs(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(lambda body: reply_with(1.0).ljust(499 * 4, "."), [Fault.LENGTH]) as server:
        asked(request_of(count=1), server, ledger, max_tokens=500, prices=PRICES)
    bounds = [Usage.model_validate(event["bound"]) for event in ledger.told("sent")]
    assert [bound.completion_tokens for bound in bounds] == [500, 1000]
    for bound, cost in zip(bounds, server.billed, strict=True):
        assert bound.prompt_tokens > cost.prompt_tokens and bound.completion_tokens >= cost.completion_tokens
        assert bound.dollars == pytest.approx((bound.prompt_tokens + 10 * bound.completion_tokens) / 1e6)
