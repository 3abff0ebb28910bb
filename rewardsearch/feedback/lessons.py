"""What the leaderboard has shown so far, in a few sentences that the next round can act on.

A best score flatters, the more so the more were tried, so these sentences tell means with their n, and say which differences
are beyond chance. At most one for each function here, that is eight, and nine on a task with classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rewardsearch.feedback.answers import lean
from rewardsearch.feedback.summary import GAMED, ONE_ANSWER
from rewardsearch.records import BASELINE, RankedRow, Ranking, TrainingResult, curve_label
from rewardsearch.records.feedback import Parent

TOLD = 4
"""Changes that are told by name, and components of the highest and of the lowest gain."""
TOLD_LEANS = 3
TOLD_ROUNDS = 6
SAME_AS_CORRECT = 0.95
"""The correlation from which a component is all but the check of the answer."""


def lessons(
    ranking: Ranking,
    parents: Sequence[Parent],
    results: Mapping[str, TrainingResult],
    rejected: Sequence[str],
    *,
    rounds_without_improvement: int = 0,
    confidence: float = 0.95,
) -> tuple[str, ...]:
    """The lessons, the most useful first; none where there is nothing to say.

    parents: every screened candidate, best first. rejected: each refusal's stage. rounds_without_improvement: since the best
    score rose last. confidence: what is beyond chance has a p-value below 1 - confidence.
    """
    rows = {row.id: row for row in ranking.rows}
    alpha = 1 - confidence
    found: list[str] = []
    if parents:
        found += _standing(parents, rows, ranking.noise is not None, alpha)
        found += _best(parents, rows, confidence)
        found += _noise(ranking)
        found += _changes(parents, rows, alpha)
        found += _by_component(parents, results)
        found += _by_round(parents, rounds_without_improvement)
        found += _by_operator(parents)
        found += _flagged(parents, rows)
        found += _one_answer(parents, rows)
    ends = [row.status for row in ranking.rows]
    return (*found, *_lost(rejected, ends.count("failed"), ends.count("stopped")))


def _standing(parents: Sequence[Parent], rows: Mapping[str, RankedRow], noise: bool, alpha: float) -> Iterator[str]:
    above = [parent for parent in parents if parent.gain > 0]
    sure = sum(_below(rows[parent.candidate.id].p_adjusted, alpha) for parent in above)
    seeds = rows[BASELINE].f1_by_seed
    mean = f", the mean of {len(seeds)} seeds" if len(seeds) > 1 else ""
    chance = f"{sure or 'none'} of them beyond chance (corrected p < {alpha:.2g}, over questions and seeds)"
    if not noise:
        chance = "with one seed, which does not show how many of them by chance"
    yield (
        f"{len(above)} of {_rewards(len(parents), 'trained ')} scored above the base rewards alone (F1 "
        f"{rows[BASELINE].f1:.3f}{mean}), {chance}; mean gain {_mean(parents)}."
    )


def _best(parents: Sequence[Parent], rows: Mapping[str, RankedRow], confidence: float) -> Iterator[str]:
    """The best is told as one of those that cannot be told apart, with how much a score is uncertain."""
    others = parents[1:]
    if not others:
        return
    ties = [p for p in others if not _below(rows[p.candidate.id].p_vs_best, 1 - confidence)]
    half = sum(parent.f1_ci[1] - parent.f1_ci[0] for parent in parents) / len(parents) / 2
    told = "every other reward is below it beyond chance"
    if ties:
        told = f"{len(ties)} of the {len(others)} other{'s' if len(others) > 1 else ''} cannot be told from it"
    yield (
        f"The best, {parents[0].candidate.name}, gained {parents[0].gain:+.3f}, in part luck as the best of {len(parents)}; "
        f"{told}. A score's {100 * confidence:g} % interval is about ±{half:.3f}: a smaller "
        "difference says little."
    )


def _changes(parents: Sequence[Parent], rows: Mapping[str, RankedRow], alpha: float) -> Iterator[str]:
    """Rewards made of trained ones, each against the best of its parents."""
    scored = {parent.candidate.id: parent for parent in parents}
    steps: list[tuple[float, float, Parent, Parent]] = []
    for child in parents:
        of = [scored[id] for id in child.candidate.parents if id in scored]
        if of:
            best = max(of, key=lambda parent: parent.f1)
            p = rows[child.candidate.id].p_vs_parent
            steps.append((1.0 if p is None else p, child.f1 - best.f1, child, best))
    if not steps:
        return
    sure = sorted((step for step in steps if step[0] < alpha), key=lambda step: (step[0], step[2].candidate.id))[:TOLD]
    told = ", ".join(
        f"{child.candidate.name} {gain:+.3f} over {of.candidate.name}"
        for _, gain, child, of in sorted(sure, key=lambda step: (-step[1], step[2].candidate.id))
    )
    yield (
        f"{sum(gain > 0 for _, gain, _, _ in steps)} of {_rewards(len(steps))} made from trained ones scored above the better "
        f"parent (mean {sum(gain for _, gain, _, _ in steps) / len(steps):+.3f}, n {len(steps)}); beyond chance (p < "
        f"{alpha:.2g}): {told or 'none'}."
    )


def _by_component(parents: Sequence[Parent], results: Mapping[str, TrainingResult]) -> Iterator[str]:
    """The candidates' components by the mean gain of the rewards that have them; rewards of one lineage share their names."""
    found: dict[str, list[_Carried]] = {}
    for parent in parents:
        result = results[parent.candidate.id]
        # The label that screening gives a candidate's own reward; what else was trained on are the base rewards.
        label = f"{curve_label(parent.candidate.name, parent.candidate.id)}/"
        # Where nothing has an r the policy was always right or never, which says nothing of any component.
        if any(r is not None for r in result.correlations.values()):
            for name, r in result.correlations.items():
                if name.startswith(label):
                    carried = _Carried(parent.gain, r, result.correlations_any_form.get(name))
                    found.setdefault(name.removeprefix(label), []).append(carried)
    if not found:
        return
    names = sorted(found, key=lambda name: (-fmean(each.gain for each in found[name]), name))
    told = names if len(names) <= 2 * TOLD else [*names[:TOLD], *names[-TOLD:]]
    parts = [f"{name} {fmean(each.gain for each in found[name]):+.3f} ({_correlated(found[name])})" for name in told]
    # Judged by those that vary at all.
    highest = [fmean(rs) for name in told if (rs := [each.r for each in found[name] if each.r is not None])]
    same = " An r near 1 only repeats the check of the answer." if max(highest, default=0.0) >= SAME_AS_CORRECT else ""
    yield (
        "Components by the mean gain of the n rewards with them, beside r with being correct and with being right in any form: "
        f"{'; '.join(parts)}.{same}"
    )


