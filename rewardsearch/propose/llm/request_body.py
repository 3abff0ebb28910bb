"""The form of a request, which differs from server to server: what is sent at first, and what is changed when it is refused."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from rewardsearch.config import Served
from rewardsearch.propose.llm.prompt import Prompt

ADAPTABLE = {
    "structured": "a JSON schema for the reply (response_format)",
    "temperature": "the temperature",
    "max_completion_tokens": "max_completion_tokens (max_tokens alone is sent)",
    "max_tokens": "max_tokens (max_completion_tokens alone is sent)",
    "system": "a system message (it is put before the user's)",
}
"""What a server may refuse and is then asked without, with the words that tell it."""
_LIMITS = ("max_completion_tokens", "max_tokens")
_NAMED = {
    "temperature": re.compile(r"temperature", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"max_completion_tokens", re.IGNORECASE),
    "max_tokens": re.compile(r"max_tokens", re.IGNORECASE),
    "structured": re.compile(
        r"response_format|json_schema|json schema|structured output|guided|grammar", re.IGNORECASE
    ),
    "system": re.compile(
        r"system (?:role|message|prompt|instruction)|messages\[0\]|role\W{1,4}system|roles? must", re.IGNORECASE
    ),
}
_UNKNOWN_FIELD = re.compile(
    r"unsupported|unknown|unrecogni[sz]ed|unexpected|not permitted|extra (?:field|input)", re.IGNORECASE
)
_TOO_MUCH = re.compile(
    r"too (?:large|long|many|high)|context (?:length|window)|maximum|at most|exceed|valid range", re.IGNORECASE
)
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "two to four words"},
        "hypothesis": {
            "type": "string",
            "description": "what the reward changes in the policy, and why accuracy rises",
        },
        "code": {"type": "string", "description": "the whole Python file that defines reward"},
    },
    "required": ["name", "hypothesis", "code"],
    "additionalProperties": False,
}
"""The reply as a JSON object, in the subset of JSON Schema that servers enforce."""


def request_body(served: Served, prompt: Prompt, max_tokens: int, refused: Collection[str]) -> dict[str, Any]:
    """The request as JSON fields; `refused` names what of ADAPTABLE the server does not take."""
    if "system" in refused:
        messages = [{"role": "user", "content": f"{prompt.system}\n\n{prompt.user}"}]
    else:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    # Some gateways stream unless they are told not to.
    body: dict[str, Any] = {"model": served.model, "messages": messages, "stream": False}
    body |= dict.fromkeys(_limits(served, refused), max_tokens)
    if served.temperature is not None and "temperature" not in refused:
        body["temperature"] = served.temperature
    if asks_json(served, refused):
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reward", "strict": True, "schema": SCHEMA},
        }
    return {**body, **served.extra}


def asks_json(served: Served, refused: Collection[str]) -> bool:
    """Whether the reply is asked for as a JSON object."""
    return served.structured == "auto" and "structured" not in refused


def _limits(served: Served, refused: Collection[str]) -> list[str]:
    """The fields that hold the limit. OpenAI takes max_completion_tokens alone; others know it, or max_tokens, or both, and pass
    over what they do not know in silence."""
    both = ["max_completion_tokens", "max_tokens"]
    left = [field for field in both if field not in refused]
    if not left:
        # One that has refused both is sent what it refused first: beside the other, as like as not.
        return [next(field for field in refused if field in both)]
    return left[:1] if _is_openai(served) else left


def _is_openai(served: Served) -> bool:
    host = urlsplit(served.base_url).hostname or "" if served.base_url else "api.openai.com"
    return host.endswith((".openai.com", ".openai.azure.com"))


def change_for(names: str, served: Served, refused: Collection[str]) -> str | None:
    """What of ADAPTABLE to leave out next, after an error that says `names` of the request's fields.

    An error that names nothing that is sent is laid to the JSON schema, which servers know least; one that names a field of
    the user's own (`extra`) is the user's to mend. None when nothing is left to change.
    """
    if not names:
        return None
    sent = {*_limits(served, refused), "system"}
    if served.temperature is not None:
        sent.add("temperature")
    if served.structured == "auto":
        sent.add("structured")
    left = sent - set(refused)
    if _TOO_MUCH.search(names):
        # The limit or the prompt is refused for its size, which no other form mends.
        left -= {*_LIMITS, "system"}
    # Of two that an error names the first is refused: "max_tokens is not supported, use max_completion_tokens".
    found = {change: match.start() for change in sorted(left) if (match := _NAMED[change].search(names))}
    named = min(found, key=lambda change: (found[change], list(_NAMED).index(change))) if found else None
    extra = any(re.search(rf"\b{re.escape(key)}\b", names) for key in served.extra)
    opaque = not names.strip() or (_UNKNOWN_FIELD.search(names) and not extra)
    return named or ("structured" if opaque and "structured" in left else None)
