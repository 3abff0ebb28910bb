"""The permutation test of fairness: its null distribution, and that its cost follows the groups and not the people."""

from __future__ import annotations

import itertools
import math
import random
import time

import numpy as np
import pytest
from classed import classed

from rewardsearch.records import Outcome
from rewardsearch.stats import fairness


def p_of(seeds: list[tuple[Outcome, ...]], names: str, permutations: int, seed: int = 0) -> float:
    groups = {f"q{i}": {"name": name} for i, name in enumerate(names)}
    found = fairness("arm", seeds, groups, seed=seed, permutations=permutations)
    assert found is not None
    (gap,) = found.gaps
    return gap.p


def statistic(values: list[float], gold: str, names: str) -> float:
    """The squared group sums of answers beyond the mean of the class, over the sizes of the groups."""
    mean = {label: np.mean([v for v, g in zip(values, gold, strict=True) if g == label]) for label in set(gold)}
    sums = {
        name: sum(v - mean[g] for v, g, n in zip(values, gold, names, strict=True) if n == name) for name in set(names)
    }
    return float(sum(total**2 / names.count(name) for name, total in sums.items()))


def test_p_of_two_groups_is_that_of_the_hypergeometric_distribution() -> None:
    # 12 of a and 10 of b deserve it, 15 are answered so: 11 of a, 4 of b.
    gold, names, answers = "S" * 22, "a" * 12 + "b" * 10, "S" * 11 + "R" + "S" * 4 + "R" * 6
    seen = statistic([float(answer == "S") for answer in answers], gold, names)
    exact = 0.0
    for of_a in range(5, 13):
        values = [1.0] * of_a + [0.0] * (12 - of_a) + [1.0] * (15 - of_a) + [0.0] * (of_a - 5)
        if statistic(values, gold, names) >= seen - 1e-9:
            exact += math.comb(12, of_a) * math.comb(10, 15 - of_a) / math.comb(22, 15)
    assert 0.005 < exact < 0.05
    drawn = p_of([classed(gold, answers)], names, permutations=40_000)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 40_000))


def test_p_of_several_groups_classes_and_seeds_is_that_of_shuffled_people() -> None:
    rng = random.Random(3)
    names = "a" * 14 + "b" * 25 + "c" * 11 + "d" * 10
    gold = "".join(rng.choice("SSR") for _ in names)
    said = [
        "".join(g if rng.random() < (0.6 if n == "a" else 0.8) else "SR"[g == "S"] for g, n in zip(gold, names, strict=True))
        for _ in range(3)
    ]  # fmt: skip
    values = [sum(answers[i] == "S" for answers in said) / 3 for i in range(len(names))]
    seen, as_far, draws = statistic(values, gold, names), 0, 4000
    places = {label: [i for i, g in enumerate(gold) if g == label] for label in "SR"}
    for _ in range(draws):
        shuffled = list(values)
        for of in places.values():
            for i, j in zip(of, rng.sample(of, len(of)), strict=True):
                shuffled[i] = values[j]
        as_far += statistic(shuffled, gold, names) >= seen - 1e-9
    brute = as_far / draws
    assert 0.02 < brute < 0.98
    drawn = p_of([classed(gold, answers) for answers in said], names, permutations=40_000)
    assert drawn == pytest.approx(brute, abs=4 * math.sqrt(brute * (1 - brute) * (1 / draws + 1 / 40_000)))


def test_p_is_uniform_where_answers_know_nothing_of_groups() -> None:
    rng = random.Random(1)
    ps = []
    for _ in range(200):
        gold = "".join(rng.choice("SR") for _ in range(200))
        answers = "".join(g if rng.random() < 0.8 else "SR"[g == "S"] for g in gold)
        ps.append(p_of([classed(gold, answers)], "abcd" * 50, permutations=200))
    counts = np.histogram(ps, bins=5, range=(0, 1))[0]
    assert all(20 <= count <= 62 for count in counts)
    assert sum(p <= 0.05 for p in ps) <= 20


def test_time_does_not_grow_with_people() -> None:
    people = 40_000
    gold = "SR" * (people // 2)
    answers = "".join(itertools.islice(itertools.cycle("SRSRSRSRSS"), people))
    outcomes = [classed(gold, answers)]
    groups = {f"q{i}": {"name": "abcde"[i % 7 % 5]} for i in range(people)}
    started = time.process_time()
    fairness("arm", outcomes, groups, seed=0, permutations=50_000)
    # Shuffling that many people as often takes minutes.
    assert time.process_time() - started < 10
