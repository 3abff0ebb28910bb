"""Servers that refuse requests: a field they do not take, too many at once, for good, or all of them."""

from __future__ import annotations

import socket
import time
from functools import partial
from typing import get_args

import pytest
from asked import answer, asked, bill, booked, codes, fresh, kept, place_of
from bad_server import BadServer
from chat_server import Answer, Body, ChatServer, refused, rewarded
from requests_of import MakeRequest, ledger_of
from server_errors import RETRY_AFTER_S, ErrorStyle
from server_faults import Fault

from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Refusal

pytestmark = pytest.mark.usefixtures("quick")
PARAMETERS = {
    "response_format": "structured",
    "temperature": "temperature",
    "max_completion_tokens": "max_completion_tokens",
    "system": "system",
}


def has(body: Body, parameter: str) -> bool:
    return parameter in body or parameter in [message["role"] for message in body["messages"]]


# --- fields that a server does not take -------------------------------------------------------------------------------


@pytest.mark.parametrize("style", get_args(ErrorStyle))
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_refused_field_is_left_out_of_every_further_request_and_told_once(
    request_of: MakeRequest, parameter: str, style: ErrorStyle
) -> None:
    ledger = ledger_of()
    with BadServer(answer, refused_parameters={parameter}, error_style=style) as server:
        proposal = asked(request_of(count=6), server, ledger, temperature=0.5, in_flight=3)
    assert [c.code for c in proposal.candidates] == codes(*map(float, range(1, 7)))
    (adapted,) = ledger.told("adapted")
    assert (adapted["server"], adapted["change"]) == (f"served at {server.url}", PARAMETERS[parameter])
    assert "status 400" in adapted["reason"]
    assert len([line for line in ledger.said if "is asked without" in line or "refuses" in line]) == 1
    # Those that were in flight when the first was refused are sent again; nobody else meets the refusal, of six.
    met = [has(request.body, parameter) for request in server.requests]
    assert 1 <= sum(met) <= 3 and sum(met) == len(ledger.told("request_failed"))
    assert booked(ledger) == bill(server) and ledger.account.unconfirmed.requests == 0


