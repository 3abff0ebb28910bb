"""Parts of docs/evidence.md: sections, tables, figures, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Numbers = dict[str, Any]
STUDY = "python benchmarks/study.py"
_CAPTIONS = {
    "gains": "Gain in F1 over the base rewards on the sealed test, with its interval, for each search seed and arm",
    "rounds": "Mean F1 on val of the candidates of each round, for search, random search and replayed search",
    "cost": "Best F1 on val so far against the number of candidates trained",
    "intervals": "The interval that each run reported for its arm, and the arm's F1 with ten further seeds",
    "landscape": "F1 at the end of training of every reward of the landscape, mean and range of three seeds",
    "races": "What each rule of a race saves and loses at each rung, on rounds drawn from the landscape",
    "rungs": "F1 of the landscape's rewards at each rung against F1 at the end",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(name: str, figures: Sequence[str]) -> str:
    """The figure for a light and a dark page; empty where it was not drawn."""
    if name not in figures:
        return ""
    dark, light = (f"evidence/{name}-{theme}.svg" for theme in ("dark", "light"))
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
    return f'<picture>\n  {source}\n  <img alt="{_CAPTIONS[name]}" src="{light}">\n</picture>'


def section(title: str, *parts: str) -> str:
    return "\n\n".join((f"## {title}", *(part for part in parts if part)))


def f1(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def gain(of: Numbers | None) -> str:
    """A gain with its interval."""
    if of is None or of["gain"] is None:
        return "-"
    ci = of["gain_ci"]
    return f"{of['gain']:+.3f}" + (f" [{ci[0]:+.3f}, {ci[1]:+.3f}]" if ci else "")


def chance(p: float | None) -> str:
    return "-" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
