"""What the signs before and during training were worth, on the rewards of benchmarks/landscape.py with their measured outcomes.

    python benchmarks/evidence_before_training.py [--run-dir runs/landscape] [--json] [--out docs/evidence/before_training.json]

It reads the trainings of benchmarks/landscape.py, which come first, samples the rollout bank once, and validates the rewards as
one round. A reward is good where its gain over the base rewards is 0.04 or more, bad where it is -0.04 or less, level in between.

flags: how many good, level and bad rewards have each flag. hit: the share of the bad rewards that have it; false alarm: the
share of the good ones. A flag is wrong more often than right where it is on more good than bad rewards.
measures: the rank correlation of each measure of the bank with the mean F1 of the seeds, and how often a good reward has the
higher value than a bad one.
race: rounds of four rewards drawn from the list, raced at one rung by several rules: the share dropped, the share of the good
rewards that is lost, how often the round's best is lost (by the mean of its seeds), and the share of the training steps saved.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
from landscape import GAIN, Document, give
from landscape import read as read_landscape
from landscape_runs import BASELINE_SEEDS, RUNGS, SEEDS, STEPS, Key, Listed, config_of, listed, trained
from rich.console import Console
from rich.table import Table

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.records import BASELINE, FULL, TrainingResult, Verdict
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.stats import SeedNoise, f1_accuracy, spearman
from rewardsearch.tasks import load_task
from rewardsearch.train import sample_bank, start_launcher
from rewardsearch.train.race import baseline_noise, race
from rewardsearch.validation import validate

Grade = Literal["good", "level", "bad"]
GRADES: tuple[Grade, ...] = ("good", "level", "bad")
MEASURES = (
    "bank_auc",
    "bank_auc_answered",
    "bank_auc_any_form",
    "bank_auc_total",
    "bank_spread",
    "bank_base_agreement",
    "bank_zero_std_fraction",
    "bank_length",
    "bank_lengthened",
    "bank_below_silence",
)
BELOW_HALF = MEASURES[:4]
"""AUC in its variants, each also counted as a flag where it is below one half."""
KINDS = ("exploit:", "trigger:", "watch:", "sensitive:")
"""Kinds of flags that are also counted together."""
SEED_ROUNDS, ROUND = 300, 4
"""Simulated rounds and their size."""


def grade(gain: float) -> Grade:
    return "good" if gain >= GAIN else "bad" if gain <= -GAIN else "level"


def flags_of(verdict: Verdict, trained_flags: Sequence[str]) -> set[str]:
    """Everything that validation and training with the first seed hold against a reward, and the stage that refuses it."""
    flags = {*verdict.flags, *trained_flags}
    flags |= {f"{kind}*" for kind in KINDS if any(flag.startswith(kind) for flag in flags)}
    flags |= {f"{name} < 0.5" for name in BELOW_HALF if float(verdict.checks.get(name, 1.0)) < 0.5}
    return flags | ({f"refused:{verdict.stage}"} if verdict.stage else set())


def flag_rates(flags: Mapping[str, set[str]], grades: Mapping[str, Grade]) -> list[Document]:
    """The counts and rates of each flag; flags and grades by reward."""
    totals = {each: sum(found == each for found in grades.values()) for each in GRADES}
    rows = []
    for flag in sorted(set().union(*flags.values())):
        on = [grades[id] for id in grades if flag in flags[id]]
        counts = {each: on.count(each) for each in GRADES}
        rows.append(
            {
                "flag": flag,
                **counts,
                "hit": _share(counts["bad"], totals["bad"]),
                "false_alarm": _share(counts["good"], totals["good"]),
                "wrong_more_often": counts["good"] > counts["bad"],
            }
        )
    return rows


def measure_worth(values: Mapping[str, float], f1: Mapping[str, float], grades: Mapping[str, Grade]) -> Document:
    """What one measure says of the outcome, over the rewards that have it."""
    ids = [id for id in f1 if id in values]
    good, bad = ([values[id] for id in ids if grades[id] == each] for each in ("good", "bad"))
    wins = [(a > b) + (a == b) / 2 for a in good for b in bad]
    correlation = spearman([values[id] for id in ids], [f1[id] for id in ids])
    return {
        "rewards": len(ids),
        "rank_correlation": None if correlation is None else round(correlation, 3),
        "good_above_bad": round(fmean(wins), 3) if wins else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


# --- the race -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rung:
    """What is known at one rung: the results of the rewards and of the base rewards alone (BASELINE) by id, the steps, and the
    noise between seeds."""

    steps: int
    results: Mapping[str, TrainingResult]
    noise: SeedNoise | None


Rule = Callable[[Rung, Sequence[str]], set[str]]
"""Who goes on, of the entrants of one round."""


def by_rank(rung: Rung, entrants: Sequence[str]) -> set[str]:
    """The better half, whatever the distance."""
    f1 = {id: f1_accuracy(rung.results[id].outcomes).f1 for id in entrants}
    return set(sorted(entrants, key=lambda id: -f1[id])[: (len(entrants) + 1) // 2])


def by_noise(noise: Callable[[Rung], SeedNoise | None], agreement: float | None = None) -> Rule:
    """The package's race with one noise between seeds; agreement: where ranks are trusted."""

    def rule(rung: Rung, entrants: Sequence[str]) -> set[str]:
        settings, rank = RaceConfig(), RankConfig(resamples=500)
        promotions = race(rung.results, entrants, BASELINE, BASELINE, settings, rank, 0, noise(rung), agreement)
        return {id for id, promotion in promotions.items() if promotion.promoted}

    return rule


