"""One planned request on its way to a reward: which reply is pending, what the replies so far held, and its transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rewardsearch.files import write_atomic
from rewardsearch.propose.llm.prompt import Prompt
from rewardsearch.propose.llm.reply import Reply, read_reply
from rewardsearch.propose.llm.server import Server
from rewardsearch.propose.parse import Found, NoCode, parse_reply
from rewardsearch.records import Request

_ENDED = ("stop", "tool_calls", "function_call", "end_turn", "eos")
"""What servers say where the model came to its end."""
DOUBLED = 2
"""How often max_tokens is doubled for a reply that was cut off."""


@dataclass
class Job:
    """A planned request and where it stands. `within` names the proposal that it belongs to within the run (round/attempt)."""

    request: Request
    server: Server
    within: str
    folder: Path
    reply: int = 1
    """Which reply is pending, from 1."""
    replies: list[Reply] = field(default_factory=list)
    found: Found | None = None
    reason: str = ""
    """Why the last reply held no reward, or why there is none."""
    end: Literal["", "replies", "refused", "unanswered", "unaffordable", "too long"] = ""
    """How it ended: with its last reply, with a refusal that asking again does not mend, with requests that got no reply, or
    without being sent. Empty while a reply is pending."""
    refusals: int = 0
    """Sendings of the pending reply's request that the server refused."""
    lost: int = 0
    """Those whose reply was lost on the way."""
    prompt: Prompt | None = None
    """What was sent last."""
    ready_at: float = 0.0
    """When it may be sent again, on the monotonic clock."""
    cut_off: int = 0
    """Replies that reached max_tokens: each doubles it for the next, DOUBLED times at most."""
    capped: bool = False
    """Whether the server has refused more than the configured max_tokens."""

    @property
    def name(self) -> str:
        """What the request for the pending reply goes by in the journal."""
        return f"{self.within}/{self.request.index}/{self.reply}"

    @property
    def path(self) -> Path:
        """Where the pending reply is written."""
        return self.folder / f"response-{self.request.index}{f'-{self.reply}' if self.reply > 1 else ''}.json"

    @property
    def model(self) -> str:
        """The model that wrote the last reply, which an earlier session may have asked; before any, the one that is asked."""
        return self.replies[-1].model if self.replies else self.server.served.model

    @property
    def max_tokens(self) -> int:
        return self.server.served.max_tokens << (0 if self.capped else min(self.cut_off, DOUBLED))

    def read(self, reply: Reply, max_replies: int) -> None:
        """Takes in the pending reply; without a reward in it another is pending, while there are fewer than `max_replies`."""
        self.replies.append(reply)
        try:
            self.found = _found(reply)
            self.end, self.reason = "replies", ""
            return
        except NoCode as error:
            self.reason = str(error)
        if reply.finish_reason == "length":
            self.reason += f"; it reached max_tokens ({self.max_tokens})"
            self.cut_off += 1
        self.reply += 1
        self.refusals = self.lost = 0
        self.ready_at = 0.0
        self.end = "replies" if self.reply > max_replies else ""


@dataclass(frozen=True)
class InFlight:
    """A request on its way. `refused` is what the server was known to refuse when it was written."""

    job: Job
    send: int
    fingerprint: str
    prompt: Prompt
    refused: tuple[str, ...]
    body: Mapping[str, Any]


def save_reply(name: str, flight: InFlight, text: str) -> Reply:
    """The reply that `text` is, written to the disk before anything else is done with it."""
    served = flight.job.server.served
    reply = read_reply(
        request=name,
        send=flight.send,
        fingerprint=flight.fingerprint,
        model=served.model,
        text=text,
        prompt_tokens=flight.prompt.tokens,
        price=served.price,
        max_tokens=flight.job.max_tokens,
    )
    write_atomic(flight.job.path, reply.model_dump_json(indent=1) + "\n")
    return reply


def _found(reply: Reply) -> Found:
    """The reward in a reply. Raises NoCode where there is none that is whole."""
    if reply.refusal:
        raise NoCode(f"the model refused: {' '.join(reply.refusal.split())[:200]}")
    if reply.finish_reason == "content_filter":
        raise NoCode("the server's content filter cut the reply off")
    # A server that takes all that a model says for reasoning leaves the content empty.
    text = f"<think>\n{reply.reasoning}" if in_reasoning(reply) else reply.content
    found = parse_reply(text, is_ended=reply.finish_reason in _ENDED)
    # Where nothing follows the code of a reply that was cut off, a line of it may be missing that leaves it readable.
    if reply.finish_reason == "length" and text.rstrip().endswith(found.code.rstrip()[-40:]):
        raise NoCode("the reply was cut off inside the code")
    return found


def in_reasoning(reply: Reply) -> bool:
    """Whether all that a reply says came as reasoning."""
    return not reply.content.strip() and bool(reply.reasoning.strip())


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
    return (
        f"{usage.prompt_tokens} prompt tokens ({usage.cached_tokens} cached), {usage.completion_tokens} completion tokens "
        f"({usage.reasoning_tokens} thinking), {counted}, {dollars}, ended by {reply.finish_reason or 'nothing said'}"
    )