def test_a_server_that_refuses_everything_special_is_asked_plainly_in_the_end(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(answer, refused_parameters=set(PARAMETERS)) as server:
        proposal = asked(request_of(count=3), server, ledger, temperature=0.5)
    assert len(proposal.candidates) == 3
    assert sorted(event["change"] for event in ledger.told("adapted")) == sorted(PARAMETERS.values())
    last = server.requests[-1].body
    assert set(last) == {"model", "messages", "stream", "max_tokens"}
    assert [message["role"] for message in last["messages"]] == ["user"]
    assert "JSON object" not in last["messages"][0]["content"]


def test_what_a_server_refuses_is_remembered_by_the_next_session(request_of: MakeRequest) -> None:
    first = ledger_of()
    with BadServer(answer, refused_parameters=set(PARAMETERS)) as server:
        asked(request_of(count=1), server, first, temperature=0.5)
        sent = len(server.requests)
        second = ledger_of(events=first.events)
        request = request_of(round=2, count=4, folder=request_of().folder / "2")
        asked(request, server, second, temperature=0.5)
    assert [request.refused for request in server.requests[sent:]] == [None] * 4
    assert second.said == [] or not any("refuses" in line for line in second.said)


def test_what_one_server_refuses_is_still_sent_to_another(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(answer, refused_parameters={"temperature"}) as one, BadServer(answer) as two:
        models = [{"model": "one"}, {"model": "two", "base_url": two.url}]
        request = request_of(count=6, plan=fresh(6, "one", "two"))
        asked(request, one, ledger, models=models, temperature=0.5, in_flight=1)
    assert [event["server"] for event in ledger.told("adapted")] == [f"one at {one.url}"]
    assert ["temperature" in request.body for request in one.requests] == [True, False, False, False]
    assert ["temperature" in request.body for request in two.requests] == [True, True, True]


def test_a_field_that_nothing_is_known_about_is_the_users_mistake_when_all_are_refused_for_it(
    request_of: MakeRequest, server: ChatServer
) -> None:
    server.respond = lambda n, body: refused(400, "invalid_value", "top_p", "top_p must be below 1")
    with pytest.raises(UserError) as error:
        asked(request_of(count=3), server, ledger_of(), extra={"top_p": 2}, structured="off")
    told = f"every request was refused: {server.url} answered with status 400 (invalid_value): top_p must be below 1; change"
    assert told in str(error.value)
    assert len(server.bodies) == 3


# --- other refusals ---------------------------------------------------------------------------------------------------


def test_a_request_that_is_refused_for_good_is_a_refusal_and_the_others_go_on(
    request_of: MakeRequest, server: ChatServer
) -> None:
    long = refused(400, "context_length_exceeded", message="This prompt is too long.")
    server.respond = lambda n, body: long if place_of(body) == 1 else rewarded(float(place_of(body)))
    ledger = ledger_of()
    proposal = asked(request_of(count=3), server, ledger)
    assert [c.code for c in proposal.candidates] == codes(2.0, 3.0)
    reason = f"{server.url} answered with status 400 (context_length_exceeded): This prompt is too long."
    assert proposal.refusals == (Refusal(name="request_1", reason=reason),)
    assert len([body for body in server.bodies if place_of(body) == 1]) == 1
    assert "response-1.json" not in kept(request_of())
    assert ledger.account.unconfirmed.requests == 0


@pytest.mark.parametrize("max_retries", [0, 2])
def test_a_server_error_is_tried_again_as_often_as_the_config_says(
    request_of: MakeRequest, server: ChatServer, max_retries: int
) -> None:
    server.respond = lambda n, body: Answer("", 503) if place_of(body) == 1 else rewarded(2.0)
    proposal = asked(request_of(count=2), server, ledger_of(), max_retries=max_retries)
    assert len([body for body in server.bodies if place_of(body) == 1]) == max_retries + 1
    assert proposal.refusals == (Refusal(name="request_1", reason=f"{server.url} answered with status 503"),)


def test_every_request_to_a_server_waits_as_long_as_it_asks_for(request_of: MakeRequest) -> None:
    times: list[float] = []

    def schedule(place: int) -> Fault | None:
        times.append(time.monotonic())
        return Fault.RATE_LIMIT_S if place == 0 else None

    with BadServer(answer, schedule) as server:
        proposal = asked(request_of(count=3), server, ledger_of(), in_flight=1)
    assert len(proposal.candidates) == 3
    assert times[1] - times[0] >= RETRY_AFTER_S
    assert server.requests[0].fault is Fault.RATE_LIMIT_S


def test_another_server_does_not_wait(request_of: MakeRequest) -> None:
    heard: list[str] = []

    def respond(name: str, body: Body) -> str:
        heard.append(name)
        return answer(body)

    first, second = partial(respond, "one"), partial(respond, "two")
    with BadServer(first, [Fault.RATE_LIMIT_S]) as one, BadServer(second) as two:
        models = [{"model": "one"}, {"model": "two", "base_url": two.url}]
        asked(request_of(count=4, plan=fresh(4, "one", "two")), one, ledger_of(), models=models, in_flight=1)
    # The first server answers none before its wait is over.
    assert heard == ["two", "two", "one", "one"]


def test_a_server_that_nobody_listens_at_is_the_machines_fault_and_costs_nothing(
    request_of: MakeRequest, server: ChatServer
) -> None:
    ledger = ledger_of()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(MachineError, match=f"^no request was answered: no connection to {url}; the same command"):
            asked(request_of(count=2), server, ledger, base_url=url, max_retries=1)
    assert len(ledger.told("sent")) == 4
    assert ledger.account.usage.requests == ledger.account.unconfirmed.requests == 0
