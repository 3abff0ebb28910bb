"""What the report shows of one candidate: its code and the difference to its parent, its curves, its disagreements."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from rewardsearch.errors import RewardSearchError
from rewardsearch.records import Candidate, CurvePoint, Example, RankedRow, TrainingResult, Verdict
from rewardsearch.report.svg import curves, sparkline
from rewardsearch.report.text import clean, shortened
from rewardsearch.run.state import RunState

_SHOWN = 2
"""Disagreements of each kind that are shown."""
_COMPLETION = 1_200
"""Characters of a completion or prompt that are shown."""
_CODE = 30_000
_SERIES = 8
"""Lines of one figure."""
_PLAIN = re.compile(r'<span class="(?!k|s|c|m|nf|nc|ow)[a-z0-9]*">([^<]*)</span>')
"""Spans of Pygments whose class has no colour."""


@dataclass(frozen=True)
class DiffLine:
    """A line of a difference: `kind` is same, added, removed or place."""

    kind: str
    text: str


@dataclass(frozen=True)
class Shown:
    """One candidate. `problem`: why files of its training cannot be read."""

    candidate: Candidate
    row: RankedRow | None
    verdict: Verdict | None
    parent: Candidate | None
    code: Markup
    diff: tuple[DiffLine, ...]
    figures: tuple[Markup, ...]
    series: tuple[tuple[str, float | None], ...]
    """Reward and components in the order of their colours, with their correlation with correctness."""
    disagreements: tuple[tuple[Example, str, str], ...]
    """With the prompt and the completion as they are shown."""
    training: TrainingResult | None
    problem: str = ""


def shown(state: RunState, id: str, row: RankedRow | None) -> Shown:
    candidate, training = state.candidates[id], state.training_of(id)
    parent = next((state.candidates[each] for each in candidate.parents if each in state.candidates), None)
    points: tuple[CurvePoint, ...] = ()
    examples: tuple[Example, ...] = ()
    problem = ""
    if training is not None and training.status != "error":
        try:
            points, examples = training.curves, training.disagreements
        except RewardSearchError as error:
            problem = "; ".join(str(error).splitlines())
    names = _components(points)
    return Shown(
        candidate=candidate,
        row=row,
        verdict=state.verdicts.get(id),
        parent=parent,
        code=coloured(shortened(candidate.code.rstrip(), _CODE)),
        diff=difference(parent.code, candidate.code) if parent is not None else (),
        figures=figures(points, names),
        series=tuple((name, training.correlations.get(name) if training and not problem else None) for name in names),
        disagreements=tuple(_disagreements(examples)),
        training=training,
        problem=problem,
    )


def course(state: RunState, arm: str) -> Markup | str:
    """The share of correct completions over the training of an arm, as a small curve; nothing without curves."""
    training = state.training_of(arm)
    try:
        points = training.curves if training is not None else ()
    except RewardSearchError:
        return ""
    return sparkline([point.exact_match for point in points], "share of correct completions in training")


def coloured(code: str) -> Markup:
    """Python with its keywords, texts, numbers and comments in classes of style.css; everything else is plain."""
    html = highlight(clean(code), PythonLexer(stripnl=False, ensurenl=False), HtmlFormatter(nowrap=True))
    return Markup(_PLAIN.sub(r"\1", html).rstrip("\n"))


def difference(before: str, after: str) -> tuple[DiffLine, ...]:
    """The lines that differ, with three lines around them. Empty for equal texts."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    # The first two lines name files.
    body = list(lines)[2:]
    return tuple(DiffLine(kinds.get(line[:1], "same"), shortened(line, 400)) for line in body)


def figures(points: Sequence[CurvePoint], names: Sequence[str]) -> tuple[Markup, ...]:
    """Reward and components, correctness, and length over the training steps; empty without curves."""
    if not points:
        return ()
    steps = [point.step for point in points]
    reward = {"total reward": [point.reward for point in points]}
    parts = {name: [point.components.get(name) for point in points] for name in names}
    singles = {
        "share of correct completions": [point.exact_match for point in points],
        "share of groups without spread": [point.zero_std_fraction for point in points],
        "tokens of a completion": [point.length for point in points],
    }
    drawn = [curves(steps, parts, "reward by component")] if parts else []
    return (
        curves(steps, reward, "total reward"),
        *drawn,
        *(curves(steps, {name: series}, name) for name, series in singles.items()),
    )


def _components(points: Sequence[CurvePoint]) -> list[str]:
    return list(dict.fromkeys(name for point in points for name in point.components))[:_SERIES]


def _disagreements(examples: Sequence[Example]) -> list[tuple[Example, str, str]]:
    kinds: dict[tuple[str, bool], int] = {}
    found = []
    for each in examples:
        key = (each.kind, each.right)
        kinds[key] = kinds.get(key, 0) + 1
        if kinds[key] <= _SHOWN:
            found.append((each, shortened(each.prompt, _COMPLETION), shortened(each.completion, _COMPLETION)))
    return found
