"""A proposer in a file outside the package: rewards that differ in one number.

propose:
  proposer: proposer.py:LengthPenalties
  options: {weights: [0.5, 1.0, 2.0, 4.0]}
"""

from rewardsearch import Draft, Proposal, ProposalRequest, Proposer, UserError, admit

CODE = '''"""Pays the gold answer, less a penalty for long completions."""


def reward(prompts, completions, answer, **columns):
    return [float(gold in text) - WEIGHT * len(text) / 1000 for text, gold in zip(completions, answer)]
'''


class LengthPenalties(Proposer):
    """Each round takes the next weights of propose.options.weights. Rejected rewards are not repaired."""

    def check(self, request: ProposalRequest) -> None:
        if not self.config.options.get("weights"):
            raise UserError("propose.options.weights: got none; give a list of numbers, such as [0.5, 1.0]")

    def propose(self, request: ProposalRequest, ledger: object) -> Proposal:
        first = (request.round - 1) * request.count
        weights = [] if request.attempt else self.config.options["weights"][first : first + request.count]
        drafts = [Draft(name=f"penalty_{weight}", code=CODE.replace("WEIGHT", str(weight))) for weight in weights]
        return admit(request, drafts)
