"""The ledger: what a proposer has to ask before it sends a request, and to tell after."""

from __future__ import annotations

from collections.abc import Callable

from rewardsearch.records import Usage
from rewardsearch.run.account import Account, Sent
from rewardsearch.run.budget import Budget


class Ledger:
    """Books requests in the journal, through `append`, and holds them against the budget.

    `say` tells the user what cannot wait for the end of the round.
    """

    def __init__(
        self, account: Account, append: Callable[..., None], budget: Budget, say: Callable[[str], None]
    ) -> None:
        self.account = account
        self._append, self._budget, self.say = append, budget, say

    def check(self) -> None:
        """Raises Interrupted for a STOP file and BudgetReached when the time is used up."""
        self._budget.check()

    def unaffordable(self, bound: Usage) -> str | None:
        """Why a request that can cost `bound` may not be sent now; None when it may. Requests in flight count."""
        return self._budget.unaffordable(bound)

    def sent(self, request: str, model: str, fingerprint: str, bound: Usage) -> int:
        """Books a request that is about to be sent; gives the number of the sending, from 1."""
        sent = Sent(
            request=request, send=self.account.sends(request) + 1, model=model, fingerprint=fingerprint, bound=bound
        )
        self._append("sent", sent=sent.model_dump(mode="json"))
        return sent.send

    def received(self, request: str, send: int, usage: Usage) -> None:
        """Books a reply that is on disk."""
        self._append("received", request=request, send=send, usage=usage.model_dump(mode="json"))

    def request_failed(self, request: str, send: int, reason: str, maybe_billed: bool) -> None:
        """Books the end of a sending without a reply."""
        self._append("request_failed", request=request, send=send, reason=reason, maybe_billed=maybe_billed)

    def adapted(self, server: str, change: str, reason: str) -> None:
        """Books what is left out of, or written otherwise in, every further request to `server`."""
        self._append("adapted", server=server, change=change, reason=reason)
