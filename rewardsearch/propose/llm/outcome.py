"""From replies to a Proposal, and the plan of a request for people."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import ProposeConfig
from rewardsearch.propose.base import Draft, ProposalRequest, admit, write_prompt
from rewardsearch.propose.llm.plan import payoff_rates
from rewardsearch.propose.llm.prompt import TooLong, build_prompt
from rewardsearch.propose.parse import Found
from rewardsearch.records import (
    Proposal,
    Record,
    Refusal,
    Request,
    RequestOutcome,
    Usage,
)
from rewardsearch.rewards.identity import candidate_id


class RequestResult(Record):
    """What came of an ask: the rewards found in its last reply, or why there are none, and what its replies cost."""

    request: Request
    found: tuple[Found, ...] = ()
    reason: str = ""
    usage: Usage = Usage()


def proposal_of(request: ProposalRequest, results: Sequence[RequestResult]) -> Proposal:
    """The first reward of each reply; further ones make up for replies that hold none, and for no more than that."""
    drafts = [(each.request, _draft(request, each.request, each.found[0])) for each in results if each.found]
    spare = [(each.request, _draft(request, each.request, found)) for each in results for found in each.found[1:]]
    drafts += spare[: len(results) - len(drafts)]
    # Of a reward that two asks gave, the first is admitted.
    of = {candidate_id(draft.code): planned.index for planned, draft in reversed(drafts)}
    refusals = [Refusal(name=f"request_{each.request.index}", reason=each.reason) for each in results if not each.found]
    proposal = admit(request, [draft for _, draft in drafts], refusals)
    played = tuple(
        RequestOutcome(
            request=each.request,
            candidates=tuple(c.id for c in proposal.candidates if of[c.id] == each.request.index),
            usage=each.usage,
        )
        for each in results
    )
    return proposal.model_copy(update={"outcomes": played})


def write_plan(request: ProposalRequest, config: ProposeConfig, structured: bool = False) -> None:
    """Writes prompt.md: which moves the request makes and why, and every prompt in full, with the system message of the first;
    structured: whether that asks for a JSON object."""
    lines = [f"# Round {request.round}: {len(request.plan)} requests"]
    rates = payoff_rates(request.feedback.payoffs) if request.feedback else {}
    if rates and not request.repairs:
        results = ", ".join(
            f"{move}{f' by {model}' if model else ''} {rate:.2f}" for (move, model), rate in rates.items()
        )
        lines.append(f"What each move has improved for its cost, where 1 is that of an average request: {results}.")
    lines += [
        f"{planned.index}. {planned.move}{f', asked of {planned.model}' if planned.model else ''}"
        for planned in request.plan
    ]
    sections = ["\n\n".join(lines)]
    for planned in request.plan:
        try:
            prompt = build_prompt(request, planned, config.prompt_tokens, structured)
        except TooLong as error:
            sections.append(f"## Request {planned.index}\n\nNot sent: {error}.")
            continue
        if planned is request.plan[0]:
            sections.append(f"## System\n\n{prompt.system}")
        sections.append(f"## Request {planned.index}\n\n{prompt.user}")
    write_prompt(request, *sections)


def _draft(request: ProposalRequest, planned: Request, found: Found) -> Draft:
    return Draft(
        # One of a kind in the run, where the reply gives none.
        name=found.name
        or f"reward_r{request.round}{f'fix{request.attempt}_' if request.attempt else 'c'}{planned.index}",
        code=found.code,
        rationale=found.rationale,
        operator=planned.operator,
        parents=planned.parents,
        model=planned.model,
    )
