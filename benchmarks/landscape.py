"""Whether rewards differ by more than noise on the arithmetic task: trains and measures the list in landscape/index.yaml.

    python benchmarks/landscape.py [--run-dir runs/landscape] [--only-read] [--json] [--out docs/evidence/landscape.json]

Every reward is trained beside the base rewards for 22 steps with the seeds 0, 11 and 22. It is evaluated on 1,000 questions of
`val` at the end and, with seed 0, after 5 and 11 steps. The base rewards alone are trained with the seeds 0 to 7. All other
settings are those of configs/arithmetic-demo.yaml. The test split is not read. A training takes about 15 seconds of two cores,
the list about an hour. What is in the run folder is not trained again; --only-read trains nothing and measures what is there.

gain: the mean F1 of the reward's seeds less that of the base rewards' eight.
rank correlation: Spearman's over the rewards, of F1 at a rung with F1 at the end, both with seed 0.
training accuracy: the share of right completions, the mean over the steps of a training. A reward that teaches sooner has more.
reliability: the rank correlation over rewards between one seed and another, the mean over pairs of seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from landscape_runs import CLASSES, RUNGS, SEEDS, SETTINGS, STEPS, Measured, listed, measured, trained
from rich.console import Console
from rich.table import Table
from scipy.stats import chi2

from rewardsearch.files import write_atomic
from rewardsearch.records import BASELINE, FULL, POLICY
from rewardsearch.stats import f1_accuracy, spearman

GAIN = 0.04
"""Of F1, from which on a reward counts as better than the base rewards, and as worse below its negative."""
WIDTH = 130
"""Characters of a printed line."""
Document = dict[str, Any]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's; None for fewer than three pairs, or without spread."""
    found = spearman(a, b)
    return None if found is None else round(found, 4)


def reliability(scores: Sequence[Mapping[int, float]]) -> float | None:
    """The mean over pairs of seeds of the rank correlation between them; scores: by seed, one mapping a reward."""
    seeds = sorted(set.intersection(*(set(each) for each in scores))) if scores else []
    found = [rank_correlation([s[a] for s in scores], [s[b] for s in scores]) for a, b in combinations(seeds, 2)]
    known = [each for each in found if each is not None]
    return round(fmean(known), 4) if known else None


def sd_interval(sd: float, seeds: int) -> tuple[float, float]:
    """The 95 % interval of a standard deviation between seeds, whose scores are taken as normal."""
    low, high = (sd * ((seeds - 1) / float(chi2.ppf(p, seeds - 1))) ** 0.5 for p in (0.975, 0.025))
    return low, high


def document(rewards: Sequence[Measured], baseline: Measured, untrained: Mapping[str, float]) -> Document:
    """Everything that is reported, from the measures of the rewards and of the base rewards alone."""
    whole = [each for each in rewards if each.f1]
    complete = [each for each in whole if set(SEEDS) <= set(each.f1)]
    rows = sorted((_row(each, baseline) for each in whole), key=lambda row: -row["f1"])
    gains = [row["gain"] for row in rows]
    sd = stdev(baseline.f1.values()) if len(baseline.f1) > 1 else None
    at_rungs = {
        steps: [
            (each.at[steps][SEEDS[0]], each.f1[SEEDS[0]], each.mean)
            for each in whole
            if SEEDS[0] in each.f1 and each.at.get(steps)
        ]
        for steps in RUNGS
    }
    correlations = {
        str(steps): {
            "rewards": len(pairs),
            "with_the_end": rank_correlation([p[0] for p in pairs], [p[1] for p in pairs]),
            "with_the_mean_of_seeds": rank_correlation([p[0] for p in pairs], [p[2] for p in pairs]),
        }
        for steps, pairs in at_rungs.items()
    }
    speed = [fmean(each.training_accuracy.values()) for each in whole]
    first, better, worse = correlations[str(RUNGS[0])]["with_the_end"], *_counts(gains)
    criteria = [
        ("standard deviation of the base rewards' F1 over seeds", sd, "at most 0.015", sd is not None and sd <= 0.015),
        (f"rewards that gain {GAIN} or more", better, "at least 5", better >= 5),
        ("gain of the best", max(gains, default=0.0), "at least 0.08", max(gains, default=0.0) >= 0.08),
        (f"rewards that lose {GAIN} or more", worse, "at least 5", worse >= 5),
        (f"rank correlation of F1 at step {RUNGS[0]} and the end", first, "at least 0.6", (first or 0.0) >= 0.6),
        ("accuracy of the untrained policy", untrained["accuracy"], "0.2 to 0.5", 0.2 <= untrained["accuracy"] <= 0.5),
        ("rewards measured with all seeds", len(complete), "at least 24", len(complete) >= 24),
    ]
    return {
        "command": "python benchmarks/landscape.py",
        "settings": {"steps": STEPS, "rungs": list(RUNGS), "seeds": list(SEEDS), "set": list(SETTINGS)},
        "untrained": dict(untrained),
        "baseline": {
            "f1": round(baseline.mean, 4),
            "sd": None if sd is None else round(sd, 4),
            "sd_ci": None if sd is None else [round(limit, 4) for limit in sd_interval(sd, len(baseline.f1))],
            "f1_by_seed": _rounded(baseline.f1),
            "at": {str(steps): _rounded(scores) for steps, scores in baseline.at.items()},
            "sd_at": {str(steps): round(stdev(s.values()), 4) for steps, s in baseline.at.items() if len(s) > 1},
            "training_accuracy": round(fmean(baseline.training_accuracy.values()), 4),
        },
        "rewards": rows,
        "not_trained": [each.name for each in rewards if not each.f1],
        "rank_correlation": correlations,
        "training_accuracy": {
            "rank_correlation_with_f1": rank_correlation(speed, [each.mean for each in whole]),
            "reliability": reliability([each.training_accuracy for each in complete]),
            "reliability_of_f1": reliability([each.f1 for each in complete]),
        },
        "criteria": [
            {"what": what, "value": round(value, 4) if value is not None else None, "limit": limit, "holds": holds}
            for what, value, limit, holds in criteria
        ],
    }


