import csv
import io

import pytest
from fakes import ARMS, BAD, GOOD, LEVEL, REFUSED, candidate, screened

from rewardsearch.config import RankConfig
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, POLICY, PromotionDecision, RankedRow, Ranking, Verdict
from rewardsearch.run.tables import leaderboard_csv, leaderboard_frame, ranges

CANDIDATES = {c.id: c for c in (GOOD, LEVEL, BAD, REFUSED)}
VERDICTS = {
    **{c.id: Verdict(candidate=c.id, accepted=True, flags=("short",)) for c in (GOOD, LEVEL, BAD)},
    REFUSED.id: Verdict(candidate=REFUSED.id, accepted=False, stage="static", reason="line 3: no files"),
}
RESULTS = {arm: screened(arm, kinds, flags=("short", "clipped")) for arm, kinds in ARMS.items()}
FAILED = screened(BAD.id, "", status="failed", reason="returned nan for a completion")


def ranked(config: RankConfig | None = None, **changes: object) -> tuple[Ranking, dict[str, RankedRow]]:
    given = {"results": {**RESULTS, BAD.id: FAILED}, "candidates": CANDIDATES, "verdicts": VERDICTS, **changes}
    ranking = rank(task="arithmetic", config=config or RankConfig(resamples=500), seed=0, **given)  # type: ignore[arg-type]
    return ranking, {row.id: row for row in ranking.rows}


def test_baseline_and_policy_are_ranked_among_the_candidates() -> None:
    ranking, _ = ranked()
    assert [row.name for row in ranking.rows[:4]] == ["worked-steps", "baseline", "level-headed", "policy"]
    assert [row.rank for row in ranking.rows] == [1, 2, 3, 4, None, None]
    assert (ranking.n, ranking.split) == (20, "val")


def test_the_training_accuracy_is_the_mean_over_steps_and_the_baselines_over_its_seeds_too() -> None:
    faster = tuple(p.model_copy(update={"exact_match": p.exact_match + 0.1}) for p in RESULTS[BASELINE].curves)
    again = RESULTS[BASELINE].model_copy(update={"seed": 1, "curves": faster})
    policy = RESULTS[POLICY].model_copy(update={"curves": ()})
    _, rows = ranked(results={**RESULTS, POLICY: policy}, baselines=[RESULTS[BASELINE], again])
    found = [rows[id].mean_training_accuracy for id in (GOOD.id, BASELINE)]
    assert found == pytest.approx([0.205, 0.255])
    assert rows[POLICY].mean_training_accuracy is None and rows[REFUSED.id].mean_training_accuracy is None


def test_equal_scores_are_ordered_by_id() -> None:
    _, rows = ranked()
    assert rows[BASELINE].f1 == rows[LEVEL.id].f1 == 0.75
    assert [id for id in rows if id in (BASELINE, LEVEL.id)] == sorted((BASELINE, LEVEL.id))


def test_candidates_without_a_score_follow_with_their_reason() -> None:
    _, rows = ranked()
    assert (rows[BAD.id].status, rows[BAD.id].reason) == ("failed", "returned nan for a completion")
    assert (rows[REFUSED.id].status, rows[REFUSED.id].reason) == ("rejected", "static: line 3: no files")
    assert rows[BAD.id].f1 is None and rows[BAD.id].rank is None


def test_a_failure_of_the_machine_is_no_score() -> None:
    error = screened(BAD.id, "", status="error", reason="the worker died 3 times")
    _, rows = ranked(results={**RESULTS, BAD.id: error})
    assert (rows[BAD.id].status, rows[BAD.id].f1) == ("error", None)


def test_what_is_not_screened_yet_is_owed() -> None:
    new = candidate("new")
    ranking, rows = ranked(candidates={**CANDIDATES, new.id: new})
    assert rows[new.id].status == "pending"
    ranking, rows = ranked(results={})
    assert (ranking.n, rows[BASELINE].status) == (0, "pending")


SEEDS = [RESULTS[BASELINE].model_copy(update={"seed": seed}) for seed in (0, 1)]
"""Two trainings of the baseline that answer alike, so that the noise between seeds is known."""


def test_p_values_are_against_best_and_baseline() -> None:
    _, rows = ranked(baselines=SEEDS)
    good, level, baseline = rows[GOOD.id], rows[LEVEL.id], rows[BASELINE]
    assert good.p_vs_best is None and baseline.p_vs_baseline is None
    assert good.gain_ci and good.p_vs_baseline == baseline.p_vs_best and 0 < (good.p_vs_baseline or 0) < 0.05
    assert good.gain_ci[0] > 0 and level.p_vs_baseline == 1 and level.p_vs_best is not None


