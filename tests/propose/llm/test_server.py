"""One request to a server and what came of it: taken in, refused, lost, or the user's mistake."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from asked import KEY, KEY_NAME, answer, config
from bad_server import BadServer
from chat_server import Answer, Body, ChatServer, refused
from raw_server import raw
from server_errors import RETRY_AFTER_MS, RETRY_AFTER_S
from server_faults import Fault

from rewardsearch.errors import UserError
from rewardsearch.propose.llm.server import Lost, Outcome, Received, Refused, opened

pytestmark = pytest.mark.usefixtures("quick")


BODY: Body = {"model": "served", "messages": [{"role": "user", "content": "number\n1."}]}


def post(url: str, body: Body = BODY, **settings: Any) -> Outcome:
    with opened(config(url, **settings).propose.llm.served()) as servers:
        return servers["served"].post(body, "key-of-the-request")


def mistake(url: str, **settings: Any) -> str:
    with pytest.raises(UserError) as error:
        post(url, **settings)
    return str(error.value)


# --- taken in ---------------------------------------------------------------------------------------------------------


def test_a_whole_answer_is_taken_in_as_it_came() -> None:
    with BadServer(answer) as server:
        outcome = post(server.url)
    assert isinstance(outcome, Received)
    assert json.loads(outcome.text)["choices"][0]["message"]["content"] == answer(BODY)


def test_a_request_carries_its_key_of_the_request_and_is_sent_once() -> None:
    with BadServer(answer, [Fault.SERVER_ERROR]) as server:
        post(server.url)
    (request,) = server.requests
    assert request.headers["idempotency-key"] == "key-of-the-request"
    assert request.key == KEY


@pytest.mark.parametrize("fault", [Fault.NOT_UTF8, Fault.DRIP, Fault.NO_CHOICES, Fault.REFUSAL, Fault.CONTENT_PARTS])
def test_what_is_odd_in_a_whole_answer_is_left_to_its_reader(fault: Fault) -> None:
    with BadServer(answer, [fault]) as server:
        assert isinstance(post(server.url, timeout_s=60.0), Received)


def test_half_of_a_surrogate_pair_in_a_prompt_is_sent_as_a_question_mark() -> None:
    with BadServer(lambda body: body["messages"][0]["content"]) as server:
        outcome = post(server.url, {**BODY, "messages": [{"role": "user", "content": "a\ud800 😀"}]})
    assert isinstance(outcome, Received) and json.loads(outcome.text)["choices"][0]["message"]["content"] == "a? 😀"


# --- lost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "some"),
    [
        (Fault.CLOSED, "the connection to {url} broke off", False),
        (Fault.RESET, "the connection to {url} broke off", True),
        (Fault.CUT_IN_CONTENT, "the answer of {url} is no whole JSON", True),
        (Fault.CUT_BEFORE_USAGE, "the answer of {url} is no whole JSON", True),
        (Fault.SILENCE, "no whole answer from {url} within 0.5 s", False),
    ],
)
def test_an_answer_that_did_not_come_whole_is_lost_and_what_came_is_kept(fault: Fault, reason: str, some: bool) -> None:
    with BadServer(answer, [fault]) as server:
        outcome = post(server.url, timeout_s=0.5)
    assert isinstance(outcome, Lost)
    assert outcome.reason == reason.format(url=server.url)
    assert ("choices" in outcome.text) == some


def test_an_answer_that_drips_past_the_deadline_is_lost_at_the_deadline() -> None:
    with BadServer(lambda body: answer(body) + "." * 20_000, [Fault.DRIP]) as server:
        began = time.monotonic()
        outcome = post(server.url, timeout_s=0.5)
        # All of it would take more than 20 s.
        assert time.monotonic() - began < 10
    assert isinstance(outcome, Lost) and outcome.reason == f"no whole answer from {server.url} within 0.5 s"


def test_an_error_whose_body_breaks_off_is_an_error_all_the_same() -> None:
    half = b"Content-Length: 99\r\n\r\n{"
    with raw(lambda send, status: send(status + half)) as bad:
        assert post(bad.url) == Refused(f"{bad.url} answered with status 500: {{", again=True)


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "told", "wait_s"),
    [
        (Fault.RATE_LIMIT_S, "status 429 (rate_limit_exceeded): Rate limit reached.", RETRY_AFTER_S),
        (Fault.RATE_LIMIT_MS, "status 429 (rate_limit_exceeded): Rate limit reached.", RETRY_AFTER_MS / 1000),
        (Fault.RATE_LIMIT, "status 429 (rate_limit_exceeded): Rate limit reached.", None),
        (Fault.SERVER_ERROR, "status 500: The server had an error.", None),
        (Fault.UNAVAILABLE, "status 503: The engine is overloaded.", None),
        (Fault.BAD_GATEWAY, "status 502", None),
    ],
)
def test_a_server_that_is_busy_or_broken_may_be_asked_again_when_it_says(
    fault: Fault, told: str, wait_s: float | None
) -> None:
    with BadServer(answer, [fault]) as server:
        outcome = post(server.url)
    assert outcome == Refused(f"{server.url} answered with {told}", again=True, wait_s=wait_s)


def test_a_server_that_nobody_listens_at_has_billed_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        assert post(url) == Refused(f"no connection to {url}", again=True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"error": {"message": "too long", "code": "context_length_exceeded"}}, "(context_length_exceeded): too long"),
        ({"object": "error", "message": "too long"}, ": too long"),
        ({"error": "too long"}, ": too long"),
        ({"detail": [{"msg": "too long"}]}, ': [{"msg": "too long"}]'),
        ({"detail": "too long"}, ": too long"),
        ("", ""),
    ],
)
def test_a_request_that_is_refused_for_good_is_told_in_the_servers_own_words(
    server: ChatServer, body: Body | str, told: str
) -> None:
    server.respond = lambda n, _: Answer(body, 400)
    outcome = post(server.url)
    assert isinstance(outcome, Refused) and not outcome.again
    assert outcome.reason.replace("status 400 (", "status 400(") == f"{server.url} answered with status 400{told}"


def test_an_error_that_a_gateway_passes_on_with_status_200_is_no_answer(server: ChatServer) -> None:
    outcomes = []
    for code in (502, 429, 400):
        server.respond = lambda n, _, code=code: Answer({"error": {"message": f"upstream {KEY}", "code": code}})
        outcomes.append(post(server.url))
    told = f"{server.url} answered with an error: upstream [key]"
    assert outcomes == [
        Refused(told, again=True),
        Refused(told, again=True),
        Refused(told, again=False, names="upstream [key]"),
    ]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        ("Unexpected endpoint or method. (POST /chat/completions)", False),
        ({"message": "The server is overloaded", "code": None}, True),
        ({"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}, True),
        ({"message": "no such thing", "code": "invalid_value"}, False),
    ],
)
def test_an_error_with_status_200_and_without_a_number_is_read(server: ChatServer, error: Any, again: bool) -> None:
    server.respond = lambda n, _: Answer({"error": error})
    outcome = post(server.url)
    assert isinstance(outcome, Refused) and outcome.again == again


@pytest.mark.parametrize("status", [408, 504, 522])
def test_a_gateway_that_waited_long_enough_says_nothing_of_what_was_billed(server: ChatServer, status: int) -> None:
    server.respond = lambda n, _: refused(status, message="timed out")
    assert post(server.url) == Lost(f"{server.url} answered with status {status}: timed out")


# --- the user's mistakes ----------------------------------------------------------------------------------------------


def test_a_refused_key_is_the_users_mistake(server: ChatServer) -> None:
    server.respond = lambda n, _: refused(401, "invalid_api_key", message=f"Incorrect API key: {KEY}")
    told = mistake(server.url)
    assert f"refused the key in {KEY_NAME} (status 401)" in told and KEY not in told


def test_a_forbidden_request_says_nothing_of_the_others(server: ChatServer) -> None:
    # Gateways answer so to one prompt that their moderation flags.
    server.respond = lambda n, _: refused(403, message="flagged")
    told = f"{server.url} answered with status 403: flagged"
    assert post(server.url) == Refused(told, again=False, wait_s=0.001)


@pytest.mark.parametrize("answer_", [refused(402), refused(429, "insufficient_quota")])
def test_an_account_without_money_is_the_users_mistake(server: ChatServer, answer_: Answer) -> None:
    server.respond = lambda n, _: answer_
    assert f"the account of {KEY_NAME} has no quota left at {server.url}: no; add credit" in mistake(server.url)


@pytest.mark.parametrize("answer_", [refused(404), refused(400, "model_not_found"), refused(404, "model_not_found")])
def test_an_unknown_model_is_the_users_mistake(server: ChatServer, answer_: Answer) -> None:
    server.respond = lambda n, _: answer_
    assert "has no model served" in mistake(server.url)


def test_what_the_server_says_of_a_model_or_an_account_is_told_without_the_key(server: ChatServer) -> None:
    server.respond = lambda n, _: refused(404, message=f"No endpoints support response_format {KEY}")
    assert "(status 404): No endpoints support response_format [key]; set the model" in mistake(server.url)
    server.respond = lambda n, _: refused(402, message="This request needs fewer max_tokens")
    assert f"at {server.url}: This request needs fewer max_tokens; add credit" in mistake(server.url)


def test_a_base_url_with_another_path_is_the_users_mistake() -> None:
    with BadServer(answer) as server:
        assert "is no Chat Completions server (status 404)" in mistake(server.url.removesuffix("/v1"))


# --- the key ----------------------------------------------------------------------------------------------------------


def escaped(key: str) -> str:
    return "".join(f"\\u{ord(c):04X}" for c in key)


FORMS: list[Callable[[str], str]] = [
    str,
    lambda key: json.dumps(key)[1:-1],
    lambda key: key.replace("/", "\\/"),
    lambda key: key.replace("/", "%2F").replace("+", "%2B"),
    lambda key: key.replace("/", "%2f").replace("+", "%2b"),
    lambda key: key.replace("/", "%2F"),
    lambda key: key.replace("+", "\\u002B"),
    lambda key: key.replace("+", "\\u002b").replace("/", "\\/"),
    escaped,
]


@pytest.mark.parametrize("form", FORMS)
def test_the_key_is_cut_out_of_an_answer_however_it_is_written(server: ChatServer, form: Callable[[str], str]) -> None:
    said = '{"choices": [{"message": {"content": "it is ' + form(KEY) + ' here"}}]}'
    server.respond = lambda n, _: Answer(said)
    outcome = post(server.url)
    assert isinstance(outcome, Received)
    content = json.loads(outcome.text)["choices"][0]["message"]["content"]
    assert content == "it is [key] here"


@pytest.mark.parametrize("form", FORMS)
def test_the_key_is_cut_out_of_an_error_however_it_is_written(server: ChatServer, form: Callable[[str], str]) -> None:
    said = '{"error": {"message": "it is ' + form(KEY) + ' here", "code": "' + form(KEY) + '"}}'
    server.respond = lambda n, _: Answer(said, 400)
    outcome = post(server.url)
    assert isinstance(outcome, Refused)
    assert outcome.reason == f"{server.url} answered with status 400 ([key]): it is [key] here"


def test_a_placeholder_for_a_key_is_sent_and_is_not_cut_out_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, "o")
    with BadServer(answer) as server:
        outcome = post(server.url)
    assert server.requests[0].key == "o"
    assert isinstance(outcome, Received) and json.loads(outcome.text)["choices"][0]["message"]["content"] == answer(
        BODY
    )


# --- a bug is no outcome ----------------------------------------------------------------------------------------------


def test_an_error_that_is_not_the_connections_is_raised() -> None:
    slip = {**BODY, "max_tokens": object()}
    with (
        opened(config("http://127.0.0.1:1/v1").propose.llm.served()) as servers,
        pytest.raises(TypeError, match="not JSON serializable"),
    ):
        servers["served"].post(slip, "key-of-the-request")
