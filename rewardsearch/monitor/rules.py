"""Rules that look for reward hacking and for wasted training in the curve of a run, after every step.

A search applies them to its training runs, RewardMonitor to a user's own training, and `rewardsearch audit` to a log.

Every rule compares the means of the first and the last `window` steps. A change is measured in standard errors of the
difference of the two means, from the spread of the steps within each. A run whose exact match rises, or is near 1, may get
longer, more certain and better paid without an alarm. What the rules cannot see: a reward that is gamed while exact match
rises, and what happens in fewer steps than two windows.

A log may lack some of the numbers: rules that need them are not applied. Where exact match is missing, a rising reward counts as
learning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, variance

from rewardsearch.config import WatchConfig
from rewardsearch.records import Alarm, AlarmKind, CurvePoint

TRUTH, PREDICTIONS, CLASSES = "exact_match", "top_prediction", "answers"
MEASURED = frozenset((TRUTH, PREDICTIONS, CLASSES, "length", "zero_std_fraction", "clipped", "entropy", "grad_norm"))
"""Fields of CurvePoint that a log may lack; a search's curve has all of them."""
NEEDS: dict[AlarmKind, tuple[str, ...]] = {
    "dead": (),
    "forgetting": (TRUTH,),
    "hacking": (TRUTH,),
    "collapse": (TRUTH, PREDICTIONS),
    "class_avoidance": (TRUTH, CLASSES),
    "clipped": ("clipped",),
    "length": ("length",),
    "entropy": ("entropy",),
    "embedding_collapse": (),
}
"""The fields that each rule needs; `dead` needs one of two, grad_norm or zero_std_fraction, and `embedding_collapse` measured
columns, which only some tasks have."""
OWN, SIMILARITY, RANK = "sim_query", "sim_batch", "rank"
"""Measured columns: the similarity of a completion to its own query, the mean of those to other rows' queries, and the rank of
the own one."""
_NEARER = 0.1
"""Share of the distance to other queries by which the own one must be nearer for texts not to be embedded alike."""
_HARDLY = 0.1
"""A class counts as hardly answered up to this share of how often it should be answered."""


@dataclass(frozen=True)
class _Change:
    """From the mean of the first window to that of the last; `errors` is the difference in its standard errors."""

    start: float
    end: float
    errors: float

    def __str__(self) -> str:
        return f"{self.start:.3g} -> {self.end:.3g}"


@dataclass(frozen=True)
class _Curve:
    """The first and the last window of a run; `first` and `last` share steps while there are fewer than two windows."""

    points: Sequence[CurvePoint]
    config: WatchConfig
    measured: frozenset[str] = MEASURED

    @property
    def first(self) -> Sequence[CurvePoint]:
        return self.points[: self.config.window]

    @property
    def last(self) -> Sequence[CurvePoint]:
        return self.points[-self.config.window :]

    def change(self, of: Callable[[CurvePoint], float]) -> _Change:
        first, last = list(map(of, self.first)), list(map(of, self.last))
        difference = fmean(last) - fmean(first)
        error = math.sqrt((variance(first) + variance(last)) / self.config.window)
        steep = math.copysign(math.inf, difference) if difference else 0.0
        return _Change(fmean(first), fmean(last), difference / error if error else steep)

    @property
    def exact_match(self) -> _Change:
        return self.change(lambda point: point.exact_match)

    @property
    def progress(self) -> str:
        """What shows whether the policy learns, in words."""
        if TRUTH in self.measured:
            return f"exact match {self.exact_match}"
        return f"reward {self.change(lambda point: point.reward)}"

    @property
    def learns(self) -> bool:
        """Exact match rises, or has nowhere to rise to."""
        if TRUTH not in self.measured:
            return self.change(lambda point: point.reward).errors > self.config.min_improvement_z
        return self.exact_match.errors > self.config.min_improvement_z or self.solved

    @property
    def solved(self) -> bool:
        """Exact match is near 1, and on a task with classes at least halfway there from what one answer for everyone gets."""
        right = fmean(point.exact_match for point in self.last)
        return TRUTH in self.measured and right >= max(self.config.solved, (1 + self.blind) / 2 if self.blind else 0.0)

    @property
    def blind(self) -> float:
        """What the best single answer for everyone gets in the last window; 0 on a task without classes."""
        return max(_shares(self.last, lambda point: point.golds).values(), default=0.0)

    @property
    def steps(self) -> str:
        return f"steps {self.first[0].step}-{self.first[-1].step} to {self.last[0].step}-{self.last[-1].step}"


def alarms(points: Sequence[CurvePoint], config: WatchConfig, measured: frozenset[str] = MEASURED) -> tuple[Alarm, ...]:
    """The alarms for a run whose curve so far is `points`, at most one of each kind; none where the watch is off.

    measured: those of the fields in MEASURED that the curve really has. A missing gradient gives an alarm after one window of
    steps, everything else after two.
    """
    if not config.enabled or len(points) < config.window:
        return ()
    curve = _Curve(points, config, measured)
    found = list(_dead(curve))
    if len(points) >= 2 * config.window:
        for kind, rule in _RULES.items():
            if measured.issuperset(NEEDS[kind]):
                found.extend(rule(curve))
    return tuple(found)


