"""The sections on the search itself: scores by round, time by phase, the leaderboard, the tests of all pairs."""

from __future__ import annotations

from collections import Counter
from statistics import fmean

from markupsafe import Markup

from rewardsearch.errors import RewardSearchError
from rewardsearch.files.numbers import number
from rewardsearch.records import BASELINE, FULL, RankedRow, Ranking, Record
from rewardsearch.report.svg import Scale, axes, dot, group, line, polyline, rect, svg, text
from rewardsearch.run.state import RunState
from rewardsearch.session.runs import name_of

PAIRED = 24
"""Arms of the leaderboard, the best ones, whose pairs are tested."""
_WIDTH, _HEIGHT = 720, 280


class Round(Record):
    """One round: its candidates by status, and the mean and best F1 of those that have a score."""

    round: int
    proposed: int
    statuses: dict[str, int]
    refusals: int
    mean: float | None
    best: float | None


def rounds(state: RunState, ranking: Ranking) -> list[Round]:
    refused = Counter(number for number, _ in state.refusals)
    found = []
    known = {each.round for each in state.candidates.values()} | set(refused)
    for each in sorted(known):
        rows = [row for row in ranking.rows if row.id in state.candidates and row.round == each]
        scores = [row.f1 for row in rows if row.f1 is not None and row.rank is not None]
        found.append(
            Round(
                round=each,
                proposed=sum(candidate.round == each for candidate in state.candidates.values()),
                statuses=dict(Counter(row.status for row in rows)),
                refusals=refused[each],
                mean=fmean(scores) if scores else None,
                best=max(scores, default=None),
            )
        )
    return found


def scores_chart(state: RunState, ranking: Ranking) -> Markup | None:
    """F1 by round: every candidate with its interval, the mean of each round, the best so far, and the baseline with its
    interval. None without scored candidates."""
    scored = [row for row in ranking.rows if row.f1 is not None and row.rank is not None]
    rows = [row for row in scored if row.id in state.candidates]
    if not rows:
        return None
    base = next((row for row in scored if row.id == BASELINE), None)
    ends = [end for row in [*rows, *([base] if base else [])] for end in (row.f1_ci or (row.f1 or 0.0,))]
    numbers = sorted({row.round for row in rows})
    x, y = Scale(min(numbers) - 0.6, max(numbers) + 0.6, 54, _WIDTH - 10), Scale.over(ends, _HEIGHT - 40, 22)
    parts = axes(x, y, numbers, "round", "F1", 8)
    if base is not None and base.f1 is not None:
        if base.f1_ci is not None:
            low, high = y(base.f1_ci[0]), y(base.f1_ci[1])
            parts.append(rect(x.start, high, x.end - x.start, low - high, "band"))
        parts.append(line(x.start, y(base.f1), x.end, y(base.f1), "reference"))
        parts.append(text(x.end - 4, y(base.f1) - 5, f"baseline {number(base.f1)}", "label", "end"))
    best = mean = None
    for each in numbers:
        members = sorted((row for row in rows if row.round == each), key=lambda row: row.rank or 0)
        found = [row.f1 for row in members if row.f1 is not None]
        here, top = (x(each), y(fmean(found))), (_place(0, members, x), y(max(found)))
        lines = [dot(*here, f"mean of round {each}: {number(fmean(found))}", "mean mark", 3)]
        if best is not None and mean is not None:
            top = top[0], min(top[1], best[1])
            # The line of the best steps up at the first candidate of a round, which is its best one.
            lines += [polyline([mean, here], "curve mean"), polyline([best, (top[0], best[1]), top], "curve best")]
        best, mean = top, here
        marks = [mark for place, row in enumerate(members) for mark in _candidate(row, place, members, x, y)]
        parts.append(group([*lines, *marks], each))
    if best is not None:
        parts.append(group([polyline([best, (x.end, best[1])], "curve best")], numbers[-1]))
    return svg(_WIDTH, _HEIGHT, "F1 of the candidates by round, with intervals", parts, "chart wide")


