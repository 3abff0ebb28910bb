"""What would be sent for an operator, without sending it."""

from __future__ import annotations

import random
from typing import Any

from rewardsearch.config import ProposeConfig
from rewardsearch.errors import UserError
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.propose.llm.operators import members_needed, model_of, plan, request_for
from rewardsearch.propose.llm.prompt import Prompt, TooLong, build_prompt
from rewardsearch.propose.llm.proposer import check_prompt
from rewardsearch.propose.llm.request_body import asks_json, request_body
from rewardsearch.propose.llm.server import server_name
from rewardsearch.records import Operator, Record, Request
from rewardsearch.run.account import Account


class Preview(Record):
    """One planned request with its prompt, and the JSON that a server would be sent."""

    request: Request
    prompt: Prompt
    body: dict[str, Any]


def preview(request: ProposalRequest, config: ProposeConfig, operator: Operator, account: Account) -> Preview:
    """The first planned request with the operator: from the plan, from a plan drawn now, or, where that has none, with parents
    drawn as a plan draws them.

    account: of the run, for what its servers are known to refuse. Raises UserError when the move has nothing to work on, or is
    never made because feedback is withheld.
    """
    if not config.feedback and operator != "fresh":
        raise UserError(
            f"--operator: got {operator}, and propose.feedback is false, so every request is fresh; "
            "use --operator fresh, or set propose.feedback: true"
        )
    models = {each.model: each.weight for each in config.llm.served()}
    requests = request.plan or plan(request, config, models)
    planned = next((each for each in requests if each.operator == operator), None)
    if planned is None:
        _check_members(request, operator)
        planned = request_for(operator, request, models, random.Random(f"preview {request.seed} {request.round}"))
    name = model_of(planned, list(models))
    planned = planned.model_copy(update={"model": name})
    served = next(each for each in config.llm.served() if each.model == name)
    refused = account.adapted.get(server_name(served), ())
    check_prompt(request.model_copy(update={"feedback": None}), config)
    try:
        prompt = build_prompt(request, planned, config.prompt_tokens, structured=asks_json(served, refused))
    except TooLong as error:
        raise UserError(f"this request would not be sent: {error}; raise propose.prompt_tokens") from None
    return Preview(request=planned, prompt=prompt, body=request_body(served, prompt, served.max_tokens, refused))


def _check_members(request: ProposalRequest, operator: Operator) -> None:
    if operator == "repair":
        raise UserError("--operator repair works on a rejected reward; name a run that has one with --run RUN")
    needed = members_needed(operator)
    there = sum(each.front is not None for each in request.feedback.evidence) if request.feedback else 0
    if there < needed:
        run = "this run has" if request.feedback else "without a run there are"
        raise UserError(
            f"--operator {operator} works on {needed} trained reward{'s' if needed > 1 else ''} of the Pareto front, "
            f"{run} {there}; "
            "name a run that has them with --run RUN, or use --operator fresh"
        )
