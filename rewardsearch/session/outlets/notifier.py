"""Notifications through apprise, to the address that an environment variable holds.

The address may hold a key, so it is in no config, journal or message; errors name the variable alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from apprise import Apprise

from rewardsearch.records import CurvePoint, Ranking


class NotSent(Exception):
    """A notification was not sent."""


class Notifier:
    """Implements Outlet. Raises NotSent where the variable holds no address that apprise knows, or a server does not take a
    notification."""

    def __init__(self, run: str, variable: str) -> None:
        # It logs addresses, and what servers replied.
        logger = logging.getLogger("apprise")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        self._run, self._apprise = run, Apprise()
        url = os.environ.get(variable, "").strip()
        if not url:
            raise NotSent(f"the environment variable {variable} is not set")
        if not self._apprise.add(url):
            raise NotSent(f"the environment variable {variable} holds no address that apprise knows")

    def notice(self, title: str, text: str) -> None:
        if not self._apprise.notify(title=f"{self._run}: {title}", body=text):
            raise NotSent("the server did not take a notification")

    def curve(self, arm: str, points: Sequence[CurvePoint]) -> None: ...

    def leaderboard(self, round: int, ranking: Ranking) -> None: ...

    def close(self) -> None: ...
