"""Collects what the runs of the study gave, as numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from study_further import SEEDS as FURTHER_SEEDS
from study_further import arm_key, chosen_arms, further_scores
from study_plan import Planned

from rewardsearch.config import Config
from rewardsearch.finalize.gains import expected_ci, gain_of
from rewardsearch.records import BASELINE, POLICY, FinalRow, Outcome, RankedRow
from rewardsearch.run.artifacts import load_outcomes
from rewardsearch.run.journal import has_run, read_run
from rewardsearch.run.state import RunState
from rewardsearch.stats import Bootstrap, spearman

Numbers = dict[str, Any]
Outcomes = Mapping[int, Sequence[Outcome]]
"""On the test, by training seed."""
AA = "a-a"
_DIGITS = 4


def collect(planned: Sequence[Planned], runs: Path) -> Numbers:
    """Everything that docs/evidence.md says, from the run folders in `runs`; what is not finished is named and has no arms."""
    states = {run.name: read_run(runs / run.name) for run in planned if has_run(runs / run.name)}
    on_test = {name: tested(state) for name, state in states.items()}
    found = [_run(run, states.get(run.name), on_test.get(run.name)) for run in planned]
    first = planned[0].config
    environment = next((state.environment for state in states.values() if state.environment), None)
    return _rounded(
        {
            "settings": {
                "seeds": list(dict.fromkeys(run.seed for run in planned)),
                "rounds": first.rounds,
                "candidates": first.candidates,
                "steps": first.train.steps,
                "val": first.task.val_rows,
                "test": first.task.test_rows,
                "final_seeds": first.finalize.seeds,
                "confidence": first.rank.confidence,
            },
            "environment": environment.model_dump(mode="json") if environment else None,
            "runs": found,
            "baseline": _baseline(states),
            "a_a": _a_a(planned, states),
            **_further(planned, runs, states, on_test),
            "bank": _bank(found),
        }
    )


def _run(run: Planned, state: RunState | None, on_test: Tested | None) -> Numbers:
    head: Numbers = {"name": run.name, "kind": run.kind, "seed": run.seed, "recording": run.recording}
    if state is None or on_test is None:
        return head | {"status": "not started"}
    rounds = f"{state.rounds_done} of {run.config.rounds} rounds"
    status = "done" if state.final else f"{rounds}, final arms not read"
    ranking = state.final_ranking or (state.rankings[-1] if state.rankings else None)
    rows = {row.id: row for row in ranking.rows} if ranking else {}
    candidates = [_candidate(rows[id]) for id in state.candidates if id in rows]
    found = head | {"status": status, "candidates": candidates, "rounds": _rounds(candidates)}
    if BASELINE in rows and POLICY in rows:
        found |= {"baseline_val": rows[BASELINE].f1, "baseline_val_by_seed": rows[BASELINE].f1_by_seed}
        found |= {"policy_val": rows[POLICY].f1, "policy_val_accuracy": rows[POLICY].accuracy}
    found["cost"] = _cost(state, candidates)
    if state.final is not None:
        chosen = state.final.chosen
        found |= {"arms": [_arm(row, chosen, on_test) for row in state.final.rows], "chosen": chosen}
        # The gain of the recommended arm over each control.
        over = {row.id: on_test.gain(chosen, row.id) for row in state.final.rows if chosen and row.kind == "control"}
        found["over"] = {id: each for id, each in over.items() if each}
    return found


def _candidate(row: RankedRow) -> Numbers:
    kept = ("id", "name", "round", "operator", "status", "f1", "gain", "bank_auc", "bank_auc_any_form", "reason")
    return {key: getattr(row, key) for key in kept} | {"flags": list(row.flags)}


def _rounds(candidates: Sequence[Numbers]) -> list[Numbers]:
    """Each round's F1 on `val`, of the candidates that were trained to the end."""
    found = []
    for number in sorted({each["round"] for each in candidates}):
        of = [each for each in candidates if each["round"] == number]
        scores = [each["f1"] for each in of if each["f1"] is not None]
        mean, best = (fmean(scores), max(scores)) if scores else (None, None)
        found.append({"round": number, "proposed": len(of), "trained": len(scores), "mean": mean, "best": best})
    return found


