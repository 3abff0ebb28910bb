"""The templates of a config's `prompt`, `answer` and so on, with bounds on what filling them in may take.

The bounds hold for slips, such as a loop over a large number. A single step that no bound here knows may still take long.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, Template, meta
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

_SECONDS = 1.0
"""Wall clock for one row."""
_SIGNS = 1_000_000
"""Characters that a template may give, and steps of its loops over ranges."""
_LARGEST = 100_000
"""The largest whole number that functions and filters get which make something of that size."""
_POWER = 64
_SIZED = ("batch", "center", "indent", "round", "slice", "wordwrap")
_WIDE = re.compile(r"[0-9]{6,}")


class _Bounded(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("*", "**", "%"))
    steps = 0
    """Steps of ranges since the last template was begun."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and isinstance(right, int | float) and abs(right) > _POWER:
            raise SecurityError(f"an exponent of {right:g}; at most {_POWER}")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(other, int) and len(one) * other > _SIGNS:
                    raise SecurityError(f"a text or list repeated {other} times")
        if operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise SecurityError(f"the width in {left[:20]!r}")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **named: Any) -> Any:
        _check_sizes(args, named)
        owner = getattr(getattr(function, "__wrapped__", function), "__self__", None)
        if isinstance(owner, str) and _WIDE.search(owner) and function.__name__ in ("format", "format_map"):
            raise SecurityError(f"the width in {owner[:20]!r}")
        found = super().call(context, function, *args, **named)
        if isinstance(found, range):
            self.steps += len(found)
            if self.steps > _SIGNS:
                raise SecurityError(f"loops of more than {_SIGNS:,} steps")
        return found


def _check_sizes(args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    for value in (*args, *named.values()):
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise SecurityError(f"a size of {value:,}; at most {_LARGEST:,}")


def _sized(made: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses large numbers, but for what it is applied to."""

    @wraps(made)
    def bounded(*args: Any, **named: Any) -> Any:
        _check_sizes(args[1:], named)
        return made(*args, **named)

    return bounded


def _json_word(value: Any) -> Any:
    """`true` and `false` as JSON has them."""
    return str(value).lower() if isinstance(value, bool) else value


_TEMPLATES = _Bounded(undefined=StrictUndefined, keep_trailing_newline=True, finalize=_json_word)
_TEMPLATES.filters |= {name: _sized(_TEMPLATES.filters[name]) for name in _SIZED}
GLOBALS = frozenset(_TEMPLATES.globals)
"""The names that every template has."""


def template_of(text: str) -> Template:
    """Raises jinja2.TemplateSyntaxError."""
    return _TEMPLATES.from_string(text)


def variables(text: str) -> set[str]:
    """The names that a template takes from outside. Raises jinja2.TemplateSyntaxError."""
    return set(meta.find_undeclared_variables(_TEMPLATES.parse(text)))


def filled(template: Template, values: Mapping[str, Any]) -> str:
    """The template filled in. Raises what its expressions raise, and jinja2's SecurityError where it goes beyond a bound."""
    _TEMPLATES.steps, size, end = 0, 0, time.monotonic() + _SECONDS
    parts = []
    for part in template.generate(values):
        parts.append(part)
        size += len(part)
        if size > _SIGNS:
            raise SecurityError(f"more than {_SIGNS:,} characters")
        if time.monotonic() > end:
            raise SecurityError(f"it takes more than {_SECONDS:g} s")
    return "".join(parts)