def test_correction_is_over_the_candidates_alone() -> None:
    _, rows = ranked(baselines=SEEDS)
    assert rows[GOOD.id].p_adjusted == 2 * (rows[GOOD.id].p_vs_baseline or 0)
    assert rows[POLICY].p_vs_baseline is not None and rows[POLICY].p_adjusted is None


def test_the_configured_correction_is_the_one_that_is_used() -> None:
    half = candidate("half", "9.0")
    results = {**RESULTS, half.id: screened(half.id, "c" * 17 + "w" * 3)}
    given = {"results": results, "candidates": {**CANDIDATES, half.id: half}, "baselines": SEEDS}
    holm, bonferroni = (
        ranked(RankConfig(resamples=500, correction=name), **given)[1][half.id] for name in ("holm", "bonferroni")
    )
    # Of three tests it has the second smallest p-value; the third one's is 1.
    assert holm.p_adjusted == pytest.approx(2 * (holm.p_vs_baseline or 0))
    assert bonferroni.p_adjusted == pytest.approx(3 * (holm.p_vs_baseline or 0))


def test_resamples_and_confidence_change_the_intervals() -> None:
    usual = ranked()[1][GOOD.id].f1_ci
    assert ranked(RankConfig(resamples=500, confidence=0.6))[1][GOOD.id].f1_ci != usual
    assert ranked(RankConfig(resamples=500))[1][GOOD.id].f1_ci == usual


def test_flags_of_verdict_and_training_are_joined() -> None:
    _, rows = ranked()
    assert rows[GOOD.id].flags == ("short", "clipped")


def test_who_was_dropped_at_a_rung_has_the_steps_and_flags_of_its_training_there() -> None:
    promotion = PromotionDecision(id=BAD.id, promoted=False, message="F1 0.1 against 0.9 of the best")
    at_rung = screened(BAD.id, "w" * 10, rung="rung1", steps=8, flags=("watch:forgetting",))
    _, rows = ranked(results=RESULTS, stop_decisions={BAD.id: promotion}, stopped={BAD.id: at_rung})
    row = rows[BAD.id]
    assert (row.status, row.reason, row.rank, row.f1) == ("stopped", promotion.message, None, None)
    assert (row.steps, row.seconds, row.flags) == (8, 12.5, ("short", "watch:forgetting"))


def test_without_a_baseline_there_is_no_p_value_against_it() -> None:
    _, rows = ranked(results={id: result for id, result in RESULTS.items() if id != BASELINE})
    assert (rows[GOOD.id].p_vs_baseline, rows[GOOD.id].p_adjusted, rows[GOOD.id].gain_ci) == (None, None, None)
    assert rows[BASELINE].status == "pending"


def test_arms_of_other_questions_are_a_bug() -> None:
    with pytest.raises(ValueError, match="same ones"):
        ranked(results={**RESULTS, BASELINE: screened(BASELINE, "cc")})


def test_other_arms_of_the_run_are_passed_over() -> None:
    _, rows = ranked(results={**RESULTS, "ensemble-top3": screened("ensemble-top3", "c" * 20)})
    assert "ensemble-top3" not in rows


def test_the_csv_holds_the_numbers_of_the_ranking() -> None:
    ranking, rows = ranked()
    table = {line["id"]: line for line in csv.DictReader(io.StringIO(leaderboard_csv(ranking)))}
    good = rows[GOOD.id]
    assert good.f1_ci is not None
    assert (float(table[GOOD.id]["f1"]), float(table[GOOD.id]["f1_low"])) == (good.f1, good.f1_ci[0])
    assert (table[GOOD.id]["rank"], table[GOOD.id]["flags"]) == ("1", "short clipped")
    assert (table[BAD.id]["rank"], table[BAD.id]["f1"]) == ("", "")


def test_the_frame_keeps_the_order_of_the_ranking() -> None:
    ranking, _ = ranked()
    assert leaderboard_frame(ranking)["id"].tolist() == [row.id for row in ranking.rows]


def test_ties_are_the_ranks_that_cannot_be_told_from_a_score_in_one_column() -> None:
    ranking, rows = ranked(baselines=SEEDS)
    assert rows[GOOD.id].ties == (1,) and rows[LEVEL.id].ties == rows[BASELINE].ties == (2, 3)
    table = {line["id"]: line["ties"] for line in csv.DictReader(io.StringIO(leaderboard_csv(ranking)))}
    assert (table[GOOD.id], table[LEVEL.id], table[BAD.id]) == ("1", "2-3", "")
    assert ranges((1, 2, 4, 6, 7)) == "1-2 4 6-7"
