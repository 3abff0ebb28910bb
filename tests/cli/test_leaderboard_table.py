"""The leaderboard as text: noise, ties, stopped candidates and the paper's protocol."""

import io
import re
from typing import Any

import pytest
from fakes import candidate, screened
from rich.console import Console

from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.config import RankConfig
from rewardsearch.files.resources import PACKAGE
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, PromotionDecision, Verdict
from rewardsearch.records.flags import FLAGS as TEXTS
from rewardsearch.records.flags import flag_words
from rewardsearch.session.event_text import short_reason

A, B, C = candidate("alpha", "1.0"), candidate("beta", "2.0"), candidate("gamma", "3.0")

FLAGS = ("exploit:empty", "exploit:tags", "exploit:long", "watch:hacking")
WHY = "F1 0.2 against 0.9 of alpha"

SEEDS = [
    screened(BASELINE, kinds).model_copy(update={"seed": seed})
    for seed, kinds in enumerate(("c" * 40 + "w" * 60, "c" * 42 + "w" * 58, "c" * 38 + "w" * 62))
]


def table(rounds: tuple[int, int] = (1, 1), wide: bool = True, width: int = 400, **more: Any) -> list[str]:
    """rounds: those of alpha and beta."""
    known = [each.model_copy(update={"round": number}) for each, number in zip((A, B), rounds, strict=True)]
    results = {BASELINE: screened(BASELINE, "c" * 40 + "w" * 60), A.id: screened(A.id, "c" * 90 + "w" * 10)}
    results[B.id] = screened(B.id, "w" * 5 + "c" * 89 + "w" * 6)
    ranking = rank(
        task="arithmetic",
        results=results,
        candidates={each.id: each for each in (*known, C)},
        verdicts={each.id: Verdict(candidate=each.id, accepted=True, flags=FLAGS) for each in (A, B, C)},
        config=RankConfig(resamples=500),
        seed=0,
        stop_decisions={C.id: PromotionDecision(id=C.id, promoted=False, message=WHY)},
        **more,
    )
    console = Console(width=width, file=io.StringIO())
    print_leaderboard(ranking, console, wide)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_ties_are_a_column_and_the_noise_of_the_baseline_is_shown() -> None:
    lines = table(baselines=SEEDS)
    cells = {line.split()[2]: line.split()[:2] for line in lines if line.strip()[:1].isdigit()}
    assert cells["alpha"] == ["1", "1-2"] and cells["beta"] == ["2", "1-2"] and cells["baseline"] == ["3", "-"]
    noise = next(line for line in lines if line.startswith("noise:"))
    assert (
        all(f"{f1} (seed {seed})" in noise for seed, f1 in enumerate(("0.571", "0.592", "0.551"))) and "0.020" in noise
    )


def test_scores_of_rounds_are_shown_for_several_rounds() -> None:
    (scores,) = [line for line in table(rounds=(1, 2)) if line.startswith("rounds:")]
    assert scores.endswith("0.947 (0.947), 0.942 (0.942)")
    assert not [line for line in table() if line.startswith("rounds:")]


def test_without_repeated_seeds_no_p_value_stands_beside_a_rank() -> None:
    lines = table()
    (noise,) = (line for line in lines if line.startswith("noise:"))
    assert "train.baseline_seeds" in noise and "unknown" in noise
    header = next(line for line in lines if line.startswith("#"))
    assert not {"ties", "p/base", "corr.", "p/best"} & set(header.split())


def test_a_stopped_candidate_stands_below_with_its_figures() -> None:
    lines = table()
    row = next(line for line in lines[lines.index("without a score:") :] if "gamma" in line)
    assert row.split()[3:] == ["stopped", "F1", "0.2", "against", "0.9", "of", "alpha"]


def test_the_papers_protocol_is_labelled() -> None:
    lines = table(split="test")
    assert lines[0] == "arithmetic, 100 questions of test"
    assert lines[1].startswith("paper protocol: ")
    assert not any("paper protocol" in line for line in table())


def test_every_column_that_is_shown_has_a_legend() -> None:
    lines = table(baselines=SEEDS)
    starts = [line.split("  ")[0] for line in lines]
    headers = [line for line in lines if "  ties  " in line or "  status" in line[6:]]
    assert len(headers) == 2
    for header in headers:
        assert {column.strip() for column in header.split("  ") if column.strip()} <= set(starts)


@pytest.mark.parametrize("width", [80, 120])
def test_people_get_six_columns_with_intervals_and_flags_in_words(width: int) -> None:
    lines = table(baselines=SEEDS, wide=False, width=width)
    assert lines[1].split() == ["#", "name", "F1", "accuracy", "gain", "flags"] and max(map(len, lines)) <= width
    start = next(i for i, line in enumerate(lines) if line.startswith("1 "))
    row = " ".join(" ".join(lines[start : start + 4]).split())
    assert row.startswith("1 alpha 0.947") and "+0.376" in row and row.count("[") >= 2
    assert "reward" in row and "hacking" in row and "exploit:" not in "".join(lines)
    assert any("--wide" in line for line in lines)


def test_a_long_reason_becomes_one_short_sentence() -> None:
    assert short_reason("F1 0.2 against 0.9; pay answers more") == "F1 0.2 against 0.9"
    long = short_reason("static: line 3: " + "a name that is not on the list, " * 9)
    assert long == "static: line 3: a name that is not on the list, a name that is not on the list"
    assert short_reason("word " * 40).endswith(" ...") and len(short_reason("x" * 300)) < 100
    assert short_reason(None) == ""


def test_every_flag_of_the_bank_and_of_the_watch_has_words() -> None:
    page = (PACKAGE.parent / "docs" / "validation.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `((?:bank|watch|leak|constant|sensitive|ordering):[\w-]+)`", page, re.MULTILINE))
    assert len(named) > 15 and named == {flag for flag in TEXTS if not flag.endswith(":") and flag != "diverged"}
    assert flag_words(FLAGS) == "reward hacking; pays empty, tags +1"
    assert flag_words(("2 failed reward calls", "refused:bank")) == "2 failed reward calls; refused: bank"
