"""What a plain client sees of each fault of the server that misbehaves."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from bad_server import BadServer
from chat_server import Body
from plain_client import BODY, CODE, KEY, MARKDOWN, SCHEMA, ask, ask_with, connect, send
from server_errors import RETRY_AFTER_MS, RETRY_AFTER_S, ErrorStyle
from server_faults import Fault

# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "type", "code"),
    [
        (Fault.RATE_LIMIT_S, 429, "requests", "rate_limit_exceeded"),
        (Fault.RATE_LIMIT_MS, 429, "requests", "rate_limit_exceeded"),
        (Fault.RATE_LIMIT, 429, "requests", "rate_limit_exceeded"),
        (Fault.NO_QUOTA, 429, "insufficient_quota", "insufficient_quota"),
        (Fault.SERVER_ERROR, 500, "server_error", None),
        (Fault.UNAVAILABLE, 503, "service_unavailable", None),
        (Fault.UNAUTHORIZED, 401, "invalid_request_error", "invalid_api_key"),
        (Fault.NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
        (Fault.KEY_IN_ERROR, 500, "server_error", None),
    ],
)
def test_a_refused_request_gets_a_status_and_an_error_in_openais_shape(
    fault: Fault, status: int, type: str, code: str | None
) -> None:
    got = ask_with(fault)
    error = got.body["error"]
    assert (got.status, error["type"], error["code"], error["param"]) == (status, type, code, None)
    assert (KEY in error["message"]) == (fault in (Fault.UNAUTHORIZED, Fault.KEY_IN_ERROR))


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Fault.RATE_LIMIT_S, {"Retry-After": str(RETRY_AFTER_S)}),
        (Fault.RATE_LIMIT_MS, {"retry-after-ms": str(RETRY_AFTER_MS)}),
        (Fault.RATE_LIMIT, {}),
        (Fault.NO_QUOTA, {}),
        (Fault.UNAVAILABLE, {}),
    ],
)
def test_a_time_to_wait_is_told_where_the_fault_says_so(fault: Fault, waits: dict[str, str]) -> None:
    headers = ask_with(fault).headers
    assert {name: value for name, value in headers.items() if "retry" in name.lower()} == waits


def test_a_bad_gateway_is_a_page_of_html() -> None:
    got = ask_with(Fault.BAD_GATEWAY)
    assert (got.status, got.headers["Content-Type"]) == (502, "text/html")
    assert got.data.startswith(b"<html>")


@pytest.mark.parametrize(
    ("name", "told", "param", "code"),
    [
        ("temperature", "'temperature' does not support 0.2", "temperature", "unsupported_value"),
        ("max_tokens", "'max_tokens' is not supported", "max_tokens", "unsupported_parameter"),
        ("max_completion_tokens", "argument supplied: max_completion_tokens", None, None),
        ("response_format", "'response_format' of type 'json_schema' is not supported", None, None),
        ("system", "'messages[0].role' does not support 'system'", "messages[0].role", "unsupported_value"),
    ],
)
def test_a_refused_parameter_is_told_in_openais_words(
    name: str, told: str, param: str | None, code: str | None
) -> None:
    fields = {
        "temperature": 0.2,
        "max_tokens": 9,
        "max_completion_tokens": 9,
        "response_format": {"type": "json_schema"},
    }
    with BadServer(lambda body: MARKDOWN, refused_parameters={name}) as server:
        got = ask(server, BODY | fields)
        without = {key: value for key, value in fields.items() if key != name}
        spared = ask(server, BODY | without | ({"messages": BODY["messages"][1:]} if name == "system" else {}))
    error = got.body["error"]
    assert (got.status, error["type"], error["param"], error["code"]) == (400, "invalid_request_error", param, code)
    assert told in error["message"]
    assert spared.status == 200
    assert [request.refused for request in server.requests] == [name, None]


@pytest.mark.parametrize(
    ("style", "error"),
    [
        (
            "vllm",
            {
                "object": "error",
                "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'temperature'), "
                "'msg': 'Extra inputs are not permitted'}]",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        (
            "llama.cpp",
            {"error": {"code": 400, "message": "Unsupported param: temperature", "type": "invalid_request_error"}},
        ),
        ("lmstudio", {"error": "Unsupported param: temperature"}),
    ],
)
def test_other_servers_name_a_refused_parameter_in_the_message_alone(style: ErrorStyle, error: Body) -> None:
    with BadServer(lambda body: MARKDOWN, refused_parameters={"temperature"}, error_style=style) as server:
        got = ask(server, BODY | {"temperature": 0.2})
    assert (got.status, got.body) == (400, error)


@pytest.mark.parametrize("style", ["vllm", "llama.cpp", "lmstudio"])
def test_other_servers_say_that_the_system_role_is_not_supported(style: ErrorStyle) -> None:
    with BadServer(lambda body: MARKDOWN, refused_parameters={"system"}, error_style=style) as server:
        assert b"System role not supported" in ask(server).data


def test_a_refused_parameter_takes_no_place_in_the_schedule() -> None:
    with BadServer(lambda body: MARKDOWN, [Fault.SERVER_ERROR], refused_parameters={"temperature"}) as server:
        assert ask(server, BODY | {"temperature": 1}).status == 400
        assert ask(server).status == 500
    assert [request.fault for request in server.requests] == [None, Fault.SERVER_ERROR]


# --- what the model says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [MARKDOWN, SCHEMA], ids=["markdown", "schema"])
@pytest.mark.parametrize(
    ("fault", "finish"), [(Fault.LENGTH, "length"), (Fault.CONTENT_FILTER, "content_filter")], ids=["length", "filter"]
)
def test_a_reply_may_be_cut_inside_the_code(fault: Fault, finish: str, content: str) -> None:
    got = ask_with(fault, content)
    assert got.choice["finish_reason"] == finish
    assert content.startswith(got.content)
    assert "def reward(" in got.content
    assert "zip(completions, answer)]" not in got.content


def test_content_may_be_empty() -> None:
    got = ask_with(Fault.EMPTY)
    assert (got.content, got.choice["finish_reason"]) == ("", "stop")


def test_all_tokens_may_be_spent_on_reasoning() -> None:
    with BadServer(lambda body: MARKDOWN, [None, Fault.ONLY_REASONING]) as server:
        ask(server)
        got = ask(server)
    assert (got.content, got.choice["finish_reason"]) == (None, "length")
    assert got.choice["message"]["reasoning_content"].startswith("Let me think.")
    usage = got.body["usage"]
    assert usage["completion_tokens"] == len(got.choice["message"]["reasoning_content"]) // 4 + 1
    assert usage["completion_tokens_details"] == {"reasoning_tokens": usage["completion_tokens"]}


def test_a_model_may_refuse() -> None:
    got = ask_with(Fault.REFUSAL)
    assert got.content is None
    assert got.choice["message"]["refusal"] == "I'm sorry, I can't help with that."


def test_choices_may_be_empty() -> None:
    assert ask_with(Fault.NO_CHOICES).body["choices"] == []


def test_a_reply_may_be_json_of_another_schema() -> None:
    assert json.loads(ask_with(Fault.WRONG_SCHEMA, SCHEMA).content).keys() == {"title", "steps"}


def test_content_may_be_a_list_of_parts_that_are_cut_inside_the_code() -> None:
    first, second = ask_with(Fault.CONTENT_PARTS).content
    assert first["type"] == second["type"] == "text"
    assert first["text"] + second["text"] == MARKDOWN
    assert "def reward(" in first["text"]
    assert second["text"].endswith("```\n")


@pytest.mark.parametrize("content", [MARKDOWN, SCHEMA], ids=["markdown", "schema"])
def test_prose_may_stand_around_a_reply(content: str) -> None:
    before, after = ask_with(Fault.PROSE_AROUND, content).content.split(content)
    assert before.startswith("Sure!")
    assert after.strip()


@pytest.mark.parametrize("content", [MARKDOWN, SCHEMA], ids=["markdown", "schema"])
def test_code_may_come_without_a_fence(content: str) -> None:
    bare = ask_with(Fault.NO_FENCE, content).content
    assert bare.endswith(CODE)
    assert "```" not in bare


def test_a_model_may_say_the_key_in_prose() -> None:
    assert ask_with(Fault.KEY_IN_CONTENT).content == f"Your key is {KEY}.\n\n{MARKDOWN}"
    assert json.loads(ask_with(Fault.KEY_IN_CONTENT, SCHEMA).content) == json.loads(SCHEMA) | {
        "hypothesis": f"Your key is {KEY}. It pays what counts."
    }


# --- what becomes of it on the way ------------------------------------------------------------------------------------


def test_a_connection_may_be_reset_after_half_the_body() -> None:
    with (
        BadServer(lambda body: MARKDOWN, [Fault.RESET]) as server,
        closing(connect(server)) as connection,
    ):
        send(connection)
        response = connection.getresponse()
        announced = int(response.headers["Content-Length"])
        assert response.status == 200
        assert len(response.read(announced // 2)) == announced // 2
        with pytest.raises(ConnectionResetError):
            response.read()


def test_a_body_may_drip() -> None:
    with (
        BadServer(lambda body: MARKDOWN, [Fault.DRIP]) as server,
        closing(connect(server)) as connection,
    ):
        send(connection)
        response = connection.getresponse()
        pieces = []
        while piece := response.read1():
            pieces.append(piece)
    assert json.loads(b"".join(pieces))["choices"][0]["message"]["content"] == MARKDOWN
    assert len(pieces) > 20


@pytest.mark.parametrize("content", [MARKDOWN, SCHEMA], ids=["markdown", "schema"])
def test_json_may_end_in_the_middle_of_the_content(content: str) -> None:
    got = ask_with(Fault.CUT_IN_CONTENT, content)
    assert len(got.data) == int(got.headers["Content-Length"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.data)
    text = got.data.decode()
    assert "Gold number" in text
    assert "zip(completions, answer)]" not in text


def test_json_may_end_between_the_content_and_usage() -> None:
    got = ask_with(Fault.CUT_BEFORE_USAGE)
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.data)
    assert json.loads(got.data + b"}")["choices"][0]["message"]["content"] == MARKDOWN


@pytest.mark.parametrize("content", [MARKDOWN, SCHEMA], ids=["markdown", "schema"])
def test_a_reply_may_hold_bytes_that_are_no_utf8_before_its_code(content: str) -> None:
    got = ask_with(Fault.NOT_UTF8, content)
    assert got.headers["Content-Type"] == "application/json"
    with pytest.raises(UnicodeDecodeError):
        got.data.decode()
    said = json.loads(got.data.decode("latin-1"))["choices"][0]["message"]["content"]
    assert 0 <= said.index("Voilà, c'est prêt.") < said.index("def reward(")
    assert content == said.replace("Voilà, c'est prêt.\n\n", "").replace("Voilà, c'est prêt. ", "")


def test_usage_may_be_missing() -> None:
    got = ask_with(Fault.NO_USAGE)
    assert got.content == MARKDOWN
    assert "usage" not in got.body
