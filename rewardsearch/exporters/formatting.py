"""Python text as `ruff format` writes it with its defaults: exported modules look the same wherever they land."""

from __future__ import annotations

import subprocess
import sys

from rewardsearch.errors import UserError


def format_python(text: str) -> str:
    """The same program, formatted. Raises UserError for text that is not Python."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise UserError(f"the export cannot be formatted: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout.decode()
