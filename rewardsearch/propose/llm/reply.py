"""A paid reply on disk: what the server sent, and what was read from it."""

from __future__ import annotations

import json
import re
from collections.abc import Set
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rewardsearch.config import Price
from rewardsearch.propose.llm.prompt import BYTES_PER_TOKEN, Prompt, estimate_tokens
from rewardsearch.records import Record, Usage

UNSEEN_TOKENS = 32_000
"""What a server may count beyond what is seen of a prompt and a reply: its own instructions, hidden thoughts."""
FRAME_TOKENS = 500
"""What the schema of the reply and a chat template take."""
BYTES_PER_BOUND_TOKEN = 2
"""What a prompt is held to cost at most, before the server has counted."""


class Reply(Record):
    """One reply. `request`, `send` and `fingerprint` name the sending that it answers, `text` is the server's answer as it came.

    `refusal` is what a model says that declines in the field made for it; `reasoning` what it thought aloud.
    """

    request: str
    send: int
    fingerprint: str
    model: str
    content: str
    reasoning: str
    refusal: str
    finish_reason: str | None
    usage: Usage
    text: str


def load_reply(path: Path, fingerprints: Set[str]) -> Reply | None:
    """The reply in `path`; None when there is none, when it is damaged, or when it answers none of `fingerprints`."""
    try:
        reply = Reply.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None
    return reply if reply.fingerprint in fingerprints else None


def read_reply(
    *,
    request: str,
    send: int,
    fingerprint: str,
    model: str,
    text: str,
    prompt_tokens: int,
    price: Price | None,
    max_tokens: int = 0,
) -> Reply:
    """The Reply that `text`, a chat completion as JSON, stands for; what it does not have is empty.

    prompt_tokens: about how many the prompt has. They are counted, as is what came, where the server does not say what it
    counted, or says more than the prompt, max_tokens and what came can be.
    """
    body = json.loads(text)
    choice = _item(_item(body, "choices"), 0)
    message = _item(choice, "message")
    said = _item(message, "content")
    thoughts, others = _by_kind(said) if isinstance(said, list) else ([], said)
    content = "\n\n".join(filter(None, [_text(others), *_arguments(message)]))
    fields = (_item(message, name) for name in ("reasoning_content", "reasoning", "reasoning_details"))
    reasoning = next(filter(None, map(_text, (*fields, thoughts))), "")
    finish = _item(choice, "finish_reason")
    limits = (
        BYTES_PER_TOKEN * prompt_tokens + UNSEEN_TOKENS,
        max(max_tokens, len(f"{content}{reasoning}".encode())) + UNSEEN_TOKENS,
    )
    usage = _usage(_item(body, "usage"), *limits) or Usage(
        requests=1,
        prompt_tokens=prompt_tokens,
        completion_tokens=estimate_tokens(content) + estimate_tokens(reasoning),
        estimated=1,
    )
    return Reply(
        request=request,
        send=send,
        fingerprint=fingerprint,
        model=model,
        content=content,
        reasoning=reasoning,
        refusal=_text(_item(message, "refusal")),
        finish_reason=_text(finish) if isinstance(finish, str) else None,
        usage=priced(usage, price),
        text=text,
    )


def priced(usage: Usage, price: Price | None) -> Usage:
    """`usage` with its cost in dollars; without a price it counts as unpriced."""
    if price is None:
        return usage.model_copy(update={"unpriced": usage.requests})
    cached = price.input if price.cached_input is None else price.cached_input
    whole = (
        (usage.prompt_tokens - usage.cached_tokens) * price.input
        + usage.cached_tokens * cached
        + usage.completion_tokens * price.output
    )
    return usage.model_copy(update={"dollars": whole / 1e6})


def cost_bound(prompt: Prompt, max_tokens: int, price: Price | None) -> Usage:
    """The most that a request can cost, but for a tokenizer that takes more than a token for two bytes, and for a server that
    passes over the limit."""
    size = len((prompt.system + prompt.user).encode("utf-8", "replace"))
    prompt_tokens = FRAME_TOKENS + size // BYTES_PER_BOUND_TOKEN
    return priced(Usage(requests=1, prompt_tokens=prompt_tokens, completion_tokens=max_tokens), price)


def is_whole(text: str) -> bool:
    """Whether `text` is a JSON document from its beginning to its end."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _item(value: Any, key: str | int) -> Any:
    """`value[key]`; None where `value` is not what the API documents."""
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int):
        return value[key] if len(value) > key else None
    return None


def _text(value: Any) -> str:
    """A text, or the texts of a list of parts, joined; with a question mark for each half of a character."""
    if isinstance(value, list):
        # A part of reasoning may be a list of parts itself.
        fields = ([_item(part, name) for name in ("text", "thinking", "reasoning")] for part in value)
        value = "".join(_text(next(filter(None, each), "")) for each in fields)
    # JSON can escape half a character, which no file can hold.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _by_kind(parts: list[Any]) -> tuple[list[Any], list[Any]]:
    """The parts of a content that are reasoning, and the others."""
    thoughts = [each for each in parts if re.search("think|reason", str(_item(each, "type")))]
    return thoughts, [each for each in parts if each not in thoughts]


def _arguments(message: Any) -> list[str]:
    """What a model passes to the functions that it calls in place of an answer, as JSON."""
    calls = _item(message, "tool_calls")
    functions = [_item(each, "function") for each in calls] if isinstance(calls, list) else []
    values = [_item(each, "arguments") for each in [*functions, _item(message, "function_call")]]
    return [_text(each) if isinstance(each, str) else json.dumps(each) for each in values if each]


def _usage(value: Any, max_prompt: int, max_completion: int) -> Usage | None:
    """What the server says it counted; None when it says nothing that can be."""
    prompt = _count(_item(value, "prompt_tokens"), max_prompt)
    completion = _count(_item(value, "completion_tokens"), max_completion)
    if prompt is None or completion is None:
        return None
    cached = _count(_item(_item(value, "prompt_tokens_details"), "cached_tokens"), max_prompt)
    reasoning = _count(_item(_item(value, "completion_tokens_details"), "reasoning_tokens"), max_completion)
    # Some servers (xAI, Gemini) bill thinking as completion and count it in the total alone.
    total = _count(_item(value, "total_tokens"), prompt + max_completion) or 0
    completion = max(completion, total - prompt)
    return Usage(
        requests=1,
        prompt_tokens=prompt,
        cached_tokens=min(cached or 0, prompt),
        completion_tokens=completion,
        reasoning_tokens=min(reasoning or 0, completion),
    )


def _count(value: Any, limit: int) -> int | None:
    return value if type(value) is int and 0 <= value <= limit else None
