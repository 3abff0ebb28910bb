"""The account of what was sent to models' servers and what it cost: a fold of the journal's money events.

A request is journalled before it is sent, with the most that it can cost. Until its end is journalled that much counts as
spent: while it is in flight, and for good when a crash, a time-out or a lost connection left its end unknown, since the
server may have billed it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsearch.records import Usage, total
from rewardsearch.run.events import Adapted, MoneyEvent, Received, Sent

Key = tuple[str, int]
"""A request's name and which sending of it."""


@dataclass
class Account:
    """Every request of a run, by name and sending."""

    sent: dict[Key, Sent] = field(default_factory=dict)
    paid: dict[Key, Usage] = field(default_factory=dict)
    """What replies that arrived have cost."""
    unbilled: set[Key] = field(default_factory=set)
    """Sendings that the server refused."""
    adapted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What a server was seen to refuse, by model and server."""

    def apply(self, event: MoneyEvent) -> None:
        """Folds an event in."""
        if isinstance(event, Adapted):
            self.adapted[event.server] = (*self.adapted.get(event.server, ()), event.change)
        elif isinstance(event, Sent):
            self.sent[event.request, event.send] = event
        elif isinstance(event, Received):
            self.paid[event.request, event.send] = event.usage
        elif not event.maybe_billed:
            self.unbilled.add((event.request, event.send))

    @property
    def usage(self) -> Usage:
        """What the replies that arrived have cost."""
        return total(self.paid.values())

    @property
    def unconfirmed(self) -> Usage:
        """The most that sendings without a known end can have cost: those in flight, and those that were lost."""
        return total(s.bound for key, s in self.sent.items() if key not in self.paid and key not in self.unbilled)

    def sends(self, request: str) -> int:
        """How often `request` was sent."""
        return sum(name == request for name, _ in self.sent)

    def fingerprints(self, request: str) -> set[str]:
        """The hashes of the bodies that `request` was sent with."""
        return {sent.fingerprint for (name, _), sent in self.sent.items() if name == request}

    def under(self, prefix: str) -> Usage:
        """What the replies to requests whose name begins with `prefix` have cost."""
        return total(usage for (name, _), usage in self.paid.items() if name.startswith(prefix))
