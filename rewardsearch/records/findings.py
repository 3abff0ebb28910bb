"""What a check of a machine, a policy or data found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it stands, what was found, and what to do unless it is ok."""

    name: str
    status: Status
    found: str
    remedy: str = ""

    @classmethod
    def of(cls, name: str, status: Status, message: str) -> Finding:
        """message: what was found, then the remedy after a semicolon."""
        found, _, remedy = message.partition("; ")
        return cls(name, status, found, remedy)

    @property
    def message(self) -> str:
        return "; ".join(filter(None, (self.found, self.remedy)))
