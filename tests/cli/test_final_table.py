import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD, final_report
from rich.console import Console

from rewardsearch.cli.final_table import print_final, print_pairs
from rewardsearch.config import parse_config
from rewardsearch.records import FinalReport, Noise
from rewardsearch.run.events import Finalized
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.session.plan import describe_plan, describe_power
from rewardsearch.stats import smallest_gain, usual_question_se


def shown(report: FinalReport, width: int | None = None, printing: Any = print_final, wide: bool = True) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width or 200, force_terminal=width is not None, color_system=None)
    printing(report, console, *((wide,) if printing is print_final else ()))
    return file.getvalue()


def test_the_final_table_has_scores_on_test_and_val_and_their_difference() -> None:
    out = shown(final_report())
    assert "sealed test: arithmetic, 1000 questions, seeds 1, 2" in out
    row = next(line for line in out.splitlines() if line.startswith("* ensemble-top3"))
    assert row.split()[2:9] == ["ensemble", "0.900", "0.890-0.910", "+0.050", "[-0.010,", "+0.110]", "0.010"]
    assert row.split()[10:14] == ["[0.880,", "0.920]", "0.930", "-0.030"] and row.endswith("<0.001")
    assert "random-3 (control) failed with seed 1: returned nan" in out


def test_the_chosen_arm_is_shown_with_its_conclusion() -> None:
    out = shown(final_report())
    chosen = out.index("* chosen by F1 on val before the test was read: ensemble-top3\n")
    assert out.index("  not established: ensemble-top3 scores F1 +0.050 [-0.010, +0.110]") > chosen


@pytest.mark.parametrize("width", [80, 120])
def test_people_get_six_columns_of_the_arms(width: int) -> None:
    lines = shown(final_report(), width=width, wide=False).splitlines()
    assert max(map(len, lines)) <= width
    header = next(line for line in lines if line.startswith("arm"))
    assert header.split()[:5] == ["arm", "kind", "F1", "accuracy", "gain"]
    start = next(i for i, line in enumerate(lines) if line.startswith("* ensemble-top3"))
    row = " ".join(" ".join(lines[start : start + 2]).split())
    assert all(text in row for text in ("0.900", "[0.880, 0.920]", "+0.050", "[-0.010, +0.110]"))


def test_a_chosen_arm_with_a_flag_is_marked() -> None:
    report = final_report()
    flags = ("exploit:empty", "watch:hacking", "bank:length")
    rows = [row.model_copy(update={"flags": flags}) if row.id == report.chosen else row for row in report.rows]
    out = shown(report.model_copy(update={"rows": tuple(rows)}))
    assert "  flagged reward hacking; pays length: " in out
    assert "flagged" not in shown(report)


def test_the_winners_curse_is_shown_in_figures() -> None:
    (line,) = [line for line in shown(final_report()).splitlines() if line.startswith("winner's curse: ")]
    assert f"worked-steps ({GOOD.id[:6]})" in line
    assert re.findall(r"\d\.\d{3}", line) == ["0.950", "0.890", "0.880", "0.920"]


def test_the_chosen_arm_is_compared_with_the_best_control() -> None:
    report = final_report()
    assert report.conclusion is not None and "best control" not in shown(report)
    against = report.conclusion.model_copy(update={"against": "format-only", "sentence": "better: than form alone"})
    out = shown(report.model_copy(update={"control_conclusion": against}))
    assert "best control, format-only: better: than form alone\n" in out


def test_arms_are_explained_and_notes_are_shown() -> None:
    out = shown(final_report())
    assert "  ensemble-top3: the best 2 by F1 on val: worked-steps, level-headed" in out
    assert "ensemble-cover is left out" in out


def test_the_literatures_protocol_is_labelled_on_every_table() -> None:
    report = final_report().model_copy(update={"protocol": "paper"})
    for printing in (print_final, print_pairs):
        assert "paper protocol: " in shown(report, printing=printing)
        assert "paper protocol" not in shown(final_report(), printing=printing)
    assert "sealed" not in shown(report) and "winner's curse" not in shown(report)
    assert "chosen by F1 on the test: ensemble-top3" in shown(report)


def test_all_pairs_are_shown_with_both_corrections() -> None:
    out = shown(final_report(), printing=print_pairs)
    row = next(line for line in out.splitlines() if line.startswith("ensemble-top3") and "format-only" in line)
    assert row.split()[1:] == ["format-only", "700", "120", "80", "100", "0.030", "0.060", "0.090"]
    assert "3 pairs" in out