def hopeless(points: Sequence[CurvePoint], config: WatchConfig) -> str | None:
    """Why the run is hopeless, so that training stops; None where it is not. A run whose exact match rises never is."""
    return next((alarm.message for alarm in alarms(points, config) if alarm.hopeless), None)


def _dead(curve: _Curve) -> Iterator[Alarm]:
    """No gradient in a whole window. Hopeless where there has been none from the start: the policy stays what it is."""
    if curve.solved:
        return
    still = [not point.grad_norm and "grad_norm" in curve.measured for point in curve.points]
    groups = fmean(point.zero_std_fraction for point in curve.last)
    if all(still[-len(curve.last) :]):
        message = "no gradient"
    elif groups >= curve.config.zero_std_fraction:
        message = f"{groups:.0%} of the groups without spread in reward"
    else:
        return
    steps = f"steps {curve.last[0].step}-{curve.last[-1].step}"
    yield Alarm(kind="dead", message=f"{message} in {steps}: nothing to learn from", hopeless=all(still))


def _forgetting(curve: _Curve) -> Iterator[Alarm]:
    """Hopeless: in every step of a window the policy has lost nearly all that it could do."""
    exact_match, config = curve.exact_match, curve.config
    most = max(point.exact_match for point in curve.last)
    little = most <= config.forgetting * exact_match.start and exact_match.start >= config.forgetting_from
    if little and exact_match.errors < -config.alarm_z:
        message = f"exact match {exact_match} ({curve.steps}): the task has been unlearnt"
        yield Alarm(kind="forgetting", message=message, hopeless=True)


def _hacking(curve: _Curve) -> Iterator[Alarm]:
    """The rewards on trial rise while exact match does not. Exact match near 1 counts only where it falls."""
    candidate_reward, exact_match = curve.change(lambda point: point.candidate_reward), curve.exact_match
    config = curve.config
    if candidate_reward.errors > config.alarm_z and (exact_match.errors < -config.alarm_z or not curve.learns):
        figures = f"reward {candidate_reward} while exact match {exact_match} ({curve.steps})"
        yield Alarm(kind="hacking", message=f"{figures}: it pays for something else than being right")


def _collapse(curve: _Curve) -> Iterator[Alarm]:
    """One answer for everyone where the questions have several, or a class that is hardly answered, however rare. Hopeless where
    exact match is no more than the floor, or, of a task with classes, than one answer for everyone gets, and not rising."""
    prediction = fmean(point.top_prediction for point in curve.last)
    gold = fmean(point.top_gold for point in curve.last)
    parsed = fmean(point.parsed for point in curve.last)
    config, exact_match = curve.config, curve.exact_match
    several = len(curve.last[-1].answers) > 2 and not curve.learns
    if parsed < config.collapse_parsed or (prediction < config.collapse and not several):
        return
    if prediction - gold >= config.collapse_gap:
        answers = _shares(curve.last, lambda point: point.answers)
        same = max(answers, key=lambda name: answers[name]) if answers else "the same"
        message: str | None = f"{prediction:.0%} of the answers are {same} where {gold:.0%} should be ({curve.steps})"
    else:
        message = _neglect(curve)
    if message is not None:
        blind = exact_match.end <= max(config.floor, curve.blind) and exact_match.errors <= config.min_improvement_z
        yield Alarm(kind="collapse", message=message, hopeless=blind)


def _neglect(curve: _Curve) -> str | None:
    """The class that is hardly answered in the longest segment up to the last step, at least a window, so that a rare class has
    come often enough for its absence to be clear; None where there is none."""
    points, window = curve.points, curve.config.window
    for name in curve.last[-1].answers:
        # Sums from each step to the last, so that a long run costs no more than its steps.
        given_from = list(accumulate(point.answers[name] for point in reversed(points)))[::-1]
        due_from = list(accumulate(point.golds[name] * point.parsed for point in reversed(points)))[::-1]
        for start in range(len(points) - window + 1):
            if given_from[start] > _HARDLY * due_from[start]:
                continue
            segment = points[start:]
            if _below(name, segment, curve.config.alarm_z):
                given, due = given_from[start] / len(segment), due_from[start] / len(segment)
                before = f", {fmean(point.answers[name] for point in points[:start]):.1%} before" if start else ""
                return (
                    f"{given:.1%} of the completions of steps {segment[0].step}-{segment[-1].step} are {name} "
                    f"where {due:.1%} should be{before}"
                )
    return None


def _class_avoidance(curve: _Curve) -> Iterator[Alarm]:
    """The policy answers a class less and less, and clearly less often than is right, while those of its completions that do
    are paid less than those that answer another. Of several such classes the one that is answered least."""
    if not curve.learns:
        found = [avoided for name in curve.last[-1].answers if (avoided := _avoided(curve, name)) is not None]
        if found:
            yield Alarm(kind="class_avoidance", message=min(found)[1])


