"""The command line: one file a command, each imported when it is asked for, and the exit codes users script against.

0 done; 1 a bug; 2 the user's error; 3 a budget is reached; 4 nothing accepted; 130 interrupted. Only typer and the
standard library are imported here and at the top of the command files, so that `--help` answers at once.
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
    "run",
    "sft",
    "status",
    "leaderboard",
    "show",
    "compare",
    "validate",
    "score",
    "data",
    "prompt",
    "finalize",
    "fairness",
    "export",
    "doctor",
)
"""Each is the function of that name in the module of that name, in the order that `--help` shows them."""
HELP = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """The commands of COMMANDS, each made from its module's function when it is named."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command. Ctrl-C is an end like the others: typer would end the process without a word."""
        from rewardsearch.errors import Interrupted

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; the same command carries on") from None

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


def _version(asked: bool) -> None:
    if asked:
        from rewardsearch import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    """Search for reward functions for RL post-training of language models."""


class Output:
    """A stream whose reader may leave, as `| head -1` does: from then on what is written goes nowhere, and the command goes on.

    A search must not end because the terminal or the `tee` that showed it did.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def main() -> None:
    """The console script. Errors that are the user's to mend go to standard error, a line each, without a traceback."""
    from rewardsearch.errors import Interrupted, RewardSearchError
    from rewardsearch.files.disk import disk_errors, scratch_root

    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter shows a mark in its place.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    with redirect_stdout(Output(sys.stdout)), redirect_stderr(Output(sys.stderr)):
        try:
            with disk_errors(scratch_root()):
                app(prog_name="rewardsearch")
        except RewardSearchError as error:
            mark = "" if isinstance(error, Interrupted) else "error: "
            for line in str(error).splitlines():
                sys.stderr.write(f"{mark}{line}\n")
            sys.exit(error.exit_code)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
