"""From replies to a proposal: whose reward counts, and the plan for people."""

from __future__ import annotations

from chat_server import reward_code
from requests_of import MakeRequest
from two_rounds import ASKS, MODEL, PENALTY, STEP_CHECK
from two_rounds import request as told_request

from rewardsearch.config import ProposeConfig
from rewardsearch.propose import ProposalRequest
from rewardsearch.propose.llm.prompt import build_prompt
from rewardsearch.propose.llm.proposer import RequestResult, build_proposal, write_plan
from rewardsearch.propose.parse import Found
from rewardsearch.records import Refusal, Request, Usage
from rewardsearch.rewards.identity import candidate_id

PAID = Usage(requests=1, prompt_tokens=1000, completion_tokens=100, dollars=0.003)


def told(place: int, value: float | None = None, reason: str = "") -> RequestResult:
    ask = Request(index=place, operator="mutate", model=f"model {place}", parents=(f"parent {place}",))
    found = None if value is None else Found(name=f"Pays {value}", code=reward_code(value), rationale=f"why {value}")
    return RequestResult(request=ask, found=found, reason=reason, usage=PAID)


def id_of(value: float) -> str:
    return candidate_id(reward_code(value))


def test_the_reward_of_each_reply_is_a_candidate_of_its_ask(request_of: MakeRequest) -> None:
    proposal = build_proposal(request_of(round=3), [told(1, 1.0), told(2, 2.0)])
    assert [(c.id, c.operator, c.model, c.parents, c.round) for c in proposal.candidates] == [
        (id_of(1.0), "mutate", "model 1", ("parent 1",), 3),
        (id_of(2.0), "mutate", "model 2", ("parent 2",), 3),
    ]
    assert (proposal.candidates[0].name, proposal.candidates[0].rationale) == ("pays_1_0", "why 1.0")
    assert [played.candidates for played in proposal.outcomes] == [(id_of(1.0),), (id_of(2.0),)]
    assert [played.usage for played in proposal.outcomes] == [PAID, PAID]


def test_a_reward_without_a_name_has_that_of_its_place(request_of: MakeRequest) -> None:
    nameless = RequestResult(
        request=Request(index=3, operator="fresh"), found=Found(name="", code=reward_code(1.0), rationale="")
    )
    assert build_proposal(request_of(), [nameless]).candidates[0].name == "reward_r1c3"


def test_a_reply_without_a_reward_is_a_refusal(request_of: MakeRequest) -> None:
    proposal = build_proposal(request_of(), [told(1, reason="the reply is empty"), told(2, 2.0)])
    assert [(c.id, c.model) for c in proposal.candidates] == [(id_of(2.0), "model 2")]
    assert proposal.refusals == (Refusal(name="request_1", reason="the reply is empty"),)
    assert [played.candidates for played in proposal.outcomes] == [(), (id_of(2.0),)]


def test_the_same_reward_of_two_replies_is_the_first_ones(request_of: MakeRequest) -> None:
    proposal = build_proposal(request_of(), [told(1, 1.0), told(2, 1.0)])
    assert [(c.id, c.model) for c in proposal.candidates] == [(id_of(1.0), "model 1")]
    assert [played.candidates for played in proposal.outcomes] == [(id_of(1.0),), ()]
    assert proposal.refusals[0].reason == f"the same reward was proposed before, as {id_of(1.0)}"


def test_a_reward_of_an_earlier_round_is_a_refusal_that_was_paid_for(request_of: MakeRequest) -> None:
    proposal = build_proposal(request_of(seen=(id_of(1.0),)), [told(1, 1.0)])
    assert proposal.candidates == ()
    assert proposal.outcomes[0].candidates == ()
    assert proposal.outcomes[0].usage == PAID
    assert len(proposal.refusals) == 1


# --- the plan for people ----------------------------------------------------------------------------------------------


def planned(request: ProposalRequest, config: ProposeConfig | None = None) -> str:
    write_plan(request, ProposeConfig() if config is None else config)
    return (request.folder / "prompt.md").read_text(encoding="utf-8")


def test_prompt_md_lists_the_moves_and_holds_every_prompt_in_full(request_of: MakeRequest) -> None:
    request = told_request().model_copy(update={"folder": request_of().folder, "plan": tuple(ASKS.values())})
    written = planned(request)
    assert written.startswith("# Round 3: 4 requests\n\nWhat each move has improved for its cost")
    assert f"\n1. fresh, asked of {MODEL}\n" in written
    assert f"\n3. crossover of {PENALTY.id} and {STEP_CHECK.id}, asked of {MODEL}\n" in written
    for ask in ASKS.values():
        assert (
            f"## Request {ask.index}\n\n{build_prompt(request, ask, 16_000, structured=False).user.strip()}" in written
        )
    assert written.count("You write reward functions for GRPO") == 1


def test_prompt_md_says_what_is_not_sent_since_it_is_too_long(request_of: MakeRequest) -> None:
    request = request_of(plan=(Request(index=1, operator="fresh"),), description="A long story. " * 4000)
    assert "## Request 1\n\nNot sent: the prompt takes about " in planned(request)


def test_nothing_is_said_of_payoff_before_anything_has_paid_off(request_of: MakeRequest) -> None:
    assert "improved for its cost" not in planned(request_of(plan=(Request(index=1, operator="fresh"),)))
