"""The proposer for people who paste into a chat window: writes each prompt to a file and waits for a reply file."""

from __future__ import annotations

import time
from pathlib import Path

from rewardsearch.files import decoded_text, write_atomic
from rewardsearch.propose.base import ProposalRequest, Proposer
from rewardsearch.propose.llm.operators import plan
from rewardsearch.propose.llm.prompt import TooLong, build_prompt
from rewardsearch.propose.llm.proposer import RequestResult, build_proposal, check_prompt, write_plan
from rewardsearch.propose.parse import NoCode, parse_reply
from rewardsearch.records import Proposal, Request
from rewardsearch.run.ledger import Ledger

POLL_S = 1.0
SKIP = "skip"
"""A reply file with this word alone gives its request up."""


class ManualProposer(Proposer):
    """Writes paste-K.txt for each planned request, and reads reply-K.md when a person has saved it.

    A file is read once it is not empty and has stopped growing. A reply without a reward is reported with the reason, and read
    again when it has changed.
    """

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError for a limit that no prompt fits."""
        check_prompt(request, self.config)

    def plan(self, request: ProposalRequest) -> tuple[Request, ...]:
        return plan(request, self.config, {"": 1.0})

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """Waits until every request has its reply. Raises Interrupted and BudgetReached as Ledger.check does; what was replied
        until then is read again by the same command."""
        write_plan(request, self.config)
        results: dict[int, RequestResult] = {}
        for planned in request.plan:
            try:
                prompt = build_prompt(request, planned, self.config.prompt_tokens, structured=False)
            except TooLong as error:
                results[planned.index] = RequestResult(request=planned, reason=str(error))
                continue
            write_atomic(request.folder / f"paste-{planned.index}.txt", f"{prompt.system.rstrip()}\n\n{prompt.user}")
        pending = [planned for planned in request.plan if planned.index not in results]
        if pending and any(not self._reply(request, planned).exists() for planned in pending):
            names = ", ".join(f"paste-{planned.index}.txt" for planned in pending)
            ledger.say(
                f"  paste {'each of ' if len(pending) > 1 else ''}{names} in {request.folder} into a chat of its own,"
            )
            ledger.say(f"  save what it answers as reply-K.md beside it (or the word {SKIP}); waiting")
        seen: dict[int, str] = {}
        refused: dict[int, str] = {}
        while len(results) < len(request.plan):
            ledger.check()
            for planned in pending:
                if planned.index in results:
                    continue
                text = _saved(self._reply(request, planned))
                # Read twice alike: an editor may be in the middle of writing it.
                if not text or seen.get(planned.index) != text:
                    seen[planned.index] = text
                elif refused.get(planned.index) != text:
                    try:
                        results[planned.index] = _result(planned, text)
                    except NoCode as error:
                        refused[planned.index] = text
                        ledger.say(f"  reply-{planned.index}.md: {error}; change it, or write {SKIP} into it")
                    else:
                        left = ", ".join(f"reply-{other.index}.md" for other in pending if other.index not in results)
                        ledger.say(f"  reply-{planned.index}.md read{', waiting for ' + left if left else ''}")
            if len(results) < len(request.plan):
                time.sleep(POLL_S)
        return build_proposal(request, [results[planned.index] for planned in request.plan])

    def _reply(self, request: ProposalRequest, planned: Request) -> Path:
        return request.folder / f"reply-{planned.index}.md"


def _saved(path: Path) -> str:
    try:
        return decoded_text(path.read_bytes())
    except OSError:
        return ""


def _result(planned: Request, text: str) -> RequestResult:
    """What a reply file holds. Raises NoCode."""
    if text.strip().lower() == SKIP:
        return RequestResult(request=planned, reason="skipped by hand")
    return RequestResult(request=planned, found=parse_reply(text))
