"""How often a search finds its best reward, and how far its report can be believed: the literature's protocol and ours.

    python benchmarks/selection.py [--searches 1000] [--candidates 50] [--seed 0] [--finalists 5] [--seed-sd 3.6] [--json]

Searches are simulated, with the same training steps for both, on a model of outcomes: selection_model.py describes it with
its sources, selection_protocols.py the protocols. Our race is a race on the questions alone, and not that of rewardsearch.rank.
Three tables: the protocols on GSM8K's 1,319 test questions and on 200; ours in parts; and both under other seed noise and
another worth of early rungs. Ours is not ahead everywhere: without seed noise new seeds win nothing, and where early rungs say
little the race drops the best. The settings are listed.

regret: true F1 of the truly best less that of the chosen. inflation: reported score less the true F1 of the chosen. Both in
points of F1. True F1 is expected over seeds and over all questions: what the reward is worth, not what one trained model
scored. covered: share of searches whose reported 95 % interval holds it; gain covered: the same for the gain over the
baseline. cost: in full training runs.

An advantage must be beyond two standard errors, which takes about a thousand searches; a limit is broken beyond two. Exit
status 1 when a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from selection_model import SEED_SD, Floats, Setting, World
from selection_protocols import Protocol, search

LITERATURE = Protocol()
OURS = Protocol(racing=True, reseeding=True, sealed=True, fresh_report=False)
"""A search with a race on the questions alone, finalize.finalists 5 and finalize.seeds 3: new seeds choose on val, and the same
policies read the test."""
MEASURES = ("best chosen", "regret", "inflation", "covered", "gain covered", "cost")
SEED_SDS = (0.0, 0.02, 0.036, 0.06)
WORTHS = ((0.0, 0.0), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9))
"""Spearman correlation with the final quality at each of the two rungs."""
Row = dict[str, Any]


def simulate(setting: Setting, protocol: Protocol, searches: int, seed: int) -> Floats:
    """MEASURES of each search, (searches, 6). The worlds depend on setting and seed alone."""
    rows = []
    for number in range(searches):
        world = World(setting, np.random.default_rng([seed, number]))
        told = search(world, protocol, np.random.default_rng([seed, number, 1]))
        true = world.f1[told.chosen]
        regret, inflation = 100 * (world.f1[world.best] - true), 100 * (told.score - true)
        covered = told.low <= true <= told.high
        gain_covered = told.gain_low <= true - world.f1[world.baseline] <= told.gain_high
        rows.append((told.chosen == world.best, regret, inflation, covered, gain_covered, told.cost))
    return np.array(rows, dtype=np.float64)


def row(what: str, found: Floats) -> Row:
    return {"what": what} | {
        name: round(float(mean), 4) for name, mean in zip(MEASURES, found.mean(axis=0), strict=True)
    }


def claims(n: int, literature: Floats, ours: Floats) -> list[Row]:
    """What must hold with n test questions, each with its value, its standard error and its limits."""
    better = literature - ours
    checks: list[tuple[str, Floats, float, float]] = [
        ("ours chooses the truly best more often, by", -better[:, 0], 0.0, 1.0),
        ("ours has less regret, by points", better[:, 1], 0.0, 100.0),
        ("the literature's score is inflated, points", literature[:, 2], 1.0, 100.0),
        ("the literature's interval misses too often", 1 - literature[:, 3], 0.15, 1.0),
        ("the literature's interval of the gain misses too often", 1 - literature[:, 4], 0.15, 1.0),
    ]
    rows = []
    for what, values, low, high in checks:
        value, error = _mean(values)
        rows.append(_claim(what, n, value, error, (low, high), low < value - 2 * error))
    for what, values, low, high in (
        ("ours is hardly inflated, points", ours[:, 2], -0.3, 0.7),
        ("ours reports within its interval", ours[:, 3], 0.92, 0.985),
        ("ours reports the gain within its interval", ours[:, 4], 0.92, 0.985),
    ):
        value, error = _mean(values)
        rows.append(_claim(what, n, value, error, (low, high), low - 2 * error <= value <= high + 2 * error))
    return rows


def _mean(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _claim(what: str, n: int, value: float, error: float, limits: tuple[float, float], holds: bool) -> Row:
    shown = {"what": f"{what} ({n} questions)", "value": round(value, 4), "error": round(error, 4)}
    return shown | {"limits": list(limits), "holds": bool(holds)}


def ablation(setting: Setting, finalists: int, searches: int, seed: int) -> list[Row]:
    parts = {
        "racing alone": Protocol(racing=True),
        "re-seeding alone": Protocol(reseeding=True, finalists=finalists),
        "sealed test alone": Protocol(sealed=True),
        "ours, interval over questions alone": replace(OURS, finalists=finalists, seed_interval=False),
        "ours, reported with yet other seeds": replace(OURS, finalists=finalists, fresh_report=True),
    }
    return [row(what, simulate(setting, protocol, searches, seed)) for what, protocol in parts.items()]


def sweep(setting: Setting, finalists: int, searches: int, seed: int) -> list[Row]:
    """Both protocols at every seed noise and every worth of the early rungs, on which the literature's does not depend."""
    rows = []
    for seed_sd in SEED_SDS:
        literature = simulate(replace(setting, seed_sd=seed_sd), LITERATURE, searches, seed)
        for worth in WORTHS:
            rungs = tuple((*rung[:2], spearman) for rung, spearman in zip(setting.rungs, worth, strict=True))
            changed = replace(setting, seed_sd=seed_sd, rungs=rungs)
            ours = simulate(changed, replace(OURS, finalists=finalists), searches, seed)
            often, less = _mean(ours[:, 0] - literature[:, 0]), _mean(literature[:, 1] - ours[:, 1])
            rows.append(
                {
                    "seed sd": round(100 * seed_sd, 2),
                    "worth": list(worth),
                    "best chosen": [round(found[:, 0].mean(), 4) for found in (literature, ours)],
                    "regret": [round(found[:, 1].mean(), 4) for found in (literature, ours)],
                    "inflation": [round(found[:, 2].mean(), 4) for found in (literature, ours)],
                    "covered": [round(found[:, 3].mean(), 4) for found in (literature, ours)],
                    "chooses better": [_verdict(*often), _verdict(*less)],
                }
            )
    return rows


