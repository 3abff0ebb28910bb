"""The proposer that asks models behind OpenAI-compatible Chat Completions servers: one request a candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rewardsearch.config import BudgetConfig, ProposeConfig, Served
from rewardsearch.errors import BudgetReached, MachineError, UserError
from rewardsearch.files.templates import check_prompts
from rewardsearch.propose.base import ProposalRequest, Proposer
from rewardsearch.propose.llm.asking import RequestScheduler, counted
from rewardsearch.propose.llm.job import Job
from rewardsearch.propose.llm.outcome import RequestResult, proposal_of, write_plan
from rewardsearch.propose.llm.plan import plan
from rewardsearch.propose.llm.prompt import Prompt, TooLong, build_prompt
from rewardsearch.propose.llm.reply import cost_bound
from rewardsearch.propose.llm.server import Server, opened
from rewardsearch.records import Proposal, Request, Usage
from rewardsearch.run.ledger import Ledger


class LLMProposer(Proposer):
    """Asks the config's models for `request.count` rewards, or for a repair of each rejected one."""

    def __init__(self, config: ProposeConfig, budget: BudgetConfig) -> None:
        self._config, self._budget = config, budget

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError for an address that is none, for a missing or unfit key, and for a limit that no prompt fits,
        BudgetReached for a budget that affords no request. Asks the servers nothing."""
        prompt = check_prompt(request, self._config)
        for served in self._config.llm.served():
            Server(served)
            check_budget(served, cost_bound(prompt, served.max_tokens, served.price), self._budget)

    def check_connectivity(self) -> list[str]:
        """Raises UserError where nothing listens at a server's address; gives warnings."""
        with opened(self._config.llm.served()) as servers:
            return [warning for server in servers.values() if (warning := server.check_connectivity())]

    def plan(self, request: ProposalRequest) -> tuple[Request, ...]:
        return plan(request, self._config, {each.model: each.weight for each in self._config.llm.served()})

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """What the replies to `request.plan` hold, at most one reward each, and a spare one for each reply that holds none.

        Raises UserError for a missing or refused key, an unknown model, an exhausted quota, and when every request was refused;
        BudgetReached when nothing could be afforded, MachineError when no request was answered. Any other failed request,
        and any failed repair, is a Refusal.
        """
        served = self._config.llm.served()
        write_plan(request, self._config, structured=served[0].structured == "auto")
        ledger.say(f"  asking for {_moves(request.plan)}")
        with opened(served) as servers:
            jobs = RequestScheduler(request, self._config.llm, self._config.prompt_tokens, servers, ledger).run()
        # A round goes on without its repairs: its other candidates are paid for.
        if jobs and not request.repairs and not any(job.replies for job in jobs):
            raise _unanswered(jobs)
        ledger.say(f"  {_cost(ledger.account.under(f'{request.round}/{request.attempt}/'))}")
        results = [
            RequestResult(
                request=job.request.model_copy(update={"model": job.model}),
                found=job.found,
                reason=job.reason,
                usage=ledger.account.under(f"{request.round}/{request.attempt}/{job.request.index}/"),
            )
            for job in jobs
        ]
        return proposal_of(request, results)


def _moves(requests: Sequence[Request]) -> str:
    """Such as "3 mutate (gpt-5), 1 fresh (gpt-5)"."""
    counts = Counter((planned.operator, planned.model) for planned in requests)
    return ", ".join(f"{count} {operator} ({model})" for (operator, model), count in sorted(counts.items()))


def _cost(usage: Usage) -> str:
    dollars = f", ${usage.dollars:.4f}" if usage.requests > usage.unpriced else ""
    return f"{counted(usage.requests, 'reply', 'replies')}, {usage.tokens:,} tokens{dollars}"


def check_budget(served: Served, bound: Usage, budget: BudgetConfig) -> None:
    """Raises BudgetReached when the whole budget does not afford a first request to a model."""
    for name, limit, wanted, form in (
        ("tokens", budget.tokens, bound.tokens, "{:,}"),
        ("dollars", budget.dollars, bound.dollars, "${:.4f}"),
    ):
        if limit is not None and wanted > limit:
            raise BudgetReached(
                f"budget.{name}: a request to {served.model} may take {form.format(wanted)} (max_tokens {served.max_tokens:,}), "
                f"the whole budget is {form.format(limit)}; raise it, or lower propose.llm.max_tokens"
            )


def check_prompt(request: ProposalRequest, config: ProposeConfig) -> Prompt:
    """The first round's prompt. Raises UserError for mistakes in the user's own templates, and when it does not fit
    propose.prompt_tokens."""
    if request.prompts is not None:
        check_prompts(request.prompts)
    try:
        return build_prompt(request, Request(index=1, operator="fresh"), config.prompt_tokens, structured=True)
    except TooLong as error:
        raise UserError(f"propose.prompt_tokens: {error}; raise it, or shorten prompts/ or the base rewards") from None


def _unanswered(jobs: list[Job]) -> UserError | BudgetReached | MachineError:
    reason = next((job.reason for job in jobs if not job.unaffordable), jobs[0].reason)
    if all(job.refused for job in jobs):
        return UserError(
            f"propose.llm: every request was refused: {reason}; change the model, its key, temperature, max_tokens or extra, "
            "or propose.prompt_tokens, then start the same command again"
        )
    if all(job.too_long for job in jobs):
        return UserError(f"propose.prompt_tokens: {reason}; raise it, then start the same command again")
    if all(job.unaffordable for job in jobs):
        return BudgetReached(
            f"{reason.removeprefix('not asked: ')}; what is done is kept: raise the budget and run the same command to carry on"
        )
    return MachineError(f"no request was answered: {reason}; the same command asks again")
