"""No line is longer than the terminal, and nothing is cut without a sign."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import ARMS, GOOD, REFUSED, book_training, candidate, final_report, screened
from rich.cells import cell_len
from rich.console import Console
from test_class_tables import board
from test_final_classes_table import report as class_report

from rewardsearch.cli.final_table import print_final
from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.cli.tables import PIPED, make_console, print_lines, print_table
from rewardsearch.records import Alarm, FinalRow, PromotionDecision, Proposal, Verdict
from rewardsearch.run.events import Finalized, Proposed, Raced, Validated
from rewardsearch.run.journal import Journal, read_run

LONG = candidate(
    "a_reward_with_a_name_that_a_model_made_as_long_as_it_could_be_r2c3", "9.0 + 0 * len('" + "x" * 150 + "')"
)
WIDE = candidate("数える" * 12, "10.0", round=2)
FLAGS = ("exploit:empty", "exploit:tags", "exploit:numbers", "exploit:echo", "watch:hacking", "bank:length")
REASON = "behaves like another on the policy's completions: " + "agreement of one with the other, " * 6 + "; change it"


@pytest.fixture
def long_run(run: Path) -> Path:
    """The finished run with long names, ideas, reasons, flags and code in it, some of them trained."""
    state = read_run(run)
    lost = candidate("dropped_" + "y" * 60, "11.0", round=2)
    refused = [candidate(f"refused_{i}_" + "z" * 50, f"{i}.5", round=2) for i in range(3)]
    many = [LONG.model_copy(update={"rationale": "because it pays " * 40}), WIDE, lost, *refused]
    with Journal.open(run, state.config, state.base) as journal:
        proposal = Proposal(candidates=tuple(many))
        journal.append(Proposed(round=2, attempt=0, proposal=proposal))
        for each in many:
            verdict = Verdict(candidate=each.id, accepted=True, flags=FLAGS)
            if each in refused:
                verdict = Verdict(candidate=each.id, accepted=False, stage="novelty", reason=REASON)
            journal.append(Validated(verdict=verdict))
        for each in (LONG, WIDE):
            label = f"{each.name}-{each.id[:4]}/{each.name}"
            result = screened(
                each.id, ARMS[GOOD.id], component=label, alarms=(Alarm(kind="hacking", message="x " * 90),)
            )
            book_training(journal, each.id, result)
        promotion = PromotionDecision(
            id=lost.id, promoted=False, message="stopped at step 9: tied with the best " + "and more " * 30
        )
        journal.append(Raced(round=2, rung="rung1", promotions=(promotion,)))
        journal.append(Finalized(report=long_report()))
    return run


def long_report() -> Any:
    report = final_report()
    scores = report.rows[0].model_dump(include={"f1", "f1_ci", "gain", "gain_ci", "f1_by_seed", "p_vs_baseline"})
    more = [
        FinalRow(id=each.id, kind="single", name=each.name, status="done", flags=FLAGS, how="how " * 50, **scores)
        for each in (LONG, WIDE)
    ]
    failed = FinalRow(id="reference-" + "w" * 70, kind="reference", status="failed", reason="returned nan " * 20)
    rows = (*report.rows, *more, failed)
    assert report.conclusion is not None
    said = report.conclusion.model_copy(update={"sentence": "not established: " + "it is so and so " * 20})
    return report.model_copy(update={"rows": rows, "notes": ("left out " * 30,), "conclusion": said})


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_longer_than_the_terminal(
    cli: Any, long_run: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    commands = [
        ("leaderboard",),
        ("leaderboard", "--wide"),
        ("finalize", "--wide"),
        ("status",),
        ("finalize", "--pairs"),
    ]
    commands += [("show", arm) for arm in (LONG.id, WIDE.id, REFUSED.id, "baseline", "policy", "ensemble-top3")]
    for command, *more in commands:
        done = cli(command, long_run, *more)
        assert done.code == 0
        longest = max(done.out.splitlines(), key=cell_len)
        assert cell_len(longest) <= width, (command, more, longest)


def test_no_line_of_any_other_command_is_longer_than_the_terminal(
    cli: Any, run: Path, write_reward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    Path("rows.jsonl").write_text('{"prompt": "2 + 2?", "completion": "It is 4.", "answer": "4"}\n')
    for name, body in (("good", "2.0 * (f'<solution> {a} </solution>' in c)"), ("bad", "open(c)")):
        shutil.copy(write_reward(name, body), f"{name}.py")
    commands = [
        ("init", "work"),
        ("data", "work/config.yaml"),
        ("estimate", "work/config.yaml", "--no-measure"),
        ("run", "work/config.yaml", "--dry-run", "--no-measure"),
        ("run", "nowhere.yaml"),
        ("run", "work/config.yaml", "--set", "x=1"),
        ("validate", "good.py", "bad.py", "--task", "arithmetic"),
        ("score", "good.py", "rows.jsonl"),
        ("watch", "runs/demo"),
        ("compare", "runs/demo", GOOD.id, "baseline"),
        ("export", "runs/demo", "--to", "trl", "-o", "out"),
        ("report", "runs/demo"),
        ("show", "runs/demo", "nobody"),
    ]
    for command in commands:
        done = cli(*command)
        longest = max((done.out + done.err).splitlines(), key=cell_len)
        assert cell_len(longest) <= 80, (command, longest)


@pytest.mark.parametrize("width", [40, 80, 100, 140])
def test_no_line_of_a_class_task_is_longer_than_the_terminal(width: int) -> None:
    groups = {f"q{i}": {"name": "ab"[i % 2] * 30, "age": "xy"[i % 3 == 0]} for i in range(100)}
    file = io.StringIO()
    print_final(class_report(groups), Console(file=file, width=width))
    lines = [*file.getvalue().splitlines(), *board(width)]
    assert max(map(len, lines)) <= width


def test_a_pipe_has_a_hundred_columns_unless_columns_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    for columns, width in ((None, PIPED), ("", PIPED), ("much", PIPED), ("66", 66)):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", columns)
        assert make_console().width == width


def lines_of(line: str, width: int, hang: int | None = None) -> list[str]:
    file = io.StringIO()
    print_lines(Console(file=file, width=width), line, hang=hang)
    return file.getvalue().splitlines()


def test_wrapping_keeps_every_word_and_breaks_only_words_that_are_too_long() -> None:
    line = "    reason  " + " ".join(f"word{i}" for i in range(40)) + " " + "x" * 50
    parts = lines_of(line, 30)
    assert all(len(part) <= 30 for part in parts) and all(part.startswith(" " * 6) for part in parts[1:])
    assert "".join("".join(parts).split()) == "".join(line.split())
    assert [len(part) for part in lines_of("y" * 65, 30, hang=0)] == [30, 30, 5]
    assert lines_of("short", 30) == ["short"]
    assert max(map(cell_len, lines_of("数える " * 30, 30))) <= 30


def test_an_interval_is_not_broken() -> None:
    parts = lines_of("the gain is [-0.083, +0.207], p 0.27", 22, hang=0)
    assert parts == ["the gain is", "[-0.083, +0.207], p", "0.27"]


def table(width: int) -> list[str]:
    file = io.StringIO()
    rows = [("a_long_name_of_a_reward", "1", "22222222", "a text of several words"), ("two", "1", "2", "")]
    print_table(
        Console(file=file, width=width),
        ("name", "a", "b", "text"),
        rows,
        wrap={"name": 8, "text": 12},
        spare=("b",),
        legend={"name": "what it is", "text": "why"},
    )
    return file.getvalue().splitlines()


def test_a_narrow_table_wraps_names_and_texts_and_names_the_columns_that_it_leaves_out() -> None:
    assert table(80)[1].split()[:3] == ["a_long_name_of_a_reward", "1", "22222222"]
    narrow = table(30)
    assert narrow[0].split() == ["name", "a", "text"] and max(map(len, narrow)) <= 30
    rows = [line for line in narrow[1:] if "two" not in line and not line.startswith(("name", "text", "not"))]
    assert "".join(line.split()[0] for line in rows[:2]) in "a_long_name_of_a_reward"
    assert " b;" in next(line for line in narrow if line.startswith("not shown"))
    assert not any(line.startswith("not shown") for line in table(80))


@pytest.mark.parametrize("width", [80, 120])
def test_no_name_and_no_flag_is_lost_in_a_wrapped_table(long_run: Path, width: int) -> None:
    file = io.StringIO()
    print_leaderboard(read_run(long_run).rankings[-1], Console(file=file, width=width), wide=True)
    assert "worked-steps" in file.getvalue() and "…" not in file.getvalue()