def _cost(state: RunState, candidates: Sequence[Numbers]) -> Numbers:
    """Training of the whole run, and of its search up to the best candidate, in the order of proposal with the baseline first.

    Seconds are those of each training by itself, added up.
    """
    every = [result for result in state.trainings.values() if result.steps]
    search = [each for each in state.baselines if each.steps]
    results = [state.results.get(each["id"]) for each in candidates]
    scores = [each["f1"] for each in candidates if each["f1"] is not None]
    found: Numbers = {
        "runs": len(every),
        "steps": sum(each.steps for each in every),
        "seconds": sum(each.seconds for each in every),
        "search_runs": len(search) + sum(result is not None for result in results),
        "search_steps": sum(each.steps for each in search) + sum(each.steps for each in results if each),
        "best_so_far": list(accumulate(scores, max)),
    }
    if scores:
        place = next(at for at, each in enumerate(candidates) if each["f1"] == max(scores))
        trained = search + [each for each in results[: place + 1] if each]
        found["best"] = {
            "id": candidates[place]["id"],
            "f1": max(scores),
            "runs": len(trained),
            "steps": sum(each.steps for each in trained),
            "seconds": sum(each.seconds for each in trained),
        }
    return found


def _arm(row: FinalRow, chosen: str | None, on_test: Tested) -> Numbers:
    kept = ("id", "kind", "name", "status", "reason", "f1", "expected_ci", "f1_by_seed", "val_f1")
    gain = on_test.gain(row.id, BASELINE) if row.id != BASELINE else None
    found = {key: getattr(row, key) for key in kept} | (gain or {"gain": None, "gain_ci": None, "p": None})
    found["expected_ci"] = on_test.expected(row.id) or row.expected_ci
    return found | {"members": list(row.members), "flags": list(row.flags), "chosen": row.id == chosen}


def _test_outcomes(state: RunState, arm: str) -> Outcomes:
    """What an arm's final policies answered on the test, by training seed."""
    name = re.compile(rf"final/test/{re.escape(arm)}-(\d+)-[0-9a-f]{{8}}\.jsonl")
    row = state.final.row(arm) if state.final else None
    seeds = row.f1_by_seed if row else {}
    files = ((int(found[1]), file) for file in state.test_files if (found := name.fullmatch(file)))
    read = ((seed, load_outcomes(state.folder / file)) for seed, file in files if seed in seeds)
    return {seed: outcomes for seed, outcomes in read if outcomes}


class Tested:
    """What arms answered on the test, `arms` by name, and the gains that follow from it."""

    def __init__(self, arms: Mapping[str, Outcomes], config: Config) -> None:
        self.arms = {arm: of for arm, of in arms.items() if len(of) > 1}
        """Without those of fewer than two seeds, of which nothing can be said over seeds."""
        readings = {(arm, seed): outcomes for arm, of in self.arms.items() for seed, outcomes in of.items()}
        rank = config.rank
        self._bootstrap = (
            Bootstrap(readings, resamples=rank.resamples, seed=config.seed, confidence=rank.confidence)
            if readings
            else None
        )

    def gain(self, arm: str, against: str) -> Numbers | None:
        """The gain of one arm over another, over seeds and questions, each with the noise of its own seeds; None where one is not
        there."""
        if self._bootstrap is None or not {arm, against} <= self.arms.keys():
            return None
        gain = gain_of(self._bootstrap, self._readings(arm), self._readings(against))
        return {"gain": gain.value, "gain_ci": gain.ci, "p": gain.p}

    def expected(self, arm: str) -> tuple[float, float] | None:
        """The interval of the F1 that training an arm anew is expected to give; None where it is not there."""
        if self._bootstrap is None or arm not in self.arms:
            return None
        return expected_ci(self._bootstrap, self._readings(arm))

    def _readings(self, arm: str) -> list[tuple[str, int]]:
        return [(arm, seed) for seed in self.arms[arm]]


def tested(state: RunState) -> Tested:
    """The final arms of a run."""
    rows = state.final.rows if state.final else ()
    return Tested({row.id: _test_outcomes(state, row.id) for row in rows if row.kind != "policy"}, state.config)


