"""From replies to a Proposal, and the plan of a request for people."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import ProposeConfig
from rewardsearch.propose.base import Draft, ProposalRequest, admit, write_prompt
from rewardsearch.propose.llm.plan import payoff_rates
from rewardsearch.propose.llm.prompt import TooLong, prompt_of
from rewardsearch.propose.parse import Found
from rewardsearch.records import (
    Ask,
    Played,
    Proposal,
    Record,
    Refusal,
    Usage,
)
from rewardsearch.rewards.identity import candidate_id


class Told(Record):
    """What came of an ask: the rewards found in its last reply, or why there are none, and what its replies cost."""

    ask: Ask
    found: tuple[Found, ...] = ()
    reason: str = ""
    usage: Usage = Usage()


def proposal_of(request: ProposalRequest, told: Sequence[Told]) -> Proposal:
    """The first reward of each reply; further ones make up for replies that hold none, and for no more than that."""
    drafts = [(each.ask, _draft(request, each.ask, each.found[0])) for each in told if each.found]
    spare = [(each.ask, _draft(request, each.ask, found)) for each in told for found in each.found[1:]]
    drafts += spare[: len(told) - len(drafts)]
    # Of a reward that two asks gave, the first is admitted.
    of = {candidate_id(draft.code): ask.place for ask, draft in reversed(drafts)}
    refusals = [Refusal(name=f"request_{each.ask.place}", reason=each.reason) for each in told if not each.found]
    proposal = admit(request, [draft for _, draft in drafts], refusals)
    played = tuple(
        Played(
            ask=each.ask,
            candidates=tuple(c.id for c in proposal.candidates if of[c.id] == each.ask.place),
            usage=each.usage,
        )
        for each in told
    )
    return proposal.model_copy(update={"played": played})


def write_plan(request: ProposalRequest, config: ProposeConfig, structured: bool = False) -> None:
    """Writes prompt.md: which moves the request makes and why, and every prompt in full, with the system message of the first;
    structured: whether that asks for a JSON object."""
    lines = [f"# Round {request.round}: {len(request.asks)} requests"]
    rates = payoff_rates(request.feedback.payoffs) if request.feedback else {}
    if rates and not request.repairs:
        told = ", ".join(f"{move}{f' by {model}' if model else ''} {rate:.2f}" for (move, model), rate in rates.items())
        lines.append(f"What each move has improved for its cost, where 1 is the average ask's: {told}.")
    lines += [f"{ask.place}. {ask.move}{f', asked of {ask.model}' if ask.model else ''}" for ask in request.asks]
    sections = ["\n\n".join(lines)]
    for ask in request.asks:
        try:
            prompt = prompt_of(request, ask, config.prompt_tokens, structured)
        except TooLong as error:
            sections.append(f"## Request {ask.place}\n\nNot sent: {error}.")
            continue
        if ask is request.asks[0]:
            sections.append(f"## System\n\n{prompt.system}")
        sections.append(f"## Request {ask.place}\n\n{prompt.user}")
    write_prompt(request, *sections)


def _draft(request: ProposalRequest, ask: Ask, found: Found) -> Draft:
    return Draft(
        # One of a kind in the run, where the reply gives none.
        name=found.name or f"reward_r{request.round}{f'fix{request.attempt}_' if request.attempt else 'c'}{ask.place}",
        code=found.code,
        rationale=found.rationale,
        operator=ask.operator,
        parents=ask.parents,
        model=ask.model,
    )
