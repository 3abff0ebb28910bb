"""What a search does with its training steps, and what it then prints: the literature's protocol, ours, and parts of ours.

All may spend the literature's steps: the candidates and the baseline in full, once.

- The literature's (arXiv 2605.02073): one seed, every candidate trained in full and ranked on the test questions. The best is
  reported with its score on the same questions and their bootstrap interval.
- Ours: the baseline with 3 seeds. Candidates run a race on the questions alone, a round at a time: at each rung the best third
  goes on, and whoever's paired 95 % interval of the difference from the best so far at that rung holds 0, as many as the steps
  of the round allow. This is not rewardsearch.train.race, whose interval covers the noise between seeds too. The saved steps
  train the finalists anew with other seeds, and the best mean over those on `val` is chosen; the same policies, or with
  `fresh_report` those of 3 more seeds, are read on the sealed test. The score is the mean of their F1; its interval covers
  questions and seeds (rewardsearch.stats.spread, with the noise between the seeds of each arm on the same questions).

The gain is the score less that of the baseline on the same questions. The literature's interval of it is the paired bootstrap
over questions, given one training of each; ours covers the seeds of both, as the verdict of finalize does. An arm with one seed
has its interval over questions alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from selection_model import Answers, Bools, Floats, Runs, World, f1_of

from rewardsearch.stats import seed_noise, spread

CONFIDENCE, NORMAL = 0.95, 1.96
RESAMPLES = 2_000
BASELINE_SEEDS, REPORT_SEEDS = 3, 3
KEEP = 1 / 3


@dataclass(frozen=True)
class Protocol:
    """How a search spends its steps. `fresh_report` trains the chosen one again for the report, `seed_interval` has
    its interval cover the seeds too. Without `sealed`, ranking and report are on the same (test) questions."""

    racing: bool = False
    reseeding: bool = False
    sealed: bool = False
    fresh_report: bool = True
    seed_interval: bool = True
    finalists: int = 5


@dataclass(frozen=True)
class RequestResult:
    """What a search prints: the chosen candidate, its F1 and its gain over the baseline with their intervals; and what it cost,
    in full training runs."""

    chosen: int
    score: float
    low: float
    high: float
    gain_low: float
    gain_high: float
    cost: float


def search(world: World, protocol: Protocol, rng: np.random.Generator) -> RequestResult:
    """One search of a world under a protocol."""
    setting, finalists = world.setting, protocol.finalists
    fresh = REPORT_SEEDS if protocol.reseeding and protocol.sealed and protocol.fresh_report else 0
    budget = setting.candidates + 1.0 - (BASELINE_SEEDS if protocol.reseeding else 1) - fresh
    candidates = np.arange(setting.candidates)
    if protocol.reseeding and not protocol.racing:
        # Racing saves nothing, so candidates that are never screened pay for two seeds of each finalist.
        candidates = np.linspace(0, setting.candidates - 1, int(budget) - 2 * finalists).round().astype(np.int64)
    asked = world.questions(setting.val if protocol.sealed else setting.test, rng)
    sealed = world.questions(setting.test, rng) if protocol.sealed else asked
    runs = Runs(world, candidates, rng)
    answers = runs.on(asked)
    if protocol.racing:
        scores, spent = race(answers, budget - (finalists if protocol.reseeding else 0))
    else:
        scores, spent = f1_of(answers.right().mean(axis=1)), float(len(candidates))
    ranked = np.argsort(-np.nan_to_num(scores, nan=-1.0))[: np.count_nonzero(~np.isnan(scores))]
    full_cost = setting.candidates + 1 - budget + spent
    if not protocol.reseeding:
        read = runs.on(sealed) if protocol.sealed else answers
        baseline = Runs(world, np.array([world.baseline]), rng).on(sealed).right()
        return told(int(candidates[ranked[0]]), read.right()[ranked[:1]], baseline, False, full_cost, rng)

    last = candidates[ranked[:finalists]]
    seeds = int((budget - spent) // len(last))
    anew = Runs(world, np.repeat(last, seeds), rng)
    again = anew.on(asked)
    f1 = f1_of(again.right().mean(axis=1)).reshape(len(last), seeds)
    first = int(f1.mean(axis=1).argmax())
    own = np.arange(first * seeds, (first + 1) * seeds)
    of_baseline = Runs(world, np.full(BASELINE_SEEDS, world.baseline), rng)
    base = of_baseline.on(asked)
    if fresh:
        read, own = Runs(world, np.repeat(last[first], fresh), rng).on(sealed), np.arange(fresh)
    else:
        read = anew.on(sealed) if protocol.sealed else again
    baseline = (of_baseline.on(sealed) if protocol.sealed else base).right()
    cost = full_cost + seeds * len(last)
    return told(int(last[first]), read.right(runs=own), baseline, protocol.seed_interval, cost, rng)


def race(answers: Answers, allowance: float) -> tuple[Floats, float]:
    """A race on the questions alone. F1 on all questions of the runs that went to the end, (runs,), nan for the others; and the
    cost in full runs.

    allowance: the most it may cost. Whoever is within the interval but beyond what a round may spend of it is dropped.
    """
    setting = answers.world.setting
    points = [(steps, questions) for steps, questions, _ in setting.rungs] + [(1.0, 1.0)]
    scores = np.full(len(answers.arms), np.nan)
    best: list[Bools | None] = [None] * len(points)
    spent = 0.0
    for number in range(setting.rounds):
        alive = np.flatnonzero(answers.world.round_of == number)
        until = allowance * (number + 1) / setting.rounds
        for rung, (steps, questions) in enumerate(points):
            spent += len(alive) * (steps - (points[rung - 1][0] if rung else 0.0))
            right = answers.right(rung, alive)[:, : round(questions * answers.edge.shape[1])]
            order = np.argsort(-right.mean(axis=1), kind="stable")
            leader, top = best[rung], right[order[0]]
            if leader is None or top.mean() > leader.mean():
                leader = best[rung] = top
            if steps == 1.0:
                scores[alive] = f1_of(right.mean(axis=1))
                break
            behind = leader.astype(np.float64) - right
            # The normal interval of a paired mean: over hundreds of questions the same as the bootstrap's.
            within = behind.mean(axis=1) <= NORMAL * behind.std(axis=1) / np.sqrt(right.shape[1])
            least = int(np.ceil(KEEP * len(alive)))
            # What is kept must be able to go on to the end, so that one rung does not spend what the next needs.
            most = max(least, int((until - spent) / (1.0 - steps)))
            alive = alive[order[: min(most, max(least, int(within.sum())))]]
    return scores, spent


def told(
    chosen: int, right: Bools, baseline: Bools, over_seeds: bool, cost: float, rng: np.random.Generator
) -> RequestResult:
    """The report of a candidate from the answers of its runs and of the baseline's, (seeds, questions) each.

    over_seeds: whether the intervals cover the seeds as well as the questions. Resampling n questions draws a multinomial
    of their patterns of answers over the runs: rewardsearch.stats.Bootstrap's distribution from fewer random numbers.
    """
    both = np.concatenate([right, baseline])
    n, seeds = both.shape[1], len(right)
    places = np.arange(len(both))
    patterns, counts = np.unique((1 << places) @ both, return_counts=True)
    drawn = rng.multinomial(n, counts / n, size=RESAMPLES)
    resampled = f1_of(drawn @ (patterns[:, None] >> places & 1) / n)
    scores = resampled[:, :seeds].mean(axis=1)
    gains = scores - resampled[:, seeds:].mean(axis=1)
    f1 = f1_of(both.mean(axis=1))
    own, base = (seed_noise(f1[of].tolist(), resampled[:, of].T) for of in (slice(seeds), slice(seeds, None)))
    score = float(f1[:seeds].mean())
    gain = score - float(f1[seeds:].mean())
    if not over_seeds or own is None or base is None:
        limits = [np.quantile(each, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) for each in (scores, gains)]
        return RequestResult(chosen, score, *map(float, np.concatenate(limits)), cost)
    parts = [(own, 1 / seeds), (base, 1 / len(baseline))]
    half = spread(float(scores.std(ddof=1)), parts[:1]).half_width(CONFIDENCE)
    half_gain = spread(float(gains.std(ddof=1)), parts).half_width(CONFIDENCE)
    return RequestResult(chosen, score, score - half, score + half, gain - half_gain, gain + half_gain, cost)


LITERATURE = Protocol()
OURS = Protocol(racing=True, reseeding=True, sealed=True)
