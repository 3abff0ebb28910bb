"""What the leaderboard has shown so far, in a few sentences that the next round can act on.

The best of many scores is partly luck, so the sentences give means with their n and say which differences are significant. Each
function here gives at most one lesson: eight in all, nine on a task with classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rewardsearch.feedback.answers import lean
from rewardsearch.feedback.summary import GAMED, ONE_ANSWER
from rewardsearch.records import BASELINE, RankedRow, Ranking, TrainingResult, curve_label
from rewardsearch.records.feedback import Parent

MAX_NAMED = 4
"""Changes that are named, and components at each end of the list."""
MAX_LEANS = 3
MAX_ROUNDS = 6
SAME_AS_CORRECT = 0.95
"""A component with a correlation of at least this only repeats the check of the answer."""


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

    parents: every trained candidate, best first. rejected: the stage of each refusal. rounds_without_improvement: rounds since
    the best score last rose. confidence: a difference is significant with a p-value below 1 - confidence.
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
    return (*found, *_unscored(rejected, ends.count("failed"), ends.count("stopped")))


def _standing(parents: Sequence[Parent], rows: Mapping[str, RankedRow], noise: bool, alpha: float) -> Iterator[str]:
    above = [parent for parent in parents if parent.gain > 0]
    sure = sum(_below(rows[parent.candidate.id].p_adjusted, alpha) for parent in above)
    seeds = rows[BASELINE].f1_by_seed
    mean = f", the mean of {len(seeds)} seeds" if len(seeds) > 1 else ""
    significant = f"{sure or 'none'} of them significantly (corrected p < {alpha:.2g}, over questions and seeds)"
    if not noise:
        significant = "with one seed, which does not show which of them are significant"
    yield (
        f"{len(above)} of {_rewards(len(parents), 'trained ')} scored above the base rewards alone (F1 "
        f"{rows[BASELINE].f1:.3f}{mean}), {significant}. Mean gain: {_mean(parents)}."
    )


def _best(parents: Sequence[Parent], rows: Mapping[str, RankedRow], confidence: float) -> Iterator[str]:
    """The best, how many do not differ from it, and how uncertain a score is."""
    others = parents[1:]
    if not others:
        return
    ties = [p for p in others if not _below(rows[p.candidate.id].p_vs_best, 1 - confidence)]
    half = sum(parent.f1_ci[1] - parent.f1_ci[0] for parent in parents) / len(parents) / 2
    rest = "Every other reward scored significantly lower"
    if ties:
        rest = (
            f"{len(ties)} of the {len(others)} other{'s' if len(others) > 1 else ''} did not score significantly lower"
        )
    yield (
        f"The best, {parents[0].candidate.name}, gained {parents[0].gain:+.3f}, partly by luck as the best of {len(parents)}. "
        f"{rest}. A score's {100 * confidence:g} % interval is about ±{half:.3f}: a smaller difference says little."
    )


def _changes(parents: Sequence[Parent], rows: Mapping[str, RankedRow], alpha: float) -> Iterator[str]:
    """Rewards made from trained ones, each compared with the best of its parents."""
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
    sure = sorted((step for step in steps if step[0] < alpha), key=lambda step: (step[0], step[2].candidate.id))[
        :MAX_NAMED
    ]
    named = ", ".join(
        f"{child.candidate.name} {gain:+.3f} over {of.candidate.name}"
        for _, gain, child, of in sorted(sure, key=lambda step: (-step[1], step[2].candidate.id))
    )
    yield (
        f"{sum(gain > 0 for _, gain, _, _ in steps)} of {_rewards(len(steps))} made from trained ones scored above the better "
        f"parent (mean {sum(gain for _, gain, _, _ in steps) / len(steps):+.3f}, n {len(steps)}). Significant changes (p < "
        f"{alpha:.2g}): {named or 'none'}."
    )


def _by_component(parents: Sequence[Parent], results: Mapping[str, TrainingResult]) -> Iterator[str]:
    """Components by the mean gain of the rewards that have them; related rewards share the names of components."""
    found: dict[str, list[_Carried]] = {}
    for parent in parents:
        result = results[parent.candidate.id]
        # The label of the candidate's own reward in its training; the other labels are base rewards.
        label = f"{curve_label(parent.candidate.name, parent.candidate.id)}/"
        # Without any r the policy was always correct or never, which says nothing about the components.
        if any(r is not None for r in result.correlations.values()):
            for name, r in result.correlations.items():
                if name.startswith(label):
                    carried = _Carried(parent.gain, r, result.correlations_any_form.get(name))
                    found.setdefault(name.removeprefix(label), []).append(carried)
    if not found:
        return
    names = sorted(found, key=lambda name: (-fmean(each.gain for each in found[name]), name))
    kept = names if len(names) <= 2 * MAX_NAMED else [*names[:MAX_NAMED], *names[-MAX_NAMED:]]
    parts = [f"{name} {fmean(each.gain for each in found[name]):+.3f} ({_correlated(found[name])})" for name in kept]
    highest = [fmean(rs) for name in kept if (rs := [each.r for each in found[name] if each.r is not None])]
    same = " An r near 1 only repeats the check of the answer." if max(highest, default=0.0) >= SAME_AS_CORRECT else ""
    yield (
        "Components by the mean gain of the n rewards that have them, with r (correct; right in any form): "
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
        means = ", ".join(
            f"round {round} {_mean([parent for parent in parents if parent.candidate.round == round])}"
            for round in rounds[-MAX_ROUNDS:]
        )
        parts.append(f"Mean gain by round: {means}.")
    if rounds_without_improvement > 1:
        parts.append(f"The best score has not risen for {rounds_without_improvement} rounds.")
    if parts:
        yield " ".join(parts)


def _by_operator(parents: Sequence[Parent]) -> Iterator[str]:
    operators = sorted({parent.candidate.operator for parent in parents})
    if len(operators) > 1:
        means = ", ".join(
            f"{operator} {_mean([parent for parent in parents if parent.candidate.operator == operator])}"
            for operator in operators
        )
        yield f"Mean gain by operator: {means}."


def _flagged(parents: Sequence[Parent], rows: Mapping[str, RankedRow]) -> Iterator[str]:
    """Rewards that validation could game, or that the policy gamed, compared with the others."""
    gamed = [p for p in parents if any(flag.startswith(GAMED) for flag in rows[p.candidate.id].flags)]
    clean = [p for p in parents if p not in gamed]
    if len(gamed) > 1 and len(clean) > 1:
        yield f"Mean gain of rewards flagged as open to gaming: {_mean(gamed)}, the others: {_mean(clean)}."


def _one_answer(parents: Sequence[Parent], rows: Mapping[str, RankedRow]) -> Iterator[str]:
    """On a task with classes: rewards whose policy prefers one answer, or that are flagged for it, compared with the others."""
    if rows[BASELINE].classes is None:
        return
    leaning: list[tuple[float, Parent, str]] = []
    for parent in parents:
        row = rows[parent.candidate.id]
        found, flags = lean(row.classes), [flag for flag in row.flags if flag in ONE_ANSWER]
        if found or flags:
            share, words = found or (0.0, ", ".join(flags))
            leaning.append((share, parent, words))
    if not leaning:
        return
    held = [parent for _, parent, _ in leaning]
    others = [parent for parent in parents if parent not in held]
    names = "; ".join(
        f"{parent.candidate.name} {words}"
        for _, parent, words in sorted(leaning, key=lambda each: (-each[0], each[1].candidate.id))[:MAX_LEANS]
    )
    yield (
        f"{_rewards(len(held), 'trained ')} favoured one answer (mean gain {_mean(held)}"
        f"{f'; the others {_mean(others)}' if others else ''}): {names}. A penalty on one answer must not outweigh what right "
        "answers earn."
    )


def _noise(ranking: Ranking) -> Iterator[str]:
    noise = ranking.noise
    if noise is not None:
        yield (
            f"Training the baseline with {len(noise.f1_by_seed)} seeds gave F1 "
            f"{', '.join(f'{f1:.3f}' for f1 in noise.f1_by_seed.values())}. A score varies by about {noise.seed_sd:.3f} "
            f"(standard deviation) with the seed and {noise.question_sd:.3f} with the questions; read smaller gains as ties."
        )


def _unscored(rejected: Sequence[str], failed: int, stopped: int) -> Iterator[str]:
    if stopped:
        yield (
            f"{_rewards(stopped)} so far stopped early in training: others were ahead on the same questions, or the watch "
            "stopped the training."
        )
    if rejected:
        counts = ", ".join(f"{rejected.count(stage)} {stage}" for stage in sorted(set(rejected)))
        also = f" {failed} failed in training." if failed else ""
        yield f"Rejected before training so far, by check: {counts}.{also}"
    elif failed:
        yield f"{_rewards(failed)} so far failed in training."


def _below(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def _mean(parents: Sequence[Parent]) -> str:
    return f"{sum(parent.gain for parent in parents) / len(parents):+.3f} (n {len(parents)})"


def _rewards(count: int, kind: str = "") -> str:
    return f"{count} {kind}reward{'s' if count != 1 else ''}"
