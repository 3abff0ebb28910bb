"""The lineage of the candidates as a drawing: a column for each round, a line from each parent."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from rewardsearch.records import Candidate, RankedRow
from rewardsearch.report.svg import dot, group, svg, text
from rewardsearch.report.text import clean, number

_WIDTH, _HEIGHT, _TOP = 260, 24, 34
_NAME = 21
"""Characters of a name that are shown."""


def lineage(candidates: Mapping[str, Candidate], rows: Mapping[str, RankedRow]) -> Markup:
    """The tree. Each candidate links to its code; a filled dot has a score."""
    rounds = sorted({each.round for each in candidates.values()})
    places: dict[str, tuple[int, int]] = {}
    for column, round in enumerate(rounds):
        members = [each for each in candidates.values() if each.round == round]
        # Those of one parent stand together, next to it.
        members.sort(key=lambda each: min((places[p][1] for p in each.parents if p in places), default=10**6))
        for line, each in enumerate(members):
            places[each.id] = (12 + column * _WIDTH, _TOP + 14 + line * _HEIGHT)
    width = 24 + len(rounds) * _WIDTH
    height = max((y for _, y in places.values()), default=0) + 20
    parts = [
        group([text(6 + column * _WIDTH, 16, f"round {round}", "label")], round) for column, round in enumerate(rounds)
    ]
    parts += [
        group([_edge(places[parent], places[each.id], each.operator)], each.round)
        for each in candidates.values()
        for parent in each.parents
        if parent in places
    ]
    parts += [group([_node(each, rows.get(each.id), *places[each.id])], each.round) for each in candidates.values()]
    return svg(width, height, "candidates by round, with lines from their parents", parts, "tree")


def _edge(start: tuple[int, int], end: tuple[int, int], operator: str) -> Markup:
    (x1, y1), (x2, y2) = start, end
    middle = x1 + _WIDTH - 50
    # Lines leave a parent behind its name.
    return Markup('<path d="M{} {} C{} {} {} {} {} {}" class="edge {}"/>').format(
        x1 + _WIDTH - 50, y1, middle + 25, y1, x2 - 30, y2, x2 - 5, y2, operator
    )


def _node(candidate: Candidate, row: RankedRow | None, x: int, y: int) -> Markup:
    status = row.status if row else "pending"
    score = f", F1 {number(row.f1)}" if row and row.f1 is not None else ""
    name = clean(candidate.name)
    shown = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
    title = f"{name} ({candidate.id[:6]}): {candidate.operator}, {status}{score}"
    value = number(row.f1) if row and row.f1 is not None else status
    return Markup('<a href="#c-{}">{}{}{}</a>').format(
        candidate.id,
        dot(x, y, title, f"node {status}", 5),
        text(x + 10, y + 4, shown, "name"),
        text(x + _WIDTH - 54, y + 4, value, "tick", "end"),
    )
