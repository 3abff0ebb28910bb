"""Mistakes of a data file, gathered so that all of them are told at once."""

from __future__ import annotations

from rewardsearch.errors import UserError

MOST = 5
"""Mistakes of one kind that are told one by one; of the rest the number."""


class Mistakes:
    """What is wrong with a file, by kind, in the order that it was found."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def add(self, kind: str, told: str) -> None:
        self._kinds.setdefault(kind, []).append(told)

    def end(self, source: str) -> None:
        """Raises UserError with the mistakes, MOST of a kind, where there are any."""
        lines: list[str] = []
        for kind, told in self._kinds.items():
            lines += told[:MOST]
            if len(told) > MOST:
                lines.append(f"{source}: and {len(told) - MOST:,} more rows with {kind}")
        if lines:
            raise UserError(*lines)
