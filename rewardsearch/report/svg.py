"""Figures as inline SVG. Colours come from the classes of style.css, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rewardsearch.files.numbers import number
from rewardsearch.report.text import clean, short

_POINTS = 120
"""Points of a curve that are drawn."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, room: float = 0.05) -> Scale:
        """A scale with all values on it, and a little room at both ends."""
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        pad = (high - low) * room or abs(high) * room or 0.5
        return cls(low - pad, high + pad, start, end)

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, most: int = 5) -> Iterator[float]:
        """Round numbers on the scale, at most about `most`."""
        exact = (self.high - self.low) / most
        power = 10 ** math.floor(math.log10(exact))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= exact)
        for place in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield place * step


def svg(width: int, height: int, label: str, parts: Sequence[Markup], css: str = "") -> Markup:
    """A figure that shrinks to the width that it has. label: what it shows, for readers who do not see it."""
    return Markup('<svg viewBox="0 0 {} {}" width="{}" role="img" aria-label="{}" class="{}">{}</svg>').format(
        width, height, width, clean(label), css, Markup("").join(parts)
    )


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(x1, y1, x2, y2, css)


def text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> Markup:
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(x, y, css, anchor, clean(content))


def rect(x: float, y: float, width: float, height: float, css: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>').format(
        round(x, 1), round(y, 1), round(max(width, 0), 1), round(height, 1), css
    )


def dot(x: float, y: float, title: str, css: str, radius: float = 4) -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}"><title>{}</title></circle>').format(
        x, y, radius, css, clean(title)
    )


def group(parts: Sequence[Markup], round: int) -> Markup:
    """Parts together. round: the round that they belong to; the replay hides those of later rounds."""
    return Markup('<g data-round="{}">{}</g>').format(round, Markup("").join(parts))


def polyline(points: Sequence[tuple[float, float]], css: str) -> Markup:
    return Markup('<polyline points="{}" class="{}"/>').format(" ".join(f"{x},{y}" for x, y in points), css)


def bar(value: float, ci: Interval | None, scale: Scale, reference: float | None = None) -> Markup:
    """A score with its interval, on one line; `reference` is the score that it is compared with."""
    parts = [] if reference is None else [line(scale(reference), 1, scale(reference), 19, "reference")]
    if ci is not None:
        parts.append(line(scale(ci[0]), 10, scale(ci[1]), 10, "whisker"))
        parts += [line(scale(end), 6, scale(end), 14, "whisker") for end in ci]
    parts.append(dot(scale(value), 10, number(value), "mark"))
    shown = f"{number(value)}, from {number(ci[0])} to {number(ci[1])}" if ci else number(value)
    return svg(round(scale.end + scale.start), 20, shown, parts, "bar")


def moved(before: float, after: float, scale: Scale) -> Markup:
    """A line from one score to another of the same arm."""
    ends = [dot(scale(before), 10, number(before), "mark"), dot(scale(after), 10, number(after), "after mark")]
    parts = [line(scale(before), 10, scale(after), 10, "whisker"), *ends]
    return svg(round(scale.end + scale.start), 20, f"from {number(before)} to {number(after)}", parts, "bar")


def sparkline(values: Sequence[float | None], label: str) -> Markup | str:
    """The course of one value, without axes; nothing for fewer than two known values."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    x, y = Scale(0, len(values) - 1, 2, 78), Scale.over([value for _, value in known], 18, 2)
    shown = f"{label}: from {short(known[0][1])} to {short(known[-1][1])}"
    every = max(1, len(known) // 40)
    points = [(x(place), y(value)) for place, value in [*known[:-1:every], known[-1]]]
    return svg(80, 20, shown, [polyline(points, "curve")], "spark")


def axes(x: Scale, y: Scale, xs: Sequence[float], x_label: str, y_label: str, most: int = 5) -> list[Markup]:
    """Grid, ticks and labels. xs: the values that are marked on the x axis. most: about how many are marked on the y axis."""
    parts = []
    for value in y.ticks(most):
        parts.append(line(x.start, y(value), x.end, y(value), "grid"))
        parts.append(text(x.start - 6, y(value) + 4, short(value), "tick", "end"))
    parts += [text(x(value), y.start + 16, short(value), "tick", "middle") for value in xs]
    parts.append(text((x.start + x.end) / 2, y.start + 32, x_label, "label", "middle"))
    parts.append(text(x.start - 44, y.end - 8, y_label, "label"))
    return parts


def curves(steps: Sequence[int], values: Mapping[str, Sequence[float | None]], label: str) -> Markup:
    """A line for each of up to eight series over the training steps, with a legend."""
    every = max(1, -(-len(steps) // _POINTS))
    # The last step is always drawn.
    shown = sorted({*range(0, len(steps), every), len(steps) - 1})
    known = [value for series in values.values() for value in series if value is not None]
    height = 170
    x = Scale.over([float(step) for step in steps], 54, 350, 0.02)
    y = Scale.over(known, height - 36, 18)
    marked = sorted({steps[0], steps[len(steps) // 2], steps[-1]})
    parts = axes(x, y, marked, "step", label)
    for place, series in enumerate(values.values()):
        drawn = [series[i] for i in shown]
        points = [(x(steps[i]), y(value)) for i, value in zip(shown, drawn, strict=True) if value is not None]
        parts.append(polyline(points, f"curve s{place % 8}"))
    return svg(360, height, f"{label} over the training steps: {', '.join(values)}", parts, "chart")


def stacked(shares: Mapping[str, float]) -> Markup:
    """One bar that is divided by shares."""
    total, at, parts = sum(shares.values()) or 1.0, 0.0, []
    for place, value in enumerate(shares.values()):
        width = 600 * value / total
        parts.append(rect(at, 0, width, 22, f"fill s{place % 8}"))
        at += width
    return svg(600, 22, ", ".join(f"{name} {value / total:.0%}" for name, value in shares.items()), parts, "stacked")
