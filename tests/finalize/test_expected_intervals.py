"""The interval of the F1 that training anew is expected to give: whose seeds it stands on."""

from __future__ import annotations

import io

from rich.console import Console
from searched import Played, Searched, judged, right

from rewardsearch.cli.final_table import print_final
from rewardsearch.records import BASELINE, FinalReport

SEEDS = (1, 2, 3)
STEADY = (25, 26, 25)


def report_of(reference: tuple[int, int, int], seeds: int = 3) -> FinalReport:
    """The baseline, a single candidate and a reference, of which the two first hardly move with the seed."""
    searched = Searched().add("a", right(18))
    readings = {BASELINE: (24, 25, 24), searched.id("a"): STEADY, "reference-harsh": reference}
    test = {(id, seed): n for id, each in readings.items() for seed, n in zip(SEEDS, each, strict=True)}
    played = Played(searched, {}, test)
    played.further = {"references": [judged("harsh")]}
    return played.finalize(ensembles=[], controls=[], finalists=1, seeds=seeds)


def widths(report: FinalReport) -> dict[str, float]:
    return {row.kind: row.expected_ci[1] - row.expected_ci[0] for row in report.rows if row.expected_ci}


def test_an_arm_that_collapses_under_a_seed_widens_no_interval_but_its_own() -> None:
    steady, collapsed = report_of(STEADY), report_of((6, 27, 17))
    before, after = widths(steady), widths(collapsed)
    assert {kind: after[kind] for kind in ("baseline", "single", "policy")} == {
        kind: before[kind] for kind in ("baseline", "single", "policy")
    }
    assert after["reference"] > 3 * before["reference"]


def test_with_one_seed_no_trained_arm_has_an_interval_of_what_training_anew_gives() -> None:
    assert set(widths(report_of(STEADY, seeds=1))) == {"policy"}


def table(report: FinalReport) -> str:
    out = io.StringIO()
    print_final(report, Console(file=out, width=200), wide=True)
    return out.getvalue()


def test_the_table_says_how_far_the_arms_move_and_with_one_seed_what_its_intervals_are_about() -> None:
    report = report_of((6, 27, 17))
    sds = [row.seed_sd for row in report.rows if row.seed_sd is not None]
    (line,) = (line for line in table(report).splitlines() if line.startswith("noise: "))
    assert f"{min(sds):.3f}" in line and f"{max(sds):.3f} (reference-harsh)" in line
    alone = table(report_of(STEADY, seeds=1))
    assert alone.count("over the questions alone") >= 3 and "these trained policies" in alone
    assert "over training seeds and questions" not in alone.partition("\n* chosen")[2]
