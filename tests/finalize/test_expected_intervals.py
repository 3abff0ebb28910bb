"""The interval of the F1 that training anew is expected to give: whose seeds it stands on."""

from __future__ import annotations

import io

import pytest
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


def test_a_reference_that_collapses_under_a_seed_widens_no_interval_but_its_own() -> None:
    steady, collapsed = report_of(STEADY), report_of((6, 27, 17))
    before, after = widths(steady), widths(collapsed)
    assert collapsed.seed_sd == steady.seed_sd and steady.seed_sd is not None and steady.seed_sd < 0.02
    assert {kind: after[kind] for kind in ("baseline", "single", "policy")} == {
        kind: before[kind] for kind in ("baseline", "single", "policy")
    }
    assert after["reference"] > 3 * before["reference"]


def test_a_control_has_its_own_noise_too() -> None:
    searched = Searched().add("a", right(18))
    test = {(id, seed): n for id in (BASELINE, searched.id("a")) for seed, n in zip(SEEDS, STEADY, strict=True)}
    test |= {("format-only", seed): n for seed, n in zip(SEEDS, (4, 25, 15), strict=True)}
    report = Played(searched, {}, test).finalize(ensembles=[], controls=["format-only"], finalists=1, seeds=3)
    assert report.seed_sd == pytest.approx(report_of(STEADY).seed_sd, abs=0.005)
    assert widths(report)["control"] > 2 * widths(report)["single"]


def test_with_one_seed_every_arm_has_the_noise_of_the_search_or_none() -> None:
    report = report_of(STEADY, seeds=1)
    assert ("reference" in widths(report)) == ("single" in widths(report)) == (report.seed_sd is not None)
    assert not report.own_noise and report_of(STEADY).own_noise


def test_the_table_says_whose_noise_an_interval_has() -> None:
    out = io.StringIO()
    report = report_of(STEADY)
    print_final(report, Console(file=out, width=200))
    (line,) = (line for line in out.getvalue().splitlines() if line.startswith("noise: "))
    assert f"{report.seed_sd:.3f}" in line and "references and controls have their own" in line
    out = io.StringIO()
    print_final(report.model_copy(update={"own_noise": False}), Console(file=out, width=200))
    assert f"{report.seed_sd:.3f}" in out.getvalue() and "have their own" not in out.getvalue()
