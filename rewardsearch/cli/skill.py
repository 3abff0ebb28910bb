"""`rewardsearch skill`: the instructions for coding agents."""

from __future__ import annotations

import sys


def skill() -> None:
    """Print the instructions for coding agents (SKILL.md)."""
    from rewardsearch.files.resources import PACKAGE

    sys.stdout.write((PACKAGE / "SKILL.md").read_text(encoding="utf-8"))
