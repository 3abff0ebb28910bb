"""Texts as the report shows them. Texts of candidates, completions and models are made safe to show; the templates
escape them."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from rewardsearch.files.numbers import NONE

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


def breakable(name: str) -> Markup:
    """A name that a line may break in behind an underscore."""
    return Markup("_<wbr>").join(escape(part) for part in clean(name).split("_"))


def short(value: float | None, digits: int = 4) -> str:
    """At most `digits` digits, such as 3, 0.25 or -1.02."""
    return NONE if value is None else f"{value + 0.0:.{digits}g}"
