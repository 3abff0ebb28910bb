import importlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import rewardsearch.cli
from rewardsearch import __version__, errors
from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.cli.tables import flags_text, print_json
from rewardsearch.files.numbers import duration, p_value
from rewardsearch.run.journal import read_run

PROGRAM = [sys.executable, "-c", "from rewardsearch.cli import main; main()"]


def test_help_takes_half_a_second_of_the_processor_at_most_and_loads_nothing_heavy() -> None:
    code = "import sys, time, rewardsearch.cli as c\ntry: c.main()\nexcept SystemExit: pass\n"
    code += "heavy = {'numpy', 'pandas', 'torch', 'pydantic', 'scipy', 'rich'} & set(sys.modules)\n"
    code += "used = time.process_time()\n"
    code += "sys.exit(f'{heavy}, {used} s' if heavy or used > 0.5 else 0)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for command in rewardsearch.cli.COMMANDS:
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("command", rewardsearch.cli.COMMANDS)
def test_every_command_has_help(cli: Any, command: str) -> None:
    done = cli(command, "--help")
    assert cli(command, "-h").out == done.out
    assert done.code == 0 and f"Usage: rewardsearch {command}" in done.out
    function = getattr(importlib.import_module(f"rewardsearch.cli.{command}"), command)
    assert function.__doc__


def test_version(cli: Any) -> None:
    assert cli("--version").out == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("leaderboard",), ("leaderboard", "--nonsense", "x"), ("export", "x", "--top", "x", "-o", "y")],
)
def test_words_that_are_no_command_line_end_with_2(cli: Any, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "") and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UserError("first mistake", "second mistake"), 2),
        (errors.BudgetReached("tokens"), 3),
        (errors.NothingAccepted("none"), 4),
        (errors.MachineError("disk"), 1),
    ],
)
def test_errors_are_one_line_each_with_their_exit_code(
    cli: Any, monkeypatch: pytest.MonkeyPatch, error: errors.RewardSearchError, code: int
) -> None:
    def fail(run: str) -> None:
        raise error

    monkeypatch.setattr("rewardsearch.cli.status.status", fail)
    done = cli("status", "x")
    assert done.code == code
    assert done.err == "".join(f"error: {line}\n" for line in str(error).splitlines())


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (errors.Interrupted("stopped: STOP is there"), "stopped: STOP is there"),
    ],
)
def test_an_interruption_ends_with_130_and_says_so(
    cli: Any, monkeypatch: pytest.MonkeyPatch, end: BaseException, message: str
) -> None:
    def fail(run: str) -> None:
        raise end

    monkeypatch.setattr("rewardsearch.cli.status.status", fail)
    done = cli("status", "x")
    assert done.code == 130 and done.err.startswith(message) and len(done.err.splitlines()) == 1


def test_letters_that_the_terminal_lacks_do_not_end_a_command(run: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin"}
    path = run / "journal.jsonl"
    path.write_text(path.read_text().replace("no code block in it", "no código"))
    done = subprocess.run([*PROGRAM, "leaderboard", str(run)], capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "no c?digo" in done.stdout


@pytest.mark.parametrize("command", [["leaderboard", "{run}"], ["show", "{run}", "worked-steps", "--json"], ["--help"]])
def test_a_reader_that_leaves_ends_no_command(run: Path, command: list[str]) -> None:
    words = [word.format(run=run) for word in command]
    process = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)
    process.stderr.close()


def test_what_is_written_after_the_reader_left_goes_nowhere() -> None:
    reader, writer = os.pipe()
    output = rewardsearch.cli.Output(os.fdopen(writer, "w", encoding="utf-8", buffering=1))
    output.write("kept\n")
    assert os.read(reader, 100) == b"kept\n"
    os.close(reader)
    for _ in range(3):
        output.write("lost\n")
        output.flush()
    output.close()


@pytest.mark.parametrize("when", ["rewardsearch.cli", "typer", "rewardsearch.errors"])
def test_ctrl_c_while_the_command_is_loaded_ends_it_in_a_line(tmp_path: Path, when: str) -> None:
    code = f"""
import sys
from rewardsearch.__main__ import main
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {when!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
main()
"""
    done = subprocess.run([sys.executable, "-c", code, "status", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (130, "", 1)


def test_json_has_no_numbers_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [float("nan"), (float("inf"), 1.5)]})
    assert capsys.readouterr().out == '{\n "a": [\n  null,\n  [\n   null,\n   1.5\n  ]\n ]\n}\n'


def test_a_narrow_terminal_loses_spare_columns_and_no_digits(run: Path) -> None:
    ranking = read_run(run).rankings[-1]
    shown = {}
    for width in (200, 48):
        console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
        print_leaderboard(ranking, console, wide=True)
        shown[width] = console.file.getvalue().split("\n")[2]  # type: ignore[attr-defined]
    assert "0.947  [0.857, 1.000]     0.900" in shown[200]
    assert "0.947  [0.857, 1.000]" in shown[48] and "0.900" not in shown[48] and len(shown[48]) <= 48


def test_numbers_as_people_read_them() -> None:
    assert [duration(s) for s in (41.7, 185, 7620)] == ["42 s", "3 min 5 s", "2 h 7 min"]
    assert [p_value(p) for p in (None, 0.0001, 0.0314)] == ["-", "<0.001", "0.031"]


def test_flags_of_one_kind_stand_together() -> None:
    flags = ("exploit:empty", "exploit:tags", "2 failed reward calls", "exploit:long", "exploit:json", "leak:answer")
    assert flags_text(flags) == "exploit:empty,tags,long,+1, 2 failed reward calls, leak:answer"
    assert flags_text(()) == ""
