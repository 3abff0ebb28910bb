"""The Hugging Face hub: whether it answers, and reading from it without its client's log and waits."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rewardsearch.errors import UserError

_WAIT_S = 5.0


class HubError(UserError):
    """What the config names could not be loaded from the hub."""


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Reads from the hub's cache alone where the hub does not answer, instead of trying again for half a minute.

    The hub's client writes two lines for every attempt that fails. Here the exception that it ends with says it all.
    Its log's level is set as it is imported, so import it before.
    """
    from huggingface_hub import constants

    log = logging.getLogger("huggingface_hub")
    level, offline = log.level, not hub_answers()
    # What the libraries read at each request; the environment variable counts at their import alone.
    switches: list[Any] = [constants, getattr(sys.modules.get("datasets"), "config", None)]
    before = [(each, each.HF_HUB_OFFLINE) for each in switches if each is not None]
    log.setLevel(logging.ERROR)
    try:
        for switch, value in before:
            switch.HF_HUB_OFFLINE = value or offline
        yield
    finally:
        for switch, value in before:
            switch.HF_HUB_OFFLINE = value
        log.setLevel(level)


def hub_answers() -> bool:
    """Whether the hub answers within seconds, through the connection that its client uses. No where HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants, get_session

    answered: list[int] = []

    def ask() -> None:
        try:
            answered.append(get_session().head(constants.ENDPOINT, timeout=_WAIT_S).status_code)
        except Exception:
            # Whatever it is (no route, no name, a refusing proxy, a bad certificate), no request would get further.
            return

    if constants.HF_HUB_OFFLINE:
        return False
    # Looking up a name has no deadline of its own.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_WAIT_S)
    return bool(answered)
