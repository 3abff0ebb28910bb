"""The proposer that asks language models behind OpenAI-compatible Chat Completions servers: one request per candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rewardsearch.config import BudgetConfig, ProposeConfig, Served
from rewardsearch.errors import BudgetReached, MachineError, UserError
from rewardsearch.files.templates import check_prompts
from rewardsearch.propose.base import Draft, ProposalRequest, Proposer, admit, write_prompt
from rewardsearch.propose.llm.job import Job
from rewardsearch.propose.llm.operators import payoff_rates, plan
from rewardsearch.propose.llm.prompt import Prompt, TooLong, build_prompt
from rewardsearch.propose.llm.reply import cost_bound
from rewardsearch.propose.llm.scheduler import RequestScheduler, counted
from rewardsearch.propose.llm.server import Server, opened
from rewardsearch.propose.parse import Found
from rewardsearch.records import Proposal, Record, Refusal, Request, RequestOutcome, Usage
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.ledger import Ledger


class RequestResult(Record):
    """The result of a planned request: the reward in its last reply, or why there is none, and the cost of its replies."""

    request: Request
    found: Found | None = None
    reason: str = ""
    usage: Usage = Usage()


class LLMProposer(Proposer):
    """Asks the config's models for `request.count` rewards, or for a repair of each rejected one."""

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError for a wrong address, a missing or malformed key, a missing price where budget.dollars is set, and a
        limit that no prompt fits; BudgetReached for a budget that affords no request. Sends nothing."""
        if unpriced := self._unpriced() if self.budget.dollars is not None else ():
            raise UserError(
                f"budget.dollars: no price is known for {', '.join(unpriced)}; set propose.llm.prices to "
                "{MODEL: {input: ..., output: ...}}, in dollars per million tokens, or leave budget.dollars out"
            )
        prompt = check_prompt(request, self.config)
        for served in self.config.llm.served():
            Server(served)
            check_budget(served, cost_bound(prompt, served.max_tokens, served.price), self.budget)

    def check_connectivity(self) -> list[str]:
        """Raises UserError where nothing listens at a server's address; gives warnings."""
        with opened(self.config.llm.served()) as servers:
            return [warning for server in servers.values() if (warning := server.check_connectivity())]

    def describe(self) -> str:
        return ", ".join(f"{served.model} (key in {served.api_key_env})" for served in self.config.llm.served())

    def warnings(self) -> list[str]:
        if not (unpriced := self._unpriced()):
            return []
        what = f"no price for {', '.join(unpriced)}, so spending is not counted"
        return [f"{what}; set propose.llm.prices, in dollars per million tokens"]

    def _unpriced(self) -> list[str]:
        return [served.model for served in self.config.llm.served() if served.price is None]

    def plan(self, request: ProposalRequest) -> tuple[Request, ...]:
        return plan(request, self.config, {each.model: each.weight for each in self.config.llm.served()})

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """The rewards in the replies to `request.plan`: at most one per reply.

        Raises UserError for a missing or refused key, an unknown model, an exhausted quota, and when every request was refused;
        BudgetReached when nothing could be afforded, MachineError when no request was answered. Any other failed request,
        and any failed repair, is a Refusal.
        """
        served = self.config.llm.served()
        write_plan(request, self.config, structured=served[0].structured == "auto")
        ledger.say(f"  asking for {_moves(request.plan)}")
        with opened(served) as servers:
            jobs = RequestScheduler(request, self.config.llm, self.config.prompt_tokens, servers, ledger).run()
        # A round goes on without its repairs: its other candidates are paid for.
        if jobs and not request.repairs and not any(job.replies for job in jobs):
            raise _unanswered(jobs)
        usage = ledger.account.under(f"{request.round}/{request.attempt}/")
        ledger.say(f"  {counted(usage.requests, 'reply', 'replies')}, {usage.spent}")
        results = [
            RequestResult(
                request=job.request.model_copy(update={"model": job.model}),
                found=job.found,
                reason=job.reason,
                usage=ledger.account.under(f"{request.round}/{request.attempt}/{job.request.index}/"),
            )
            for job in jobs
        ]
        return build_proposal(request, results)


def _moves(requests: Sequence[Request]) -> str:
    """Such as "3 mutate (gpt-5), 1 fresh (gpt-5)"."""
    counts = Counter((each.operator, each.model) for each in requests)
    return ", ".join(f"{count} {operator} ({model})" for (operator, model), count in sorted(counts.items()))


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
    reason = next((job.reason for job in jobs if job.end != "unaffordable"), jobs[0].reason)
    ends = {job.end for job in jobs}
    if ends == {"refused"}:
        return UserError(
            f"propose.llm: every request was refused: {reason}; change the model, its key, temperature, max_tokens or extra, "
            "or propose.prompt_tokens, then start the same command again"
        )
    if ends == {"too long"}:
        return UserError(f"propose.prompt_tokens: {reason}; raise it, then start the same command again")
    if ends == {"unaffordable"}:
        return BudgetReached(
            f"{reason.removeprefix('not asked: ')}; what is done is kept: raise the budget and run the same command to carry on"
        )
    return MachineError(f"no request was answered: {reason}; the same command asks again")


def build_proposal(request: ProposalRequest, results: Sequence[RequestResult]) -> Proposal:
    """The candidates that the results hold, and a refusal for each result without one."""
    drafts = [(each.request, _draft(request, each.request, each.found)) for each in results if each.found]
    # Where two requests gave the same reward, the first one counts.
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
