import re
from itertools import pairwise

from fakes import candidate

from rewardsearch.report.lineage import lineage


def test_descendants_stand_in_lines_of_their_own() -> None:
    """Of the names in a line, each is of a later round than the one before, and descends from it."""
    root = candidate("root", "1.0")
    repair = candidate("repair", "2.0", parents=[root.id])
    late = candidate("late", "3.0", round=3, parents=[root.id])
    child = candidate("child", "4.0", round=2, parents=[root.id])
    crossed = candidate("crossed", "5.0", round=3, parents=[child.id, repair.id])
    fresh = candidate("fresh", "6.0", round=2)
    made = {each.id: each for each in (root, repair, late, child, crossed, fresh)}
    svg = lineage(made, {})
    nodes = re.findall(r'<a href="#c-([^"]+)"[^>]*><circle cx="([^"]+)" cy="([^"]+)"', svg)
    assert {id for id, _, _ in nodes} == set(made)
    lines: dict[str, list[tuple[float, str]]] = {}
    for id, x, y in nodes:
        lines.setdefault(y, []).append((float(x), id))
    assert len(lines) == 4
    for line in map(sorted, lines.values()):
        for (x1, before), (x2, after) in pairwise(line):
            assert x1 < x2
            assert made[after].parents[0] == before
    edges = re.findall(r'class="edge (first|further)"', svg)
    assert (edges.count("first"), edges.count("further")) == (4, 1)
