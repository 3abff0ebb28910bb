"""What a person reads of a request: the prompt, every reply with its cost, what is wrong with the last."""

from __future__ import annotations

from pathlib import Path

from rewardsearch.propose.llm.job import write_transcript
from rewardsearch.propose.llm.prompt import Prompt
from rewardsearch.propose.llm.reply import Reply
from rewardsearch.records import Request, Usage

ASK = Request(index=2, operator="crossover", model="m", parents=("aaaa", "bbbb"))
PROMPT = Prompt(system="You write rewards.\n", user="Cross these two.\n")


def reply(content: str, **fields: object) -> Reply:
    values: dict[str, object] = {
        "request": "1/0/2/1",
        "send": 1,
        "fingerprint": "abc",
        "model": "m",
        "content": content,
        "reasoning": "",
        "refusal": "",
        "finish_reason": "stop",
        "usage": Usage(requests=1, prompt_tokens=1000, completion_tokens=100, dollars=0.0123),
        "text": "{}",
    }
    return Reply.model_validate({**values, **fields})


def written(tmp_path: Path, *replies: Reply, reason: str = "") -> str:
    write_transcript(tmp_path / "01", ASK, "m at http://127.0.0.1:1/v1", PROMPT, replies, reason)
    return (tmp_path / "01" / "request-2.md").read_text(encoding="utf-8")


def test_before_an_answer_it_holds_what_is_sent_and_to_whom(tmp_path: Path) -> None:
    assert written(tmp_path) == (
        "# Request 2: crossover of aaaa and bbbb, asked of m at http://127.0.0.1:1/v1\n\n"
        "## System\n\nYou write rewards.\n\n"
        "## User\n\nCross these two.\n"
    )


def test_every_reply_is_told_with_its_cost_and_the_last_ones_fault(tmp_path: Path) -> None:
    details = {"cached_tokens": 400, "reasoning_tokens": 60}
    usage = Usage(requests=1, prompt_tokens=1000, completion_tokens=100, unpriced=1, estimated=1).model_copy(
        update=details
    )
    text = written(
        tmp_path,
        reply("No.", reasoning="Shall I?"),
        reply("", usage=usage, finish_reason=None),
        reason="the reply is empty",
    )
    assert text.endswith(
        "## Reply 1: 1000 prompt tokens (0 cached), 100 completion tokens (0 thinking), as the server counted, "
        "$0.0123, ended by stop\n\n"
        "### Thought aloud\n\nShall I?\n\n"
        "No.\n\n"
        "## Reply 2: 1000 prompt tokens (400 cached), 100 completion tokens (60 thinking), counted from characters, "
        "no price, ended by nothing said\n\n"
        "(empty)\n\n"
        "## No reward\n\nthe reply is empty\n"
    )


def test_a_model_that_declines_is_quoted(tmp_path: Path) -> None:
    assert written(tmp_path, reply("", refusal="I will not.")).endswith("\n\nI will not.\n")
