"""A paid reply on disk: what the server sent, and what was read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rewardsearch.records import Record, Usage

CHARS_PER_TOKEN = 4
"""How many characters are charged as a token where a server reports no usage."""


class Reply(Record):
    """One reply. `mark` is the hash of the request that it answers, `text` the server's answer as it came.

    `usage_estimated` says that the server reported no usage and that `usage` was counted from characters.
    """

    mark: str
    content: str
    finish_reason: str | None
    usage: Usage
    usage_estimated: bool
    text: str


def load_reply(path: Path, mark: str) -> Reply | None:
    """The reply in `path`; None when there is none, when it is damaged, or when it answers another request."""
    try:
        reply = Reply.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None
    return reply if reply.mark == mark else None


def read_reply(mark: str, text: str, prompt_chars: int) -> Reply:
    """The Reply that `text`, a chat completion as JSON, stands for; its content is empty where there is none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    choice = _item(_item(body, "choices"), 0)
    content = _item(_item(choice, "message"), "content")
    # JSON can escape half a character, which no file can hold.
    content = content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""
    finish = _item(choice, "finish_reason")
    usage = _usage(_item(body, "usage"))
    estimate = Usage(
        requests=1,
        prompt_tokens=-(-prompt_chars // CHARS_PER_TOKEN),
        completion_tokens=-(-len(content) // CHARS_PER_TOKEN),
    )
    return Reply(
        mark=mark,
        content=content,
        finish_reason=finish if isinstance(finish, str) else None,
        usage=usage or estimate,
        usage_estimated=usage is None,
        text=text,
    )


def _item(value: Any, key: str | int) -> Any:
    """`value[key]`; None where `value` is not what the API documents."""
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int):
        return value[key] if len(value) > key else None
    return None


def _usage(value: Any) -> Usage | None:
    prompt, completion = _item(value, "prompt_tokens"), _item(value, "completion_tokens")
    if not all(isinstance(count, int) and count >= 0 for count in (prompt, completion)):
        return None
    return Usage(requests=1, prompt_tokens=prompt, completion_tokens=completion)
