import io
from collections.abc import Mapping
from typing import Any

import pytest
from classed import classed
from rich.console import Console

from rewardsearch.cli.final_table import print_final
from rewardsearch.records import POLICY, FinalReport, FinalRow, SeedScores
from rewardsearch.stats import Bootstrap, f1_accuracy, fairness

GOLD = "S" * 50 + "R" * 50
ANSWERS = {
    ("keyword", 0): "S" * 40 + "R" * 25 + "S" * 15 + "R" * 20,
    (POLICY, 0): "S" * 40 + "R" * 10 + "S" * 6 + "R" * 44,
    ("reference-gentle", 1): "S" * 43 + "R" * 7 + "S" * 3 + "R" * 47,
    ("reference-gentle", 2): "S" * 45 + "R" * 5 + "S" * 2 + "R" * 48,
    ("reference-aggressive", 1): "S" * 5 + "R" * 95,
    ("reference-aggressive", 2): "S" * 3 + "R" * 97,
    ("a5fa31d4", 1): "S" * 44 + "R" * 5 + "-" + "S" * 2 + "R" * 48,
    ("a5fa31d4", 2): "S" * 42 + "R" * 8 + "S" * 2 + "R" * 48,
}
KINDS: Mapping[str, Any] = {"keyword": "heuristic", POLICY: "policy", "a5fa31d4": "single"}
FLAGS = {"reference-aggressive": ("refused:bank", "bank:collapse", "watch:collapse")}


def report(groups: Mapping[str, Mapping[str, str]] | None = None) -> FinalReport:
    outcomes = {key: classed(GOLD, text) for key, text in ANSWERS.items()}
    bootstrap = Bootstrap(outcomes, resamples=300, seed=0)
    rows = []
    for id in dict.fromkeys(id for id, _ in ANSWERS):
        keys = [key for key in ANSWERS if key[0] == id]
        scores = bootstrap.estimate(*keys)
        gain = (bootstrap.sample(*keys) - bootstrap.sample((POLICY, 0))).score("macro_f1")
        metrics = {seed: f1_accuracy(outcomes[id, seed]) for id, seed in keys if id != "keyword"}
        assert gain is not None
        row = FinalRow(
            id=id,
            kind=KINDS.get(id, "reference"),
            name={"a5fa31d4": "grounded", POLICY: "sft"}.get(id, id),
            status="done",
            how=f"how {id} came to be",
            parse_rate=0.995,
            f1_by_seed={seed: each.f1 for seed, each in metrics.items()},
            classes=bootstrap.class_scores(*keys),
            classes_by_seed={
                seed: SeedScores(precision=each.precision, recall=each.recall, macro_f1=each.macro_f1 or 0.0)
                for seed, each in metrics.items()
            },
            macro_gain=None if id == POLICY else gain.value,
            macro_gain_ci=None if id == POLICY else (gain.value - 0.06, gain.value + 0.06),
            macro_gain_questions_ci=None if id == POLICY else gain.ci,
            flags=FLAGS.get(id, ()),
            **scores.model_dump(),
        )
        rows.append(row)
    told = [
        fairness(arm, [outcomes[arm, 1], outcomes[arm, 2]], groups or {}, seed=0, permutations=200)
        for arm in ("reference-gentle", "a5fa31d4")
    ]
    return FinalReport(
        task="resume",
        n=100,
        seeds=(1, 2),
        chosen="a5fa31d4",
        rows=tuple(sorted(rows, key=lambda row: -(row.f1 or 0))),
        fairness=tuple(each for each in told if each is not None),
    )


def shown(report: FinalReport, width: int | None = None, wide: bool = True) -> str:
    file = io.StringIO()
    print_final(
        report, Console(file=file, width=width or 400, force_terminal=width is not None, color_system=None), wide
    )
    return file.getvalue()


def line_of(out: str, beginning: str) -> str:
    return next(line for line in out.splitlines() if line.startswith(beginning))


def test_a_class_task_shows_macro_f1_against_sft_and_the_positive_class_by_seed() -> None:
    out = shown(report())
    header = line_of(out, "arm").split("  ")
    assert [name.strip() for name in header if name.strip()] == [
        *("arm", "kind", "macro F1", "interval", "vs sft", "precision", "recall"),
        *("F1", "p/base", "corr.", "parsed", "flags"),
    ]
    chosen = " ".join(line_of(out, "* grounded (a5fa31)").split())
    assert chosen.startswith("* grounded (a5fa31) single 0.910 ") and " 0.95-0.96 0.84-0.88 0.905 " in chosen
    assert "+0.070 [+0.01, +0.13]" in chosen
    assert "of SELECTED" in line_of(out, "F1 ") and "2a" not in out


def test_rule_policy_references_and_chosen_stand_side_by_side_in_140_columns() -> None:
    lines = shown(report(), width=140).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("arm"))
    end = next(i for i, line in enumerate(lines) if line.startswith("arm  ") and i > start)
    table = [line for line in lines[start:end] if line[2:3].strip()]
    arms = ("reference-gentle", "grounded", "sft", "keyword", "reference-aggr")
    assert [
        line[2 : 2 + len(arm)] for line, arm in zip((line for line in table[1:] if "0." in line), arms, strict=True)
    ] == [*arms]
    assert all(len(line) <= 140 for line in table)
    aggressive = next(line for line in table if "reference-aggr" in line)
    assert "0.06-0.10" in aggressive and aggressive.endswith("refused:bank,")
    keyword = next(line for line in table if "keyword" in line)
    assert "  0.73  " in keyword and "  0.80  " in keyword


def test_the_chosen_arm_is_compared_with_sft_and_its_answers_are_shown() -> None:
    out = shown(report())
    assert "* chosen by F1 on val before the test was read: grounded (a5fa31)" in out
    assert "  macro F1 +0.070 [" in out and "] against sft" in line_of(out, "  macro F1")
    assert "answers of grounded (a5fa31)" in out
    assert line_of(out, "SELECTED").split() == ["SELECTED", "43", "6.5", "0.5"]
    assert line_of(out, "REJECTED").split() == ["REJECTED", "2", "48", "0"]
    assert "  sft: how policy came to be" in out


def test_fairness_is_a_table_for_the_chosen_arm_and_lines_for_others() -> None:
    assert "by group" not in shown(report())
    groups = {f"q{i}": {"name": "ab"[i % 2], "age": "xy"[i in range(43, 50)]} for i in range(100)}
    # Of the gentle reference's mistakes on SELECTED all are people of age y, who have no others; so it is for the chosen arm.
    for i in range(97, 100):
        groups[f"q{i}"]["age"] = "y"
    out = shown(report(groups))
    assert "SELECTED by group, grounded (a5fa31):" in out
    assert line_of(out, "name       a").split()[:3] == ["name", "a", "50"]
    assert "FLAGGED" in line_of(out, "age: gap") and "FLAGGED" not in line_of(out, "name: gap")
    assert "FLAGGED" in line_of(out, "reference-gentle: age: gap")
    assert "reference-gentle: name" not in out


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_keeps_macro_f1_and_recall(width: int) -> None:
    lines = shown(report(), width=width).splitlines()
    header = next(line for line in lines if line.startswith("arm"))
    assert "macro F1" in header and "kind" not in header and max(map(len, lines)) <= width
