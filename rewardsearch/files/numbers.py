"""Scores, differences, p-values, sizes and durations as people read them. A dash stands for a number that there is not."""

from __future__ import annotations

NONE = "-"


def number(value: float | None, digits: int = 3) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    return NONE if value is None else f"{value:+.{digits}f}"


def interval(value: tuple[float, float] | None) -> str:
    return NONE if value is None else f"[{value[0]:.3f}, {value[1]:.3f}]"


def signed_interval(value: tuple[float, float] | None, digits: int = 3) -> str:
    return NONE if value is None else f"[{value[0]:+.{digits}f}, {value[1]:+.{digits}f}]"


def percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f}%"


def rounded(value: float, digits: int = 2) -> str:
    """The value to so many significant digits, without an exponent: 0.058, 15, 1200."""
    return f"{float(f'{value:.{digits}g}'):.10g}"


def p_value(p: float | None) -> str:
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def size(count: int) -> str:
    """Bytes in words: 12 kB, 3.4 MB, 1.2 GB."""
    if count < 1e6:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Seconds in words: 42 s, 3 min 5 s, 2 h 7 min."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total % 3600 // 60} min"
