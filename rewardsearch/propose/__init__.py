"""Proposes reward functions: from language models, from a person at a chat window, from a grammar, from a folder, from a
recorded run, or from a proposer outside the package."""

from __future__ import annotations

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.files.plugins import load_plugin
from rewardsearch.propose.base import Draft, Limits, ProposalRequest, Proposer, admit
from rewardsearch.propose.llm.operators import MOVES
from rewardsearch.propose.llm.preview import Preview, preview
from rewardsearch.propose.llm.prompt import Prompt, build_prompt
from rewardsearch.propose.recording import is_recording
from rewardsearch.records import Proposal
from rewardsearch.run.ledger import Ledger

__all__ = [
    "MOVES",
    "PROPOSERS",
    "Draft",
    "Limits",
    "Preview",
    "Prompt",
    "ProposalRequest",
    "Proposer",
    "admit",
    "build_prompt",
    "is_recording",
    "load_proposer",
    "preview",
    "propose",
]

PROPOSERS = {
    "llm": "rewardsearch.propose.llm.proposer:LLMProposer",
    "grammar": "rewardsearch.propose.grammar:GrammarProposer",
    "folder": "rewardsearch.propose.folder:FolderProposer",
    "manual": "rewardsearch.propose.manual:ManualProposer",
    "replay": "rewardsearch.propose.replay:ReplayProposer",
}
"""The built-in proposers by name."""


def load_proposer(config: Config) -> Proposer:
    """The proposer that `propose.proposer` names. Raises UserError where there is none of that name, or it is no Proposer."""
    name = config.propose.proposer
    proposer = load_plugin("proposer", name, PROPOSERS, "propose.proposer")
    if not (isinstance(proposer, type) and issubclass(proposer, Proposer)):
        raise UserError(
            f"propose.proposer: {name} is not a Proposer; name a class that derives from rewardsearch.propose.Proposer"
        )
    return proposer(config.propose, config.budget)


def propose(request: ProposalRequest, proposer: Proposer, ledger: Ledger) -> Proposal:
    """New candidates from a proposer, and the replies that gave none; costs are booked in `ledger`.

    Writes requests and replies to `request.folder`. Raises what the proposer's `propose` raises, and UserError where its
    candidates are more than were asked for, or not new.
    """
    proposal = proposer.propose(request, ledger)
    ids = [candidate.id for candidate in proposal.candidates]
    named = f"propose.proposer: {type(proposer).__name__}"
    if len(ids) > request.count:
        raise UserError(f"{named} gave {len(ids)} candidates for {request.count}; give at most request.count")
    if len({*ids} - {*request.seen}) < len(ids):
        raise UserError(f"{named} gave a candidate twice, or one of an earlier round; use rewardsearch.propose.admit")
    return proposal
