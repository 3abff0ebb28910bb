"""Where `verify` runs: in the sandbox of rewards, or, for a file that the user trusts, in a process of its own.

The sandbox covers files from others: static policy, limits, kernel layers.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rewardsearch.config import SandboxConfig
from rewardsearch.records import Batch, Row
from rewardsearch.rewards.sandbox import RewardFault, Sandbox
from rewardsearch.tasks.served import CALL_S, START_S, CallFault, Served

CPU_S = 1.0
"""CPU seconds that `verify` has for a completion in the sandbox."""
_BATCH = 16
_CODES = {1.0: True, 0.0: False, -1.0: None}
REWARD = """

def reward(prompts, completions, answer, **columns):
    codes = []
    for place, completion in enumerate(completions):
        more = {name: columns[name][place] for name in columns}
        found = verify(completion, answer[place], **more)
        codes.append(1.0 if found is True else 0.0 if found is False else -1.0 if found is None else 2.0)
    return codes
"""
"""What makes a reward of an untrusted file, so that the sandbox runs it like any other."""
BASE_REWARD = """

def reward(prompts, completions, answer, **columns):
    values = []
    for place, completion in enumerate(completions):
        more = {name: columns[name][place] for name in columns}
        found = verify(completion, answer[place], **more) if completion.strip() else None
        values.append(0.0 if found is None else 3.0 if found else -1.5)
    return values
"""
"""What makes the base reward `answer` of it, at the values of candidates/base/answer.py."""


Pair = tuple[Row, str]
"""A row and a completion."""


class VerifierFault(CallFault):
    """`verify` gave no verdict. place: of the completion among those asked."""

    def __init__(self, fault: CallFault, place: int) -> None:
        super().__init__(fault.reason, lost=fault.lost, start=fault.start)
        self.place = place


class Runner(Protocol):
    """What judges completions."""

    @property
    def used_s(self) -> float:
        """CPU seconds of all calls so far."""

    def verdicts(self, pairs: Sequence[Pair]) -> list[bool | None]:
        """True, False, or None for no answer, of each. Raises VerifierFault for the first that has no verdict."""


class SandboxedVerifier:
    """Runs the code of an untrusted file."""

    def __init__(self, code: str) -> None:
        self._code = code + REWARD
        self._sandbox = Sandbox(SandboxConfig(), bound=2.0)
        weakref.finalize(self, self._sandbox.close)

    @property
    def used_s(self) -> float:
        return self._sandbox.used_s

    def verdicts(self, pairs: Sequence[Pair]) -> list[bool | None]:
        found: list[bool | None] = []
        for start in range(0, len(pairs), _BATCH):
            batch = pairs[start : start + _BATCH]
            try:
                found += self._call(batch)
            except CallFault:
                # One by one, to find which it is.
                for place, each in enumerate(batch, start=start):
                    try:
                        found += self._call([each])
                    except CallFault as fault:
                        raise VerifierFault(fault, place) from None
        return found

    def _call(self, batch: Sequence[Pair]) -> list[bool | None]:
        rows = [row for row, _ in batch]
        lists = Batch(
            prompts=("",) * len(batch),
            completions=tuple(text for _, text in batch),
            answer=tuple(row.answer for row in rows),
            columns={name: tuple(row.columns[name] for row in rows) for name in rows[0].columns},
        )
        try:
            rewards = self._sandbox.call(self._code, lists, limit_s=CPU_S * len(batch)).rewards
        except RewardFault as fault:
            raise CallFault(fault.reason) from None
        if any(code not in _CODES for code in rewards):
            raise CallFault("returned something else than True, False or None")
        return [_CODES[code] for code in rewards]


class TrustedVerifier:
    """Calls the functions of a trusted file, in a process of its own."""

    def __init__(self, file: Path, call_s: float = CALL_S, start_s: float = START_S) -> None:
        self._served = Served(file, call_s=call_s, start_s=start_s)
        self.call, self.close = self._served.call, self._served.close

    @property
    def used_s(self) -> float:
        return self._served.used_s

    def verdicts(self, pairs: Sequence[Pair]) -> list[bool | None]:
        found: list[bool | None] = []
        for place, (row, text) in enumerate(pairs):
            try:
                found.append(self.call("verify", text, row.answer, columns=row.columns))
            except CallFault as fault:
                raise VerifierFault(fault, place) from None
        return found
