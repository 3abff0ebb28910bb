"""The form of a request, which differs from server to server: what is sent at first, and what is changed when it is refused."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from rewardsearch.config import Served
from rewardsearch.propose.llm.prompt import Prompt

ADAPTABLE = {
    "structured": "a JSON schema for the reply (response_format)",
    "temperature": "the temperature",
    "max_completion_tokens": "max_completion_tokens (max_tokens is sent)",
    "system": "a system message (it is put before the user's)",
}
"""What a server may refuse and is then asked without, with the words that tell it."""
_NAMED = {
    "temperature": re.compile(r"temperature", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"max_completion_tokens", re.IGNORECASE),
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
_TOO_MUCH = re.compile(r"too (?:large|long|many|high)|context (?:length|window)|maximum|at most|exceed", re.IGNORECASE)
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


def body_of(served: Served, prompt: Prompt, max_tokens: int, refused: Collection[str]) -> dict[str, Any]:
    """The request as JSON fields; `refused` names what of ADAPTABLE the server does not take."""
    if "system" in refused:
        messages = [{"role": "user", "content": f"{prompt.system}\n\n{prompt.user}"}]
    else:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    limit = "max_tokens" if "max_completion_tokens" in refused else "max_completion_tokens"
    body: dict[str, Any] = {"model": served.model, "messages": messages, limit: max_tokens}
    if served.temperature is not None and "temperature" not in refused:
        body["temperature"] = served.temperature
    if served.structured == "auto" and "structured" not in refused:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reward", "strict": True, "schema": SCHEMA},
        }
    if served.extra:
        body["extra_body"] = dict(served.extra)
    return body


def change_for(names: str, served: Served, refused: Collection[str]) -> str | None:
    """What of ADAPTABLE to leave out next, after an error that says `names` of the request's fields.

    An error that names nothing that is sent is laid to the JSON schema, which servers know least; one that names a field of
    the user's own (`extra`) is the user's to mend. None when nothing is left to change.
    """
    if not names:
        return None
    sent = {"max_completion_tokens", "system"}
    if served.temperature is not None:
        sent.add("temperature")
    if served.structured == "auto":
        sent.add("structured")
    left = sent - set(refused)
    if _TOO_MUCH.search(names):
        # The limit or the prompt is refused for its size, which no other form mends.
        left -= {"max_completion_tokens", "system"}
    named = next((change for change, pattern in _NAMED.items() if change in left and pattern.search(names)), None)
    extra = any(re.search(rf"\b{re.escape(key)}\b", names) for key in served.extra)
    opaque = not names.strip() or (_UNKNOWN_FIELD.search(names) and not extra)
    return named or ("structured" if opaque and "structured" in left else None)
