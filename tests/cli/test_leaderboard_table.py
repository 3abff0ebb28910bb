"""The leaderboard as text: noise, ties, stopped candidates and the paper's protocol."""

import io
from typing import Any

from fakes import candidate, screened
from rich.console import Console

from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.config import RankConfig
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, PromotionDecision, Verdict

A, B, C = candidate("alpha", "1.0"), candidate("beta", "2.0"), candidate("gamma", "3.0")

SEEDS = [
    screened(BASELINE, kinds).model_copy(update={"seed": seed})
    for seed, kinds in enumerate(("c" * 40 + "w" * 60, "c" * 42 + "w" * 58, "c" * 38 + "w" * 62))
]


def table(rounds: tuple[int, int] = (1, 1), **more: Any) -> list[str]:
    """rounds: those of alpha and beta."""
    known = [each.model_copy(update={"round": number}) for each, number in zip((A, B), rounds, strict=True)]
    results = {BASELINE: screened(BASELINE, "c" * 40 + "w" * 60), A.id: screened(A.id, "c" * 90 + "w" * 10)}
    results[B.id] = screened(B.id, "w" * 5 + "c" * 89 + "w" * 6)
    ranking = rank(
        task="arithmetic",
        results=results,
        candidates={each.id: each for each in (*known, C)},
        verdicts={each.id: Verdict(candidate=each.id, accepted=True) for each in (A, B, C)},
        config=RankConfig(resamples=500),
        seed=0,
        stop_decisions={C.id: PromotionDecision(id=C.id, promoted=False, message="F1 0.2 against 0.9 of alpha")},
        **more,
    )
    console = Console(width=400, file=io.StringIO())
    print_leaderboard(ranking, console)
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