def _candidate(row: RankedRow, place: int, members: list[RankedRow], x: Scale, y: Scale) -> list[Markup]:
    """One candidate's score, beside the others of its round."""
    assert row.f1 is not None
    at = _place(place, members, x)
    whisker = [line(at, y(row.f1_ci[0]), at, y(row.f1_ci[1]), "whisker")] if row.f1_ci else []
    return [*whisker, dot(at, y(row.f1), f"{row.name}: F1 {number(row.f1)}", "mark", 3.5)]


def _place(place: int, members: list[RankedRow], x: Scale) -> float:
    return x(members[0].round + (place + 0.5 - len(members) / 2) * 0.9 / max(len(members), 4))


def f1_scale(rows: list[RankedRow]) -> Scale:
    """One scale for the intervals of all rows."""
    ends = [end for row in rows if row.f1 is not None for end in (row.f1_ci or (row.f1,))]
    return Scale.over(ends, 6, 154)


class PairTest(Record):
    """McNemar's test of two trained policies on the same questions; `corrected` over all pairs by Holm's method."""

    a: str
    b: str
    only_a: int
    only_b: int
    p: float
    corrected: float


class PairTests(Record):
    """The tests of all pairs of `arms`. `left_out`: arms of the leaderboard beyond PAIRED. `missing`: why there are none."""

    arms: tuple[str, ...] = ()
    tests: tuple[PairTest, ...] = ()
    left_out: int = 0
    missing: str = ""

    def of(self, a: str, b: str) -> PairTest | None:
        """The test of a pair, as seen from a."""
        for each in self.tests:
            if (each.a, each.b) == (a, b):
                return each
            if (each.b, each.a) == (a, b):
                return each.model_copy(update={"a": a, "b": b, "only_a": each.only_b, "only_b": each.only_a})
        return None


def tests_on_val(state: RunState, ranking: Ranking) -> PairTests:
    """The best arms of the leaderboard, each with the policy of the search's seed."""
    from rewardsearch.stats import adjust, pairwise

    ranked = [row.id for row in ranking.rows if row.rank is not None]
    results = {arm: state.results.get(arm) for arm in ranked}
    full = {arm: each for arm, each in results.items() if each and (each.rung, each.status) == (FULL, "done")}
    shown = dict(list(full.items())[:PAIRED])
    if len(shown) < 2:
        return PairTests(missing="fewer than two arms have a score")
    try:
        found = pairwise({arm: each.outcomes for arm, each in shown.items()})
    except (RewardSearchError, ValueError) as error:
        return PairTests(missing=str(error))
    corrected = adjust([test.p for test in found.values()], state.config.rank.correction)
    tests = [
        PairTest(a=a, b=b, only_a=test.only_a, only_b=test.only_b, p=test.p, corrected=p)
        for ((a, b), test), p in zip(found.items(), corrected, strict=True)
    ]
    return PairTests(arms=tuple(shown), tests=tuple(tests), left_out=len(full) - len(shown))


def tests_on_test(state: RunState) -> PairTests:
    """The pairs of the final table."""
    if state.final is None or not state.final.pairs:
        return PairTests(missing="the sealed test has not been read")
    pairs = state.final.pairs
    tests = [PairTest(a=p.a, b=p.b, only_a=p.only_a, only_b=p.only_b, p=p.p, corrected=p.p_holm) for p in pairs]
    known = {arm for pair in pairs for arm in (pair.a, pair.b)}
    return PairTests(arms=tuple(row.id for row in state.final.rows if row.id in known), tests=tuple(tests))


def title(state: RunState, arm: str) -> str:
    """The name that the report shows for an arm."""
    if state.final is not None and (row := state.final.row(arm)) is not None and arm not in state.candidates:
        return row.name or row.id
    return name_of(state, arm)
