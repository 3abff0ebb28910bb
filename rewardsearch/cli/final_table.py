"""Printing the one reading of the sealed test: the arms, what became of the estimates that chose them, and all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewardsearch.cli.fair_table import print_fairness
from rewardsearch.cli.final_classes import print_class_table, print_confusion
from rewardsearch.cli.tables import F1_NOTE, PAPER_NOTE, flags_told, interval, number, p_value, print_lines, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import FinalPair, FinalReport, FinalRow


def print_final(report: FinalReport, console: Console) -> None:
    """The arms on the test, best first; then, in words, what is recommended, how far the estimates on `val` were off, how the
    controls did, how groups of people fare, what each arm is, and what could not be trained."""
    named = {row.id: _told(row) for row in report.rows}
    paper = report.protocol == "paper"
    print_lines(console, f"{'test' if paper else 'sealed test'}: {report.task}, {report.n} questions, {_seeds(report)}")
    if paper:
        print_lines(console, PAPER_NOTE)
    done = [row for row in report.rows if row.status == "done"]
    if any(row.classes for row in done):
        print_class_table(done, named, report.chosen, console)
    elif done:
        headers = (
            "arm",
            "kind",
            "F1",
            "interval",
            "val F1",
            "test-val",
            "seeds",
            "parsed",
            "p/base",
            "corr.",
            "p/policy",
            "flags",
        )
        spare = ("p/policy", "parsed", "flags", "kind", "p/base", "seeds", "interval")
        cells = [_cells(row, row.id == report.chosen) for row in done]
        print_table(console, headers, cells, left=("arm", "kind", "flags"), spare=spare)
        print_lines(console, _interval_told(report))
        print_lines(
            console, F1_NOTE, "p: two-sided, over training seeds and questions; corr.: p/base corrected over the arms."
        )
    print_lines(console, "", *_recommended(report, named))
    chosen = _row(report, report.chosen)
    if chosen is not None and chosen.classes is not None:
        print_confusion(chosen, named[chosen.id], console)
        print_lines(console, "")
    print_lines(console, *_curse(report, named), *_controls(report, named))
    if report.fairness and (classes := next((row.classes for row in done if row.classes), None)):
        first = sorted(report.fairness, key=lambda each: each.arm != report.chosen)
        print_fairness(first, next(iter(classes.classes)), named, console)
    told = [
        f"  {named[row.id]}: {row.how}"
        for row in report.rows
        if row.how and row.kind != "baseline" and (row.kind != "policy" or row.name != row.id)
    ]
    if told:
        print_lines(console, "", "arms:", *told)
    print_lines(console, *(f"{note}" for note in report.notes))
    print_lines(
        console, *(f"{named[row.id]} ({row.kind}) failed {row.reason}" for row in report.rows if row not in done)
    )


def print_pairs(report: FinalReport, console: Console) -> None:
    """McNemar's tests of all pairs of arms."""
    named = {row.id: _told(row) for row in report.rows}
    print_lines(console, f"all pairs: {report.task}, {report.n} questions of the test")
    if report.protocol == "paper":
        print_lines(console, PAPER_NOTE)
    headers = ("a", "b", "both", "only a", "only b", "neither", "p", "Holm", "Bonferroni")
    rows = [
        (
            named[pair.a],
            named[pair.b],
            *map(str, (pair.both, pair.only_a, pair.only_b, pair.neither)),
            *map(p_value, (pair.p, pair.p_holm, pair.p_bonferroni)),
        )
        for pair in report.pairs
    ]
    print_table(console, headers, rows, left=("a", "b"), spare=("Bonferroni", "neither", "both"))
    print_lines(console, f"McNemar's test, of the policies of each arm's first seed; corrected over {len(rows)} pairs.")


def _cells(row: FinalRow, chosen: bool) -> tuple[str, ...]:
    seeds = sorted(row.f1_by_seed.values())
    return (
        ("* " if chosen else "  ") + _told(row),
        row.kind,
        number(row.f1),
        interval(row.expected_ci or row.f1_ci),
        number(row.val_f1),
        _signed(None if row.f1 is None or row.val_f1 is None else row.f1 - row.val_f1),
        f"{seeds[0]:.3f}-{seeds[-1]:.3f}" if len(seeds) > 1 else "-",
        "-" if row.parse_rate is None else f"{100 * row.parse_rate:.1f}%",
        p_value(row.p_vs_baseline),
        p_value(row.p_adjusted),
        p_value(row.p_vs_policy),
        flags_told(row.flags),
    )


def _interval_told(report: FinalReport) -> str:
    if report.seed_sd is None:
        return "interval: over questions alone; the noise between training seeds is not known"
    own = "; references and controls have their own" if report.own_noise else ""
    return (
        "interval: of the F1 that training anew is expected to give, over questions and training seeds "
        f"(standard deviation between seeds {report.seed_sd:.3f}{own})"
    )


def _recommended(report: FinalReport, named: dict[str, str]) -> list[str]:
    from rewardsearch.finalize import FLAGGED

    row = _row(report, report.chosen)
    if row is None:
        return ["nothing is recommended: no ensemble and no candidate could be trained"]
    split = "the test, as they were ranked" if report.protocol == "paper" else "val before the test was read"
    lines = [f"* chosen by F1 on {split}: {named[row.id]}"]
    lines += [f"  {said}" for said in report.said_of(row.id)]
    if flags := [flag for flag in row.flags if flag.startswith(FLAGGED)]:
        lines.append(f"  in spite of {flags_told(flags)}: every ensemble and candidate here has a flag of that kind")
    return lines


def _curse(report: FinalReport, named: dict[str, str]) -> list[str]:
    """How far the estimate that a search chooses by was from what came after (the winner's curse)."""
    row = _row(report, report.best)
    if row is None or row.searched_val_f1 is None or report.protocol == "paper":
        return []
    return [
        f"winner's curse: {named[row.id]} was found with F1 {number(row.searched_val_f1)} on val; "
        f"trained anew it has {number(row.val_f1)} on val and {number(row.f1)} on the test"
        f" (the policy of the search itself: {number(row.searched_test_f1)})"
    ]


def _controls(report: FinalReport, named: dict[str, str]) -> list[str]:
    """The chosen arm against the best control."""
    row = _row(report, report.chosen)
    controls = [each for each in report.rows if each.kind == "control" and each.status == "done"]
    if row is None or not controls or row.f1 is None:
        return []
    best = controls[0]
    pair = _pair(report, row.id, best.id)
    apart = row.f1 - (best.f1 or 0.0)
    return [
        f"best control: {named[best.id]} with {number(best.f1)}, {number(abs(apart))} "
        f"{'below' if apart >= 0 else 'ABOVE'} what was chosen (p {p_value(pair.p)})"
    ]


def _row(report: FinalReport, id: str | None) -> FinalRow | None:
    return next((row for row in report.rows if row.id == id), None)


def _pair(report: FinalReport, a: str, b: str) -> FinalPair:
    return next(pair for pair in report.pairs if {pair.a, pair.b} == {a, b})


def _told(row: FinalRow) -> str:
    return f"{row.name} ({row.id[:6]})" if row.kind == "single" else row.name or row.id


def _seeds(report: FinalReport) -> str:
    seeds = report.seeds
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
