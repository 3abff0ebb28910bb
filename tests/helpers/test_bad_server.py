"""The server that misbehaves: its requests, its end, what it bills and what it sends again."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import bad_server
import pytest
from bad_server import SILENCE_S, BadServer, Billed
from chat_server import Body, reward_code
from plain_client import BODY, KEY, MARKDOWN, PROMPT_TOKENS, ask, connect, send
from server_faults import Fault

UNBILLED = (
    Fault.RATE_LIMIT_S,
    Fault.RATE_LIMIT_MS,
    Fault.RATE_LIMIT,
    Fault.NO_QUOTA,
    Fault.SERVER_ERROR,
    Fault.UNAVAILABLE,
    Fault.BAD_GATEWAY,
    Fault.UNAUTHORIZED,
    Fault.NOT_FOUND,
    Fault.KEY_IN_ERROR,
    Fault.CLOSED,
    Fault.SILENCE,
)
WITHOUT_A_WHOLE_ANSWER = (Fault.RESET, Fault.CUT_IN_CONTENT, Fault.CUT_BEFORE_USAGE, Fault.NO_USAGE)


# --- a sound answer ---------------------------------------------------------------------------------------------------


def test_a_sound_answer_is_a_chat_completion_with_the_content_of_reply_of() -> None:
    with BadServer(lambda body: body["messages"][1]["content"]) as server:
        got = ask(server)
    assert (got.status, got.headers["Content-Type"]) == (200, "application/json")
    assert got.choice == {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "u" * 73}}
    assert got.body["usage"] == {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": 19, "total_tokens": 44}
    assert got.body["id"] == got.headers["x-request-id"] == "req-0"


def test_every_other_reply_tells_the_details_of_its_usage() -> None:
    with BadServer(lambda body: MARKDOWN) as server:
        first, second = ask(server).body["usage"], ask(server).body["usage"]
    assert not first.keys() & {"prompt_tokens_details", "completion_tokens_details"}
    assert second["prompt_tokens_details"] == {"cached_tokens": PROMPT_TOKENS // 2}
    assert second["completion_tokens_details"] == {"reasoning_tokens": second["completion_tokens"] // 4}


def test_everything_received_is_kept_with_its_fault() -> None:
    with BadServer(lambda body: MARKDOWN, [Fault.RATE_LIMIT, None]) as server:
        ask(server, idempotency="one")
        ask(server)
    first, second = server.requests
    assert (first.id, first.fault, first.body, first.key) == ("req-0", Fault.RATE_LIMIT, BODY, KEY)
    assert first.headers["idempotency-key"] == "one"
    assert (second.id, second.fault, second.replayed, second.refused) == ("req-1", None, False, None)


def test_a_schedule_may_be_a_function_of_the_requests_number() -> None:
    with BadServer(lambda body: MARKDOWN, lambda n: Fault.UNAVAILABLE if n == 1 else None) as server:
        assert [ask(server).status for _ in range(3)] == [200, 503, 200]


def test_one_connection_serves_several_requests() -> None:
    with (
        BadServer(lambda body: MARKDOWN, [None, Fault.SERVER_ERROR]) as server,
        closing(connect(server)) as connection,
    ):
        statuses = []
        for _ in range(3):
            send(connection)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    assert statuses == [200, 500, 200]


def test_another_path_is_not_found() -> None:
    with BadServer(lambda body: MARKDOWN) as server, closing(connect(server)) as connection:
        connection.request("POST", "/chat/completions", json.dumps(BODY))
        assert connection.getresponse().status == 404
        assert server.requests == []


# --- no answer --------------------------------------------------------------------------------------------------------


def test_a_connection_may_be_closed_before_any_byte() -> None:
    with (
        BadServer(lambda body: MARKDOWN, [Fault.CLOSED]) as server,
        closing(connect(server)) as connection,
    ):
        send(connection)
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()


def test_silence_sends_nothing_and_keeps_the_connection() -> None:
    with BadServer(lambda body: MARKDOWN, [Fault.SILENCE]) as server:
        with pytest.raises(TimeoutError):
            ask(server, timeout=0.5)
        assert ask(server).status == 200


def test_silence_ends_with_a_closed_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_server, "SILENCE_S", 0.2)
    with (
        BadServer(lambda body: MARKDOWN, [Fault.SILENCE]) as server,
        closing(connect(server)) as connection,
    ):
        send(connection)
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()


@pytest.mark.parametrize("whole", [20, 45, 53, 58, 70], ids=["line", "header", "length", "no body", "body"])
def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_request_and_no_error(whole: int) -> None:
    request = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 30\r\n\r\n{" + b" " * 29
    with BadServer(lambda body: MARKDOWN) as server:
        with closing(socket.create_connection(("127.0.0.1", int(urlsplit(server.url).port or 0)), 30)) as client:
            client.sendall(request[:whole])
            client.shutdown(socket.SHUT_WR)
            client.recv(1000)
        assert ask(server).status == 200
    assert len(server.requests) == 1


def test_closing_in_silence_does_not_wait_for_its_end_and_ends_the_connection() -> None:
    with closing(socket.socket()) as client, BadServer(lambda body: MARKDOWN, [Fault.SILENCE]) as server:
        client.settimeout(30)
        client.connect(("127.0.0.1", int(urlsplit(server.url).port or 0)))
        data = json.dumps(BODY).encode()
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
        while not server.requests:
            time.sleep(0.01)
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < SILENCE_S / 4
        assert client.recv(1) == b""


def test_closing_waits_for_no_idle_client() -> None:
    server = BadServer(lambda body: MARKDOWN)
    with closing(connect(server)) as connection:
        send(connection)
        connection.getresponse().read()
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < SILENCE_S / 4


def test_closing_leaves_no_thread() -> None:
    before = threading.active_count()
    with BadServer(lambda body: MARKDOWN, [None, Fault.SILENCE, Fault.RESET]) as server:
        ask(server)
        with pytest.raises(TimeoutError):
            ask(server, timeout=0.2)
        with pytest.raises(ConnectionResetError):
            ask(server)
    assert threading.active_count() == before


def test_an_error_of_the_server_itself_is_raised_when_it_is_closed() -> None:
    server = BadServer(lambda body: str(1 / 0))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server)
    with pytest.raises(ZeroDivisionError):
        server.close()


# --- what is billed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", UNBILLED)
def test_what_is_refused_or_not_answered_is_not_billed(fault: Fault) -> None:
    with BadServer(lambda body: MARKDOWN, [fault]) as server:
        try:
            assert ask(server, timeout=0.5).status >= 400
        except (TimeoutError, http.client.RemoteDisconnected):
            assert fault in (Fault.SILENCE, Fault.CLOSED)
    assert server.billed == []


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in UNBILLED])
def test_every_other_answer_is_billed_once_and_as_its_usage_says(fault: Fault) -> None:
    with BadServer(lambda body: MARKDOWN, [fault]) as server:
        if fault is Fault.RESET:
            with pytest.raises(ConnectionResetError):
                ask(server)
        else:
            got = ask(server)
    ((id, prompt_tokens, completion_tokens),) = server.billed
    assert (id, prompt_tokens) == ("req-0", PROMPT_TOKENS)
    assert server.tokens == prompt_tokens + completion_tokens
    if fault in WITHOUT_A_WHOLE_ANSWER:
        assert completion_tokens == len(MARKDOWN) // 4 + 1
    else:
        usage = json.loads(got.data.decode("utf-8", "replace"))["usage"]
        assert usage["prompt_tokens"] == prompt_tokens
        assert usage["completion_tokens"] == completion_tokens


def test_a_cut_reply_is_billed_for_what_was_generated() -> None:
    with BadServer(lambda body: MARKDOWN, [Fault.LENGTH]) as server:
        got = ask(server)
    assert server.billed == [Billed("req-0", PROMPT_TOKENS, len(got.content) // 4 + 1)]


def test_text_in_parts_of_a_message_counts_in_the_prompt() -> None:
    parts = [{"type": "text", "text": "p" * 40}, {"type": "text", "text": "q" * 41}]
    with BadServer(lambda body: "") as server:
        ask(server, BODY | {"messages": [{"role": "user", "content": parts}]})
    assert server.billed == [Billed("req-0", 20, 1)]


# --- idempotency ------------------------------------------------------------------------------------------------------


def counted() -> tuple[list[int], Any]:
    """The calls so far, and a reply_of that answers each call with another reward."""
    calls: list[int] = []

    def reply_of(body: Body) -> str:
        calls.append(len(calls))
        return reward_code(float(calls[-1]))

    return calls, reply_of


def test_a_key_seen_before_gets_the_same_reply_and_costs_nothing() -> None:
    calls, reply_of = counted()
    with BadServer(reply_of) as server:
        first, again, other = ask(server, idempotency="a"), ask(server, idempotency="a"), ask(server, idempotency="b")
    assert first.data == again.data
    assert other.content == reward_code(1.0)
    assert [bill.id for bill in server.billed] == ["req-0", "req-2"]
    assert [request.replayed for request in server.requests] == [False, True, False]
    assert len(calls) == 2


@pytest.mark.parametrize(
    "fault", [Fault.CUT_IN_CONTENT, Fault.CUT_BEFORE_USAGE, Fault.NOT_UTF8, Fault.NO_USAGE, Fault.RESET]
)
def test_a_reply_that_was_damaged_on_the_way_comes_whole_when_asked_for_again(fault: Fault) -> None:
    with BadServer(lambda body: MARKDOWN, [fault]) as server:
        if fault is Fault.RESET:
            with pytest.raises(ConnectionResetError):
                ask(server, idempotency="a")
        else:
            ask(server, idempotency="a")
        again = ask(server, idempotency="a")
    assert again.content == MARKDOWN
    assert server.billed == [Billed("req-0", PROMPT_TOKENS, again.body["usage"]["completion_tokens"])]


def test_the_schedule_may_damage_a_reply_that_is_sent_again() -> None:
    with BadServer(lambda body: MARKDOWN, [None, Fault.NO_USAGE, Fault.SERVER_ERROR]) as server:
        whole, damaged, refused = (ask(server, idempotency="a") for _ in range(3))
    assert "usage" in whole.body
    assert "usage" not in damaged.body
    assert damaged.content == MARKDOWN
    assert refused.status == 500
    assert len(server.billed) == 1


def test_a_reply_that_the_model_cut_is_cut_when_asked_for_again() -> None:
    with BadServer(lambda body: MARKDOWN, [Fault.LENGTH]) as server:
        assert ask(server, idempotency="a").data == ask(server, idempotency="a").data
    assert len(server.billed) == 1


def test_a_fault_of_the_models_doing_leaves_a_reply_that_is_sent_again_as_it_was() -> None:
    with BadServer(lambda body: MARKDOWN, [None, Fault.EMPTY]) as server:
        assert ask(server, idempotency="a").data == ask(server, idempotency="a").data
    assert len(server.billed) == 1


def test_a_refused_request_generates_nothing_for_its_key() -> None:
    with BadServer(lambda body: MARKDOWN, [Fault.RATE_LIMIT]) as server:
        ask(server, idempotency="a")
        assert ask(server, idempotency="a").content == MARKDOWN
    assert [bill.id for bill in server.billed] == ["req-1"]


def test_two_requests_in_flight_with_one_key_get_one_reply() -> None:
    both = threading.Barrier(2, timeout=30)

    def reply_of(body: Body) -> str:
        time.sleep(0.2)
        return MARKDOWN

    def asked(server: BadServer) -> bytes:
        both.wait()
        return ask(server, idempotency="a").data

    with BadServer(reply_of) as server, ThreadPoolExecutor(2) as pool:
        first, second = pool.map(asked, [server, server])
    assert first == second
    assert len(server.billed) == 1


def test_a_server_that_knows_no_idempotency_bills_each_time() -> None:
    _, reply_of = counted()
    with BadServer(reply_of, honours_idempotency=False) as server:
        first, again = ask(server, idempotency="a"), ask(server, idempotency="a")
    assert first.content != again.content
    assert [bill.id for bill in server.billed] == ["req-0", "req-1"]