def test_a_narrow_terminal_keeps_the_arm_its_score_and_its_gain_and_names_what_is_not_shown() -> None:
    lines = shown(final_report(), width=60).splitlines()
    row = next(line for line in lines if line.startswith("* ensemble-top3"))
    assert max(map(len, lines)) <= 60 and "0.900" in row and "+0.050 [-0.010, +0.110]" in row
    assert "val F1" in next(line for line in lines if line.startswith("not shown in 60 columns"))


def test_every_column_has_a_legend() -> None:
    lines = shown(final_report()).splitlines()
    header = next(line for line in lines if line.startswith("arm"))
    named = {line.split("  ")[0] for line in lines}
    assert {column.strip() for column in header.split("  ") if column.strip()} - named == set()


def test_finalize_of_a_finalized_run_reads_nothing_and_shows_pairs_and_json(cli: Any, run: Path) -> None:
    before = (run / "journal.jsonl").read_text().count('"test_opened"')
    done = cli("finalize", run, "--pairs")
    assert done.code == 0 and "Bonferroni" in done.out and "* ensemble-top3" in done.out
    document = json.loads(cli("finalize", run, "--json").out)
    assert document["chosen"] == "ensemble-top3" and len(document["pairs"]) == 3 and "opened" in document
    assert (run / "journal.jsonl").read_text().count('"test_opened"') == before


def plan_of(**settings: object) -> tuple[str, ...]:
    return describe_plan(parse_config({"rounds": 2, "candidates": 4, "train": {"steps": 40}, **settings}, "test"))


def test_the_plan_separates_the_search_and_finalize() -> None:
    assert plan_of(race={"enabled": False}) == (
        "plan: at most 29 training runs, 1,160 steps",
        "  search: baseline x 3 seeds, 2 x 4 candidates: 11 training runs, 440 steps",
        "  finalize, at most: 5 arms x 5 seeds: 18 training runs, 720 steps",
    )
    assert plan_of(race={"enabled": False}, finalize={"enabled": False})[1:] == (
        "  search: baseline x 3 seeds, 2 x 4 candidates: 11 training runs, 440 steps",
    )


def test_the_power_is_for_usual_noise_or_for_the_noise_that_the_run_measured() -> None:
    config = parse_config({"finalize": {"seeds": 4}}, "test")
    usual = describe_power(config, 1000, None)
    assert len(usual) == 1 + 3 and "1,000 questions" in usual[0] and "here 4" in usual[0]
    found = [[float(each.split(" with ")[0]) for each in line.split(": ")[1].split(", ")] for line in usual[1:]]
    assert [len(row) for row in found] == [5, 5, 5] and all(row == sorted(row, reverse=True) for row in found)
    assert found[1] == pytest.approx(
        [smallest_gain(0.015, n, usual_question_se(1000)) for n in (2, 3, 4, 5, 8)], abs=6e-4
    )
    noise = Noise(f1_by_seed={0: 0.75, 1: 0.77, 2: 0.76}, seed_sd=0.0123, df=2, question_sd=0.01)
    measured = describe_power(config, 1000, noise)
    assert len(measured) == 3 and "0.012" in measured[1] and "3 seeds" in measured[1]
    assert measured[2] == usual[3] and "0.050" in usual[3]


def test_there_is_no_power_without_a_comparison_of_rewards() -> None:
    assert describe_power(parse_config({"finalize": {"enabled": False}}, "test"), 1000, None) == ()
    assert describe_power(parse_config({"paper_protocol": True}, "test"), 1000, None) == ()
    assert "nothing about rewards" in describe_power(parse_config({"finalize": {"seeds": 1}}, "test"), 1000, None)[0]


def test_a_race_makes_the_searchs_steps_a_range() -> None:
    # Rungs after 8 and 20 of 40 steps keep 2 of 4 and 1 of 2: 4 x 8 + 2 x 12 + 1 x 20 a round, and 3 x 40 of the baseline.
    assert "272 to 440 steps" in plan_of()[1]


def test_the_plan_labels_the_literatures_protocol() -> None:
    assert "will be inflated" in plan_of(paper_protocol=True)[-1]


def test_an_arm_that_is_the_same_as_another_is_exported_by_either_name(cli: Any, run: Path, tmp_path: Path) -> None:
    state = read_run(run)
    assert state.final is not None
    report = state.final.model_copy(update={"same": {"ensemble-top5": "ensemble-top3"}})
    with Journal.open(run, state.config, state.base) as journal:
        journal.append(Finalized(report=report))
    for name in ("ensemble-top5", "ensemble-top3"):
        assert cli("export", run, "--to", "trl", "--ensemble", name, "-o", tmp_path / name).code == 0
    same, own = ((tmp_path / name / "README.md").read_text() for name in ("ensemble-top5", "ensemble-top3"))
    assert same == own
