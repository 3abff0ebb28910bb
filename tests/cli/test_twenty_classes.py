"""Tables of a task with twenty classes fit into a page of 100 columns."""

import io
from collections.abc import Callable
from typing import Any

from fakes import candidate, screened
from rich.console import Console

from rewardsearch.cli.compare_table import print_comparison
from rewardsearch.cli.final_arms import print_arms, print_confusion
from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.config import RankConfig
from rewardsearch.rank import rank
from rewardsearch.rank.compare import compare_outcomes
from rewardsearch.records import BASELINE, FinalRow, Outcome, Verdict

NAMES = tuple(f"a_long_name_of_class_{number}" for number in range(20))
A = candidate("judges")


def outcomes(step: int) -> tuple[Outcome, ...]:
    """Of 200 questions: two in three answered correctly, the others with the class `step` places on."""
    found = []
    for place in range(200):
        gold, wrong = NAMES[place % 20], NAMES[(place + step) % 20]
        right = place % 3 > 0
        found.append(
            Outcome(
                id=f"q{place}",
                kind="correct" if right else "wrong",
                gold=gold,
                prediction=gold if right else wrong,
                length=1,
                classes=NAMES,
            )
        )
    return tuple(found)


def shown(print_it: Callable[[Console], None]) -> str:
    file = io.StringIO()
    print_it(Console(file=file, width=100, color_system=None))
    assert max(map(len, file.getvalue().splitlines())) <= 100
    return file.getvalue()


def test_leaderboard_comparison_and_final_table() -> None:
    results: Any = {
        BASELINE: screened(BASELINE, "", outcomes=outcomes(1)),
        A.id: screened(A.id, "", outcomes=outcomes(2)),
    }
    ranking = rank(
        task="banking",
        results=results,
        candidates={A.id: A},
        verdicts={A.id: Verdict(candidate=A.id, accepted=True)},
        config=RankConfig(resamples=100),
        seed=0,
    )
    board = shown(lambda console: print_leaderboard(ranking, console, wide=True))
    assert "20 classes" in board and NAMES[0] not in board
    comparison = compare_outcomes(outcomes(1), outcomes(2), RankConfig(resamples=100), 0)
    assert "--json" in shown(lambda console: print_comparison(("a", "b"), comparison, 5, "about", console))
    scored = next(row for row in ranking.rows if row.id == A.id)
    fields = {
        name: getattr(scored, name) for name in ("f1", "f1_ci", "accuracy", "accuracy_ci", "parse_rate", "classes")
    }
    row = FinalRow(id=A.id, kind="single", name="judges", status="done", **fields)
    shown(lambda console: print_arms([row], {A.id: "judges"}, A.id, console, wide=True))
    confusion = shown(lambda console: print_confusion(row, "judges", console))
    assert all(name[-8:] in confusion for name in NAMES) and "3" in confusion
