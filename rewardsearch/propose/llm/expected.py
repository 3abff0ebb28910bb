"""What the requests of a whole search are expected to cost, before any is sent."""

from __future__ import annotations

from rewardsearch.config import ProposeConfig, Served
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.propose.llm.proposer import check_prompt
from rewardsearch.records import Usage

REPLY_TOKENS = 2_000
"""The least that a reply is expected to take: a reward with its rationale, and some thinking."""


def expected_usage(request: ProposalRequest, config: ProposeConfig, rounds: int) -> tuple[Usage, Usage]:
    """Least and most. request: that of the first round, whose prompt is built and not sent.

    Least: one reply of REPLY_TOKENS for each candidate, all prompts as short as the first. Most: every candidate is rejected as
    often as it is repaired, prompts after the first round have propose.prompt_tokens, and replies have max_tokens. Replies
    without a reward, which are asked for again, come on top.
    """
    first = check_prompt(request, config).tokens
    count, tries = request.count, 1 + config.repairs
    longest = max(config.prompt_tokens, first)
    prompts = (rounds * count * first, count * (first + (tries - 1) * longest) + (rounds - 1) * count * tries * longest)
    models = config.llm.served()
    replies = (REPLY_TOKENS, max(served.max_tokens for served in models))
    return (
        _usage(rounds * count, prompts[0], min(replies), models),
        _usage(rounds * count * tries, prompts[1], max(replies), models),
    )


def _usage(requests: int, prompt_tokens: int, reply: int, models: tuple[Served, ...]) -> Usage:
    """`requests` shared among `models` by their weights. Those to a model without a price are unpriced."""
    whole = sum(served.weight for served in models)
    dollars, unpriced = 0.0, 0.0
    for served in models:
        share = served.weight / whole
        if served.price is None:
            unpriced += share * requests
        else:
            cost = prompt_tokens * served.price.input + requests * reply * served.price.output
            dollars += share * cost / 1e6
    return Usage(
        requests=requests,
        prompt_tokens=prompt_tokens,
        completion_tokens=requests * reply,
        dollars=dollars,
        unpriced=round(unpriced),
    )
