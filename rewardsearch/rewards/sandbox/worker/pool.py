"""Warm workers for many threads: each borrows a Sandbox, and none is started twice for the same hash seed while one is
idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rewardsearch.config import SandboxConfig
from rewardsearch.rewards.sandbox.kernel.lockdown import LAYERS
from rewardsearch.rewards.sandbox.worker.client import PATIENCE, Sandbox


class SandboxPool:
    """Sandboxes of one config, kept warm from one borrower to the next. Thread-safe.

    config, bound, layers, patience: as for Sandbox. A Sandbox that is lent is its borrower's alone.
    """

    def __init__(
        self,
        config: SandboxConfig,
        bound: float = 1000.0,
        *,
        layers: tuple[str, ...] = LAYERS,
        patience: float = PATIENCE,
    ) -> None:
        self.config, self.bound = config, bound
        self._layers, self._patience = layers, patience
        self._idle: dict[int, list[Sandbox]] = {}
        self._lock = threading.Lock()
        self._closings = 0

    @contextmanager
    def borrow(self, hash_seed: int = 0) -> Iterator[Sandbox]:
        """A Sandbox whose worker has PYTHONHASHSEED `hash_seed`, for as long as the context lasts."""
        with self._lock:
            idle = self._idle.setdefault(hash_seed, [])
            sandbox = idle.pop() if idle else None
            closings = self._closings
        sandbox = sandbox or Sandbox(
            self.config, self.bound, hash_seed=hash_seed, layers=self._layers, patience=self._patience
        )
        try:
            yield sandbox
        finally:
            with self._lock:
                kept = closings == self._closings
                if kept:
                    self._idle.setdefault(hash_seed, []).append(sandbox)
            if not kept:
                sandbox.close()

    def close(self) -> None:
        """Ends the idle workers, and each that is lent when it comes back. The pool can be used again."""
        with self._lock:
            self._closings += 1
            idle = [sandbox for sandboxes in self._idle.values() for sandbox in sandboxes]
            self._idle.clear()
        for sandbox in idle:
            sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