RULES: dict[str, Rule] = {
    "the better half by rank": by_rank,
    "behind beyond the noise of questions": by_noise(lambda rung: SeedNoise(sd=0.0, df=1)),
    "behind beyond the noise of questions and seeds": by_noise(lambda rung: rung.noise),
    "the same, with the rung's ranks trusted": by_noise(lambda rung: rung.noise, 1.0),
}


def race_worth(
    rung: Rung, rule: Rule, f1: Mapping[str, float], grades: Mapping[str, Grade], rounds: int, seed: int = 0
) -> Document:
    """What a rule drops at a rung, over rounds drawn from the rewards that were at it."""
    rng, ids = np.random.default_rng(seed), sorted(id for id in f1 if id in rung.results)
    entered = dropped = good = good_lost = best_lost = 0
    for _ in range(rounds):
        entrants = [str(id) for id in rng.choice(ids, ROUND, replace=False)]
        lost = set(entrants) - rule(rung, entrants)
        entered, dropped = entered + ROUND, dropped + len(lost)
        good += sum(grades[id] == "good" for id in entrants)
        good_lost += sum(grades[id] == "good" for id in lost)
        best_lost += max(entrants, key=lambda id: f1[id]) in lost
    return {
        "dropped": round(dropped / entered, 3),
        "good_lost": round(good_lost / good, 3) if good else None,
        "best_lost": round(best_lost / rounds, 3),
        "steps_saved": round(dropped / entered * (1 - rung.steps / STEPS), 3),
    }


def rungs_of(results: Mapping[Key, TrainingResult]) -> list[Rung]:
    """The rungs with what was measured there. The noise is that of the first three seeds of the base rewards, as in a search."""
    found = []
    for place, steps in enumerate(RUNGS, start=1):
        name = f"rung{place}"
        at = {id: result for (id, rung, seed), result in results.items() if (rung, seed) == (name, SEEDS[0])}
        baselines = [results[key] for seed in BASELINE_SEEDS[:3] if (key := (BASELINE, FULL, seed)) in results]
        noise = baseline_noise(baselines, RankConfig(resamples=500), 0)
        found.append(Rung(steps, {id: result for id, result in at.items() if result.status == "done"}, noise))
    return found


# --- all of it ----------------------------------------------------------------------------------------------------------


def verdicts_of(rewards: Sequence[Listed], run: Path) -> dict[str, Verdict]:
    """The verdicts of the whole validation on the rewards as one round, by id."""
    config = config_of()
    with start_launcher(run, config) as launcher:
        rollouts = sample_bank(run / "bank.jsonl", launcher, lambda: True, lambda *_: None)
    base, task = load_base_rewards(config.train.base_rewards), load_task(config.task)
    found = validate([each.candidate for each in rewards], task, config, bank=rollouts, base=base)
    return {verdict.candidate: verdict for verdict in found}


