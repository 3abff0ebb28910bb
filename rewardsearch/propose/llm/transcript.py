"""What was sent and what came back, for people: one Markdown file a request in the round's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rewardsearch.files import write_atomic
from rewardsearch.propose.llm.prompt import Prompt
from rewardsearch.propose.llm.reply import Reply
from rewardsearch.records import Request


def write_transcript(
    folder: Path, planned: Request, server: str, prompt: Prompt, replies: Sequence[Reply], reason: str
) -> None:
    """Writes request-K.md: the last prompt sent, every reply so far with its cost, and what is wrong with the last.

    The replies themselves, as they came, are response-K.json.
    """
    parts = [
        f"# Request {planned.index}: {planned.move}, asked of {server}",
        f"## System\n\n{prompt.system.strip()}",
        f"## User\n\n{prompt.user.strip()}",
    ]
    for number, reply in enumerate(replies, start=1):
        parts.append(f"## Reply {number}: {_cost(reply)}")
        if reply.reasoning:
            parts.append(f"### Thought aloud\n\n{reply.reasoning.strip()}")
        parts.append(reply.content.strip() or reply.refusal.strip() or "(empty)")
    if reason:
        parts.append(f"## No reward\n\n{reason}")
    write_atomic(folder / f"request-{planned.index}.md", "\n\n".join(parts) + "\n")


def _cost(reply: Reply) -> str:
    usage = reply.usage
    counted = "counted from characters" if usage.estimated else "as the server counted"
    dollars = "no price" if usage.unpriced else f"${usage.dollars:.4f}"
    details = [
        f"{usage.prompt_tokens} prompt tokens{f' ({usage.cached_tokens} cached)' if usage.cached_tokens else ''}",
        f"{usage.completion_tokens} completion tokens"
        f"{f' ({usage.reasoning_tokens} of them thinking)' if usage.reasoning_tokens else ''}",
        counted,
        dollars,
        f"ended by {reply.finish_reason or 'nothing said'}",
    ]
    return ", ".join(details)
