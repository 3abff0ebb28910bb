"""Reading from the hub without its client's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_hub() -> Iterator[None]:
    """The hub's client writes two lines for every attempt that fails; here only what it gives up with is told, as an exception.

    Its log's level is set as it is imported, so import it before.
    """
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
