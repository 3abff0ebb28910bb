"""What the rules say about a curve, in words that a user can act on: alarms with remedies, and dead groups by what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rewardsearch.config import WatchConfig
from rewardsearch.monitor.curve import Curve
from rewardsearch.monitor.rules import NEEDS, TRUTH, alarms
from rewardsearch.records import Alarm, AlarmKind, CurvePoint
from rewardsearch.records.data import Record

_REMEDIES: dict[AlarmKind, str] = {
    "hacking": "read the completions with the highest rewards, and stop paying for what they share beside right answers",
    "length": "do not pay for length, or pay a right answer more; check how the loss is normalised by length",
    "collapse": "pay a right answer more than any constant answer earns, and start again from an earlier checkpoint",
    "entropy": "lower the learning rate, raise beta or the temperature, or start again from an earlier checkpoint",
    "clipped": "raise the limit of tokens, or pay unfinished completions less",
    "forgetting": "stop; go back to a checkpoint before the fall and lower the learning rate, or correct the reward",
    "class_avoidance": "make a wrong answer of that class cost less, or a right one pay more",
    "embedding_collapse": "pay for the distance to other texts (sim_negative, sim_batch_max) beside nearness to the own one",
    "dead": "log whether completions are right, by a reward function of weight 0: all right and all wrong need opposite remedies",
}
_DEAD = {
    "right": "the questions are too easy: take harder ones, or stop here",
    "wrong": "the questions are too hard, or the reward pays right answers nothing: take easier ones or larger groups, give "
    "partial credit, or fine-tune first",
    "same": "the reward pays right and wrong completions the same: pay right ones more",
    "both": "drop the questions that are always right or always wrong",
}


class DeadGroups(Record):
    """Groups without spread in reward in the last window, as shares of all groups. The shares of those that are all right and
    all wrong are bounds, from exact match: the other groups may hold any number of right completions. None: the log cannot tell.

    The bounds take a group without spread as all right or all wrong, which it is where the reward pays right completions more.
    same: the reward was the same in each step although exact match was not, so it does not.
    """

    share: float
    all_right: tuple[float, float] | None = None
    all_wrong: tuple[float, float] | None = None
    same: bool = False

    @property
    def mostly(self) -> str | None:
        """What most of them are: "right", "wrong", "both" where neither is clear, "same" where the reward ignores what is right;
        None where the log cannot tell."""
        if self.same:
            return "same"
        if self.all_right is None or self.all_wrong is None:
            return None
        half = self.share / 2
        return "right" if self.all_right[0] > half else "wrong" if self.all_wrong[0] > half else "both"


class Finding(Record):
    """An alarm, and what to do about it."""

    alarm: Alarm
    remedy: str

    @property
    def line(self) -> str:
        return f"{self.alarm.kind}: {self.alarm.message}. What to do: {self.remedy}"


def findings(curve: Curve, config: WatchConfig) -> list[Finding]:
    """The alarms of the rules that the curve has the numbers for, each with its remedy."""
    groups = dead_groups(curve, config)
    return [
        Finding(alarm=alarm, remedy=_remedy(alarm, curve.points, config, groups))
        for alarm in alarms(curve.points, config, curve.measured)
    ]


def _remedy(alarm: Alarm, points: Sequence[CurvePoint], config: WatchConfig, groups: DeadGroups | None) -> str:
    remedy = _REMEDIES[alarm.kind]
    if alarm.kind == "dead" and groups is not None and groups.mostly is not None:
        return _DEAD[groups.mostly]
    if alarm.kind == "hacking" and (risen := _most_risen(points, config.window)):
        return f"{risen}; {remedy}"
    return remedy


def _most_risen(points: Sequence[CurvePoint], window: int) -> str | None:
    """Of several reward functions the one whose mean rose most, in words."""
    first, last = points[:window], points[-window:]
    rises = {}
    for name in points[-1].components:
        if all(name in point.components for point in (*first, *last)):
            start, end = (fmean(point.components[name] for point in part) for part in (first, last))
            rises[name] = (end - start, f"{name} rose most ({start:.3g} -> {end:.3g})")
    return max(rises.values())[1] if len(rises) > 1 else None


def dead_groups(curve: Curve, config: WatchConfig) -> DeadGroups | None:
    """The dead groups of the last window; None where the log lacks their share."""
    last = curve.points[-config.window :]
    if "zero_std_fraction" not in curve.measured or not last:
        return None
    share = fmean(point.zero_std_fraction for point in last)
    if TRUTH not in curve.measured:
        return DeadGroups(share=share)
    if len({point.reward for point in last}) == 1 < len({point.exact_match for point in last}):
        return DeadGroups(share=share, same=True)
    right = fmean(point.exact_match for point in last)
    least, most = max(0.0, right - (1 - share)), min(right, share)
    return DeadGroups(share=share, all_right=(least, most), all_wrong=(share - most, share - least))


def unchecked(curve: Curve) -> dict[AlarmKind, tuple[str, ...]]:
    """The rules that were not applied, and the measures that the log lacks for each."""
    missing = {kind: tuple(name for name in needs if name not in curve.measured) for kind, needs in NEEDS.items()}
    if not curve.measured & {"grad_norm", "zero_std_fraction"}:
        missing["dead"] = ("grad_norm", "zero_std_fraction")
    return {kind: names for kind, names in missing.items() if names}