def document(
    landscape: Document,
    verdicts: Mapping[str, Verdict],
    results: Mapping[Key, TrainingResult],
    rounds: int = SEED_ROUNDS,
) -> Document:
    """Everything that is reported."""
    rows = {row["id"]: row for row in landscape["rewards"]}
    f1 = {id: row["f1"] for id, row in rows.items()}
    grades = {id: grade(row["gain"]) for id, row in rows.items()}
    flags = {id: flags_of(verdicts[id], row["flags"]) for id, row in rows.items()}
    worth = {
        name: measure_worth(
            {id: float(verdicts[id].checks[name]) for id in rows if name in verdicts[id].checks}, f1, grades
        )
        for name in MEASURES
    }
    races = [
        {"step": rung.steps, "rule": name, **race_worth(rung, rule, f1, grades, rounds)}
        for rung in rungs_of(results)
        if len(rung.results) > ROUND
        for name, rule in RULES.items()
    ]
    return {
        "command": "python benchmarks/evidence_before_training.py",
        "good": GAIN,
        "bad": -GAIN,
        "rewards": {each: sum(found == each for found in grades.values()) for each in GRADES},
        "flags": flag_rates(flags, grades),
        "measures": [{"measure": name, **found} for name, found in worth.items()],
        "race": {"rounds": rounds, "candidates": ROUND, "rungs": races},
        "by_reward": [
            {
                "name": row["name"],
                "class": row["class"],
                "grade": grades[id],
                "gain": row["gain"],
                **{name: _rounded(verdicts[id].checks.get(name)) for name in MEASURES},
                "flags": sorted(flags[id]),
            }
            for id, row in rows.items()
        ],
    }


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 3)


def markdown(found: Document) -> str:
    """The tables of docs/evidence.md."""
    count = found["rewards"]
    lines = [
        f"| flag | on good ({count['good']}) | on level ({count['level']}) | on bad ({count['bad']}) | hit | false alarm |",
        "|---|---|---|---|---|---|",
    ]
    shown = [row for row in found["flags"] if not row["flag"].startswith(KINDS) or row["flag"].endswith("*")]
    shown += [row for row in found["flags"] if row["flag"].startswith("watch:") and not row["flag"].endswith("*")]
    for row in shown:
        rates = " | ".join("-" if row[name] is None else f"{row[name]:.0%}" for name in ("hit", "false_alarm"))
        lines.append(f"| `{row['flag']}` | {row['good']} | {row['level']} | {row['bad']} | {rates} |")
    lines += ["", "| measure | rewards | rank correlation with F1 | good above bad |", "|---|---|---|---|"]
    for row in found["measures"]:
        worth = " | ".join(_number(row[name]) for name in ("rank_correlation", "good_above_bad"))
        lines.append(f"| `{row['measure']}` | {row['rewards']} | {worth} |")
    lines += ["", "| step | rule | dropped | good lost | best lost | steps saved |", "|---|---|---|---|---|---|"]
    for row in found["race"]["rungs"]:
        shares = " | ".join(
            "-" if row[name] is None else f"{row[name]:.0%}"
            for name in ("dropped", "good_lost", "best_lost", "steps_saved")
        )
        lines.append(f"| {row['step']} | {row['rule']} | {shares} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _print(found: Document, console: Console) -> None:
    for part in markdown(found).strip().split("\n\n"):
        head, _, *lines = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in part.split("\n")]
        table = Table(*head)
        for line in lines:
            table.add_row(*line)
        console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/landscape"))
    parser.add_argument(
        "--out", type=Path, help="a file for the JSON document, such as docs/evidence/before_training.json"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    console, rewards = Console(stderr=True), listed()
    landscape = read_landscape(options.run_dir, may_train=False, console=console)
    results = trained(rewards, options.run_dir, may_train=False, console=console)
    found = document(landscape, verdicts_of(rewards, options.run_dir), results)
    give(found, options.out, options.json, _print)


if __name__ == "__main__":
    main()
