"""The `rewardsearch` command, also as `python -m rewardsearch`.

Nothing but the standard library is imported before Ctrl-C is handled, so that it ends the command in one line at any time.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    try:
        from rewardsearch.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
