"""A made-up study of five seeds as benchmarks/study_numbers.py collects one."""

import random
from typing import Any

Numbers = dict[str, Any]
SEEDS = (0, 11, 22, 33, 44)
BASE = 0.76


def arm(id: str, kind: str, gain: float | None, half: float = 0.02, chosen: bool = False) -> Numbers:
    """An arm with five seeds, its gain in the middle of its interval."""
    score = BASE + (gain or 0.0)
    return {
        "id": id,
        "kind": kind,
        "name": id,
        "status": "done",
        "reason": None,
        "f1": score,
        "expected_ci": [score - half, score + half],
        "f1_by_seed": {str(seed): score + 0.004 * (seed - 3) for seed in range(1, 6)},
        "val_f1": score,
        "gain": gain,
        "gain_ci": None if gain is None else [gain - half, gain + half],
        "p": None if gain is None else 0.01,
        "p_adjusted": None,
        "members": [],
        "flags": [],
        "chosen": chosen,
    }


def run(kind: str, seed: int, means: tuple[float, ...], gain: float, name: str = "") -> Numbers:
    """A finished run: its rounds' means, the recommended arm's gain, and the controls of its kind at fixed gains."""
    rng = random.Random(f"{kind} {seed}")
    candidates = [
        {
            "id": f"{kind}{seed}{number}{at}",
            "name": f"c{number}{at}",
            "round": number,
            "operator": "fresh",
            "status": "trained",
            "f1": mean + rng.uniform(-0.02, 0.02),
            "gain": mean - BASE,
            "bank_auc": 0.8,
            "bank_auc_any_form": 0.9,
            "reason": None,
            "flags": [],
        }
        for number, mean in enumerate(means, start=1)
        for at in range(4)
    ]
    best = [max(each["f1"] for each in candidates[: at + 1]) for at in range(len(candidates))]
    arms = [arm("ensemble-top3", "ensemble", gain, chosen=True), arm("baseline", "baseline", None)]
    over: Numbers = {}
    if kind != "random":
        arms += [arm("random-3", "control", 0.05, 0.04), arm("average", "control", 0.06, 0.03)]
        over = {
            id: {"gain": gain - at, "gain_ci": [gain - at - 0.03, gain - at + 0.03], "p": 0.04}
            for id, at in (("random-3", 0.05), ("average", 0.06))
        }
    if kind == "search":
        arms.append(arm("a-a", "control", 0.003, 0.015))
    cost = {"runs": 43, "steps": 946, "seconds": 1100.0, "search_runs": 15, "search_steps": 330, "best_so_far": best}
    return {
        "name": name or f"{kind}-{seed}",
        "kind": kind,
        "seed": seed,
        "recording": None,
        "status": "done",
        "candidates": candidates,
        "rounds": [
            {"round": number, "proposed": 4, "trained": 4, "mean": mean, "best": mean + 0.02}
            for number, mean in enumerate(means, start=1)
        ],
        "baseline_val": BASE,
        "baseline_val_by_seed": {str(seed): BASE},
        "policy_val": 0.66,
        "policy_val_accuracy": 0.49,
        "cost": {**cost, "best": {"id": "x", "f1": best[-1], "runs": 14, "steps": 308, "seconds": 350.0}},
        "arms": arms,
        "chosen": "ensemble-top3",
        "over": over,
    }


def study() -> Numbers:
    """Search beats random search in every seed, all ties are ties, and nine of ten intervals hold the true F1."""
    runs = []
    for place, seed in enumerate(SEEDS):
        step = 0.005 * place
        runs.append(run("search", seed, (0.78 + step, 0.80 + step, 0.83 + step), 0.08 + step))
        runs.append(run("random", seed, (0.78 + step, 0.775, 0.785 + step), 0.04 + step))
        runs.append(run("frontier", seed, (0.79, 0.88 + step, 0.94 + step), 0.19 + step))
    runs.append(run("frontier", 0, (0.78, 0.84, 0.85), 0.13, "frontier-other"))
    names = [f"search-{seed}" for seed in SEEDS]
    pairs = [(name, other) for at, name in enumerate(names) for other in (name, names[at - 1])]
    tie = {"gain": 0.002, "gain_ci": [-0.013, 0.017], "p": 0.7, "tie": True, "seeds": [], "against_seeds": []}
    return {
        "settings": {
            "seeds": list(SEEDS),
            "rounds": 3,
            "candidates": 4,
            "steps": 22,
            "val": 1000,
            "test": 1000,
            "final_seeds": 5,
            "confidence": 0.95,
        },
        "environment": {
            "versions": {"torch": "2.13.0"},
            "code": {},
            "device": {"kind": "cpu", "name": "a CPU", "threads": 1},
        },
        "runs": runs,
        "baseline": {"f1_by_seed": {str(seed): BASE + 0.002 * (seed % 7) for seed in range(25)}, "sd": 0.004},
        "a_a": [{"run": run, "against": other, **tie} for run, other in pairs],
        "further": [
            {
                "run": f"{kind}-{seed}",
                "arm": "ensemble-top3",
                "name": "ensemble-top3",
                "key": f"{kind}{seed}",
                "reported": 0.9,
                "interval": [0.88, 0.92],
                "f1": 0.9 if seed else 0.93,
                "f1_by_seed": {str(s): 0.9 for s in range(1001, 1011)},
                "inside": bool(seed) or kind == "search",
            }
            for kind in ("search", "frontier")
            for seed in SEEDS
        ],
        "further_left_out": [],
        "bank": {
            "auc": [{"run": "search-0", "measure": "bank_auc", "spearman": -0.3, "n": 12}],
            "flags": {
                "none": {"n": 100, "mean_gain": 0.05, "above": 80},
                "bank:form": {"n": 5, "mean_gain": 0.01, "above": 3},
            },
        },
    }


