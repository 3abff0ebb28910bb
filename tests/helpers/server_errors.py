"""The answers of a Chat Completions server that refuse a request, in the words and shapes of the servers that are used."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal, NamedTuple

from chat_server import Body, refused
from server_faults import Fault

RETRY_AFTER_S = 1
RETRY_AFTER_MS = 20

ErrorStyle = Literal["openai", "vllm", "llama.cpp", "lmstudio"]


class Sent(NamedTuple):
    """One HTTP answer. The content type names no charset, as with the servers that are imitated."""

    data: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


def _error(status: int, message: str, type: str, code: str | None = None, *headers: tuple[str, str]) -> Sent:
    body = refused(status, code, message=message).body
    assert isinstance(body, dict)
    body["error"]["type"] = type
    return Sent(json.dumps(body).encode(), status, headers)


def _rate_limit(*headers: tuple[str, str]) -> Sent:
    return _error(429, "Rate limit reached.", "requests", "rate_limit_exceeded", *headers)


_HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
_NO_QUOTA = "insufficient_quota"
_INVALID = "invalid_request_error"
_ERRORS: dict[Fault, Callable[[str], Sent]] = {
    Fault.RATE_LIMIT_S: lambda key: _rate_limit(("Retry-After", str(RETRY_AFTER_S))),
    Fault.RATE_LIMIT_MS: lambda key: _rate_limit(("retry-after-ms", str(RETRY_AFTER_MS))),
    Fault.RATE_LIMIT: lambda key: _rate_limit(),
    Fault.NO_QUOTA: lambda key: _error(429, "You exceeded your current quota.", _NO_QUOTA, _NO_QUOTA),
    Fault.SERVER_ERROR: lambda key: _error(500, "The server had an error.", "server_error"),
    Fault.UNAVAILABLE: lambda key: _error(503, "The engine is overloaded.", "service_unavailable"),
    Fault.BAD_GATEWAY: lambda key: Sent(_HTML, 502, content_type="text/html"),
    Fault.UNAUTHORIZED: lambda key: _error(401, f"Incorrect API key provided: {key}.", _INVALID, "invalid_api_key"),
    Fault.NOT_FOUND: lambda key: _error(404, "The model does not exist.", _INVALID, "model_not_found"),
    Fault.KEY_IN_ERROR: lambda key: _error(500, f"Upstream took no Authorization: Bearer {key}.", "server_error"),
}


def error_of(fault: Fault | None, key: str) -> Sent | None:
    """The error that the fault answers with, None when it answers with none. `key` is the one of the request."""
    error = _ERRORS.get(fault) if fault else None
    return error(key) if error else None


def refused_parameter(body: Body, parameters: frozenset[str]) -> str | None:
    """The first of `parameters` that the body has: a field's name, or `system` for a message of that role."""
    roles = [message["role"] for message in body["messages"]]
    return next((name for name in sorted(parameters) if name in (roles if name == "system" else body)), None)


def parameter_error(name: str, body: Body, style: ErrorStyle) -> Sent:
    """The 400 for a parameter that the model does not take. The styles other than `openai` tell it in a message alone."""
    if style == "openai":
        message, param, code = _openai_wording(name, body)
        return Sent(
            json.dumps({"error": {"message": message, "type": _INVALID, "param": param, "code": code}}).encode(), 400
        )
    message = "System role not supported" if name == "system" else f"Unsupported param: {name}"
    if style == "vllm" and name != "system":
        message = f"[{{'type': 'extra_forbidden', 'loc': ('body', '{name}'), 'msg': 'Extra inputs are not permitted'}}]"
    error: Body = {
        "vllm": {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400},
        "llama.cpp": {"error": {"code": 400, "message": message, "type": _INVALID}},
        "lmstudio": {"error": message},
    }[style]
    return Sent(json.dumps(error).encode(), 400)


def _openai_wording(name: str, body: Body) -> tuple[str, str | None, str | None]:
    """Message, param and code: some models and Azure leave the last two null, so the message alone tells the parameter."""
    there = "with this model."
    match name:
        case "system":
            role = "messages[0].role"
            return f"Unsupported value: '{role}' does not support 'system' {there}", role, "unsupported_value"
        case "temperature":
            only = "Only the default (1) value is supported."
            return (
                f"Unsupported value: '{name}' does not support {body[name]} {there} {only}",
                name,
                "unsupported_value",
            )
        case "max_completion_tokens":
            return f"Unrecognized request argument supplied: {name}", None, None
        case "response_format":
            kind = body[name]["type"]
            return f"Invalid parameter: '{name}' of type '{kind}' is not supported {there}", None, None
        case _:
            return f"Unsupported parameter: '{name}' is not supported {there}", name, "unsupported_parameter"
