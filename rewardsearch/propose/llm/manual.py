"""The proposer for people who paste into a chat window: writes each prompt to a file and waits for a reply file."""

from __future__ import annotations

import time
from pathlib import Path

from rewardsearch.config import ProposeConfig
from rewardsearch.files import decoded_text, write_atomic
from rewardsearch.propose.base import ProposalRequest, Proposer
from rewardsearch.propose.llm.openai import check_prompt
from rewardsearch.propose.llm.outcome import Told, proposal_of, write_plan
from rewardsearch.propose.llm.plan import plan
from rewardsearch.propose.llm.prompt import TooLong, prompt_of
from rewardsearch.propose.parse import NoCode, parse_reply
from rewardsearch.records import Ask, Proposal
from rewardsearch.run.ledger import Ledger

POLL_S = 1.0
SKIP = "skip"
"""A reply file with this word alone gives its request up."""


class ManualProposer(Proposer):
    """Writes paste-K.txt for each ask, and reads reply-K.md when a person has saved it.

    A file is read once it is not empty and has stopped growing. A reply without a reward is told, with the reason, and read
    again when it has changed.
    """

    def __init__(self, config: ProposeConfig) -> None:
        self._config = config

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError for a limit that no prompt fits."""
        check_prompt(request, self._config)

    def plan(self, request: ProposalRequest) -> tuple[Ask, ...]:
        return plan(request, self._config, {"": 1.0})

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """Waits until every ask has its reply. Raises Interrupted and BudgetReached as Ledger.check does; what was replied
        until then is read again by the same command."""
        write_plan(request, self._config)
        told: dict[int, Told] = {}
        for ask in request.asks:
            try:
                prompt = prompt_of(request, ask, self._config.prompt_tokens, structured=False)
            except TooLong as error:
                told[ask.place] = Told(ask=ask, reason=str(error))
                continue
            write_atomic(request.folder / f"paste-{ask.place}.txt", f"{prompt.system.rstrip()}\n\n{prompt.user}")
        pending = [ask for ask in request.asks if ask.place not in told]
        if pending and any(not self._reply(request, ask).exists() for ask in pending):
            names = ", ".join(f"paste-{ask.place}.txt" for ask in pending)
            ledger.say(
                f"  paste {'each of ' if len(pending) > 1 else ''}{names} in {request.folder} into a chat of its own,"
            )
            ledger.say(f"  save what it answers as reply-K.md beside it (or the word {SKIP}); waiting")
        seen: dict[int, str] = {}
        refused: dict[int, str] = {}
        while len(told) < len(request.asks):
            ledger.check()
            for ask in pending:
                if ask.place in told:
                    continue
                text = _saved(self._reply(request, ask))
                # Read twice alike: an editor may be in the middle of writing it.
                if not text or seen.get(ask.place) != text:
                    seen[ask.place] = text
                elif refused.get(ask.place) != text:
                    try:
                        told[ask.place] = _told(ask, text)
                    except NoCode as error:
                        refused[ask.place] = text
                        ledger.say(f"  reply-{ask.place}.md: {error}; change it, or write {SKIP} into it")
                    else:
                        left = ", ".join(f"reply-{other.place}.md" for other in pending if other.place not in told)
                        ledger.say(f"  reply-{ask.place}.md read{', waiting for ' + left if left else ''}")
            if len(told) < len(request.asks):
                time.sleep(POLL_S)
        return proposal_of(request, [told[ask.place] for ask in request.asks])

    def _reply(self, request: ProposalRequest, ask: Ask) -> Path:
        return request.folder / f"reply-{ask.place}.md"


def _saved(path: Path) -> str:
    try:
        return decoded_text(path.read_bytes())
    except OSError:
        return ""


def _told(ask: Ask, text: str) -> Told:
    """What a reply file holds. Raises NoCode."""
    if text.strip().lower() == SKIP:
        return Told(ask=ask, reason="skipped by hand")
    return Told(ask=ask, found=tuple(parse_reply(text)))
