from collections.abc import Mapping

import pytest
from fakes import ARMS, BAD, GOOD, LEVEL, REFUSED, candidate, curves, screened

from rewardsearch.config import RankConfig
from rewardsearch.feedback import write_feedback
from rewardsearch.feedback.summary import evenly
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, Candidate, Feedback, Refusal, ScreenResult, Verdict

CANDIDATES = {c.id: c for c in (GOOD, LEVEL, BAD, REFUSED)}
VERDICTS = {
    **{c.id: Verdict(candidate=c.id, accepted=True, checks={"mean_correct": 1.25}) for c in (GOOD, LEVEL, BAD)},
    REFUSED.id: Verdict(candidate=REFUSED.id, accepted=False, stage="static", reason="line 3: no files"),
}
RESULTS = {
    **{arm: screened(arm, kinds, "style", correlations={"answer": 0.5, "style": None}) for arm, kinds in ARMS.items()},
    BAD.id: screened(BAD.id, "", status="failed", reason="returned nan for a completion"),
}


def feedback(
    round: int = 1,
    candidates: Mapping[str, Candidate] = CANDIDATES,
    results: Mapping[str, ScreenResult] = RESULTS,
    shown: int = 4,
    refusals: tuple[Refusal, ...] = (),
) -> Feedback:
    ranking = rank(
        task="arithmetic",
        results=results,
        candidates=candidates,
        verdicts=VERDICTS,
        config=RankConfig(resamples=200),
        seed=0,
    )
    return write_feedback(
        round=round,
        ranking=ranking,
        candidates=candidates,
        verdicts=VERDICTS,
        results=results,
        refusals=refusals,
        shown=shown,
    )


def test_parents_are_all_screened_candidates_best_first_with_their_gain() -> None:
    parents = feedback().parents
    assert [parent.candidate for parent in parents] == [GOOD, LEVEL]
    assert parents[0].gain == pytest.approx(2 * 18 / 38 - 0.75)
    assert parents[1].gain == 0


def test_the_ids_of_every_candidate_are_told_as_seen() -> None:
    assert feedback().seen == tuple(CANDIDATES)


def test_the_text_carries_score_interval_and_gain() -> None:
    told = feedback()
    low, high = told.parents[0].f1_ci
    assert f"F1 0.947 [{low:.3f}, {high:.3f}], accuracy 0.900" in told.text
    assert "+0.197 F1 over the baseline" in told.text


def test_the_text_carries_curves_in_ten_points_with_correlations() -> None:
    text = feedback().text
    steps = [point.step for point in evenly(curves("style"))]
    assert steps == [1, 5, 10, 14, 18, 23, 27, 31, 36, 40]
    assert f"steps {' '.join(map(str, steps))}:" in text
    assert "style (r none (no spread)): 0.125 0.625 1.25 1.75 2.25 2.88 3.38 3.88 4.5 5\n" in text
    assert "answer (r +0.50): 1 1 1 1 1 1 1 1 1 1\n" in text


def test_short_trainings_are_told_whole() -> None:
    assert [point.step for point in evenly(curves("style", steps=3))] == [1, 2, 3]
    assert evenly(()) == []


def test_the_text_carries_lengths_dead_groups_monitor_and_checks() -> None:
    text = feedback().text
    assert "completion length in tokens, first to last: 29.4 -> 20.4" in text
    assert "groups without any spread in reward (they teach nothing): 25%" in text
    assert "exact match of the training completions at these steps: 0.01 0.05" in text
    assert "mean_correct 1.25" in text


def test_the_text_carries_where_reward_and_truth_disagree() -> None:
    assert "wrong, yet among the most rewarded (2.5; gold 7)" in feedback().text
    assert 'completion "<solution> 8 </solution>"' in feedback().text


def test_long_completions_are_cut_and_line_breaks_escaped() -> None:
    example = RESULTS[GOOD.id].disagreements[0].model_copy(update={"completion": "x\n" * 5000})
    results = {**RESULTS, GOOD.id: RESULTS[GOOD.id].model_copy(update={"disagreements": (example,)})}
    line = next(line for line in feedback(results=results).text.split("\n") if 'completion "x' in line)
    assert "\\n" in line and " ... " in line and len(line) < 500


def test_the_text_says_why_candidates_were_rejected_or_failed() -> None:
    text = feedback(refusals=(Refusal(name="reply-5", reason="no code block in it"),)).text
    assert f"opens-files ({REFUSED.id}) rejected: static: line 3: no files" in text
    assert f"shouting ({BAD.id}) failed: returned nan for a completion" in text
    assert "reply-5: no code block in it" in text


def test_rejections_of_earlier_rounds_are_counted() -> None:
    text = feedback(round=2).text
    assert "opens-files" not in text
    assert "2 candidates of earlier rounds were rejected or failed" in text


def test_candidates_beyond_the_best_get_a_line() -> None:
    text = feedback(shown=1).text
    assert f"- 3. level-headed ({LEVEL.id}): F1 0.750, +0.000 over the baseline" in text
    assert f"### 1. worked-steps ({GOOD.id})" in text


def test_baseline_and_policy_have_their_own_lines() -> None:
    text = feedback().text
    assert "- untrained policy: F1 0.667" in text
    assert "- baseline (base rewards alone): F1 0.750" in text


def test_a_round_without_any_screened_candidate_still_gives_feedback() -> None:
    results = {arm: result for arm, result in RESULTS.items() if arm not in (GOOD.id, LEVEL.id)}
    told = feedback(results=results)
    assert told.parents == ()
    assert "No candidate has been screened to the end yet." in told.text


def test_template_marks_in_a_candidates_words_stay_words() -> None:
    sly = candidate("sly", "5.0").model_copy(update={"rationale": "{{ 7 * 7 }} {% raw %}"})
    results = {**RESULTS, sly.id: screened(sly.id, "c" * 20)}
    assert "its idea: {{ 7 * 7 }} {% raw %}" in feedback(candidates={**CANDIDATES, sly.id: sly}, results=results).text


def test_without_a_baseline_there_is_no_feedback() -> None:
    with pytest.raises(ValueError, match="baseline"):
        feedback(results={arm: result for arm, result in RESULTS.items() if arm != BASELINE})
