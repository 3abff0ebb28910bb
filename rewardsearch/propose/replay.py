"""Repeats recorded proposals, round by round: the same candidates, without a server, a key or a cost.

With a recorded run's config the search ends with the same leaderboard; with another, such as more steps or another seed, the same
candidates meet other conditions.
"""

from __future__ import annotations

from rewardsearch.errors import UserError
from rewardsearch.files.resources import find
from rewardsearch.propose.base import ProposalRequest, Proposer, feedback_text, write_prompt
from rewardsearch.propose.recording import Recorded, recorded_in
from rewardsearch.records import Candidate, Proposal
from rewardsearch.run.ledger import Ledger


class ReplayProposer(Proposer):
    """Proposes what was recorded in propose.replay: the folder of a run, or of a recording."""

    uses_feedback = False

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError when there is nothing to repeat, or it has fewer rounds than the search."""
        recorded = self._recorded()
        if recorded.rounds < request.rounds:
            raise UserError(
                f"propose.replay: {self.config.replay} has proposals of {recorded.rounds} rounds, "
                f"the config wants {request.rounds}; set rounds to {recorded.rounds} at most"
                if recorded.rounds
                else f"propose.replay: {self.config.replay} has no proposals; name a run that has finished a round"
            )

    def describe(self) -> str:
        return f"a recording, trained and ranked again: {self._recorded().about}"

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """The recorded round's candidates, or the recorded repairs of those that are rejected now. Raises UserError as
        check does."""
        recorded = self._recorded()
        proposal = recorded.proposals.get((request.round, request.attempt), Proposal(candidates=()))
        rejected = {candidate.id for candidate, _ in request.repairs}
        candidates = tuple(
            c
            for c in proposal.candidates
            if c.id not in request.seen and (not request.attempt or not c.parents or _repairs(c, rejected))
        )[: request.count]
        head = f"# Round {request.round}: {len(candidates)} recorded rewards of {recorded.about}"
        names = "\n".join(
            f"- {c.name} ({c.id}), {c.operator}{f', by {c.model}' if c.model else ''}" for c in candidates
        )
        write_prompt(request, head, names, feedback_text(request))
        return Proposal(candidates=candidates, refusals=proposal.refusals)

    def _recorded(self) -> Recorded:
        if self.config.replay is None:
            raise UserError(
                "propose.replay: no run is named; name the folder of the run to repeat, as in "
                "rewardsearch run CONFIG --proposer replay RUN"
            )
        return recorded_in(find(self.config.replay, what="propose.replay"))


def _repairs(candidate: Candidate, rejected: set[str]) -> bool:
    return not rejected.isdisjoint(candidate.parents)
