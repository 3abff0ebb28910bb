"""Every prompt that is checked in renders in full, and a name without a value is an error."""

from __future__ import annotations

from fakes import BAD, BASELINE_KINDS, GOOD, LEVEL, REFUSED, screened  # noqa: F401
