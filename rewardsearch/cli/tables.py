"""Printing: aligned tables that fit a terminal and are whole anywhere else; one JSON document when it is asked for."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import ClassEstimate, ClassScores, RankedRow, Ranking

SHORT = 6
"""Digits of an id that tables show; commands take any unique beginning."""
PAPER_NOTE = (
    "paper protocol: ranked on the test split with one seed, so the best scores are inflated by having been picked"
)
F1_NOTE = "F1 = 2a / (1 + a) with a the accuracy, so that ranking by one is ranking by the other."


def make_console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: Any) -> None:
    """The value as one JSON document on standard output; numbers that JSON does not have become null."""
    sys.stdout.write(json.dumps(_finite(value), indent=1, allow_nan=False) + "\n")


def print_lines(console: Console, *lines: str) -> None:
    """Lines as they are: nothing in them is markup, and nothing is wrapped."""
    from rich.text import Text

    for line in lines:
        console.print(Text(line), soft_wrap=True)


def print_table(
    console: Console,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """A table whose columns are aligned right, but for those in `left`.

    On a terminal too narrow for all columns, those in `spare` are left out, the first of them first.
    """
    from rich.text import Text

    widths = [max(len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]
    shown = list(range(len(headers)))
    if console.is_terminal:
        for name in spare:
            if sum(widths[i] + 2 for i in shown) - 2 <= console.width:
                break
            shown.remove(headers.index(name))
    for place, row in enumerate((headers, *rows)):
        cells = (row[i].ljust(widths[i]) if headers[i] in left else row[i].rjust(widths[i]) for i in shown)
        console.print(Text("  ".join(cells).rstrip(), style="bold" if place == 0 else ""), soft_wrap=True)


def print_leaderboard(ranking: Ranking, console: Console) -> None:
    """The ranked rows as a table, then those without a rank with their reasons."""
    classes = class_names(ranking.rows)
    of = f"; F1, precision and recall are those of {classes[0]}" if classes else ""
    print_lines(console, f"{ranking.task}, {ranking.n} questions of {ranking.split}{of}")
    if ranking.split == "test":
        print_lines(console, PAPER_NOTE)
    ranked = [row for row in ranking.rows if row.rank is not None]
    if ranked:
        scores = ("accuracy",) if classes is None else ("macro F1", "precision", "recall")
        headers = (
            "#",
            "ties",
            "name",
            "id",
            "round",
            "F1",
            "interval",
            *scores,
            "parsed",
            "p/base",
            "corr.",
            "p/best",
            "AUC",
            "flags",
        )
        spare = ("AUC", "p/best", "round", "ties", "parsed", *scores[:1], "p/base", "id", "interval")
        print_table(console, headers, [_ranked_cells(row) for row in ranked], left=("name", "id", "flags"), spare=spare)
        print_lines(
            console, *_noise_told(ranking), _p_values_told(ranking), F1_NOTE if classes is None else class_note(classes)
        )
    rest = [row for row in ranking.rows if row.rank is None]
    if rest:
        print_lines(console, "", "without a score:")
        rows = [(row.name, _short(row.id, row.name), str(row.round), row.status, row.reason or "") for row in rest]
        print_table(console, ("name", "id", "round", "status", "why"), rows, left=("name", "id", "status", "why"))


def class_names(rows: Iterable[RankedRow]) -> tuple[str, ...] | None:
    """The classes of the task that the rows are of, the positive one first; None for a task without classes."""
    return next((tuple(row.classes.classes) for row in rows if row.classes), None)


def class_note(classes: Sequence[str]) -> str:
    """What the scores of a task with classes are."""
    return (
        f"macro F1 is the mean of the F1 of {' and '.join(classes)}; an unparsed completion counts as the wrong class."
    )


def classes_told(scores: ClassScores) -> dict[str, str]:
    """The scores of each class, by what they are."""
    told = {"macro F1": _estimated(scores.macro_f1)}
    for name, row in scores.classes.items():
        told[name] = f"precision {_estimated(row.precision)}, recall {_estimated(row.recall)}, F1 {_estimated(row.f1)}"
    return told


def _estimated(estimate: ClassEstimate) -> str:
    return f"{number(estimate.value)} {interval(estimate.ci)}"


def number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def interval(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"[{value[0]:.3f}, {value[1]:.3f}]"


def p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 5 s, 2 h 7 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _noise_told(ranking: Ranking) -> list[str]:
    noise = ranking.noise
    if noise is None:
        return []
    scores = ", ".join(f"{f1:.3f} (seed {seed})" for seed, f1 in noise.f1_by_seed.items())
    return [
        f"noise: the baseline's F1 by training seed {scores}; standard deviation {noise.seed_sd:.3f} between seeds "
        f"({noise.df} degrees of freedom), {noise.question_sd:.3f} from the questions",
        "ties: the ranks that a score cannot be told from, by seeds and questions together",
    ]


def _p_values_told(ranking: Ranking) -> str:
    if ranking.p_values == "questions":
        return "p: of the trained policies, over questions alone (McNemar); the baseline has one training seed"
    return (
        "p: of the rewards, over questions and training seeds (t test); the baseline's row is the mean over its seeds"
    )


def _ranked_cells(row: RankedRow) -> tuple[str, ...]:
    return (
        str(row.rank),
        _ties(row),
        row.name,
        _short(row.id, row.name),
        str(row.round) if row.operator != "none" else "-",
        number(row.f1),
        interval(row.f1_ci),
        *_class_cells(row),
        percent(row.parse_rate),
        p_value(row.p_vs_baseline),
        p_value(row.p_adjusted),
        p_value(row.p_vs_best),
        number(row.bank_auc, 2),
        flags_told(row.flags),
    )


def _class_cells(row: RankedRow) -> tuple[str, ...]:
    """What stands beside F1: accuracy, or on a task with classes macro F1 and the positive class's precision and recall."""
    if row.classes is None:
        return (number(row.accuracy),)
    positive = next(iter(row.classes.classes.values()))
    scores = (row.classes.macro_f1, positive.precision, positive.recall)
    return tuple(number(score.value) for score in scores)


def flags_told(flags: Sequence[str], shown: int = 3) -> str:
    """Flags of one kind together: `exploit:empty,tags,numbers,+5`."""
    kinds: dict[str, list[str]] = {}
    for flag in flags:
        kind, colon, name = flag.partition(":")
        kinds.setdefault(kind + colon, []).append(name)
    return ", ".join(
        kind + ",".join(names[:shown]) + (f",+{len(names) - shown}" if len(names) > shown else "")
        for kind, names in kinds.items()
    )


def _ties(row: RankedRow) -> str:
    if row.ties is None or row.ties[0] == row.ties[1]:
        return "-"
    return f"{row.ties[0]}-{row.ties[1]}"


def _short(id: str, name: str) -> str:
    return "-" if id == name else id[:SHORT]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
