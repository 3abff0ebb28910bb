"""What is made of the replies of servers: kept, read, asked for once more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asked import KEY_NAME, answer, asked, bill, booked, codes, config, fresh, kept, place_of, reply_with
from bad_server import BadServer
from chat_server import Answer, Body, ChatServer, reward_code
from requests_of import MakeRequest, ledger_of
from server_faults import Fault

from rewardsearch.errors import MachineError, UserError
from rewardsearch.propose import load_proposer, propose
from rewardsearch.propose.llm import job
from rewardsearch.records import (
    Candidate,
    Usage,
    Verdict,
)
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.events import AnyEvent, Received

pytestmark = pytest.mark.usefixtures("quick")


def test_a_reply_is_on_disk_before_it_is_parsed_and_before_it_is_booked(
    request_of: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(count=1)
    ledger = ledger_of()
    seen: list[tuple[str, list[str]]] = []
    parse, append = job.parse_reply, ledger.append

    def parsing(text: str, is_ended: bool) -> Any:
        seen.append(("parsed", list(kept(request))))
        return parse(text, is_ended)

    def booking(event: AnyEvent) -> None:
        if isinstance(event, Received):
            seen.append((event.request, list(kept(request))))
        append(event)

    monkeypatch.setattr(job, "parse_reply", parsing)
    monkeypatch.setattr(ledger, "_append", booking)
    with BadServer(answer, [Fault.EMPTY]) as server:
        asked(request, server, ledger)
    first, both = ["response-1.json"], ["response-1-2.json", "response-1.json"]
    assert seen == [("1/0/1/1", first), ("parsed", first), ("1/0/1/2", both), ("parsed", both)]


def test_the_reply_is_kept_as_the_server_sent_it(request_of: MakeRequest) -> None:
    request = request_of(count=1)
    with BadServer(answer) as server:
        asked(request, server, ledger_of())
    (reply,) = kept(request).values()
    sent = json.loads(reply.text)
    assert sent["id"] == server.billed[0].id
    assert sent["choices"][0]["message"]["content"] == reply.content == reply_with(1.0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.EMPTY, "the reply is empty"),
        (Fault.REFUSAL, "the model refused: I'm sorry, I can't help with that."),
        (Fault.CONTENT_FILTER, "the server's content filter cut the reply off"),
        (Fault.NO_CHOICES, "the reply is empty"),
    ],
)
def test_a_reply_without_a_reward_is_asked_for_once_more_with_the_reason(
    request_of: MakeRequest, fault: Fault, reason: str
) -> None:
    request, ledger = request_of(count=1), ledger_of()
    with BadServer(answer, [fault]) as server:
        proposal = asked(request, server, ledger)
    assert [c.code for c in proposal.candidates] == codes(1.0)
    first, second = (r.body["messages"][-1]["content"] for r in server.requests)
    assert second.startswith(first.rstrip()) and reason in second.removeprefix(first.rstrip())
    assert booked(ledger) == bill(server) and len(server.billed) == 2
    assert proposal.outcomes[0].usage == ledger.account.usage


def message(finish: str = "stop", **fields: Any) -> Answer:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": None, **fields}}
    return Answer({"choices": [choice], "usage": {"prompt_tokens": 700, "completion_tokens": 90}})


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_details"])
def test_an_answer_that_came_as_reasoning_is_read_and_told_once(
    request_of: MakeRequest, server: ChatServer, field: str
) -> None:
    def respond(n: int, body: Body) -> Answer:
        draft = f"Perhaps\n```python\n{reward_code(9.0)}```\nNo.\n\n{reply_with(float(place_of(body)))}"
        return message(
            **{field: [{"type": "reasoning.text", "text": draft}] if field == "reasoning_details" else draft}
        )

    server.respond = respond
    ledger = ledger_of()
    assert [c.code for c in asked(request_of(count=2), server, ledger).candidates] == codes(1.0, 2.0)
    assert sum("--reasoning-parser" in line for line in ledger.said) == 1


@pytest.mark.parametrize(
    ("finish", "text", "reason"),
    [
        ("length", f"```python\n{reward_code(9.0)}```\nBut", "cut off while thinking"),
        ("stop", "Pay right answers.", "empty after its thoughts"),
    ],
)
def test_reasoning_that_holds_no_answer_is_no_reward(
    request_of: MakeRequest, server: ChatServer, finish: str, text: str, reason: str
) -> None:
    server.respond = lambda n, _: message(finish, reasoning_content=text)
    (refusal,) = asked(request_of(count=1), server, ledger_of(), replies=1).refusals
    assert reason in refusal.reason


@pytest.mark.parametrize("encode", [json.dumps, dict], ids=["text", "object"])
@pytest.mark.parametrize("fields", [{}, {"content": "I submit it."}, {"reasoning_content": reply_with(9.0)}])
def test_the_code_in_a_call_of_a_tool_is_read(
    request_of: MakeRequest, server: ChatServer, encode: Any, fields: dict[str, Any]
) -> None:
    call = {"name": "submit", "arguments": encode({"name": "Gold", "code": reward_code(1.0)})}
    for calls in ({"tool_calls": [{"id": "1", "type": "function", "function": call}]}, {"function_call": call}):
        server.respond = lambda n, _, calls=calls: message("tool_calls", **fields, **calls)
        (candidate,) = asked(request_of(count=1), server, ledger_of()).candidates
        assert (candidate.code, candidate.name) == (reward_code(1.0), "gold")


def test_as_many_replies_are_paid_for_as_the_config_allows_one_ask(request_of: MakeRequest) -> None:
    with BadServer(lambda body: "I would rather not.") as server:
        proposal = asked(request_of(count=2), server, ledger_of(), replies=3)
    assert (len(server.billed), proposal.candidates) == (6, ())
    assert {refusal.name for refusal in proposal.refusals} == {"request_1", "request_2"}
    assert all("the reply" in refusal.reason for refusal in proposal.refusals)


def test_each_reply_that_reached_max_tokens_doubles_it_for_the_next(request_of: MakeRequest) -> None:
    with BadServer(answer, [Fault.LENGTH, Fault.ONLY_REASONING]) as server:
        proposal = asked(request_of(count=1), server, ledger_of(), max_tokens=500)
    assert len(proposal.candidates) == 1
    assert [r.body["max_completion_tokens"] for r in server.requests] == [500, 1000, 2000]
    assert "it reached max_tokens (500)" in server.requests[1].body["messages"][-1]["content"]


def test_a_reward_that_comes_twice_or_was_seen_is_proposed_once(request_of: MakeRequest) -> None:
    seen = candidate_id(reward_code(2.0))
    with BadServer(lambda body: reply_with(min(2.0, float(place_of(body))))) as server:
        proposal = asked(request_of(count=3, seen=(seen,)), server, ledger_of())
    assert [c.code for c in proposal.candidates] == codes(1.0)
    assert [r.reason for r in proposal.refusals] == [f"the same reward was proposed before, as {seen}"] * 2


@pytest.mark.parametrize("body", ['{"choices": []}', '{"choices": [{"message": {}}], "usage": 3}'])
def test_json_that_is_no_chat_completion_is_a_reply_without_a_reward(
    request_of: MakeRequest, server: ChatServer, body: str
) -> None:
    server.respond = lambda n, _: Answer(body)
    ledger = ledger_of()
    (refusal,) = asked(request_of(count=1), server, ledger, replies=2).refusals
    assert refusal.reason == "the reply is empty"
    assert (ledger.account.usage.requests, ledger.account.usage.estimated) == (2, 2)


@pytest.mark.parametrize("body", ["", '{"choices": ['])
def test_an_answer_that_is_no_json_is_no_answer_and_may_have_been_billed(
    request_of: MakeRequest, server: ChatServer, body: str
) -> None:
    server.respond = lambda n, _: Answer(body)
    ledger = ledger_of()
    with pytest.raises(MachineError, match=f"no request was answered: the answer of {server.url} is no whole JSON"):
        asked(request_of(count=1), server, ledger)
    assert (ledger.account.usage.requests, ledger.account.unconfirmed.requests) == (0, len(server.bodies))
    came = [path.read_text(encoding="utf-8") for path in request_of().folder.glob("response-1.lost-*")]
    assert came == ([body] * len(server.bodies) if body else [])


@pytest.mark.parametrize("body", ["[]", "{}", '{"status": "ok"}', "<html>Sign in</html>"])
def test_what_is_no_chat_completions_server_is_the_users_mistake_and_asked_once(
    request_of: MakeRequest, server: ChatServer, body: str
) -> None:
    server.respond = lambda n, _: Answer(body)
    ledger = ledger_of()
    with pytest.raises(UserError, match="is no Chat Completions server; set base_url to end as its documentation says"):
        asked(request_of(count=2), server, ledger)
    assert len(server.bodies) == 2
    assert ledger.account.usage.requests == ledger.account.unconfirmed.requests == 0


def test_a_prompt_that_does_not_fit_is_a_refusal_and_not_the_machines_fault(request_of: MakeRequest) -> None:
    code = reward_code(1.0) + "# x\n" * 4500
    long = Candidate(id=candidate_id(code), name="long", code=code)
    verdict = Verdict(candidate=long.id, accepted=False, stage="static", reason="line 1: no")
    asks = (fresh(1)[0].model_copy(update={"operator": "repair", "parents": (long.id,)}),)
    request = request_of(count=1, attempt=1, repairs=((long, verdict),), plan=asks)
    with BadServer(answer) as server:
        tight = config(server.url)
        tight = tight.model_copy(update={"propose": tight.propose.model_copy(update={"prompt_tokens": 5000})})
        proposal = propose(request, load_proposer(tight), ledger_of())
    assert (proposal.candidates, server.requests) == ((), [])
    assert "propose.prompt_tokens is 5000" in proposal.refusals[0].reason
    assert proposal.outcomes[0].usage == Usage()


def test_nothing_is_sent_without_a_key(request_of: MakeRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_NAME)
    with BadServer(answer) as server, pytest.raises(UserError, match=f"the environment variable {KEY_NAME} has no key"):
        asked(request_of(count=1), server, ledger_of(), base_url="https://example.org/v1")
