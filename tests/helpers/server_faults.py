"""What can go wrong with one answer of a Chat Completions server, and what each fault makes of a reply and its bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from chat_server import Body, said


class Fault(Enum):
    """One fault of one answer."""

    # Refused with an error status; nothing is generated (server_errors.py).
    RATE_LIMIT_S = "429 with Retry-After in seconds"
    RATE_LIMIT_MS = "429 with retry-after-ms"
    RATE_LIMIT = "429 without a time to wait"
    NO_QUOTA = "429 insufficient_quota"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    BAD_GATEWAY = "502 with a page of HTML"
    UNAUTHORIZED = "401, with the key in its message"
    NOT_FOUND = "404"
    KEY_IN_ERROR = "500, with the key in its message"
    # No answer at all; nothing is generated.
    CLOSED = "the connection is closed before any byte"
    SILENCE = "nothing is sent for a minute, or until the server is closed"
    # The model's doing: this is what is generated, and it is the same when it is sent again.
    LENGTH = "finish_reason length, cut inside the code"
    CONTENT_FILTER = "finish_reason content_filter, cut inside the code"
    EMPTY = "empty content"
    ONLY_REASONING = "content null, reasoning_content that used up all tokens, finish_reason length"
    REFUSAL = "content null, the refusal field"
    NO_CHOICES = "empty choices"
    WRONG_SCHEMA = "a JSON object without code"
    CONTENT_PARTS = "content as a list of parts, to be joined with nothing between"
    PROSE_AROUND = "prose before and after"
    NO_FENCE = "code without a fence"
    KEY_IN_CONTENT = "the key in the prose before the code"
    # Damaged on the way: what is generated is whole, and comes whole when it is sent again.
    RESET = "the connection is reset after half the body"
    DRIP = "the body comes one byte at a time"
    CUT_IN_CONTENT = "JSON that ends in the middle of the content"
    CUT_BEFORE_USAGE = "JSON that ends between the content and usage"
    NOT_UTF8 = "bytes of Latin-1 in the prose before the code"
    NO_USAGE = "no usage"


# --- what the model says ----------------------------------------------------------------------------------------------

Message = dict[str, Any]


def generated(fault: Fault | None, content: str, key: str, id: str, prompt_tokens: int, detailed: bool) -> Body:
    """The chat completion that the server generates where `content` is a sound one; `usage` counts what it says.

    `detailed` adds the details of usage, where half the prompt was cached.
    """
    message, finish = _SPOKEN[fault](content, key) if fault in _SPOKEN else ({"content": content}, "stop")
    completion_tokens = len(text_of(message)) // 4 + 1
    reply = said(None, finish, prompt_tokens, completion_tokens).body
    assert isinstance(reply, dict)
    reply["id"] = id
    reply["choices"][0]["message"] |= message
    if fault is Fault.NO_CHOICES:
        reply["choices"] = []
    if detailed:
        reasoned = completion_tokens if "reasoning_content" in message else completion_tokens // 4
        reply["usage"]["prompt_tokens_details"] = {"cached_tokens": prompt_tokens // 2}
        reply["usage"]["completion_tokens_details"] = {"reasoning_tokens": reasoned}
    return reply


def text_of(message: Message) -> str:
    """All text of a message, of a request or of a reply: content as text or parts, reasoning, refusal."""
    content = message["content"] or ""
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    return text + message.get("reasoning_content", "") + message.get("refusal", "")


def _parts(content: str) -> list[dict[str, str]]:
    middle = _middle_of_code(content)
    return [{"type": "text", "text": text} for text in (content[:middle], content[middle:])]


_SPOKEN: dict[Fault | None, Callable[[str, str], tuple[Message, str]]] = {
    Fault.LENGTH: lambda text, key: ({"content": text[: _middle_of_code(text)]}, "length"),
    Fault.CONTENT_FILTER: lambda text, key: ({"content": text[: _middle_of_code(text)]}, "content_filter"),
    Fault.EMPTY: lambda text, key: ({"content": ""}, "stop"),
    Fault.ONLY_REASONING: lambda text, key: (
        {"content": None, "reasoning_content": f"Let me think. {text[: _middle_of_code(text)]}"},
        "length",
    ),
    Fault.REFUSAL: lambda text, key: ({"content": None, "refusal": "I'm sorry, I can't help with that."}, "stop"),
    Fault.NO_CHOICES: lambda text, key: ({"content": ""}, "stop"),
    Fault.WRONG_SCHEMA: lambda text, key: ({"content": '{"title": "A reward", "steps": ["think", "write"]}'}, "stop"),
    Fault.CONTENT_PARTS: lambda text, key: ({"content": _parts(text)}, "stop"),
    Fault.PROSE_AROUND: lambda text, key: (
        {"content": f"Sure! Here is `reward`, as you asked:\n\n{text}\n\nTell me if it should be stricter."},
        "stop",
    ),
    Fault.NO_FENCE: lambda text, key: ({"content": _without_fence(text)}, "stop"),
    Fault.KEY_IN_CONTENT: lambda text, key: ({"content": _with_prose(text, f"Your key is {key}.")}, "stop"),
}


# --- what becomes of it on the way --------------------------------------------------------------------------------------

# A character for private use, so that no reply has it.
_MARK = "\ue000"
_LATIN_1 = "Voilà, c'est prêt.".encode("latin-1")


def on_the_way(fault: Fault | None, reply: Body) -> bytes:
    """The body that is sent, as damaged as the fault makes it."""
    if fault is Fault.NO_USAGE:
        reply = {name: value for name, value in reply.items() if name != "usage"}
    if fault is Fault.NOT_UTF8:
        return _json(_marked(reply)).encode().replace(_MARK.encode(), _LATIN_1)
    text = _json(reply)
    if fault is Fault.CUT_IN_CONTENT:
        content = next((choice["message"]["content"] for choice in reply["choices"]), None)
        part = _json(content or reply["choices"])
        text = text[: text.index(part) + len(part) // 2]
    if fault is Fault.CUT_BEFORE_USAGE:
        text = text[: text.index(', "usage"')]
    return text.encode()


def _marked(reply: Body) -> Body:
    """The reply with the mark before its prose, or in the model's name when there is none."""
    choices = [
        choice | {"message": choice["message"] | {"content": _with_prose(choice["message"]["content"], _MARK)}}
        for choice in reply["choices"]
        if isinstance(choice["message"]["content"], str)
    ]
    return reply | ({"choices": choices} if choices else {"model": _MARK})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- where things are in a content ------------------------------------------------------------------------------------


_FENCE = re.compile(r"^```", re.MULTILINE)
_QUOTE = re.compile(r"(?<!\\)\"")


def _middle_of_code(content: str) -> int:
    """Where the middle of the code is, in fenced Markdown or in a JSON string; of the whole when there is no code."""
    start = max(content.find("def reward("), 0)
    end = (_QUOTE if _object(content) else _FENCE).search(content, start)
    return (start + (end.start() if end else len(content))) // 2


def _without_fence(content: str) -> str:
    code = _object(content).get("code")
    return code if isinstance(code, str) else re.sub(r"^```.*\n?", "", content, flags=re.MULTILINE)


def _with_prose(content: str, prose: str) -> str:
    """The content with prose before its own: in front, or in the longest field of a JSON object that is not the code."""
    fields = _object(content)
    names = [name for name, value in fields.items() if isinstance(value, str) and name != "code"]
    if not names:
        return f"{prose}\n\n{content}"
    longest = max(names, key=lambda name: len(fields[name]))
    return _json(fields | {longest: f"{prose} {fields[longest]}"})


def _object(content: str) -> dict[str, Any]:
    """The fields of a content that is a JSON object, else none."""
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
