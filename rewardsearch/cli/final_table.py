"""The results of the sealed test as text: the arms, how far the estimates on `val` were off, and all pairs of arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewardsearch.cli.fair_table import print_fairness
from rewardsearch.cli.final_arms import print_arms, print_confusion
from rewardsearch.cli.tables import PAPER_NOTE, print_lines, print_table, scores_of_classes
from rewardsearch.files.numbers import number, p_value

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import FinalReport, FinalRow

PAIRS_LEGEND = {
    "a": "one arm: the policy of its first seed",
    "b": "another arm",
    "both": "questions that both answer correctly",
    "only a": "questions that only a answers correctly",
    "only b": "questions that only b answers correctly",
    "neither": "questions that neither answers correctly",
    "p": "of McNemar's test, for these two trained policies; other training seeds may give another one",
    "Holm": "p corrected over all pairs by Holm's method",
    "Bonferroni": "p corrected over all pairs by Bonferroni's method",
}


def print_final(report: FinalReport, console: Console, wide: bool = False) -> None:
    """The arms on the test, best first. Then in words: the chosen arm and the conclusion about it, how far the estimates on `val`
    were off, rates by group of people, what each arm is, and which arms failed. wide: every column, and flags by name."""
    named = {row.id: _title(row) for row in report.rows}
    paper = report.protocol == "paper"
    print_lines(console, f"{'test' if paper else 'sealed test'}: {report.task}, {report.n} questions, {_seeds(report)}")
    if paper:
        print_lines(console, PAPER_NOTE)
    done = [row for row in report.rows if row.status == "done"]
    if done:
        print_arms(done, named, report.chosen, console, wide)
        print_lines(console, _noise_text(report, named))
    print_lines(console, "", *_chosen(report, named))
    chosen = report.row(report.chosen)
    if chosen is not None and chosen.classes is not None:
        print_confusion(chosen, named[chosen.id], console)
        print_lines(console, "")
    print_lines(console, *_winners_curse(report, named), *_control(report, named))
    classes = scores_of_classes(done)
    if report.fairness and classes is not None and classes.positive is not None:
        first = sorted(report.fairness, key=lambda each: each.arm != report.chosen)
        print_fairness(first, classes.positive, named, console)
    explained = [
        f"  {named[row.id]}: {row.how}"
        for row in report.rows
        if row.how and row.kind != "baseline" and (row.kind != "policy" or row.name != row.id)
    ]
    if explained:
        print_lines(console, "", "arms:", *explained)
    print_lines(console, *report.notes)
    print_lines(
        console, *(f"{named[row.id]} ({row.kind}) failed {row.reason}" for row in report.rows if row not in done)
    )


def print_pairs(report: FinalReport, console: Console) -> None:
    """McNemar's tests of all pairs of arms."""
    named = {row.id: _title(row) for row in report.rows}
    print_lines(
        console,
        f"all pairs of trained policies (first seed): {report.task}, {report.n} questions of the test, "
        f"{len(report.pairs)} pairs",
    )
    if report.protocol == "paper":
        print_lines(console, PAPER_NOTE)
    rows = [
        (
            named[pair.a],
            named[pair.b],
            *map(str, (pair.both, pair.only_a, pair.only_b, pair.neither)),
            *map(p_value, (pair.p, pair.p_holm, pair.p_bonferroni)),
        )
        for pair in report.pairs
    ]
    print_table(console, PAIRS_LEGEND, rows, spare=("Bonferroni", "neither", "both"), legend=PAIRS_LEGEND)


def _noise_text(report: FinalReport, named: dict[str, str]) -> str:
    known = sorted((row.seed_sd, row.id) for row in report.rows if row.seed_sd is not None)
    if not known:
        return (
            "noise: with one seed per arm the noise between training seeds is unknown; the intervals are over the questions "
            "alone, so of these trained policies"
        )
    (low, least), (high, most) = known[0], known[-1]
    return (
        f"noise: standard deviation of F1 between training seeds {low:.3f} ({named[least]}) to {high:.3f} ({named[most]}); the "
        "interval of a gain uses the noise of its two arms"
    )


def _chosen(report: FinalReport, named: dict[str, str]) -> list[str]:
    from rewardsearch.finalize import FLAGGED
    from rewardsearch.records.flags import flag_words

    row = report.row(report.chosen)
    if row is None:
        return ["no arm is chosen: no ensemble and no candidate could be trained"]
    split = "the test" if report.protocol == "paper" else "val before the test was read"
    lines = [f"* chosen by F1 on {split}: {named[row.id]}"]
    lines += [f"  {sentence}" for sentence in report.describe_arm(row.id)]
    if flags := [flag for flag in row.flags if flag.startswith(FLAGGED)]:
        lines.append(f"  flagged {flag_words(flags)}: every ensemble and candidate here has a flag of that kind")
    return lines


def _winners_curse(report: FinalReport, named: dict[str, str]) -> list[str]:
    """The estimate that made the best arm the best, and the estimates of new trainings (the winner's curse)."""
    row = report.row(report.best)
    if row is None or row.searched_val_f1 is None or report.protocol == "paper":
        return []
    return [
        f"winner's curse: {named[row.id]} had F1 {number(row.searched_val_f1)} on val in the search; "
        f"trained again it has {number(row.val_f1)} on val and {number(row.f1)} on the test"
        f" (the policy of the search itself: {number(row.searched_test_f1)})"
    ]


def _control(report: FinalReport, named: dict[str, str]) -> list[str]:
    """The chosen arm against the best control."""
    found = report.control_conclusion
    return [f"best control, {named[found.against]}: {found.sentence}"] if found else []


def _title(row: FinalRow) -> str:
    return f"{row.name} ({row.id[:6]})" if row.kind == "single" else row.name or row.id


def _seeds(report: FinalReport) -> str:
    seeds = report.seeds
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