@dataclass(frozen=True)
class _Carried:
    """A component in one reward: that reward's gain, and the component's correlations in its training."""

    gain: float
    r: float | None
    any_form: float | None


def _correlated(carried: Sequence[_Carried]) -> str:
    rs = [each.r for each in carried if each.r is not None]
    any_form = [each.any_form for each in carried if each.any_form is not None]
    if not rs:
        return f"n {len(carried)}, without spread"
    return f"n {len(carried)}, r {fmean(rs):+.2f}{f'; {fmean(any_form):+.2f}' if any_form else ''}"


def _by_round(parents: Sequence[Parent], rounds_without_improvement: int) -> Iterator[str]:
    rounds = sorted({parent.candidate.round for parent in parents})
    parts = []
    if len(rounds) > 1:
        told = ", ".join(
            f"round {round} {_mean([parent for parent in parents if parent.candidate.round == round])}"
            for round in rounds[-TOLD_ROUNDS:]
        )
        parts.append(f"mean gain by round: {told}")
    if rounds_without_improvement > 1:
        parts.append(f"the best score has not risen for {rounds_without_improvement} rounds")
    if parts:
        told = "; ".join(parts)
        yield f"{told[0].upper()}{told[1:]}."


def _by_operator(parents: Sequence[Parent]) -> Iterator[str]:
    operators = sorted({parent.candidate.operator for parent in parents})
    if len(operators) > 1:
        told = ", ".join(
            f"{operator} {_mean([parent for parent in parents if parent.candidate.operator == operator])}"
            for operator in operators
        )
        yield f"Mean gain by move: {told}."


def _flagged(parents: Sequence[Parent], rows: Mapping[str, RankedRow]) -> Iterator[str]:
    """Rewards that validation could game, or the policy did, against the others; other flags say nothing of that."""
    gamed = [p for p in parents if any(flag.startswith(GAMED) for flag in rows[p.candidate.id].flags)]
    clean = [p for p in parents if p not in gamed]
    if len(gamed) > 1 and len(clean) > 1:
        yield f"Mean gain of rewards flagged as open to gaming: {_mean(gamed)}, of the others: {_mean(clean)}."


def _one_answer(parents: Sequence[Parent], rows: Mapping[str, RankedRow]) -> Iterator[str]:
    """On a task with classes: rewards whose policy leans to one answer, or that are flagged for it, against the others."""
    if rows[BASELINE].classes is None:
        return
    told: list[tuple[float, Parent, str]] = []
    for parent in parents:
        row = rows[parent.candidate.id]
        found, flags = lean(row.classes), [flag for flag in row.flags if flag in ONE_ANSWER]
        if found or flags:
            share, words = found or (0.0, ", ".join(flags))
            told.append((share, parent, words))
    if not told:
        return
    held = [parent for _, parent, _ in told]
    others = [parent for parent in parents if parent not in held]
    names = "; ".join(
        f"{parent.candidate.name} {words}"
        for _, parent, words in sorted(told, key=lambda each: (-each[0], each[1].candidate.id))[:TOLD_LEANS]
    )
    yield (
        f"{_rewards(len(held), 'trained ')} favoured one answer, mean gain {_mean(held)}"
        f"{f', of the others {_mean(others)}' if others else ''}: {names}. A penalty on one answer must not outweigh what right "
        "answers earn."
    )


def _noise(ranking: Ranking) -> Iterator[str]:
    noise = ranking.noise
    if noise is not None:
        yield (
            f"Training the baseline with {len(noise.f1_by_seed)} seeds gave F1 "
            f"{', '.join(f'{f1:.3f}' for f1 in noise.f1_by_seed.values())}: a score moves by about {noise.seed_sd:.3f} (standard "
            f"deviation) with the seed and {noise.question_sd:.3f} with the questions, so read smaller gains as ties."
        )


def _lost(rejected: Sequence[str], failed: int, dropped: int) -> Iterator[str]:
    if dropped:
        yield (
            f"{_rewards(dropped)} so far dropped early in training: others were ahead on the same questions, or the watch "
            "ended the training."
        )
    if rejected:
        counts = ", ".join(f"{rejected.count(stage)} {stage}" for stage in sorted(set(rejected)))
        also = f"; {failed} failed in training" if failed else ""
        yield f"Rejected before training so far, by the check that refused them: {counts}{also}."
    elif failed:
        yield f"{_rewards(failed)} so far failed in training."


def _below(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def _mean(parents: Sequence[Parent]) -> str:
    return f"{sum(parent.gain for parent in parents) / len(parents):+.3f} (n {len(parents)})"


def _rewards(count: int, kind: str = "") -> str:
    return f"{count} {kind}reward{'s' if count != 1 else ''}"
