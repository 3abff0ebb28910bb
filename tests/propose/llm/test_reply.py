"""What is read from a server's answer: text, thoughts, the reason it ended, and what it cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsearch.config import Price
from rewardsearch.propose.llm.prompt import BYTES_PER_TOKEN
from rewardsearch.propose.llm.reply import UNSEEN_TOKENS, Reply, is_whole, load_reply, read_reply
from rewardsearch.records import Usage

PRICE = Price(input=2.0, cached_input=0.5, output=10.0)


def read(body: Any, price: Price | None = PRICE) -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    ids = {"request": "1/0/1/1", "send": 1, "fingerprint": "abc", "model": "m"}
    return read_reply(**ids, text=text, prompt_tokens=700, price=price, max_tokens=500)


def chat(usage: Any = None, finish: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": "hello", **message}, "finish_reason": finish}], "usage": usage}


def counted(prompt: Any = 1000, completion: Any = 100, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


# --- what it cost -----------------------------------------------------------------------------------------------------


def test_the_servers_count_is_the_usage() -> None:
    usage = read(chat(counted())).usage
    assert usage == Usage(requests=1, prompt_tokens=1000, completion_tokens=100, dollars=0.003)


def test_cached_tokens_have_their_own_price() -> None:
    body = chat(counted(prompt_tokens_details={"cached_tokens": 400}))
    assert read(body).usage.cached_tokens == 400
    assert read(body).usage.dollars == pytest.approx((600 * 2.0 + 400 * 0.5 + 100 * 10.0) / 1e6)
    plain = Price(input=2.0, output=10.0)
    assert read(body, plain).usage.dollars == pytest.approx((1000 * 2.0 + 100 * 10.0) / 1e6)


def test_thinking_is_among_the_completion_tokens_and_paid_once() -> None:
    body = chat(counted(total_tokens=1100, completion_tokens_details={"reasoning_tokens": 80}))
    usage = read(body).usage
    assert (usage.completion_tokens, usage.reasoning_tokens, usage.dollars) == (100, 80, pytest.approx(0.003))


def test_thinking_that_only_the_total_counts_is_paid_too() -> None:
    xai = read(chat(counted(total_tokens=1400, completion_tokens_details={"reasoning_tokens": 300}))).usage
    assert (xai.completion_tokens, xai.reasoning_tokens) == (400, 300)
    gemini = read(chat(counted(total_tokens=1400))).usage
    assert gemini.completion_tokens == 400
    assert xai.dollars == gemini.dollars == pytest.approx((1000 * 2.0 + 400 * 10.0) / 1e6)


def test_more_cached_or_thought_than_there_is_counts_for_what_there_is() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 5000},
        "completion_tokens_details": {"reasoning_tokens": 5000},
    }
    usage = read(chat(counted(**details))).usage
    assert (usage.cached_tokens, usage.reasoning_tokens) == (1000, 100)
    assert usage.dollars == pytest.approx((1000 * 0.5 + 100 * 10.0) / 1e6)


def test_without_a_price_a_request_is_unpriced() -> None:
    usage = read(chat(counted()), price=None).usage
    assert (usage.dollars, usage.unpriced) == (0.0, 1)
    assert read(chat(counted())).usage.unpriced == 0


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "1000",
        counted(prompt=None),
        counted(completion=None),
        counted(prompt=-1),
        counted(completion=-1),
        counted(prompt="1000"),
        counted(completion=100.0),
        counted(prompt=True),
        counted(completion=UNSEEN_TOKENS + 501),
        counted(prompt=2100 + UNSEEN_TOKENS + 1),
        counted(10**9, 10**9),
        counted(completion=10**12),
        counted(completion="1e12"),
        counted(completion=float("inf")),
        counted(prompt=10**400),
        {"input_tokens": 1000, "output_tokens": 100},
    ],
)
def test_usage_that_is_missing_or_odd_is_counted_from_the_texts(usage: Any) -> None:
    usage = read(chat(usage, content="x" * 30, reasoning_content="y" * 10)).usage
    tokens = 30 // BYTES_PER_TOKEN + -(-10 // BYTES_PER_TOKEN)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (700, tokens, 1)
    assert usage.dollars == pytest.approx((700 * 2.0 + tokens * 10.0) / 1e6)


def test_usage_that_can_just_be_is_believed() -> None:
    usage = read(chat(counted(2100 + UNSEEN_TOKENS, UNSEEN_TOKENS + 500))).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (34_100, 32_500, 0)
    # A reply that passes over max_tokens is paid for.
    assert read(chat(counted(completion=40_000), content="x" * 10_000)).usage.completion_tokens == 40_000


def test_a_total_that_cannot_be_is_passed_over() -> None:
    usage = read(chat(counted(total_tokens=10**12))).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (1000, 100, 0)


@pytest.mark.parametrize(
    "odd",
    [
        {"prompt_tokens_details": None},
        {"completion_tokens_details": []},
        {"prompt_tokens_details": {"cached_tokens": "4"}},
    ],
)
def test_odd_details_are_passed_over(odd: dict[str, Any]) -> None:
    usage = read(chat(counted(**odd))).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.reasoning_tokens, usage.estimated) == (1000, 0, 0, 0)


# --- what it says -----------------------------------------------------------------------------------------------------


def test_content_refusal_and_reason_of_the_end_are_read() -> None:
    reply = read(chat(finish="length", refusal="I will not."))
    assert (reply.content, reply.refusal, reply.finish_reason) == ("hello", "I will not.", "length")


def test_content_in_parts_is_joined_without_the_thoughts() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "he"},
        {"type": "text", "text": "llo"},
        {"type": "image_url", "image_url": {}},
        "stray",
    ]
    reply = read(chat(content=[*parts, {"type": "reasoning", "text": "m"}]))
    assert (reply.content, reply.reasoning) == ("hello", "hmm")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_was_thought_aloud_is_kept_apart(name: str) -> None:
    reply = read(chat(**{name: "let me see"}))
    assert (reply.content, reply.reasoning) == ("hello", "let me see")


@pytest.mark.parametrize(
    "body",
    [[], {}, None, 3, "text", {"choices": []}, {"choices": {}}, {"choices": [None]}, {"choices": [{"message": None}]},
     {"choices": [{"message": {"content": None}}]}, {"choices": [{"message": {"content": 3}}]}, {"error": {"message": "no"}}],
)  # fmt: skip
def test_an_answer_that_is_no_chat_completion_is_an_empty_reply(body: Any) -> None:
    reply = read(json.dumps(body))
    assert (reply.content, reply.reasoning, reply.refusal, reply.finish_reason) == ("", "", "", None)
    assert reply.usage.estimated == 1
    assert reply.text == json.dumps(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "content",
    "reasoning_content",
    "refusal",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
)
ODD = dict.fromkeys(FIELDS, JSON)


CHOICE = st.fixed_dictionaries({"message": JSON | st.fixed_dictionaries({}, optional=ODD)}, optional=ODD)
CHAT = st.fixed_dictionaries(
    {"choices": JSON | st.lists(CHOICE, max_size=2), "usage": JSON | st.fixed_dictionaries({}, optional=ODD)}
)


@given(document=JSON | CHAT)
def test_any_json_document_is_read_kept_and_read_again(document: Any) -> None:
    reply = read(json.dumps(document))
    assert reply.usage.requests == 1
    assert reply.usage.dollars >= 0
    assert Reply.model_validate_json(reply.model_dump_json()) == reply
    assert reply.model_dump_json().encode("utf-8")


@pytest.mark.parametrize("where", ["content", "reasoning", "refusal"])
def test_half_a_character_becomes_a_question_mark(where: str) -> None:
    body = json.dumps(chat(**{where: "a\ud83d"}, finish="\ud83d"))
    reply = read(body)
    assert getattr(reply, where) == "a?"
    assert reply.finish_reason == "?"


# --- on disk ----------------------------------------------------------------------------------------------------------


def test_a_reply_is_read_again_from_its_file(tmp_path: Path) -> None:
    reply = read(chat(counted()))
    (tmp_path / "response-1.json").write_text(reply.model_dump_json(), encoding="utf-8")
    assert load_reply(tmp_path / "response-1.json", {"other", "abc"}) == reply


def test_a_reply_to_another_request_a_torn_one_and_none_are_none(tmp_path: Path) -> None:
    whole = read(chat(counted())).model_dump_json()
    (tmp_path / "whole.json").write_text(whole, encoding="utf-8")
    (tmp_path / "torn.json").write_text(whole[:-20], encoding="utf-8")
    (tmp_path / "odd.json").write_bytes(b"\xff\xfe")
    assert load_reply(tmp_path / "whole.json", {"other"}) is None
    for name in ("torn", "odd", "nowhere"):
        assert load_reply(tmp_path / f"{name}.json", {"abc"}) is None


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', '{"a": 1}{', "[" * 100_000, "1" * 5000, "<html>"])
def test_what_is_no_whole_json_is_told(text: str) -> None:
    assert not is_whole(text)
    assert is_whole('{"a": [1, null]}')
