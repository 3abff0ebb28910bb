"""When a search stops: a budget is used up, or the user created a STOP file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rewardsearch.config import BudgetConfig
from rewardsearch.errors import BudgetReached, Interrupted
from rewardsearch.records import Record, Usage
from rewardsearch.run.state import RunState

STOP = "STOP"


WARN_AT = 0.8
"""The share of a budget from which a search warns."""


class Use(Record):
    """How much of a budget is used: `used` of `limit`, in the unit that the name of its key has."""

    key: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit

    @property
    def text(self) -> str:
        """Such as "24.0 of 30 minutes (80 %)"."""
        money, unit = self.key == "dollars", self.key.rpartition("_")[2]
        used = f"${self.used:.2f}" if money else f"{self.used:,.0f}" if self.key == "tokens" else f"{self.used:,.1f}"
        return f"{used} of {'$' if money else ''}{self.limit:,g} {unit} ({self.share:.0%})".replace("%", " %")


def budget_uses(config: BudgetConfig, state: RunState, minutes: float, gpu_hours: float) -> tuple[Use, ...]:
    """Each budget that is set. Requests of unknown end count with the most that they can have cost."""
    paid, open_ = state.account.usage, state.account.unconfirmed
    used = {
        "wall_clock_minutes": minutes,
        "gpu_hours": gpu_hours,
        "tokens": paid.tokens + open_.tokens,
        "dollars": paid.dollars + open_.dollars,
    }
    limits = {key: getattr(config, key) for key in used}
    return tuple(Use(key=key, used=used[key], limit=limit) for key, limit in limits.items() if limit is not None)


class Budget:
    """Watches the wall clock and the GPU-hours of all sessions on a run together, the tokens and the money, and the STOP file in
    its folder.

    held: gives the seconds that accelerators were held in this session so far, times their number. say: is given one warning
    for each budget of which WARN_AT is used.
    """

    def __init__(
        self,
        config: BudgetConfig,
        state: RunState,
        held: Callable[[], float] = lambda: 0.0,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._config, self._state, self._held, self._say = config, state, held, say
        self._warned: set[str] = set()
        self._before, self._held_before = state.seconds, state.device_seconds
        self._opened = time.monotonic()

    @property
    def minutes(self) -> float:
        return (self._before + time.monotonic() - self._opened) / 60

    @property
    def gpu_hours(self) -> float:
        return (self._held_before + self._held()) / 3600

    @property
    def unbooked(self) -> float:
        """Device seconds that the journal does not have yet."""
        return self.gpu_hours * 3600 - self._state.device_seconds

    def reason(self, proposing: bool = False) -> str | None:
        """Why nothing new may start; None while it may. Tokens and money hold back proposing alone: what is paid for is used."""
        if self.stop_file.exists():
            return f"{self.stop_file} is there"
        return self.time_used() or (self.unaffordable(Usage()) if proposing else None)

    def time_used(self) -> str | None:
        """Why running training jobs are paused; None while they may go on."""
        self._warn()
        for key, used, limit in (
            ("wall_clock_minutes", self.minutes, self._config.wall_clock_minutes),
            ("gpu_hours", self.gpu_hours, self._config.gpu_hours),
        ):
            if limit is not None and used >= limit:
                return (
                    f"budget.{key}: {used:.{1 if used >= 0.05 else 3}f} of {limit:g} {key.rpartition('_')[2]} are used"
                )
        return None

    def unaffordable(self, more: Usage) -> str | None:
        """Why a request that can cost `more` is too much; None when it is not.

        Requests in flight, and those whose end is unknown, count with the most that they can have cost.
        """
        self._warn()
        paid, open_ = self._state.account.usage, self._state.account.unconfirmed
        limits = (
            ("tokens", self._config.tokens, paid.tokens, open_.tokens, more.tokens, "{:,}"),
            ("dollars", self._config.dollars, paid.dollars, open_.dollars, more.dollars, "${:.4f}"),
        )
        for name, limit, spent, unconfirmed, wanted, form in limits:
            used = spent + unconfirmed
            if limit is not None and (used >= limit or used + wanted > limit):
                count = f"{open_.requests} request{'s' if open_.requests != 1 else ''}"
                lost = f" and at most {form.format(unconfirmed)} in {count} of unknown end,"
                needs = f", and the next request may take {form.format(wanted)}" if used < limit else ""
                return f"budget.{name}: {form.format(spent)}{lost if unconfirmed else ''} of {form.format(limit)} are used{needs}"
        return None

    def _warn(self) -> None:
        for use in budget_uses(self._config, self._state, self.minutes, self.gpu_hours):
            if WARN_AT <= use.share < 1 and use.key not in self._warned:
                self._warned.add(use.key)
                self._say(f"warning: budget.{use.key}: {use.text} are used")

    def may_start(self) -> bool:
        return self.reason() is None

    def check(self, proposing: bool = False) -> None:
        """Raises Interrupted for a STOP file and BudgetReached for a used-up budget."""
        reason = self.reason(proposing)
        if reason is None:
            return
        if self.stop_file.exists():
            raise Interrupted(f"stopped: {reason}; remove it and run the same command to resume")
        raise BudgetReached(f"{reason}; results are kept: raise the budget and run the same command to resume")

    @property
    def stop_file(self) -> Path:
        return self._state.folder / STOP
