"""The command line: one file per command, imported when the command is called, and the exit codes that scripts rely on.

0 done; 1 a bug or a failed machine or server; 2 the user's mistake; 3 a budget is reached; 4 no candidate accepted;
130 interrupted. The top of the command files imports typer, the standard library and what prints, so that `--help` answers at
once.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import IO, Annotated, Any

import typer
from typer.core import TyperGroup

COMMANDS = (
    "init",
    "estimate",
    "run",
    "sft",
    "status",
    "watch",
    "leaderboard",
    "show",
    "report",
    "compare",
    "validate",
    "adapt",
    "score",
    "data",
    "prompt",
    "finalize",
    "fairness",
    "export",
    "doctor",
    "audit",
    "skill",
)
"""Function and module of each command, in the order of `--help`."""
HELP = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """The commands of COMMANDS, each imported when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command. Ctrl-C becomes an Interrupted error: typer would end the process without a message."""
        from rewardsearch.errors import Interrupted

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; run the same command again to resume") from None

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(cmd_name, context_settings=HELP)(
            getattr(importlib.import_module(f"rewardsearch.cli.{cmd_name}"), cmd_name)
        )
        return typer.main.get_command(app)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=HELP,
)


def _version(wanted: bool) -> None:
    if wanted:
        from rewardsearch import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    """Search for reward functions for RL post-training of language models."""


class Output:
    """A stream whose reader may close it, as `| head -1` does. Later output is discarded and the command continues.

    So a search does not end when the terminal or the `tee` that shows it ends.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._discard()

    def _discard(self) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)


def main() -> None:
    """The console script. Errors of this package go to standard error, one line each, without a traceback."""
    from rewardsearch.cli.tables import write_messages
    from rewardsearch.errors import Interrupted, RewardSearchError
    from rewardsearch.files.disk import disk_errors, scratch_root

    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot show becomes a question mark.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    with redirect_stdout(Output(sys.stdout)), redirect_stderr(Output(sys.stderr)):
        try:
            with disk_errors(scratch_root()):
                app(prog_name="rewardsearch")
        except RewardSearchError as error:
            prefix = "" if isinstance(error, Interrupted) else "error: "
            write_messages(*(f"{prefix}{line}" for line in str(error).splitlines()))
            sys.exit(error.exit_code)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
