"""What the statistics of a leaderboard cost, beside what a user would write instead.

    python benchmarks/ranking.py [--candidates 50] [--questions 1319] [--resamples 10000] [--json]

One table: the intervals of all candidates, the paired intervals of all their differences, McNemar's tests of all pairs with
Holm's correction, and the leaderboard, on outcomes of a model in which questions differ in difficulty and candidates in
skill. The limit is for all of it on two cores. Below stand, as ratios of the same run, a loop over candidates and resamples
with scikit-learn, a loop over candidates with numpy, and a loop over pairs with statsmodels. The loops are measured on a part
of the candidates, resamples or pairs, and taken to cost the same for each of the rest.

Imports are not in it: scipy.special takes a quarter of a second, statsmodels one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import accuracy_score, f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from rewardsearch.config import RankConfig
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, POLICY, Candidate, Outcome, OutcomeKind, TrainingResult
from rewardsearch.stats import Bootstrap, adjust, pairwise

KINDS: tuple[OutcomeKind, ...] = ("unparsed", "wrong", "correct")
SEED, LIMIT = 0, 2.0
SKLEARN_RESAMPLES, NUMPY_CANDIDATES, STATSMODELS_PAIRS = 100, 2, 100
Kinds = np.ndarray[Any, np.dtype[np.int64]]
Row = dict[str, Any]


def model_of_outcomes(arms: int, questions: int) -> Kinds:
    """Indices into KINDS, (arms x questions)."""
    rng = np.random.default_rng(SEED)
    skill, difficulty = rng.normal(0.5, 0.5, size=(arms, 1)), rng.normal(0, 1.5, size=questions)
    right = rng.random((arms, questions)) < 1 / (1 + np.exp(difficulty - skill))
    return np.where(right, 2, rng.integers(0, 2, size=right.shape))


def screens(kinds: Kinds, ids: list[str]) -> dict[str, TrainingResult]:
    def outcome(question: int, kind: int) -> Outcome:
        return Outcome(id=f"q{question}", kind=KINDS[kind], gold="7", prediction=None, length=100)

    return {
        id: TrainingResult(
            id=id,
            rung="full",
            seed=SEED,
            steps=100,
            status="done",
            outcomes=tuple(outcome(question, kind) for question, kind in enumerate(row)),
        )
        for id, row in zip(ids, kinds.tolist(), strict=True)
    }


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """The least of some runs: what else the machine does only adds."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)


def sklearn_loop(kinds: Kinds, resamples: int) -> float:
    """Seconds for the intervals of all arms, from some resamples of one."""
    measured = min(resamples, SKLEARN_RESAMPLES)
    # As a detector: an answer is a call, which should have been made unless it is wrong.
    called, due = kinds[0] != 0, kinds[0] != 1
    rng = np.random.default_rng(SEED)

    def loop() -> None:
        f1, accuracy = [], []
        for _ in range(measured):
            drawn = rng.integers(0, called.size, size=called.size)
            f1.append(f1_score(due[drawn], called[drawn]))
            accuracy.append(accuracy_score(due[drawn], called[drawn]))
        np.percentile(f1, [2.5, 97.5]), np.percentile(accuracy, [2.5, 97.5])

    return seconds(loop) * resamples / measured * len(kinds)


def numpy_loop(kinds: Kinds, resamples: int) -> float:
    """Seconds for the intervals of all arms, each drawn for itself, from a few of them."""
    measured = kinds[:NUMPY_CANDIDATES]

    def loop() -> None:
        for row in measured:
            rng = np.random.default_rng(SEED)
            accuracy = (row == 2)[rng.integers(0, row.size, size=(resamples, row.size))].mean(axis=1)
            np.percentile(2 * accuracy / (1 + accuracy), [2.5, 97.5]), np.percentile(accuracy, [2.5, 97.5])

    return seconds(loop) / len(measured) * len(kinds)


def statsmodels_loop(kinds: Kinds) -> float:
    """Seconds for both forms of McNemar's test of all pairs and Holm's correction, from some of the pairs."""
    right = kinds == 2
    pairs = list(combinations(range(len(kinds)), 2))
    measured = pairs[:STATSMODELS_PAIRS]

    def loop() -> None:
        for a, b in measured:
            table = [[np.sum((right[a] == x) & (right[b] == y)) for y in (True, False)] for x in (True, False)]
            mcnemar(table, exact=True), mcnemar(table, exact=False, correction=True)

    corrected = seconds(lambda: multipletests(np.linspace(0, 1, len(pairs)), method="holm"))
    return seconds(loop) / len(measured) * len(pairs) + corrected


def measure(candidates: int, questions: int, resamples: int) -> list[Row]:
    ids = [f"candidate-{number}" for number in range(candidates)]
    kinds = model_of_outcomes(candidates + 2, questions)
    results = screens(kinds, [*ids, BASELINE, POLICY])
    arms = {id: results[id].outcomes for id in ids}
    known = {id: Candidate(id=id, name=id, code="") for id in ids}
    config = RankConfig(resamples=resamples)

    def drawn() -> Bootstrap[str]:
        return Bootstrap(arms, resamples=resamples, seed=SEED)

    def intervals() -> None:
        bootstrap = drawn()
        for arm in arms:
            bootstrap.estimate(arm)

    def differences() -> None:
        samples = [bootstrap.sample(arm) for arm in arms]
        for a, b in combinations(samples, 2):
            (a - b).estimate  # noqa: B018

    def leaderboard() -> None:
        rank(task="model", results=results, candidates=known, verdicts={}, config=config, seed=SEED)

    bootstrap = drawn()
    pairs = candidates * (candidates - 1) // 2
    ours = {
        f"intervals of {candidates} candidates": seconds(intervals),
        f"paired intervals of {pairs} differences": seconds(differences),
        f"McNemar's tests of {pairs} pairs, Holm": seconds(
            lambda: adjust([test.p for test in pairwise(arms).values()], "holm")
        ),
        "the leaderboard, its own draws included": seconds(leaderboard),
    }
    of_intervals, _, of_tests, _ = ours.values()
    return [
        *(row(what, value, "s") for what, value in ours.items()),
        row(f"all of it, {questions} questions, {resamples} resamples", sum(ours.values()), "s", LIMIT),
        row(
            "scikit-learn, resample by resample: its intervals",
            sklearn_loop(kinds[:-2], resamples) / of_intervals,
            "times",
        ),
        row("numpy, candidate by candidate: its intervals", numpy_loop(kinds[:-2], resamples) / of_intervals, "times"),
        row("statsmodels, pair by pair: its tests", statsmodels_loop(kinds[:-2]) / of_tests, "times"),
    ]


def row(what: str, value: float, unit: str, limit: float | None = None) -> Row:
    return {"what": what, "value": round(value, 4), "unit": unit, "limit": limit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--questions", type=int, default=1319)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measure(max(2, options.candidates), options.questions, options.resamples)
    if options.json:
        print(json.dumps(rows))
        return
    table = Table("measured", "value", "limit", "holds")
    for entry in rows:
        limit, unit = entry["limit"], entry["unit"]
        holds = "" if limit is None else "yes" if entry["value"] <= limit else "NO"
        table.add_row(
            entry["what"], f"{entry['value']:.3g} {unit}", "" if limit is None else f"{limit:g} {unit}", holds
        )
    Console().print(table)


if __name__ == "__main__":
    main()