def landscape() -> Numbers:
    """Ten rewards as benchmarks/landscape.py measures them, two of each class."""
    rows = []
    for place, cls in enumerate(("sound", "mediocre", "useless", "hackable", "harmful") * 2):
        score = 0.95 - 0.05 * place
        rows.append(
            {
                "name": f"{cls}_{place}",
                "file": f"benchmarks/landscape/{cls}_{place}.py",
                "class": cls,
                "id": f"{place:012d}",
                "f1": score,
                "f1_low": score - 0.02,
                "f1_high": score + 0.02,
                "f1_by_seed": {"0": score, "11": score - 0.02, "22": score + 0.02},
                "gain": score - BASE,
                "at": {"5": score - 0.1, "11": score - 0.05},
                "training_accuracy": score - 0.3,
                "flags": ["watch:length"] if cls == "hackable" else [],
            }
        )
    rho = {"rewards": 10, "with_the_end": 0.7, "with_the_mean_of_seeds": None}
    return {
        "command": "python benchmarks/landscape.py",
        "settings": {"steps": 22, "rungs": [5, 11], "seeds": [0, 11, 22]},
        "untrained": {"accuracy": 0.49, "f1": 0.66, "parsed": 0.66},
        "baseline": {"f1": BASE, "sd": 0.014, "f1_by_seed": {"0": 0.75, "1": 0.77}, "training_accuracy": 0.44},
        "rewards": rows,
        "not_trained": [],
        "rank_correlation": {"5": rho, "11": rho},
        "training_accuracy": {"rank_correlation_with_f1": 0.9, "reliability": 0.8, "reliability_of_f1": 0.85},
        "criteria": [{"what": "gain of the best", "value": 0.19, "limit": "at least 0.08", "holds": True}],
    }


def before_training() -> Numbers:
    """One flag that is wrong more often than right, one measure, and a race of two rules, as
    benchmarks/evidence_before_training.py has them."""
    flag = {
        "flag": "bank:form",
        "good": 3,
        "level": 1,
        "bad": 1,
        "hit": 0.2,
        "false_alarm": 0.4,
        "wrong_more_often": True,
    }
    rule = {"dropped": 0.4, "good_lost": 0.1, "best_lost": 0.05, "steps_saved": 0.2}
    return {
        "command": "python benchmarks/evidence_before_training.py",
        "good": 0.04,
        "bad": -0.04,
        "rewards": {"good": 5, "level": 3, "bad": 5},
        "flags": [flag],
        "measures": [{"measure": "bank_auc", "rewards": 13, "rank_correlation": -0.3, "good_above_bad": None}],
        "race": {
            "rounds": 300,
            "candidates": 4,
            "rungs": [{"step": step, "rule": each, **rule} for step in (5, 11) for each in ("by rank", "by noise")],
        },
    }


def gain_coverage() -> Numbers:
    """Simulated coverage as benchmarks/gain_coverage.py has it."""
    row = {"sd of F1, arm / baseline": "0.015 / 0.015", "seeds": 5, "covered": 0.951, "width": 0.04, "A/A": 0.049}
    return {"settings": {"searches": 10000, "questions": 1000}, "rows": [row, row | {"A/A": 0.06}], "broken": []}


def documents() -> dict[str, Numbers]:
    """All that the page is made of, but a real model's runs."""
    found = {"study": study(), "landscape": landscape()}
    return {**found, "before_training": before_training(), "gain_coverage": gain_coverage()}
