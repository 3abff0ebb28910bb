"""How a reward can fail, as an exception whose `reason` is one line that the proposer may read."""

from __future__ import annotations

import builtins
import math
import re
from functools import lru_cache
from typing import Literal

from rewardsearch.rewards.sandbox.static.allowed import FUNCTIONS
from rewardsearch.rewards.sandbox.worker.protocol import (
    MAX_COMPONENTS,
    MAX_PRINTED,
    Breach,
    Raised,
    Result,
    is_component_name,
)

FaultKind = Literal["static", "raised", "timeout", "memory", "died", "contract", "changed"]
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
) | {"error", "InvalidOperation", "JSONDecodeError", "StatisticsError", "FrozenInstanceError"}
_TYPES = (
    FUNCTIONS
    | {"NoneType", "function", "generator", "ellipsis", "partial"}
    | {"Decimal", "Fraction", "defaultdict", "Counter", "deque"}
)
"""Types that are named. The file can give a type of its own any name, such as text that it read."""


class RewardFault(Exception):
    """A reward's failure. `reason` is one line, such as `raised ZeroDivisionError at line 12`; `type` and `line` are the
    exception's where it raised.

    Never holds the text of the candidate's exception, which can contain what the candidate read. `printed` is what it printed
    before, for people only. `maybe_infrastructure`: the worker did not answer, or the call waited: the machine may be the cause.
    """

    def __init__(
        self,
        kind: FaultKind,
        reason: str,
        *,
        type: str | None = None,
        line: int | None = None,
        printed: str = "",
        maybe_infrastructure: bool = False,
    ) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.type, self.line = kind, reason, type, line
        self.printed, self.maybe_infrastructure = harmless(printed), maybe_infrastructure


def harmless(printed: str) -> str:
    """What was printed, bounded, without the control characters that a terminal or a file would act on."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in printed[:MAX_PRINTED])


def raised_fault(raised: Raised, code: str) -> RewardFault:
    """The fault of an exception in the file `code`. It names the type only if the file could name it, so that it contains nothing
    that was read, and the line only if the file has that line."""
    known = raised.type in _EXCEPTIONS or (_IDENTIFIER.match(raised.type) and re.search(rf"\b{raised.type}\b", code))
    name = raised.type if known else "an exception"
    line = raised.line if 1 <= raised.line <= code.count("\n") + 1 else None
    where = f" at line {line}" if line is not None else ""
    return RewardFault("raised", f"raised {name}{where}", type=name, line=line, printed=raised.printed)


def timeout_fault(seconds: float) -> RewardFault:
    return RewardFault("timeout", f"did not return within {seconds:g} s of CPU time")


def asleep_fault(seconds: float) -> RewardFault:
    reason = f"did not return, and did not use its {seconds:g} s of CPU time: it waits for something"
    return RewardFault("timeout", reason, maybe_infrastructure=True)


def memory_fault(megabytes: int) -> RewardFault:
    return RewardFault("memory", f"used more than {megabytes} MB of memory")


def died_fault(signal_number: int, *, maybe_infrastructure: bool = False) -> RewardFault:
    how = f"by signal {signal_number}" if 0 < signal_number < 65 else "without an answer"
    return RewardFault("died", f"ended its process {how}", maybe_infrastructure=maybe_infrastructure)


def breach_fault(breach: Breach, size: int, code: str) -> RewardFault:
    """The sentence for a contract that the file `code` broke; `size` is the number of completions of the call."""
    of = ""
    if breach.component:
        known = contains_name(breach.component, code)
        of = f" for component {breach.component[:64]!a}" if known else " for a component"
    kind = breach.type if breach.type in _TYPES else "value"
    sentences = {
        "type": f"returned a {kind}{of}, not a list of floats"
        + ("" if breach.component else " or a dict of component names to lists of floats"),
        "length": f"returned {_count(breach.count, 2 * size)} values{of} for {size} completions",
        "element": f"returned a {kind} in place of a float{of}",
        "size": f"returned an integer too large for a float{of}",
        "components": f"returned {_count(breach.count, MAX_COMPONENTS)} components; between 1 and 32 are allowed",
        "component": "returned a component name that is not a printable string of 1 to 64 characters without /",
        "state": "returned other values when it was called again with the same arguments: it keeps state",
    }
    return RewardFault("contract", sentences[breach.which], printed=breach.printed)


def _count(count: int, limit: int) -> str:
    """A count in words, exact only up to `limit`: the length of a list could encode text that was read."""
    return str(count) if count <= limit else f"more than {limit}"


def contains_name(name: str, code: str) -> bool:
    """Whether the file `code` contains `name`, in any case. A name that is made at run time can be text that was read."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code, re.IGNORECASE) is not None


@lru_cache(maxsize=64)
def public_names(names: tuple[str, ...], code: str) -> tuple[str, ...]:
    """The names of the components outside the sandbox: their own where the file `code` contains them, else `component 1` and so
    on by position. Distinct where `names` are."""
    found = []
    for position, name in enumerate(names, start=1):
        if not contains_name(name, code):
            name = f"component {position}"
            while name in names or contains_name(name, code):
                name += "'"
        found.append(name)
    return tuple(found)


def check_result(result: Result, size: int, bound: float) -> tuple[float, ...]:
    """The rewards of a result: one per completion, finite, within `bound`; components are summed. Raises RewardFault."""
    if len(result.rows[0]) != size:
        count = _count(len(result.rows[0]), 2 * size)
        raise RewardFault("contract", f"returned {count} values for {size} completions")
    if len(set(result.names)) != len(result.names):
        raise RewardFault("contract", "returned two components with the same name")
    if len(result.names) > MAX_COMPONENTS or not all(map(is_component_name, result.names)):
        raise RewardFault("contract", "returned component names that the worker should have refused")
    for row in result.rows:
        for value in row:
            _check_value(value, bound)
    totals = result.rows[0] if not result.names else tuple(sum(values) for values in zip(*result.rows, strict=True))
    for value in totals:
        _check_value(value, bound)
    return totals


def _check_value(value: float, bound: float) -> None:
    if not math.isfinite(value):
        raise RewardFault("contract", f"returned {value} for a completion")
    if abs(value) > bound:
        raise RewardFault("contract", f"returned a value beyond {bound:g} for a completion")
