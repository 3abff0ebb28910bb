"""What is sent to servers, and to which."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from asked import KEY, answer, asked, codes, fresh, place_of, reply_with
from bad_server import BadServer
from chat_server import Body, reward_code
from requests_of import MakeRequest, ledger_of

from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.identity import candidate_id

pytestmark = pytest.mark.usefixtures("quick")


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_one_request_for_each_ask_with_the_configs_model_and_limit(request_of: MakeRequest) -> None:
    with BadServer(answer) as server:
        proposal = asked(request_of(count=3), server, ledger_of(), max_tokens=1234)
    assert [c.code for c in proposal.candidates] == codes(1.0, 2.0, 3.0)
    assert [(r.body["model"], r.body["max_completion_tokens"]) for r in server.requests] == [("served", 1234)] * 3
    assert [r.key for r in server.requests] == [KEY] * 3
    assert all([message["role"] for message in r.body["messages"]] == ["system", "user"] for r in server.requests)


def test_a_candidate_carries_name_hypothesis_model_and_round_of_its_reply(request_of: MakeRequest) -> None:
    with BadServer(answer) as server:
        (found,) = asked(request_of(count=1), server, ledger_of()).candidates
    assert (found.name, found.rationale, found.round) == ("gold_number", "It pays what counts.", 1)
    assert (found.operator, found.parents, found.model) == ("fresh", (), "served")
    assert found.id == candidate_id(reward_code(1.0))


@pytest.mark.parametrize(("structured", "sent"), [("auto", True), ("off", False)])
def test_a_schema_for_the_reply_is_sent_and_told_of_unless_it_is_off(
    request_of: MakeRequest, structured: str, sent: bool
) -> None:
    with BadServer(answer) as server:
        asked(request_of(count=1), server, ledger_of(), structured=structured)
    body = server.requests[0].body
    assert ("response_format" in body) == sent
    assert ("JSON object" in body["messages"][0]["content"]) == sent


def test_in_flight_is_used_in_full_and_never_exceeded(request_of: MakeRequest) -> None:
    together = threading.Barrier(3)
    lock = threading.Lock()
    now, most = 0, 0

    def respond(body: Body) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        # Nobody is answered before three have asked.
        together.wait(timeout=20)
        with lock:
            now -= 1
        return answer(body)

    with BadServer(respond) as server:
        proposal = asked(request_of(count=9), server, ledger_of(), in_flight=3)
    assert (len(proposal.candidates), most) == (9, 3)


def test_a_repair_asks_with_the_code_and_the_reason_it_was_refused_for(request_of: MakeRequest) -> None:
    code = "import os\n" + reward_code(1.0)
    broken = Candidate(id=candidate_id(code), name="broken", code=code)
    verdict = Verdict(candidate=broken.id, accepted=False, stage="static", reason="line 1: `os` may not be imported")
    asks = (fresh(1)[0].model_copy(update={"operator": "repair", "parents": (broken.id,)}),)
    with BadServer(lambda body: reply_with(2.0)) as server:
        request = request_of(count=1, attempt=1, repairs=((broken, verdict),), plan=asks)
        (mended,) = asked(request, server, ledger_of()).candidates
    assert (mended.operator, mended.parents) == ("repair", (broken.id,))
    prompt = server.requests[0].body["messages"][-1]["content"]
    assert code.strip() in prompt and "line 1: `os` may not be imported" in prompt


def test_every_prompt_that_was_sent_can_be_read_in_the_run_folder(request_of: MakeRequest) -> None:
    request = request_of(count=2)
    with BadServer(answer) as server:
        asked(request, server, ledger_of(), structured="off")
    plan = (request.folder / "prompt.md").read_text(encoding="utf-8")
    for sent in server.requests:
        transcript = (request.folder / f"request-{place_of(sent.body)}.md").read_text(encoding="utf-8")
        for message in sent.body["messages"]:
            assert message["content"].strip() in transcript
            assert message["content"].strip() in plan


# --- several servers --------------------------------------------------------------------------------------------------


def test_each_model_is_asked_at_its_own_server_with_its_own_key_and_settings(
    request_of: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER_KEY", "sk-another-0123456789")
    with BadServer(answer) as one, BadServer(answer) as two:
        models: list[dict[str, Any]] = [
            {"model": "one"},
            {"model": "two", "base_url": two.url, "api_key_env": "ANOTHER_KEY", "max_tokens": 99, "extra": {"seed": 3}},
        ]
        request = request_of(count=4, plan=fresh(4, "one", "two"))
        proposal = asked(request, one, ledger_of(), models=models)
    assert [(c.model, c.code) for c in proposal.candidates] == list(
        zip(["one", "two"] * 2, codes(1.0, 2.0, 3.0, 4.0), strict=True)
    )
    told = [
        {(r.key, r.body["model"], r.body["max_completion_tokens"], r.body.get("seed")) for r in each.requests}
        for each in (one, two)
    ]
    assert told == [{(KEY, "one", 8000, None)}, {("sk-another-0123456789", "two", 99, 3)}]


def test_a_reply_that_is_kept_belongs_to_the_model_that_gave_it_whatever_is_configured_now(
    request_of: MakeRequest,
) -> None:
    request = request_of(count=1, plan=fresh(1, "served"))
    first = ledger_of()
    with BadServer(answer) as server:
        asked(request, server, first)
        (found,) = asked(request, server, ledger_of(events=first.events), model="newer").candidates
    assert (found.model, len(server.requests)) == ("served", 1)
