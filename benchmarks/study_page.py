"""Writes docs/evidence.md from the numbers in docs/evidence/*.json: every sentence with a figure depends on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import real_model
from landscape_page import landscape_sections, signs
from scipy.stats import binom, t
from study_criteria import against_random, chosen_arm, criteria, has_gain, over_control, runs_of
from study_figures import write_figures
from study_further import SEEDS as FURTHER_SEEDS
from study_plan import SEEDS_PER_ARM
from study_text import STUDY, chance, f1, figure, gain, section, table

from rewardsearch.files import write_atomic

Numbers = dict[str, Any]
_RECORDED = (
    "The rewards of `frontier-S` are those of the recording, trained and ranked anew with seed S: its seeds repeat the training, "
    "not the search."
)

DOCUMENTS = ("study", "landscape", "before_training", "gain_coverage", "real-model")
"""The files of docs/evidence/ that the page is made of; all but the first may be missing."""


def write_page(docs: Path) -> list[Path]:
    """Writes evidence.md and the figures into `docs` from docs/evidence/*.json; gives the paths of what was written."""
    folder, page = docs / "evidence", docs / "evidence.md"
    files = {name: folder / f"{name}.json" for name in DOCUMENTS}
    documents = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}
    figures = write_figures(folder, documents)
    write_atomic(page, page_text(documents, figures))
    return [page, *(folder / f"{name}-{theme}.svg" for name in figures for theme in ("light", "dark"))]


def page_text(documents: Mapping[str, Numbers], figures: Sequence[str]) -> str:
    """The page, without the sections that there are no numbers for. figures: the names of those that were drawn."""
    study, landscape = documents["study"], documents.get("landscape")
    parts = [
        _head(study),
        _criteria(documents),
        _gains(study, figures),
        _rounds(study, figures),
        _noise(study, documents.get("gain_coverage")),
        _intervals(study, figures),
        _cost(study, figures),
        *(landscape_sections(landscape, figures) if landscape else ()),
        signs(study["bank"], documents.get("before_training"), figures),
        real_model.section(documents.get("real-model")).strip(),
        _disappoints(documents),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def label(run: Numbers) -> str:
    return f"`{run['name']}`"


def _head(study: Numbers) -> str:
    settings = study["settings"]
    left = [(label(run), run["status"]) for run in study["runs"] if run["status"] != "done"]
    lost = [run for run in study["runs"] if run["status"] == "done" and not has_gain(run)]
    left += [(label(run), "incomplete: done, but no recommended arm with a gain on the test") for run in lost]
    text = (
        "# Evidence\n\n"
        "Does a search find better rewards than one would have had anyway? This page answers from runs on the embedded "
        f"arithmetic task: {settings['rounds']} rounds of {settings['candidates']} candidates, screens of {settings['steps']} "
        f"GRPO steps, F1 on {settings['val']:,} `val` questions for every choice, and a sealed test of {settings['test']:,} "
        "questions that each run reads once, after everything is chosen. All runs and the further seeds share its questions, "
        "so seeds are not independent over questions. The test scores of the recorded searches were known when they were "
        f"added. Final arms are trained anew with {settings['final_seeds']} seeds that no candidate was trained with. Gains, "
        "intervals and p-values are about rewards: noise between training seeds and questions are both in them.\n\n"
        f"The command `{STUDY}` carries out the runs, and `{STUDY} --write` writes this page and its figures. The numbers are "
        "in [evidence/study.json](evidence/study.json). Search seeds: "
        f"{', '.join(map(str, settings['seeds']))}. `search-S` is the grammar's search with seed S; `random-S` the same "
        f"without feedback; `frontier-S` repeats a recorded search of a frontier model. {_RECORDED}"
    )
    if environment := study["environment"]:
        versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
        text += f"\n\nMeasured on {environment['device']['name']} with {versions}."
    if left:
        told = ", ".join(f"{name} ({status})" for name, status in left)
        text += f"\n\n**Not finished, and not in the figures of final arms:** {told}."
    return text


def _criteria(documents: Mapping[str, Numbers]) -> str:
    rows = ((each.what, each.limit, each.measured, each.verdict) for each in criteria(documents))
    return section("What must hold", table(("claim", "limit", "measured", "verdict"), rows))


def _gains(study: Numbers, figures: Sequence[str]) -> str:
    rows = []
    for run in study["runs"]:
        if not has_gain(run):
            continue
        arm = chosen_arm(run)
        base = next(each for each in run["arms"] if each["kind"] == "baseline")
        cells = [label(run), arm["name"], f1(arm["f1"]), f1(base["f1"]), gain(arm), chance(arm["p"])]
        rows.append([*cells, *(gain(over_control(run, control)) for control in ("random-", "average"))])
    if not rows:
        return ""
    head = ("run", "recommended arm", "F1", "base", "gain over base", "p", "over three random", "over the average")
    said = [
        _said_gains(study, kind, who)
        for kind, who in (
            ("search", "The grammar's search"),
            ("random", "Random search"),
            ("frontier", "The frontier model's recorded search, retrained,"),
        )
    ]
    return section(
        "Does the search beat the base rewards, random candidates and the average?",
        " ".join(each for each in said if each),
        table(head, rows),
        "The recommended arm is the ensemble of the run's three best candidates on `val`. The controls train on the base "
        "rewards with the mean of three candidates drawn at random, or of all accepted candidates. Command: "
        f"`{STUDY}`; one run in full: `rewardsearch finalize runs/study/search-0`.",
        figure("gains", figures),
    )


def _said_gains(study: Numbers, kind: str, who: str) -> str:
    arms = [chosen_arm(run) for run in runs_of(study, kind)]
    if not arms:
        return ""
    gains = [arm["gain"] for arm in arms]
    clear = sum(arm["gain_ci"] is not None and arm["gain_ci"][0] > 0 for arm in arms)
    seeds = len(study["settings"]["seeds"])
    return (
        f"{who} gains {fmean(gains):+.3f} over the base rewards (mean over {len(arms)} of {seeds} seeds, {min(gains):+.3f} to "
        f"{max(gains):+.3f}); the interval excludes 0 in {clear} of {len(arms)}."
    )


def _rounds(study: Numbers, figures: Sequence[str]) -> str:
    runs = [run for run in study["runs"] if run.get("rounds")]
    if not runs:
        return ""
    whole = study["settings"]["rounds"]
    rows = []
    for run in runs:
        means = [f"{f1(each['mean'])} ({each['trained']})" for each in run["rounds"]]
        means += ["-"] * (whole - len(means))
        rows.append(
            [label(run), f1(run.get("baseline_val")), *means, f1(max(run["cost"]["best_so_far"], default=None))]
        )
    head = ("run", "base rewards", *(f"round {number} (trained)" for number in range(1, whole + 1)), "best")
    pairs = against_random(study)
    said = ""
    if pairs:
        above = sum(pair["search"] > pair["random"] for pair in pairs)
        means = [fmean(pair[kind] for pair in pairs) for kind in ("search", "random")]
        steps = [fmean(pair[f"{kind}_steps"] for pair in pairs) for kind in ("search", "random")]
        said = (
            f"With feedback the last round has mean F1 {means[0]:.3f}, without {means[1]:.3f} "
            f"(means over {len(pairs)} of {len(study['settings']['seeds'])} seeds); "
            f"it is higher with feedback in {above} of {len(pairs)}. Training steps: {steps[0]:.0f} against {steps[1]:.0f}."
        )
    return section(
        "Do rounds rise, and does feedback do it?",
        said,
        table(head, rows),
        f"Mean F1 on `val` of the candidates of each round that were trained, one training seed each. {_RECORDED} Only the "
        f"grammar has a run without feedback. Command: `{STUDY}`; one run in full: "
        "`rewardsearch leaderboard runs/study/search-0`.",
        figure("rounds", figures),
    )


def _noise(study: Numbers, simulated: Numbers | None) -> str:
    base, pairs = study["baseline"], study["a_a"]
    parts = [_real_noise(base, pairs)] if base["f1_by_seed"] else []
    if simulated is not None:
        rows = simulated["rows"]
        settings = simulated["settings"]
        parts += [
            f"In simulation, {settings['searches']:,} searches of {settings['questions']:,} questions a line: the share of "
            "95 % intervals of the gain that hold the true gain, and how often two copies of the base rewards are called "
            "different at p < 0.05. Limits are set for 3 seeds or more with normal seed effects. The lines with 2 seeds and with "
            "two habits (every run far above or far below the mean) have no limit.",
            table(list(rows[0]), ([str(cell) for cell in row.values()] for row in rows)),
            "Command: `python benchmarks/gain_coverage.py --json > docs/evidence/gain_coverage.json`.",
        ]
    return section("How noisy is it? The A/A arm", *parts) if parts else ""


def _real_noise(base: Numbers, pairs: Sequence[Numbers]) -> str:
    scores = list(base["f1_by_seed"].values())
    spread = f", standard deviation {base['sd']:.3f}" if base["sd"] is not None else ""
    said = (
        f"The base rewards alone, over {len(scores)} training seeds of the final arms, have F1 {min(scores):.3f} to "
        f"{max(scores):.3f} on the test (mean {fmean(scores):.3f}{spread})."
    )
    shown = ""
    if pairs:
        ties = sum(pair["tie"] for pair in pairs)
        said += (
            f" Held against themselves with other seeds they are a tie in {ties} of {len(pairs)} comparisons. Each search has "
            "one; the others hold the A/A arm of one search against the baseline of another. An arm is in up to two "
            "comparisons, so they are not independent."
        )
        rows = (
            [
                f"`{pair['run']}`",
                f"`{pair['against']}`",
                gain(pair),
                chance(pair["p"]),
                "tie" if pair["tie"] else "**not a tie**",
            ]
            for pair in pairs
        )
        shown = table(("A/A arm of", "baseline of", "gain", "p", ""), rows)
    return "\n\n".join(part for part in (said, shown, f"Command: `{STUDY}`.") if part)


def _intervals(study: Numbers, figures: Sequence[str]) -> str:
    rows, left = study["further"], study["further_left_out"]
    if not rows and not left:
        return ""
    seeds = len(FURTHER_SEEDS)
    told = ", ".join(f"`{row['run']}` {row['name']} ({len(row['f1_by_seed'])} of {seeds} seeds)" for row in left)
    missing = f" Left out, since further seeds or the run's own interval are missing: {told}." if left else ""
    inside = sum(row["inside"] for row in rows)
    shown = (
        [
            f"`{row['run']}`",
            row["name"],
            f"{f1(row['reported'])} [{f1(row['interval'][0])}, {f1(row['interval'][1])}]",
            f1(row["f1"]),
            "inside" if row["inside"] else "**outside**",
        ]
        for row in rows
    )
    return section(
        "Are the intervals right?",
        f"The F1 of an arm, estimated with {seeds} further seeds, lies in the interval that its run reported in {inside} of "
        f"{len(rows)} arms. Arms that are trained alike in several runs count once. The questions are the same ones, so that "
        f"this tests the noise between seeds.{missing}",
        _expected_inside(inside, len(rows), seeds) if rows else "",
        table(("run", "arm", "reported F1 with interval", "F1 with further seeds", ""), shown),
        f"Command: `{STUDY} --further`.",
        figure("intervals", figures),
    )


def _expected_inside(inside: int, arms: int, further: int) -> str:
    """What exact intervals would give: the further seeds are a sample too, so that some of their means lie outside."""
    reach = t(SEEDS_PER_ARM - 1).ppf(0.975) / np.sqrt(1 + SEEDS_PER_ARM / further)
    share = 1 - 2 * t(SEEDS_PER_ARM - 1).sf(reach)
    return (
        f"The further seeds are a sample too: an exact 95 % interval over {SEEDS_PER_ARM} normal seeds holds the mean of "
        f"{further} further ones in {share:.0%} of cases, so {arms * share:.1f} of {arms} arms are to be expected, and "
        f"{inside} or fewer in {binom(arms, share).cdf(inside):.0%} of such checks."
    )


def _cost(study: Numbers, figures: Sequence[str]) -> str:
    runs = [run for run in study["runs"] if "best" in run.get("cost", {})]
    if not runs:
        return ""
    rows = []
    for run in runs:
        cost, best = run["cost"], run["cost"]["best"]
        reached = [f"{best['runs']}", f"{best['steps']:,}", f"{best['seconds'] / 60:.1f}"]
        rows.append([label(run), f1(best["f1"]), *reached, f"{cost['runs']}", f"{cost['steps']:,}"])
    head = (
        "run",
        "best F1 on val",
        "runs to it",
        "steps to it",
        "minutes of training to it",
        "runs in all",
        "steps in all",
    )
    return section(
        "What does the best cost?",
        "Training up to the best candidate, the baseline's seeds first, in the order of proposal; minutes are those of each "
        "training by itself, added up. `in all` has the final arms.",
        table(head, rows),
        f"Command: `{STUDY}`.",
        figure("cost", figures),
    )


def _disappoints(documents: Mapping[str, Numbers]) -> str:
    """Everything that did not come out as it should, one line each."""
    study = documents["study"]
    failed = (each for each in criteria(documents) if each.holds is False)
    lines = [f"{each.what}: {each.measured}, wanted {each.limit}" for each in failed]
    for run in study["runs"]:
        if has_gain(run):
            arm = chosen_arm(run)
            if arm["gain_ci"] is None or arm["gain_ci"][0] <= 0:
                lines.append(f"{label(run)}: the recommended arm's gain is not established, {gain(arm)}")
            for control, told in (("random-", "three random candidates"), ("average", "the average of all")):
                over = over_control(run, control)
                if over is not None and over["gain"] <= 0:
                    lines.append(f"{label(run)}: the recommended arm does not beat {told}, {gain(over)}")
        means = [each["mean"] for each in run.get("rounds", ()) if each["mean"] is not None]
        if len(means) > 1 and means[-1] < means[0] and run["kind"] != "random":
            lines.append(
                f"{label(run)}: the last round's mean F1 is below the first's, {means[-1]:.3f} against {means[0]:.3f}"
            )
    lines += [
        f"`{p['run']}` against `{p['against']}`: A/A is not a tie, {gain(p)}" for p in study["a_a"] if not p["tie"]
    ]
    lines += [
        f"`{row['run']}`: {row['name']} reported {f1(row['interval'][0])} to {f1(row['interval'][1])}, and has {f1(row['f1'])} "
        "with further seeds"
        for row in study["further"]
        if not row["inside"]
    ]
    if not lines:
        return ""
    return section("Where it disappoints", "\n".join(f"- {line}" for line in lines))
