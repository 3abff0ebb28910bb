"""The Hugging Face hub: whether it answers, and reading from it without its client's log and waits."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError

_WAIT_S = 5.0


class HubError(UserError):
    """What the config names could not be loaded from the hub. offline: the task on a sample that comes with the package, for
    commands that train nothing; None where there is none."""

    def __init__(self, problem: str, remedy: str, offline: TaskConfig | None = None) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.offline = problem, offline


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Reads from the hub's cache alone where the hub does not answer, instead of retrying for half a minute.

    The hub's client logs two lines for every failed attempt. They are left out: the exception at the end says it all. The client
    sets the level of its log when it is imported, so import it first.
    """
    from huggingface_hub import constants

    log = logging.getLogger("huggingface_hub")
    level, offline = log.level, not hub_answers()
    # The libraries read these at each request, and the environment variable only at their import.
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
    """Whether the hub answers within seconds, through its client's connection. False where HF_HUB_OFFLINE is set."""
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
    # The look-up of a host name has no deadline.
    request = threading.Thread(target=ask, daemon=True)
    request.start()
    request.join(_WAIT_S)
    return bool(answered)