def _counts(gains: Sequence[float]) -> tuple[int, int]:
    """How many are better, and worse, by GAIN."""
    return sum(gain >= GAIN for gain in gains), sum(gain <= -GAIN for gain in gains)


def _row(each: Measured, baseline: Measured) -> Document:
    return {
        "name": each.name,
        "file": each.file,
        "class": each.cls,
        "id": each.id,
        "f1": round(each.mean, 4),
        "f1_low": round(min(each.f1.values()), 4),
        "f1_high": round(max(each.f1.values()), 4),
        "f1_by_seed": _rounded(each.f1),
        "gain": round(each.mean - baseline.mean, 4),
        "at": {str(steps): next(iter(_rounded(scores).values()), None) for steps, scores in each.at.items()},
        "training_accuracy": round(fmean(each.training_accuracy.values()), 4),
        "training_accuracy_by_seed": _rounded(each.training_accuracy),
        "flags": list(each.flags),
    }


def _rounded(scores: Mapping[int, float]) -> dict[str, float]:
    return {str(seed): round(score, 4) for seed, score in scores.items()}


def read(run: Path, *, may_train: bool, console: Console) -> Document:
    """Trains what is missing in `run`, and measures."""
    rewards = listed()
    results = trained(rewards, run, may_train=may_train, console=console)
    if (POLICY, FULL, SEEDS[0]) not in results or (BASELINE, FULL, SEEDS[0]) not in results:
        raise SystemExit(f"{run} lacks the untrained policy or the base rewards; run this without --only-read")
    policy = f1_accuracy(results[POLICY, FULL, SEEDS[0]].outcomes)
    untrained = {
        "accuracy": round(policy.accuracy, 4),
        "f1": round(policy.f1, 4),
        "parsed": round(policy.parse_rate, 4),
    }
    found = [measured(each.spec.id, each.name, each.file, each.cls, results) for each in rewards]
    return document(found, measured(BASELINE, BASELINE, "", "", results), untrained)


def _print(found: Document, console: Console) -> None:
    rungs = [f"step {steps}" for steps in found["settings"]["rungs"]]
    table = Table("reward", "class", "F1", "seeds", "gain", *rungs, "training acc.", "flags")
    for row in found["rewards"]:
        table.add_row(
            row["name"],
            row["class"],
            f"{row['f1']:.3f}",
            f"{row['f1_low']:.3f}-{row['f1_high']:.3f}",
            f"{row['gain']:+.3f}",
            *("-" if score is None else f"{score:.3f}" for score in row["at"].values()),
            f"{row['training_accuracy']:.3f}",
            ", ".join(row["flags"]),
        )
    console.print(table)
    by_class = {cls: [row["gain"] for row in found["rewards"] if row["class"] == cls] for cls in CLASSES}
    for cls, gains in by_class.items():
        if gains:
            better, worse = _counts(gains)
            console.print(f"{cls}: {len(gains)} rewards, mean gain {fmean(gains):+.3f}, {better} better, {worse} worse")
    base = found["baseline"]
    spread = f"sd {base['sd']:.4f} between seeds, interval {base['sd_ci']}" if base["sd"] is not None else "one seed"
    console.print(f"base rewards: F1 {base['f1']:.3f}, {spread}")
    console.print(f"rank correlations with the end: {json.dumps(found['rank_correlation'])}", highlight=False)
    console.print(f"training accuracy: {json.dumps(found['training_accuracy'])}", highlight=False)
    for each in found["criteria"]:
        console.print(f"{'holds' if each['holds'] else 'NOT'}: {each['what']} {each['value']} ({each['limit']})")


def give(found: Document, out: Path | None, as_json: bool, show: Callable[[Document, Console], None]) -> None:
    """Writes a document to the file `out`, where there is one, and prints it, as JSON or by `show`."""
    text = json.dumps(found, indent=1)
    if out:
        write_atomic(out, text + "\n")
    if as_json:
        print(text)
    else:
        show(found, Console(width=WIDTH))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/landscape"))
    parser.add_argument("--only-read", action="store_true", help="train nothing")
    parser.add_argument("--out", type=Path, help="a file for the JSON document, such as docs/evidence/landscape.json")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = read(options.run_dir, may_train=not options.only_read, console=Console(stderr=True))
    give(found, options.out, options.json, _print)


if __name__ == "__main__":
    main()
