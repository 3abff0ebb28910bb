"""What must hold of the study, computed from its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Numbers = dict[str, Any]
SEEDS, MOST_SEEDS = 5, 4
"""Search seeds of a whole study, and in how many of them a claim has to hold."""
A_A, INTERVALS, MOST_INTERVALS = 10, 10, 9
CONTROLS = {
    "search": (("random-", "three random candidates"), ("average", "the average of all candidates")),
    "frontier": (("random-", "three random candidates"),),
}
"""The controls of each kind of search: how their ids begin, and what they are called."""
PROPOSERS = {
    "search": "the grammar's searches",
    "frontier": f"one recorded search of a frontier model, retrained with {SEEDS} seeds",
}


@dataclass(frozen=True)
class Criterion:
    """`holds` is None where too little is measured yet."""

    what: str
    limit: str
    measured: str
    holds: bool | None

    @property
    def verdict(self) -> str:
        return {True: "holds", False: "**does not hold**", None: "not measured in full"}[self.holds]


def criteria(documents: Mapping[str, Numbers]) -> list[Criterion]:
    """Every criterion on the landscape, the study's own runs and the simulation, in the order of the page. documents: by the
    names of their files; without the study's nothing is measured."""
    study = documents["study"]
    found = [
        Criterion(each["what"], each["limit"], "-", None)
        if each["value"] is None
        else Criterion(each["what"], each["limit"], f"{each['value']:g}", each["holds"])
        for each in documents.get("landscape", {}).get("criteria", ())
    ]
    for kind, who in PROPOSERS.items():
        runs = runs_of(study, kind)
        gains = [chosen_arm(run) for run in runs]
        found += [
            _count(f"the recommended arm beats the base rewards: {who}", gains, lambda arm: arm["gain"] > 0, SEEDS),
            _count(
                f"and the interval of the gain, over seeds and questions, excludes 0: {who}",
                gains,
                lambda arm: arm["gain_ci"] is not None and arm["gain_ci"][0] > 0,
                MOST_SEEDS,
            ),
        ]
        for control, told in CONTROLS[kind]:
            over = [each for run in runs for each in [over_control(run, control)] if each is not None]
            what = f"the recommended arm beats {told}: {who}"
            found.append(_count(what, over, lambda each: each["gain"] > 0, MOST_SEEDS))
        rise = [run["rounds"] for run in whole_runs(study, kind)]
        what = f"the last round's mean F1 is above the first's: {who}"
        found.append(_count(what, rise, lambda each: _less(each[0]["mean"], each[-1]["mean"]), MOST_SEEDS))
    found.append(
        _count(
            "search beats random search of equal cost in the mean F1 of the last round",
            against_random(study),
            lambda pair: pair["search"] > pair["random"],
            MOST_SEEDS,
        )
    )
    ties = study["a_a"]
    found.append(
        _count("the base rewards against themselves come out as a tie", ties, lambda each: each["tie"], A_A, A_A)
    )
    found += _simulated(documents.get("gain_coverage"))
    inside = study["further"]
    what = "the F1 of an arm, estimated with ten further seeds, lies in its reported interval"
    found.append(_count(what, inside, lambda each: each["inside"], MOST_INTERVALS, INTERVALS))
    return found


def _simulated(simulation: Numbers | None) -> list[Criterion]:
    """What must hold of the simulated intervals, for 3 seeds and more whose effects are normal."""
    if simulation is None:
        return []
    rows = [row for row in simulation["rows"] if row["seeds"] > 2 and "habits" not in row["sd of F1, arm / baseline"]]
    found = []
    for key, what, limit in (
        ("A/A", "false positives of the A/A arm in simulation", "2 to 8 %"),
        ("covered", "simulated intervals of the gain that hold the truth", "93 to 97 %"),
    ):
        shares = [100 * row[key] for row in rows]
        held = not any(f": {key} " in mistake for mistake in simulation["broken"])
        what = f"{what} (3 seeds or more, seed effects normal; 2 seeds and two habits are left out)"
        limit = f"{limit}, with a slack of two standard errors"
        found.append(Criterion(what, limit, f"{min(shares):.1f} to {max(shares):.1f} %", held))
    return found


def _less(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and a < b


def _count(what: str, of: Sequence[Any], true: Callable[[Any], bool], least: int, whole: int = SEEDS) -> Criterion:
    """How many of the measured ones are true. It fails as soon as too many are not, and holds when the study is whole."""
    yes = sum(map(true, of))
    lost = len(of) - yes > whole - least
    holds = False if lost else True if len(of) >= whole else None
    return Criterion(what, f"at least {least} of {whole}", f"{yes} of {len(of)}", holds)


def runs_of(study: Numbers, kind: str) -> list[Numbers]:
    """The finished runs of a kind whose recommended arm has a gain, one a search seed."""
    runs = [run for run in study["runs"] if run["kind"] == kind and has_gain(run)]
    return [run for run in runs if not run["name"].endswith("-other")]


def has_gain(run: Numbers) -> bool:
    """Whether a run recommends an arm whose gain on the test is known."""
    return any(arm["chosen"] and arm["gain"] is not None for arm in run.get("arms", ()))


def whole_runs(study: Numbers, kind: str) -> list[Numbers]:
    """The runs of a kind that have done all rounds, one a search seed, whether or not their final arms are read."""
    runs = [run for run in study["runs"] if run["kind"] == kind and not run["name"].endswith("-other")]
    return [run for run in runs if len(run.get("rounds", ())) == study["settings"]["rounds"]]


def chosen_arm(run: Numbers) -> Numbers:
    return next(arm for arm in run["arms"] if arm["chosen"])


def over_control(run: Numbers, beginning: str) -> Numbers | None:
    """The gain of the recommended arm over the control whose id begins so; None where there is none."""
    names = (id for id in run["over"] if id.startswith(beginning) and id != "random-reward")
    return next((run["over"][id] for id in names), None)


def against_random(study: Numbers) -> list[Numbers]:
    """The last round's mean F1 of search and random search, and their training steps, of the seeds that have both in full."""
    found = []
    by_seed = {run["seed"]: run for run in whole_runs(study, "random")}
    for run in whole_runs(study, "search"):
        if (other := by_seed.get(run["seed"])) is None:
            continue
        means = run["rounds"][-1]["mean"], other["rounds"][-1]["mean"]
        if None not in means:
            steps = {"search_steps": run["cost"]["search_steps"], "random_steps": other["cost"]["search_steps"]}
            found.append({"seed": run["seed"], "search": means[0], "random": means[1], **steps})
    return found
