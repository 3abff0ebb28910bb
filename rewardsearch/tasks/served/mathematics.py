"""math-verify in the process that serves it, whose main thread can set the signal of its time limit. It imports nothing of this
package."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

_SECONDS = 3


def start(settings: dict[str, Any]) -> None:
    logging.getLogger("math_verify").setLevel(logging.ERROR)


@lru_cache(maxsize=4096)
def _expressions(text: str) -> list[Any]:
    from math_verify import parse

    return list(parse(f"${text}$", parsing_timeout=_SECONDS))


def same(given: str, gold: str) -> bool:
    """Whether math-verify finds two texts equal."""
    from math_verify import verify

    read, wanted = _expressions(given), _expressions(gold)
    return bool(read and wanted and verify(wanted, read, timeout_seconds=_SECONDS))
