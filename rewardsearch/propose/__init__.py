"""Proposes reward functions: from an LLM, from a grammar, or from a folder of hand-written ones."""

from __future__ import annotations

from rewardsearch.config import ProposeConfig
from rewardsearch.propose.base import ProposalRequest, Proposer
from rewardsearch.propose.folder import FolderProposer
from rewardsearch.propose.grammar import GrammarProposer
from rewardsearch.propose.openai import OpenAIProposer
from rewardsearch.records import Proposal

__all__ = ["ProposalRequest", "check", "propose"]


def check(config: ProposeConfig, task: str) -> None:
    """Looks for the mistakes that would end `propose` on `task`, before anything is spent: asks no server, writes nothing.

    Raises UserError: a missing key or a base_url that is no address (`openai`), a missing, empty or unreadable folder
    (`folder`).
    """
    _proposer(config).check(task)


def propose(request: ProposalRequest, config: ProposeConfig) -> Proposal:
    """New candidates from the proposer that `config` names, with the replies that gave none and what they cost.

    Writes `request.folder`/prompt.md, and the raw replies beside it. Raises UserError for a missing key or folder.
    """
    return _proposer(config).propose(request)


def _proposer(config: ProposeConfig) -> Proposer:
    if config.proposer == "openai":
        return OpenAIProposer(config.openai)
    if config.proposer == "folder":
        return FolderProposer(config.folder)
    return GrammarProposer()
