"""What is found before anything is trained or asked, and what is told of servers that do not keep to the form."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from asked import KEY_NAME, PRICE, asked, config, fresh, reply_with
from chat_server import Answer, Body, ChatServer, refused, said
from requests_of import MakeRequest, ledger_of

from rewardsearch.config import BudgetConfig, parse_config
from rewardsearch.errors import BudgetReached, UserError
from rewardsearch.propose import build_prompt, load_proposer, propose
from rewardsearch.propose.llm.prompt import estimate_tokens

pytestmark = pytest.mark.usefixtures("quick")


# --- budgets and servers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (
            {"tokens": 9000},
            r"budget\.tokens: a request to served may take 1\d,\d{3} \(max_tokens 8,000\), the whole budget is 9,000",
        ),
        (
            {"dollars": 0.05},
            r"budget\.dollars: a request to served may take \$0\.08\d\d \(max_tokens 8,000\), the whole budget is \$0\.0500",
        ),
    ],
)
def test_a_budget_that_affords_no_request_is_reached_before_anything_is_trained(
    request_of: MakeRequest, budget: dict[str, Any], told: str
) -> None:
    settings = config("http://127.0.0.1:9/v1", BudgetConfig(**budget), prices={"served": PRICE})
    with pytest.raises(BudgetReached, match=told):
        load_proposer(settings).check(request_of())


def test_a_budget_that_affords_one_request_is_fine(request_of: MakeRequest) -> None:
    load_proposer(config("http://127.0.0.1:9/v1", BudgetConfig(tokens=20_000))).check(request_of())


def test_an_address_where_nothing_listens_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"no connection to http://127\.0\.0\.1:9/v1; start the server there"):
        load_proposer(config("http://127.0.0.1:9/v1")).check_connectivity()


def test_only_the_proposer_that_asks_servers_looks_for_them() -> None:
    assert (
        load_proposer(
            parse_config({"propose": {"llm": {"base_url": "http://127.0.0.1:9/v1"}}}, "test")
        ).check_connectivity()
        == []
    )


def test_a_key_goes_to_no_other_host_than_its_own() -> None:
    models = [{"model": "a"}, {"model": "b", "base_url": "https://api.example.org/v1"}]
    propose = {"proposer": "llm", "llm": {"models": models}}
    with pytest.raises(
        UserError, match="b has a base_url of its own and no api_key_env, so the key in OPENAI_API_KEY would"
    ):
        parse_config({"propose": propose}, "test")
    models[1]["api_key_env"] = "EXAMPLE_KEY"
    assert [served.api_key_env for served in parse_config({"propose": propose}, "test").propose.llm.served()] == [
        "OPENAI_API_KEY",
        "EXAMPLE_KEY",
    ]
    models[1] = {"model": "b", "base_url": "http://127.0.0.1:8000/v1"}
    parse_config({"propose": propose}, "test")


@pytest.mark.parametrize("field", ["n", "stream", "max_tokens", "messages"])
def test_a_further_field_may_not_be_one_that_the_books_rest_on(field: str) -> None:
    with pytest.raises(UserError, match=rf"propose\.llm\.extra: got {field}, which requests have or cannot have"):
        parse_config({"propose": {"llm": {"extra": {field: 1}}}}, "test")


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"day": date(2026, 1, 1)}])
def test_a_further_field_may_not_be_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(UserError, match=r"propose\.llm\.extra: .*JSON"):
        parse_config({"propose": {"llm": {"extra": {"top_p": value}}}}, "test")


# --- the limit --------------------------------------------------------------------------------------------------------


def test_a_server_that_passes_over_the_limit_is_told_once(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, _: said(reply_with(float(n)), completion_tokens=5000)
    ledger = ledger_of()
    asked(request_of(count=2), server, ledger, max_tokens=100)
    assert sum("passes over the limit of max_tokens" in line for line in ledger.said) == 1
    assert ledger.account.usage.completion_tokens == 10_000


def limits(server: ChatServer) -> list[int]:
    return [body["max_completion_tokens"] for body in server.bodies]


def test_a_cut_reply_is_asked_for_with_twice_the_limit_and_then_four_times_at_most(
    request_of: MakeRequest, server: ChatServer
) -> None:
    server.respond = lambda n, _: said("Let me", finish="length")
    asked(request_of(count=1), server, ledger_of(), max_tokens=100)
    assert limits(server) == [100, 200, 400, 400, 400]


def test_a_doubled_limit_that_the_server_refuses_is_taken_back(request_of: MakeRequest, server: ChatServer) -> None:
    def respond(n: int, body: Body) -> Answer:
        if body["max_completion_tokens"] > 100:
            return refused(400, message="Invalid max_tokens value, the valid range of max_tokens is [1, 100]")
        return said("Let me", finish="length") if n == 0 else said(reply_with(1.0))

    server.respond = respond
    proposal = asked(request_of(count=1), server, ledger_of(), max_tokens=100)
    assert len(proposal.candidates) == 1
    assert limits(server) == [100, 200, 100]


# --- what is written and told -----------------------------------------------------------------------------------------


def test_the_transcript_of_an_unanswered_request_says_why(request_of: MakeRequest, server: ChatServer) -> None:
    server.respond = lambda n, body: refused(400, message="not this one") if n == 0 else said(reply_with(1.0))
    request = request_of(count=2)
    asked(request, server, ledger_of(), in_flight=1)
    assert "## No reward\n\n" in (request.folder / "request-1.md").read_text()
    assert "not this one" in (request.folder / "request-1.md").read_text()


def test_the_transcript_is_whole_after_a_kill_between_reply_and_transcript(
    request_of: MakeRequest, server: ChatServer
) -> None:
    request, ledger = request_of(count=1), ledger_of()
    server.respond = lambda n, _: said(reply_with(1.0))
    asked(request, server, ledger)
    (request.folder / "request-1.md").unlink()
    again = ledger_of(events=ledger.events)
    asked(request, server, again)
    assert len(server.bodies) == 1
    assert reply_with(1.0).strip() in (request.folder / "request-1.md").read_text()
    assert again.said[1] == "  1 reply kept from before"


def test_the_model_that_is_asked_in_place_of_one_that_is_gone_is_the_one_in_the_books(
    request_of: MakeRequest, server: ChatServer
) -> None:
    request = request_of(count=1, plan=fresh(1, "gone"))
    ledger = ledger_of()
    proposal = asked(request, server, ledger)
    assert proposal.candidates[0].model == proposal.outcomes[0].request.model == "served"
    assert [event["model"] for event in ledger.told("sent")] == ["served"]


def test_a_long_wait_is_told(request_of: MakeRequest, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardsearch.propose.llm.scheduler.REPORTED_WAIT_S", 0.0)
    server.respond = lambda n, _: refused(500, message="busy") if n == 0 else said(reply_with(1.0))
    ledger = ledger_of()
    asked(request_of(count=1), server, ledger)
    assert f"  {server.url} answered with status 500: busy; again in 0 s (1 of 8)" in ledger.said


def test_the_system_message_of_prompt_md_is_the_one_that_is_sent(request_of: MakeRequest, server: ChatServer) -> None:
    for structured, wanted in (("auto", "one JSON object"), ("off", "exactly this form")):
        request = request_of(count=1, folder=Path(request_of().folder) / structured)
        asked(request, server, ledger_of(), structured=structured)
        assert wanted in (request.folder / "prompt.md").read_text()
        assert wanted in json.dumps(server.bodies[-1]["messages"][0])
    assert KEY_NAME not in (request.folder / "prompt.md").read_text()


def test_a_request_that_is_asked_again_with_the_reason_stays_within_the_limit(
    request_of: MakeRequest, server: ChatServer
) -> None:
    request = request_of(count=1, plan=fresh(1))
    whole = build_prompt(request, request.plan[0], 100_000, structured=True).tokens
    settings = config(server.url)
    tight = settings.model_copy(update={"propose": settings.propose.model_copy(update={"prompt_tokens": whole + 10})})
    server.respond = lambda n, _: said("I would rather not write one." if n == 0 else reply_with(1.0))
    assert len(propose(request, load_proposer(tight), ledger_of()).candidates) == 1
    first, second = (estimate_tokens("".join(m["content"] for m in body["messages"])) for body in server.bodies)
    assert first <= whole and second <= whole + 10
    assert "# Once more" in server.bodies[1]["messages"][1]["content"]