def _baseline(states: Mapping[str, RunState]) -> Numbers:
    """F1 of the base rewards on the test, by training seed, over all runs."""
    found = {seed: f1 for state in states.values() for seed, f1 in _row(state, BASELINE).items()}
    return {"f1_by_seed": dict(sorted(found.items())), "sd": stdev(found.values()) if len(found) > 1 else None}


def _row(state: RunState, arm: str) -> Mapping[int, float]:
    row = state.final.row(arm) if state.final else None
    return row.f1_by_seed if row else {}


def _a_a(planned: Sequence[Planned], states: Mapping[str, RunState]) -> list[Numbers]:
    """The base rewards against themselves: each search's A/A arm against its baseline, and against that of the search before
    it. No two sets share a training seed."""
    searches = [run for run in planned if run.kind == "search" and run.name in states and states[run.name].final]
    found = []
    for place, run in enumerate(searches):
        for other in dict.fromkeys((run.name, searches[place - 1].name)):
            arms = {AA: _test_outcomes(states[run.name], AA), BASELINE: _test_outcomes(states[other], BASELINE)}
            if compared := Tested(arms, run.config).gain(AA, BASELINE):
                seeds = {"seeds": list(arms[AA]), "against_seeds": list(arms[BASELINE])}
                found.append({"run": run.name, "against": other, **seeds, **compared, "tie": is_tie(compared)})
    return found


def is_tie(compared: Mapping[str, Any]) -> bool:
    low, high = compared["gain_ci"]
    return bool(low <= 0 <= high)


def _further(
    planned: Sequence[Planned], runs: Path, states: Mapping[str, RunState], on_test: Mapping[str, Tested]
) -> dict[str, list[Numbers]]:
    """`further`: the arms that have all further seeds, with the reported interval and the F1 estimated with those seeds.
    `further_left_out`: those that lack a seed or the interval. Arms that are trained alike, in several runs, are one: that of the
    first run."""
    scores = further_scores(planned, runs)
    found: dict[str, Numbers] = {}
    left: dict[str, Numbers] = {}
    for name, arm in chosen_arms(planned, runs):
        key, final = arm_key(arm), states[name].final
        row = final.row(arm.id) if final else None
        if row is None or key not in scores or key in found or not any(scores.values()):
            continue
        by_seed = scores[key]
        entry = {"run": name, "arm": arm.id, "name": row.name, "key": key, "reported": row.f1, "f1_by_seed": by_seed}
        expected = on_test[name].expected(arm.id)
        if expected is None or len(by_seed) < len(FURTHER_SEEDS):
            left.setdefault(key, entry)
            continue
        low, high = expected
        mean = fmean(by_seed.values())
        found[key] = entry | {"interval": [low, high], "f1": mean, "inside": low <= mean <= high}
    return {"further": [*found.values()], "further_left_out": [left[key] for key in left if key not in found]}


def _bank(runs: Sequence[Numbers]) -> Numbers:
    """What the bank knew before training, against the outcome: rank correlation of AUC with F1 within each run, and the gains of
    candidates by flag."""
    correlations: list[Numbers] = []
    flags: dict[str, list[float]] = {}
    seen: set[tuple[str, int]] = set()
    for run in runs:
        trained = [each for each in run.get("candidates", ()) if each["gain"] is not None]
        for key in ("bank_auc", "bank_auc_any_form"):
            pairs = [(each[key], each["f1"]) for each in trained if each[key] is not None]
            rho = spearman([a for a, _ in pairs], [b for _, b in pairs])
            if rho is not None:
                correlations.append({"run": run["name"], "measure": key, "spearman": rho, "n": len(pairs)})
        # Search and random search of one seed begin with the same candidates.
        new = [each for each in trained if (each["id"], run["seed"]) not in seen]
        seen |= {(each["id"], run["seed"]) for each in new}
        for each in new:
            for flag in each["flags"] or ["none"]:
                flags.setdefault(flag, []).append(each["gain"])
    counted = {
        flag: {"n": len(gains), "mean_gain": fmean(gains), "above": sum(gain > 0 for gain in gains)}
        for flag, gains in sorted(flags.items())
    }
    return {"auc": correlations, "flags": counted}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {str(key): _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def ordered_json(numbers: Numbers) -> str:
    return json.dumps(numbers, indent=1, ensure_ascii=False) + "\n"
