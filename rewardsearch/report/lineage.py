"""The lineage of the candidates as a drawing: a column for each round, and children beside their first parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from markupsafe import Markup

from rewardsearch.files.numbers import number
from rewardsearch.records import Candidate, RankedRow
from rewardsearch.report.svg import dot, group, svg, text
from rewardsearch.report.text import clean

_WIDTH, _HEIGHT, _TOP = 250, 24, 34
_NAME = 21
"""Characters of a name that are shown."""


def lineage(candidates: Mapping[str, Candidate], rows: Mapping[str, RankedRow]) -> Markup:
    """The tree. Each candidate links to its code; a filled dot has a score.

    The first child of a candidate stands in its line, further ones and repairs below. So lines from first parents cross no
    name.
    """
    rounds = sorted({each.round for each in candidates.values()})
    lines = dict(_lines(candidates))
    places = {
        each.id: (12 + rounds.index(each.round) * _WIDTH, _TOP + 14 + lines[each.id] * _HEIGHT)
        for each in candidates.values()
    }
    width = 24 + len(rounds) * _WIDTH
    height = max((y for _, y in places.values()), default=0) + 20
    parts = [
        group([text(6 + column * _WIDTH, 16, f"round {round}", "label")], round) for column, round in enumerate(rounds)
    ]
    parts += [
        group([_edge(places[parent], places[each.id], "first" if place == 0 else "further")], each.round)
        for each in candidates.values()
        for place, parent in enumerate(parent for parent in each.parents if parent in places)
    ]
    parts += [group([_node(each, rows.get(each.id), *places[each.id])], each.round) for each in candidates.values()]
    return svg(width, height, "candidates by round, with lines from their parents", parts, "tree")


def _lines(candidates: Mapping[str, Candidate]) -> Iterator[tuple[str, int]]:
    """The line of each candidate, counted from the top."""
    children: dict[str | None, list[Candidate]] = {}
    for each in sorted(candidates.values(), key=lambda each: each.round):
        known = (parent for parent in each.parents if parent in candidates)
        children.setdefault(next(known, None), []).append(each)
    pending = [(each, True) for each in reversed(children.get(None, []))]
    line = -1
    while pending:
        each, begins = pending.pop()
        line += begins
        yield each.id, line
        later = [child for child in children.get(each.id, ()) if child.round > each.round]
        repairs = [child for child in children.get(each.id, ()) if child.round <= each.round]
        below = [(child, place > 0) for place, child in enumerate(later)] + [(child, True) for child in repairs]
        pending += reversed(below)


def _edge(start: tuple[int, int], end: tuple[int, int], kind: str) -> Markup:
    """A line to the dot of a child, behind the name of its parent; straight down to a repair, which is of the same round."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        return Markup('<path d="M{} {}V{}" class="edge {}"/>').format(x1, y1, y2, kind)
    out = x1 + _WIDTH - 50
    return Markup('<path d="M{} {}C{} {} {} {} {} {}H{}" class="edge {}"/>').format(
        out, y1, out + 25, y1, out + 5, y2, out + 38, y2, x2, kind
    )


def _node(candidate: Candidate, row: RankedRow | None, x: int, y: int) -> Markup:
    status = row.status if row else "pending"
    score = f", F1 {number(row.f1)}" if row and row.f1 is not None else ""
    name = clean(candidate.name)
    shown = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
    title = f"{name} ({candidate.id[:6]}): {candidate.operator}, {status}{score}"
    value = number(row.f1) if row and row.f1 is not None else status
    best = "best" if row and row.rank == 1 else ""
    return Markup('<a href="#c-{}" class="{}">{}{}{}</a>').format(
        candidate.id,
        best,
        dot(x, y, title, f"node {status}", 5),
        text(x + 10, y + 4, shown, "name"),
        text(x + _WIDTH - 54, y + 4, value, "tick", "end"),
    )
