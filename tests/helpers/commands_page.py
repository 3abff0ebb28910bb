"""docs/commands.md, from the commands themselves. To write it: `.venv/bin/python tests/helpers/commands_page.py`."""

from __future__ import annotations

from rewardsearch.cli import COMMANDS, LazyGroup
from rewardsearch.files.resources import PACKAGE

PAGE = PACKAGE.parent / "docs" / "commands.md"
HEAD = """# Commands and options

Each command prints this with `--help`.
"""


def commands_page() -> str:
    group = LazyGroup()
    parts = [HEAD]
    for name in COMMANDS:
        command = group.get_command(None, name)
        context = command.context_class(command, info_name=f"rewardsearch {name}", terminal_width=100)
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
