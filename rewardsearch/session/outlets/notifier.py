"""Notifications through apprise, to the address that an environment variable holds.

The address may hold a key, so it is in no config, journal or message; errors name the variable alone.
"""

from __future__ import annotations

import os

from apprise import Apprise

_apprise = Apprise()
_run = ""


class NotSent(Exception):
    """A notification was not sent."""


def start(settings: dict[str, str]) -> None:
    """Raises NotSent where the variable holds no address that apprise knows."""
    global _run
    _run = settings["run"]
    url = os.environ.get(settings["variable"], "").strip()
    if not url:
        raise NotSent("the environment variable is not set")
    if not _apprise.add(url):
        raise NotSent("the environment variable holds no address that apprise knows")


def notice(title: str, text: str) -> None:
    """Raises NotSent where a server does not take it."""
    if not _apprise.notify(title=f"{_run}: {title}", body=text):
        raise NotSent("the server did not take a notification")
