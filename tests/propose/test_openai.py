"""The proposer that asks a language model, against a real server on loopback."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from chat_server import Answer, Body, ChatServer, refused, reward_code, rewarded, said
from requests_of import MakeRequest, feedback_of, parent_of

from rewardsearch.config import OpenAIConfig, ProposeConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.propose import ProposalRequest, check, propose
from rewardsearch.propose.openai import IN_FLIGHT
from rewardsearch.records import Candidate, Proposal, Refusal, Usage, Verdict, candidate_id

KEY = "sk-test-0123456789abcdef"
KEY_NAME = "REWARDSEARCH_TEST_KEY"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, KEY)


def config(server: ChatServer | None = None, **fields: object) -> ProposeConfig:
    values = {"model": "served", "api_key_env": KEY_NAME, "base_url": server.url if server else None, "max_retries": 0}
    return ProposeConfig(proposer="openai", openai=OpenAIConfig.model_validate(values | fields))


def ask(request: ProposalRequest, server: ChatServer, **fields: object) -> Proposal:
    return propose(request, config(server, **fields))


def mistake(request: ProposalRequest, server: ChatServer, **fields: object) -> str:
    with pytest.raises(UserError) as error:
        ask(request, server, **fields)
    assert KEY not in str(error.value)
    return str(error.value)


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_one_request_for_each_candidate_with_the_configs_model_and_limit(
    request_of: MakeRequest, server: ChatServer
) -> None:
    proposal = ask(request_of(count=3), server, max_tokens=1234)
    assert sorted(c.code for c in proposal.candidates) == [reward_code(value) for value in (1.0, 2.0, 3.0)]
    assert [(body["model"], body["max_completion_tokens"]) for body in server.bodies] == [("served", 1234)] * 3
    assert server.keys == [KEY] * 3
    assert all([message["role"] for message in body["messages"]] == ["system", "user"] for body in server.bodies)


def test_a_candidate_carries_name_hypothesis_and_round_of_its_reply(
    request_of: MakeRequest, server: ChatServer
) -> None:
    (found,) = ask(request_of(count=1), server).candidates
    assert (found.name, found.rationale, found.round) == ("gold_number", "It pays what counts.", 1)
    assert (found.operator, found.parents, found.id) == ("fresh", (), candidate_id(reward_code(1.0)))


@pytest.mark.parametrize("temperature", [None, 0.0, 0.7])
def test_temperature_is_sent_only_when_set(
    request_of: MakeRequest, server: ChatServer, temperature: float | None
) -> None:
    ask(request_of(count=1), server, temperature=temperature)
    assert server.bodies[0].get("temperature") == temperature
    assert ("temperature" in server.bodies[0]) == (temperature is not None)


def test_the_prompts_that_were_sent_are_in_prompt_md(request_of: MakeRequest, server: ChatServer) -> None:
    request = request_of(count=2)
    ask(request, server)
    written = (request.folder / "prompt.md").read_text(encoding="utf-8")
    sent = [message["content"] for body in server.bodies for message in body["messages"]]
    assert all(text.strip("\n") in written for text in sent)
    assert request.brief in written


def test_no_more_than_four_requests_are_in_flight(request_of: MakeRequest, server: ChatServer) -> None:
    def respond(n: int, body: Body) -> Answer:
        time.sleep(0.1)
        return rewarded(float(n))

    server.respond = respond
    assert len(ask(request_of(count=6), server).candidates) == 6
    assert 1 < server.most_at_once <= IN_FLIGHT


def test_candidates_of_later_rounds_descend_from_the_parents_of_their_move(
    request_of: MakeRequest, server: ChatServer
) -> None:
    first, second = parent_of(reward_code(100.0), 0.1), parent_of(reward_code(200.0), 0.05)
    request = request_of(round=2, count=5, feedback=feedback_of(first, second))
    by_operator = {c.operator: c.parents for c in ask(request, server).candidates}
    assert by_operator == {
        "mutate": (first.candidate.id,),
        "crossover": (first.candidate.id, second.candidate.id),
        "fresh": (),
        "simplify": (first.candidate.id,),
    }


def test_a_repair_asks_with_the_code_and_the_reason_it_was_refused_for(
    request_of: MakeRequest, server: ChatServer
) -> None:
    code = "import os\n" + reward_code(1.0)
    broken = Candidate(id=candidate_id(code), name="broken", code=code)
    verdict = Verdict(candidate=broken.id, accepted=False, stage="static", reason="line 1: `os` may not be imported")
    (mended,) = ask(request_of(repairs=((broken, verdict),)), server).candidates
    assert (mended.operator, mended.parents) == ("repair", (broken.id,))
    (body,) = server.bodies
    prompt = body["messages"][1]["content"]
    assert code.strip() in prompt
    assert "line 1: `os` may not be imported" in prompt


# --- what comes back --------------------------------------------------------------------------------------------------


def test_a_reply_without_code_is_a_refusal_that_is_paid_for(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: said("I would rather not.")
    proposal = ask(request_of(count=1), server)
    assert proposal.candidates == ()
    assert proposal.refusals == (Refusal(name="reply_1", reason="the reply has no code block"),)
    assert proposal.usage == Usage(requests=1, prompt_tokens=700, completion_tokens=90)


def test_a_reply_that_reached_the_limit_says_so(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: said("```python\ndef reward(prompts, completions,", finish="length")
    (refusal,) = ask(request_of(count=1), server, max_tokens=50).refusals
    assert refusal.reason == "the reply was cut off inside the code; it reached max_tokens (50)"


@pytest.mark.parametrize("body", ["", "<html>busy</html>", "[]", '{"choices": []}', '{"choices": [{"message": {}}]}'])
def test_an_answer_that_is_no_chat_completion_is_a_refusal(
    request_of: MakeRequest, server: ChatServer, body: str
) -> None:
    server.respond = lambda n, _: Answer(body)
    assert [refusal.reason for refusal in ask(request_of(count=1), server).refusals] == ["the reply is empty"]


def test_the_same_reward_twice_is_proposed_once(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: rewarded(1.0)
    proposal = ask(request_of(count=2), server)
    id = candidate_id(reward_code(1.0))
    assert [c.id for c in proposal.candidates] == [id]
    assert [refusal.reason for refusal in proposal.refusals] == [f"the same reward was proposed before, as {id}"]


def test_a_reward_that_was_seen_is_not_proposed(request_of: MakeRequest, server: ChatServer) -> None:
    proposal = ask(request_of(count=1, seen=(candidate_id(reward_code(1.0)),)), server)
    assert proposal.candidates == ()
    assert len(proposal.refusals) == 1


def test_a_spare_reward_of_one_reply_makes_up_for_a_reply_without_one(
    request_of: MakeRequest, server: ChatServer
) -> None:
    blocks = "".join(f"```python\n{reward_code(value)}```\n" for value in (1.0, 2.0, 3.0))
    server.respond = lambda n, body: said(blocks) if "number\n1." in body["messages"][1]["content"] else said("No.")
    proposal = ask(request_of(count=2), server)
    assert [c.code for c in proposal.candidates] == [reward_code(1.0), reward_code(2.0)]


# --- what it cost -----------------------------------------------------------------------------------------------------


def test_usage_is_the_sum_of_what_the_server_reports(request_of: MakeRequest, server: ChatServer) -> None:
    usage = ask(request_of(count=3), server).usage
    assert usage == Usage(requests=3, prompt_tokens=2100, completion_tokens=270)


def test_usage_that_the_server_does_not_report_is_counted_from_characters(
    request_of: MakeRequest, server: ChatServer
) -> None:
    content = f"```python\n{reward_code(1.0)}```"
    server.respond = lambda n, body: Answer({"choices": [{"message": {"content": content}}]})
    usage = ask(request_of(count=1), server).usage
    prompt = sum(len(message["content"]) for message in server.bodies[0]["messages"])
    assert usage == Usage(requests=1, prompt_tokens=-(-prompt // 4), completion_tokens=-(-len(content) // 4))


def test_a_paid_reply_is_used_again_after_a_crash(request_of: MakeRequest, server: ChatServer) -> None:
    request = request_of(count=2)
    first = ask(request, server)
    assert ask(request, server) == first
    assert len(server.bodies) == 2


def test_only_the_missing_reply_is_asked_for_after_a_crash(request_of: MakeRequest, server: ChatServer) -> None:
    request = request_of(count=2)
    ask(request, server)
    (request.folder / "response-2.json").unlink()
    proposal = ask(request, server)
    assert len(server.bodies) == 3
    assert proposal.usage.requests == 2


def test_a_torn_reply_is_asked_for_again(request_of: MakeRequest, server: ChatServer) -> None:
    request = request_of(count=1)
    ask(request, server)
    file = request.folder / "response-1.json"
    file.write_text(file.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert len(ask(request, server).candidates) == 1
    assert len(server.bodies) == 2


def test_a_reply_to_another_prompt_is_not_used(request_of: MakeRequest, server: ChatServer) -> None:
    ask(request_of(count=1), server)
    ask(request_of(count=1, brief="Another task."), server)
    ask(request_of(count=1, brief="Another task."), server, temperature=0.5)
    assert len(server.bodies) == 3


def test_replies_before_a_mistake_are_kept(request_of: MakeRequest, server: ChatServer) -> None:
    def respond(n: int, body: Body) -> Answer:
        if "number\n2." in body["messages"][1]["content"]:
            time.sleep(0.1)
            return refused(429, "insufficient_quota")
        return rewarded(1.0)

    server.respond = respond
    request = request_of(count=2)
    assert "has no quota left" in mistake(request, server)
    server.respond = lambda n, body: rewarded(2.0)
    assert len(ask(request, server).candidates) == 2
    assert len(server.bodies) == 3


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_server_error_is_tried_again(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: refused(500) if n == 0 else rewarded(1.0)
    proposal = ask(request_of(count=1), server, max_retries=1)
    assert len(proposal.candidates) == 1
    assert len(server.bodies) == 2
    assert proposal.usage.requests == 1


def test_a_server_error_to_the_end_is_a_refusal_and_the_others_go_on(
    request_of: MakeRequest, server: ChatServer
) -> None:
    server.respond = lambda n, body: refused(503) if "number\n1." in body["messages"][1]["content"] else rewarded(1.0)
    proposal = ask(request_of(count=2), server, max_retries=1)
    assert len(proposal.candidates) == 1
    assert proposal.refusals == (Refusal(name="request_1", reason="the server answered with status 503"),)
    assert not list((request_of().folder).glob("response-1.json"))


def test_a_refused_prompt_is_a_refusal(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: refused(400, "context_length_exceeded") if n == 0 else rewarded(1.0)
    (refusal,) = ask(request_of(count=2), server).refusals
    assert refusal.reason == "the server answered with status 400 (context_length_exceeded)"


def test_an_answer_that_comes_too_late_is_a_refusal(request_of: MakeRequest, server: ChatServer) -> None:
    def respond(n: int, body: Body) -> Answer:
        time.sleep(1.5 if n == 0 else 0.0)
        return rewarded(1.0)

    server.respond = respond
    (refusal,) = ask(request_of(count=2), server, timeout_s=0.75).refusals
    assert refusal.reason == f"no answer from {server.url} within 0.75 s"


def test_a_server_that_answers_no_request_at_all_is_the_machines_fault(
    request_of: MakeRequest, server: ChatServer
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(MachineError, match=f"no request was answered: no connection to {url}; the same command"):
            ask(request_of(count=2), server, base_url=url)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_users_mistake(request_of: MakeRequest, server: ChatServer, status: int) -> None:
    server.respond = lambda n, body: refused(status, "invalid_api_key", message=f"Incorrect API key: {KEY}")
    told = mistake(request_of(count=1), server, max_retries=3)
    assert f"refused the key in {KEY_NAME} (status {status})" in told
    assert len(server.bodies) == 1


def test_an_unknown_model_is_the_users_mistake(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: refused(404, "model_not_found")
    assert "has no model served" in mistake(request_of(count=1), server)


def test_a_base_url_with_another_path_is_the_users_mistake(request_of: MakeRequest, server: ChatServer) -> None:
    told = mistake(request_of(count=1), server, base_url=server.url.removesuffix("/v1"))
    assert "is no Chat Completions server" in told


def test_a_parameter_that_the_model_does_not_take_is_the_users_mistake(
    request_of: MakeRequest, server: ChatServer
) -> None:
    server.respond = lambda n, body: refused(400, "unsupported_value", "temperature")
    told = mistake(request_of(count=1), server, temperature=0.2)
    assert "(unsupported_value: temperature); change propose.openai.model, temperature or max_tokens" in told


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_in_no_file_even_when_the_server_echoes_it(
    request_of: MakeRequest, server: ChatServer, tmp_path: Path
) -> None:
    server.respond = lambda n, body: said(f"Your key is {KEY}.\n```python\n# {KEY}\n{reward_code(1.0)}```")
    proposal = ask(request_of(count=2), server)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.name for file in files} == {"prompt.md", "response-1.json", "response-2.json"}
    assert all(KEY.encode() not in file.read_bytes() for file in files)
    assert KEY not in proposal.model_dump_json()


def test_a_placeholder_for_a_key_is_not_cut_out_of_the_code(
    request_of: MakeRequest, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_NAME, "o")
    (found,) = ask(request_of(count=1), server).candidates
    assert found.code == reward_code(1.0)
    assert server.keys == ["o"]


def test_a_server_on_this_machine_needs_no_key(
    request_of: MakeRequest, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_NAME)
    check(config(server), "arithmetic")
    assert len(ask(request_of(count=1), server).candidates) == 1
    assert server.keys == ["no-key"]


def test_the_raw_reply_is_kept_as_it_came(request_of: MakeRequest, server: ChatServer) -> None:
    request = request_of(count=1)
    ask(request, server)
    kept = json.loads((request.folder / "response-1.json").read_text(encoding="utf-8"))
    assert json.loads(kept["text"]) == rewarded(1.0).body
