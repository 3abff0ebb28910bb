"""How the figures of docs/evidence.md look: colours for a light and for a dark page, axes, legends, SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.use("Agg")
STYLE = {"font.size": 10.0, "svg.hashsalt": "rewardsearch", "axes.spines.top": False, "axes.spines.right": False}


@dataclass(frozen=True)
class Theme:
    """Colours of a page: those that colour-blind readers tell apart (Okabe and Ito), a little lighter on a dark page."""

    name: str
    back: str
    text: str
    grid: str
    colours: dict[str, str]


_LIGHT = {"blue": "#0072B2", "orange": "#B87700", "red": "#D55E00", "green": "#007F5F", "purple": "#A8568A"}
_DARK = {"blue": "#56B4E9", "orange": "#E69F00", "red": "#FF8552", "green": "#2CC79B", "purple": "#E19BC6"}
THEMES = (
    Theme("light", "#ffffff", "#1f2328", "#d8dee4", _LIGHT),
    Theme("dark", "#0d1117", "#e6edf3", "#30363d", _DARK),
)


def axes_of(theme: Theme, width: float, height: float, columns: int = 1, **how: Any) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.back)
    grid = figure.subplots(1, columns, squeeze=False, **how)[0]
    for axes in grid:
        axes.set_facecolor(theme.back)
        axes.grid(color=theme.grid, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(colors=theme.text)
        for spine in axes.spines.values():
            spine.set_color(theme.grid)
        for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
            text.set_color(theme.text)
    return figure, grid


def legend(figure: Figure, grid: Sequence[Axes], theme: Theme, columns: int) -> None:
    """One legend below all axes, each label once."""
    found = {label: handle for axes in grid for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    style = {"ncols": columns, "frameon": False, "labelcolor": theme.text, "fontsize": 9.5}
    figure.legend(list(found.values()), list(found), loc="outside lower center", **style)


def svg(figure: Figure, theme: Theme) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="svg", facecolor=theme.back, metadata={"Date": None})
    # matplotlib leaves spaces at the ends of lines.
    return b"\n".join(line.rstrip() for line in out.getvalue().split(b"\n"))