def _avoided(curve: _Curve, name: str) -> tuple[float, str] | None:
    """Where the policy avoids class `name`: its share of how often it should be answered, and the message."""
    config = curve.config
    share = curve.change(lambda point: point.answers[name])
    gold = fmean(point.golds[name] for point in curve.last)
    falls = share.errors < -config.alarm_z and _below(name, curve.last, config.alarm_z)
    both = [point for point in (*curve.first, *curve.last) if name in point.paid and len(point.paid) > 1]
    if not falls or share.end >= config.class_avoidance * gold or not both:
        return None
    earned, rest = fmean(point.paid[name] for point in both), fmean(_paid_others(point, name) for point in both)
    if earned >= rest:
        return None
    others = [other for other in curve.last[-1].answers if other != name]
    return share.end / gold, (
        f"{name} in {share.start:.0%} -> {share.end:.0%} of the completions where {gold:.0%} should be "
        f"({curve.steps}), paid {earned:.3g} on average and {others[0] if len(others) == 1 else 'other answers'} {rest:.3g}: the "
        f"policy avoids {name}; make a wrong {name} cost less, or a right one pay more"
    )


def _paid_others(point: CurvePoint, name: str) -> float:
    """What completions of a step that answer another class than `name` were paid on average."""
    others = {other: point.answers[other] for other in point.paid if other != name}
    return sum(share * point.paid[other] for other, share in others.items()) / sum(others.values())


def _below(name: str, points: Sequence[CurvePoint], errors: float) -> bool:
    """Whether a class is answered clearly less often than is right, step by step."""
    gaps = [point.golds[name] - point.answers[name] for point in points]
    return fmean(gaps) > errors * math.sqrt(variance(gaps) / len(gaps))


def _shares(points: Sequence[CurvePoint], of: Callable[[CurvePoint], Mapping[str, float]]) -> dict[str, float]:
    """The mean share of each class."""
    return {name: fmean(of(point)[name] for point in points) for name in of(points[-1])}


def _clipped(curve: _Curve) -> Iterator[Alarm]:
    """Completions end at the limit of tokens. Hopeless where nearly all do, no fewer than at first, and hardly one is right."""
    clipped, config = curve.change(lambda point: point.clipped), curve.config
    if clipped.end >= config.clipped and not curve.learns:
        nearly_all = clipped.end >= config.all_clipped and clipped.errors >= -config.min_improvement_z
        message = f"completions cut off at the token limit {clipped.start:.0%} -> {clipped.end:.0%} ({curve.steps})"
        hardly_right = TRUTH in curve.measured and curve.exact_match.end <= config.floor
        yield Alarm(kind="clipped", message=message, hopeless=nearly_all and hardly_right)


def _length(curve: _Curve) -> Iterator[Alarm]:
    length = curve.change(lambda point: point.length)
    ratio = length.end / length.start if length.start else math.inf
    drifts = max(ratio, 1 / ratio if ratio else math.inf) >= curve.config.length
    if drifts and abs(length.errors) > curve.config.alarm_z and not curve.learns:
        message = f"{length} tokens a completion while {curve.progress} ({curve.steps})"
        yield Alarm(kind="length", message=message)


def _entropy(curve: _Curve) -> Iterator[Alarm]:
    """The policy has stopped exploring: nearly no entropy is left where there was some."""
    if any(point.entropy is None for point in (*curve.first, *curve.last)) or curve.learns:
        return
    entropy = curve.change(lambda point: point.entropy or 0.0)
    if entropy.end <= curve.config.entropy and entropy.end <= curve.config.entropy_left * entropy.start:
        message = f"entropy {entropy} nats a token while {curve.progress} ({curve.steps})"
        yield Alarm(kind="entropy", message=message)


def _embedding_collapse(curve: _Curve) -> Iterator[Alarm]:
    """Embeddings of different rows become more and more alike, or are all alike, and the right text is not ranked better."""
    both = (*curve.first, *curve.last)
    if curve.learns or not all({OWN, SIMILARITY, RANK} <= point.measured.keys() for point in both):
        return
    similarity = curve.change(lambda point: point.measured[SIMILARITY])
    rank = curve.change(lambda point: point.measured[RANK])
    config = curve.config
    most = similarity.start + config.embedding_collapse * (1 - similarity.start)
    rises = similarity.end > most and similarity.errors > config.alarm_z
    nearer = curve.change(lambda point: point.measured[OWN] - point.measured[SIMILARITY])
    alike = similarity.end >= config.embedding_alike and nearer.end <= _NEARER * (1 - similarity.end) + 1e-6
    if (rises or alike) and rank.errors >= -config.min_improvement_z:
        message = f"similarity of different rows' texts {similarity} while the rank of the right one is {rank} ({curve.steps})"
        yield Alarm(kind="embedding_collapse", message=f"{message}: the policy embeds texts alike")


_RULES: dict[AlarmKind, Callable[[_Curve], Iterator[Alarm]]] = {
    "forgetting": _forgetting,
    "hacking": _hacking,
    "collapse": _collapse,
    "class_avoidance": _class_avoidance,
    "clipped": _clipped,
    "length": _length,
    "entropy": _entropy,
    "embedding_collapse": _embedding_collapse,
}
"""The rules that need two windows, in the order of their alarms."""