def _verdict(value: float, error: float) -> str:
    return "yes" if value > 2 * error else "NO" if value < -2 * error else "tie"


def behind(swept: list[Row]) -> list[str]:
    """The settings of a sweep in which ours chooses worse, beyond chance, by share or by regret."""
    return [
        "seed sd {:g}, rung worth {:g} and {:g}".format(entry["seed sd"], *entry["worth"])
        for entry in swept
        if "NO" in entry["chooses better"]
    ]


def show(found: dict[str, Any]) -> None:
    console = Console()
    for title in ("protocols", "parts of ours"):
        table = Table("", *MEASURES, title=title)
        for entry in found[title]:
            share, regret, inflation, covered, gain, cost = (entry[name] for name in MEASURES)
            shares = f"{covered:.1%}", f"{gain:.1%}"
            table.add_row(entry["what"], f"{share:.1%}", f"{regret:.2f}", f"{inflation:+.2f}", *shares, f"{cost:.1f}")
        console.print(table)
    columns = ("seed sd", "rung worth", "best chosen", "regret", "inflation", "covered", "better: share, regret")
    table = Table(*columns, title="literature / ours")
    for entry in found["sweep"]:
        shares, regrets, inflations, covers = (entry[name] for name in MEASURES[:4])
        table.add_row(
            f"{entry['seed sd']:g}",
            "{:g}, {:g}".format(*entry["worth"]),
            "{:.1%} / {:.1%}".format(*shares),
            "{:.2f} / {:.2f}".format(*regrets),
            "{:+.2f} / {:+.2f}".format(*inflations),
            "{:.1%} / {:.1%}".format(*covers),
            "{}, {}".format(*entry["chooses better"]),
        )
    console.print(table)
    console.print("Ours chooses worse at:", "; ".join(found["behind"]) or "none of these")
    table = Table("claim", "value", "± s.e.", "limits", "holds")
    for entry in found["claims"]:
        low, high = entry["limits"]
        holds = "yes" if entry["holds"] else "NO"
        table.add_row(entry["what"], f"{entry['value']:.3f}", f"{entry['error']:.3f}", f"{low:g} to {high:g}", holds)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=1000, help="half as many for each line of the sweep")
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--finalists", type=int, default=5)
    parser.add_argument(
        "--seed-sd", type=float, default=100 * SEED_SD, help="points of accuracy; the sweep has its own"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.searches < 4:
        parser.error(f"--searches: got {options.searches}; a standard error needs 4 or more")
    if not 1 <= options.finalists <= 8:
        parser.error(f"--finalists: got {options.finalists}; 1 to 8 are allowed")
    if options.candidates < 30:
        parser.error(f"--candidates: got {options.candidates}; 30 or more leave steps to train finalists anew")
    if not 0 <= options.seed_sd <= 10:
        parser.error(f"--seed-sd: got {options.seed_sd:g}; 0 to 10 points are allowed")
    searches, seed, finalists = options.searches, options.seed, options.finalists
    setting = Setting(candidates=options.candidates, seed_sd=options.seed_sd / 100)
    found: dict[str, Any] = {"protocols": [], "claims": []}
    for here in (setting, replace(setting, val=200, test=200)):
        literature = simulate(here, LITERATURE, searches, seed)
        ours = simulate(here, replace(OURS, finalists=finalists), searches, seed)
        found["protocols"].append(row(f"literature, {here.test} test questions", literature))
        found["protocols"].append(row(f"ours, {here.val} of val and {here.test} test questions", ours))
        found["claims"].extend(claims(here.test, literature, ours))
    found["parts of ours"] = ablation(setting, finalists, searches, seed)
    found["sweep"] = sweep(setting, finalists, max(2, searches // 2), seed)
    found["behind"] = behind(found["sweep"])
    if options.json:
        print(json.dumps(found))
    else:
        show(found)
    sys.exit(0 if all(claim["holds"] for claim in found["claims"]) else 1)


if __name__ == "__main__":
    main()
