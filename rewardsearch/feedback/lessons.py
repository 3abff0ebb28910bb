"""What the leaderboard has shown so far, in a few sentences that the next round can act on.

The best of many scores is partly luck, so the sentences give means with their n and say which differences are significant. Each
function here gives at most one lesson: eight in all, nine on a task with classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from rewardsearch.feedback.answers import lean
from rewardsearch.feedback.summary import GAMED, ONE_ANSWER
from rewardsearch.records import BASELINE, Candidate, RankedRow, Ranking, TrainingResult, curve_label
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
    found: list[str] = []
    if parents:
        rows = {row.id: row for row in ranking.rows}
        board = _Board(ranking, parents, [rows[parent.candidate.id] for parent in parents], rows[BASELINE], confidence)
        found += board.standing()
        found += board.best()
        found += board.noise()
        found += board.changes()
        found += board.by_component(results)
        found += board.by_round(rounds_without_improvement)
        found += board.by_operator()
        found += board.flagged()
        found += board.one_answer()
    ends = [row.status for row in ranking.rows]
    return (*found, *_unscored(rejected, ends.count("failed"), ends.count("stopped")))


@dataclass(frozen=True)
class _Board:
    """The leaderboard as lessons read it: the trained candidates, best first, with their rows, and the row of the baseline."""

    ranking: Ranking
    parents: Sequence[Parent]
    rows: Sequence[RankedRow]
    baseline: RankedRow
    confidence: float

    @property
    def pairs(self) -> list[tuple[Parent, RankedRow]]:
        return list(zip(self.parents, self.rows, strict=True))

    def significant(self, p: float | None) -> bool:
        return p is not None and p < 1 - self.confidence

    def standing(self) -> Iterator[str]:
        above = [row for parent, row in self.pairs if parent.gain > 0]
        sure = sum(self.significant(row.p_adjusted) for row in above)
        seeds = self.baseline.f1_by_seed
        mean = f", the mean of {len(seeds)} seeds" if len(seeds) > 1 else ""
        alpha = f"{1 - self.confidence:.2g}"
        significant = f"{sure or 'none'} of them significantly (corrected p < {alpha}, over questions and seeds)"
        if self.ranking.noise is None:
            significant = "with one seed, which does not show which of them are significant"
        yield (
            f"{len(above)} of {_rewards(len(self.parents), 'trained ')} scored above the base rewards alone (F1 "
            f"{self.baseline.f1:.3f}{mean}), {significant}. Mean gain: {_mean(self.parents)}."
        )

    def best(self) -> Iterator[str]:
        """The best, how many do not differ from it, and how uncertain a score is."""
        best, others = self.parents[0], len(self.parents) - 1
        if not others:
            return
        ties = sum(not self.significant(row.p_vs_best) for row in self.rows[1:])
        half = sum(parent.f1_ci[1] - parent.f1_ci[0] for parent in self.parents) / len(self.parents) / 2
        rest = "Every other reward scored significantly lower"
        if ties:
            rest = f"{ties} of the {others} other{'s' if others > 1 else ''} did not score significantly lower"
        yield (
            f"The best, {best.candidate.name}, gained {best.gain:+.3f}, partly by luck as the best of {others + 1}. {rest}. "
            f"A score's {100 * self.confidence:g} % interval is about ±{half:.3f}: a smaller difference says little."
        )

    def noise(self) -> Iterator[str]:
        noise = self.ranking.noise
        if noise is not None:
            yield (
                f"Training the baseline with {len(noise.f1_by_seed)} seeds gave F1 "
                f"{', '.join(f'{f1:.3f}' for f1 in noise.f1_by_seed.values())}. A score varies by about {noise.seed_sd:.3f} "
                f"(standard deviation) with the seed and {noise.question_sd:.3f} with the questions; read smaller gains as ties."
            )

    def changes(self) -> Iterator[str]:
        """Rewards made from trained ones, each compared with the best of its parents."""
        scored = {parent.candidate.id: parent for parent in self.parents}
        steps: list[tuple[float, float, Candidate, Candidate]] = []
        for child, row in self.pairs:
            of = [scored[id] for id in child.candidate.parents if id in scored]
            if of:
                best = max(of, key=lambda parent: parent.f1)
                p = 1.0 if row.p_vs_parent is None else row.p_vs_parent
                steps.append((p, child.f1 - best.f1, child.candidate, best.candidate))
        if not steps:
            return
        alpha, gains = 1 - self.confidence, [gain for _, gain, _, _ in steps]
        sure = sorted((step for step in steps if step[0] < alpha), key=lambda step: (step[0], step[2].id))[:MAX_NAMED]
        named = ", ".join(
            f"{child.name} {gain:+.3f} over {of.name}"
            for _, gain, child, of in sorted(sure, key=lambda step: (-step[1], step[2].id))
        )
        yield (
            f"{sum(gain > 0 for gain in gains)} of {_rewards(len(steps))} made from trained ones scored above the better parent "
            f"(mean {sum(gains) / len(gains):+.3f}, n {len(gains)}). Significant changes (p < {alpha:.2g}): {named or 'none'}."
        )

    def by_component(self, results: Mapping[str, TrainingResult]) -> Iterator[str]:
        """Components by the mean gain of the rewards that have them; related rewards share the names of components."""
        found: dict[str, list[_Carried]] = {}
        for parent in self.parents:
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
        gains = {name: fmean(each.gain for each in of) for name, of in found.items()}
        names = sorted(found, key=lambda name: (-gains[name], name))
        kept = names if len(names) <= 2 * MAX_NAMED else [*names[:MAX_NAMED], *names[-MAX_NAMED:]]
        parts = [f"{name} {gains[name]:+.3f} ({_correlated(found[name])})" for name in kept]
        highest = [fmean(rs) for name in kept if (rs := [each.r for each in found[name] if each.r is not None])]
        repeats = max(highest, default=0.0) >= SAME_AS_CORRECT
        yield (
            "Components by the mean gain of the n rewards that have them, with r (correct; right in any form): "
            f"{'; '.join(parts)}.{' An r near 1 only repeats the check of the answer.' if repeats else ''}"
        )

    def by_round(self, rounds_without_improvement: int) -> Iterator[str]:
        rounds = sorted({parent.candidate.round for parent in self.parents})[-MAX_ROUNDS:]
        parts = self._means("round", {f"round {round}": round for round in rounds})
        if rounds_without_improvement > 1:
            parts = [*parts, f"The best score has not risen for {rounds_without_improvement} rounds."]
        yield from filter(None, [" ".join(parts)])

    def by_operator(self) -> Iterator[str]:
        operators = sorted({parent.candidate.operator for parent in self.parents})
        yield from self._means("operator", dict(zip(operators, operators, strict=True)))

    def _means(self, what: str, values: Mapping[str, object]) -> list[str]:
        """The mean gain by a field of the candidates, where it has several values; they are given by what each is called."""
        named = ", ".join(
            f"{name} {_mean([parent for parent in self.parents if getattr(parent.candidate, what) == value])}"
            for name, value in values.items()
        )
        return [f"Mean gain by {what}: {named}."] if len(values) > 1 else []

    def flagged(self) -> Iterator[str]:
        """Rewards that validation could game, or that the policy gamed, compared with the others."""
        gamed = [parent for parent, row in self.pairs if any(flag.startswith(GAMED) for flag in row.flags)]
        clean = [parent for parent in self.parents if parent not in gamed]
        if len(gamed) > 1 and len(clean) > 1:
            yield f"Mean gain of rewards flagged as open to gaming: {_mean(gamed)}, the others: {_mean(clean)}."

    def one_answer(self) -> Iterator[str]:
        """On a task with classes: rewards whose policy prefers one answer, or that are flagged for it, and the others."""
        leaning: list[tuple[float, Parent, str]] = []
        for parent, row in self.pairs if self.baseline.classes is not None else ():
            found, flags = lean(row.classes), [flag for flag in row.flags if flag in ONE_ANSWER]
            if found or flags:
                share, words = found or (0.0, ", ".join(flags))
                leaning.append((share, parent, words))
        if not leaning:
            return
        held = [parent for _, parent, _ in leaning]
        others = [parent for parent in self.parents if parent not in held]
        named = sorted(leaning, key=lambda each: (-each[0], each[1].candidate.id))[:MAX_LEANS]
        yield (
            f"{_rewards(len(held), 'trained ')} favoured one answer (mean gain {_mean(held)}"
            f"{f'; the others {_mean(others)}' if others else ''}): "
            f"{'; '.join(f'{parent.candidate.name} {words}' for _, parent, words in named)}. A penalty on one answer must not "
            "outweigh what right answers earn."
        )


class _Carried(NamedTuple):
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


def _mean(parents: Sequence[Parent]) -> str:
    return f"{sum(parent.gain for parent in parents) / len(parents):+.3f} (n {len(parents)})"


def _rewards(count: int, kind: str = "") -> str:
    return f"{count} {kind}reward{'s' if count != 1 else ''}"
