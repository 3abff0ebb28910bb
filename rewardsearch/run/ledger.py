"""The ledger of a proposer: it checks the budget before a request is sent, and books the request and its end in the journal."""

from __future__ import annotations

from collections.abc import Callable

from rewardsearch.records import Usage
from rewardsearch.run.account import Account
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import Adapted, AnyEvent, Received, RequestFailed, Sent


class Ledger:
    """Books requests in the journal, through `append`, and checks them against the budget. `say` shows a line at once."""

    def __init__(
        self, account: Account, append: Callable[[AnyEvent], None], budget: Budget, say: Callable[[str], None]
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
        send = self.account.sends(request) + 1
        self._append(Sent(request=request, send=send, model=model, fingerprint=fingerprint, bound=bound))
        return send

    def received(self, request: str, send: int, usage: Usage) -> None:
        """Books a reply that is on disk."""
        self._append(Received(request=request, send=send, usage=usage))

    def request_failed(self, request: str, send: int, reason: str, maybe_billed: bool) -> None:
        """Books the end of a sending without a reply."""
        self._append(RequestFailed(request=request, send=send, reason=reason, maybe_billed=maybe_billed))

    def adapted(self, server: str, change: str, reason: str) -> None:
        """Books what is left out of, or written otherwise in, every further request to `server`."""
        self._append(Adapted(server=server, change=change, reason=reason))
