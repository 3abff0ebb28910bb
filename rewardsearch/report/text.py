"""Numbers and texts as the report shows them. Texts of candidates, completions and models are made safe to show; the templates
escape them."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Control characters, and those that hide text or change its direction."""


def whole(text: str) -> str:
    """The text as a file can hold it: half of a surrogate pair becomes a replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean(text: str) -> str:
    """The text with everything visible: in place of an unseen character stands its number."""
    return _UNSEEN.sub(lambda found: f"\N{SYMBOL FOR SUBSTITUTE}{ord(found[0]):04X}", whole(text.replace("\r\n", "\n")))


def shortened(text: str, length: int) -> str:
    """The text, cut where it is longer, with the number of the characters that are left out."""
    return text if len(text) <= length else f"{text[:length]} … ({len(text) - length:,} more characters)"


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:+.{digits}f}"


def interval(value: tuple[float, float] | None) -> str:
    return "–" if value is None else f"[{value[0]:.3f}, {value[1]:.3f}]"


def signed_interval(value: tuple[float, float] | None) -> str:
    return "–" if value is None else f"[{value[0]:+.3f}, {value[1]:+.3f}]"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def p_value(p: float | None) -> str:
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def short(value: float | None) -> str:
    """At most four digits, such as 3, 0.25 or -1.02."""
    return "–" if value is None else f"{value + 0.0:.4g}"


def duration(seconds: float) -> str:
    """Such as 42 s, 3 min 5 s or 2 h 7 min."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    minutes, rest = divmod(total, 60)
    return f"{minutes} min {rest} s" if total < 3600 else f"{minutes // 60} h {minutes % 60} min"
