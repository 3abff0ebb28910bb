"""Proposes reward functions: from language models, from a person at a chat window, from a grammar, from a folder, from a
recorded run."""

from __future__ import annotations

from rewardsearch.config import Config
from rewardsearch.propose.base import Limits, ProposalRequest, Proposer
from rewardsearch.propose.folder import FolderProposer
from rewardsearch.propose.grammar import GrammarProposer
from rewardsearch.propose.llm import LLMProposer, ManualProposer
from rewardsearch.propose.llm.plan import MOVES
from rewardsearch.propose.llm.preview import Preview, preview
from rewardsearch.propose.llm.prompt import Prompt, build_prompt
from rewardsearch.propose.recording import is_recording
from rewardsearch.propose.replay import ReplayProposer
from rewardsearch.records import Proposal, Request
from rewardsearch.run.ledger import Ledger

__all__ = [
    "MOVES",
    "Limits",
    "Preview",
    "Prompt",
    "ProposalRequest",
    "about",
    "build_prompt",
    "check",
    "check_connectivity",
    "is_recording",
    "plan",
    "preview",
    "propose",
]


def check(request: ProposalRequest, config: Config) -> None:
    """Looks for the mistakes that would end `propose`, before anything is spent: asks no server, writes nothing.

    request: what the first round will be asked. Raises UserError: a missing key, a base_url that is no address, a limit that
    no prompt fits (`llm`), a missing, empty or unreadable folder (`folder`), no recorded run (`replay`); BudgetReached
    for a budget that affords no request.
    """
    _proposer(config).check(request)


def check_connectivity(config: Config) -> list[str]:
    """Looks whether the servers that `config` names are there, for free. Gives warnings.

    Raises UserError where nothing listens.
    """
    return _proposer(config).check_connectivity()


def about(config: Config) -> str:
    """What a person should know of where the candidates come from, in a line; empty where that is nothing."""
    return _proposer(config).about()


def plan(request: ProposalRequest, config: Config) -> tuple[Request, ...]:
    """What `propose` is to ask of language models or a person: moves, models and parents, drawn by the seed and by what has
    paid off. Empty for the other proposers."""
    return _proposer(config).plan(request)


def propose(request: ProposalRequest, config: Config, ledger: Ledger) -> Proposal:
    """New candidates from the proposer that `config` names, with the replies that gave none; costs are booked in `ledger`.

    Writes `request.folder`/prompt.md, and requests and replies beside it. Raises what the proposers' own `propose` raise.
    """
    return _proposer(config).propose(request, ledger)


def _proposer(config: Config) -> Proposer:
    propose = config.propose
    if propose.proposer == "llm":
        return LLMProposer(propose, config.budget)
    if propose.proposer == "manual":
        return ManualProposer(propose)
    if propose.proposer == "folder":
        return FolderProposer(propose.folder)
    if propose.proposer == "replay":
        return ReplayProposer(propose.replay, config.rounds)
    return GrammarProposer()
