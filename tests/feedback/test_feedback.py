"""What a round has shown, as the records that the next round's prompts are made of, and what its text carries."""

from collections.abc import Mapping
from typing import get_args

import pytest
from fakes import BAD, GOOD, LEVEL, PAID, REFUSED, candidate, curves, screened
from shown import CANDIDATES, REFERENCES, REPLIES, RESULTS, VERDICTS, feedback

from rewardsearch.feedback.completions import evenly
from rewardsearch.feedback.summary import POINTS
from rewardsearch.rank import front
from rewardsearch.records import BASELINE, POLICY, Alarm, AlarmKind, Request, RequestOutcome, TrainingResult, Usage
from rewardsearch.records.feedback import Feedback


def test_parents_are_all_screened_candidates_best_first_with_their_gain() -> None:
    parents = feedback().parents
    assert [parent.candidate for parent in parents] == [GOOD, LEVEL]
    assert parents[0].gain == pytest.approx(2 * 18 / 38 - 0.75)
    assert parents[1].gain == 0


def test_the_text_carries_score_interval_and_gain() -> None:
    told = feedback()
    low, high = told.parents[0].f1_ci
    assert f"F1 0.947 [{low:.3f}, {high:.3f}], accuracy 0.900" in told.text
    assert "+0.197 F1 over the baseline" in told.text


def test_the_text_carries_curves_in_ten_points_with_correlations() -> None:
    text = feedback().text
    steps = [point.step for point in evenly(curves("style"), POINTS)]
    assert steps == [1, 5, 10, 14, 18, 23, 27, 31, 36, 40]
    assert f"steps {' '.join(map(str, steps))}:" in text
    assert "style (r none (no spread)): 0.125 0.625 1.25 1.75 2.25 2.88 3.38 3.88 4.5 5\n" in text
    assert "answer (r +0.50): 1 1 1 1 1 1 1 1 1 1\n" in text


def test_short_trainings_are_told_whole() -> None:
    assert [point.step for point in evenly(curves("style", steps=3), POINTS)] == [1, 2, 3]
    assert evenly((), POINTS) == []


def test_the_text_carries_lengths_dead_groups_monitor_and_checks() -> None:
    text = feedback().text
    assert "completion length in tokens, first to last: 29.4 -> 20.4" in text
    assert "(they teach nothing): 25%" in text
    assert "exact match at these steps: 0.01 0.05" in text
    assert "correct ones get 1.25 on average" in text


def test_the_text_carries_where_reward_and_truth_disagree() -> None:
    assert "yet paid more than the correct ones (reward 2.5 against 1.5, step 4; gold 7)" in feedback().text
    assert 'completion "<solution> 8 </solution>"' in feedback().text


def test_long_completions_are_cut_and_line_breaks_escaped() -> None:
    example = RESULTS[GOOD.id].disagreements[0].model_copy(update={"completion": "x\n" * 5000})
    results = {**RESULTS, GOOD.id: RESULTS[GOOD.id].model_copy(update={"disagreements": (example,)})}
    line = next(line for line in feedback(results=results).text.split("\n") if 'completion "x' in line)
    assert "\\n" in line and " ... " in line and len(line) < 500


def test_the_text_says_why_candidates_were_rejected_or_failed() -> None:
    text = feedback(proposals=REPLIES).text
    assert f"opens-files ({REFUSED.id}) rejected: static: line 3: no files" in text
    assert f"shouting ({BAD.id}) failed: returned nan for a completion" in text
    assert "- reply-5: no code block in it\n- reply-1: the model refused\n" in text
    assert "reply-9" not in text


def test_replies_of_other_rounds_are_left_out() -> None:
    assert [refusal.name for refusal in feedback(round=2, proposals=REPLIES).refusals] == ["reply-9"]


def test_rejections_of_earlier_rounds_are_counted() -> None:
    text = feedback(round=2).text
    assert "opens-files" not in text
    assert "2 candidates of earlier rounds" in text


def test_candidates_beyond_the_best_and_off_the_front_get_a_line() -> None:
    told = feedback(most=1)
    assert [e.candidate for e in told.evidence] == [GOOD]
    assert [(e.candidate, e.training, e.disagreements) for e in told.others] == [(LEVEL, None, ())]
    text = feedback(most=1).text
    assert f"- level-headed ({LEVEL.id}), rank 3, round 1, fresh: F1 0.750, +0.000 over the baseline" in text
    assert f"### 1. worked-steps ({GOOD.id})" in text


def test_baseline_and_policy_have_their_own_lines() -> None:
    text = feedback().text
    assert "- untrained policy: F1 0.667" in text
    assert "- baseline (base rewards alone): F1 0.750" in text


def test_a_round_without_any_screened_candidate_still_gives_feedback() -> None:
    results = {arm: result for arm, result in RESULTS.items() if arm not in (GOOD.id, LEVEL.id)}
    told = feedback(results=results)
    assert told.parents == ()
    assert "No candidate has been trained" in told.text


def test_template_marks_in_a_candidates_words_stay_words() -> None:
    sly = candidate("sly", "5.0").model_copy(update={"rationale": "{{ 7 * 7 }} {% raw %}"})
    results = {**RESULTS, sly.id: screened(sly.id, "c" * 20)}
    assert "its idea: {{ 7 * 7 }} {% raw %}" in feedback(candidates=[*CANDIDATES, sly], results=results).text


def test_without_a_baseline_there_is_no_feedback() -> None:
    with pytest.raises(ValueError, match="baseline"):
        feedback(results={arm: result for arm, result in RESULTS.items() if arm != BASELINE})


def test_members_of_the_front_are_told_whole_beyond_the_best() -> None:
    apart = candidate("apart", "6.0")
    results = {**RESULTS, apart.id: screened(apart.id, "w" * 19 + "c")}
    told = feedback(candidates=[*CANDIDATES, apart], results=results, most=1)
    assert [e.candidate for e in told.evidence] == [GOOD, apart]
    assert [e.candidate for e in told.others] == [LEVEL]
    known = {member.id: member for member in front(results, [c.id for c in (*CANDIDATES, apart)])}
    assert [e.front for e in told.evidence] == [known[GOOD.id], known[apart.id]]
    assert all(e.training and e.disagreements for e in told.evidence)
    assert "- answers 1 of the 20 held-out questions correctly, 1 of them as the only trained reward\n" in told.text


def test_candidates_off_the_front_have_no_place_on_it() -> None:
    assert {e.candidate: e.front is None for e in feedback().evidence} == {GOOD: False, LEVEL: True}


def test_the_evidence_of_every_screened_candidate_is_there_once_best_first() -> None:
    more = [candidate(f"reward-{i}", f"{i}.5") for i in range(6)]
    results = {**RESULTS, **{c.id: screened(c.id, "c" * i + "w" * (20 - i)) for i, c in enumerate(more)}}
    told = feedback(candidates=[*CANDIDATES, *more], results=results, most=3)
    assert [e.candidate for e in (*told.evidence, *told.others)] == [parent.candidate for parent in told.parents]
    assert [parent.gain for parent in told.parents] == sorted((p.gain for p in told.parents), reverse=True)
    assert (len(told.evidence), len(told.others)) == (3, 5)


def test_what_the_machine_failed_on_is_not_told_as_the_candidates_fault() -> None:
    results = {**RESULTS, BAD.id: screened(BAD.id, "", status="error", reason="out of memory")}
    told = feedback(results=results)
    assert [each.id for each in told.unscored] == [REFUSED.id]
    assert "out of memory" not in told.text


def test_measured_seconds_are_left_out_so_that_the_same_search_gives_the_same_feedback() -> None:
    timed = VERDICTS[GOOD.id].model_copy(update={"checks": {"mean_correct": 1.25, "seconds_per_call": 0.123}})
    again = VERDICTS[GOOD.id].model_copy(update={"checks": {"mean_correct": 1.25, "seconds_per_call": 0.456}})
    one, two = (feedback(verdicts={**VERDICTS, GOOD.id: verdict}) for verdict in (timed, again))
    assert one == two == feedback()


def test_only_the_flags_that_scored_candidates_have_are_explained() -> None:
    flagged = {
        **VERDICTS,
        GOOD.id: VERDICTS[GOOD.id].model_copy(update={"flags": ("leak:answer", "exploit:empty", "exploit:length")}),
        BAD.id: VERDICTS[BAD.id].model_copy(update={"flags": ("trigger:line-3",)}),
    }
    told = feedback(verdicts=flagged)
    assert told.flag_kinds == ("exploit:", "leak:")
    assert "- exploit:NAME:" in told.text and "- leak:answer:" in told.text
    assert "trigger:line-N" not in told.text and "sensitive:" not in told.text
    assert "flags: leak:answer, exploit:empty, exploit:length" in told.text
    assert "What the flags mean" not in feedback().text


HACKED = Alarm(kind="hacking", message="reward 1 -> 3 while exact match 0.4 -> 0.3 (steps 1-8 to 9-16)")
FORGETTING = Alarm(
    kind="forgetting", message="exact match 0.4 -> 0 (steps 1-8 to 9-16): the task has been unlearnt", hopeless=True
)


def watched(*alarms: Alarm, stop_reason: str | None = None) -> dict[str, TrainingResult]:
    """RESULTS, with what the watch saw of GOOD's training."""
    update = {"alarms": alarms, "flags": tuple(alarm.flag for alarm in alarms), "stop_reason": stop_reason}
    return {**RESULTS, GOOD.id: RESULTS[GOOD.id].model_copy(update=update)}


def test_what_the_watch_saw_is_told_with_its_figures_and_what_to_change() -> None:
    told = feedback(results=watched(HACKED))
    assert "flags: watch:hacking" in told.text
    assert f"- the watch over the training: hacking: {HACKED.message}\n" in told.text
    assert "- watch:hacking: " in told.text
    assert told.flag_kinds == ("watch:hacking",)
    assert "the watch over the training" not in feedback().text


def test_a_training_that_the_watch_ended_is_told_as_ended() -> None:
    text = feedback(results=watched(FORGETTING, HACKED, stop_reason=FORGETTING.message)).text
    assert f"forgetting: {FORGETTING.message}; the training was stopped there\n" in text
    assert f"hacking: {HACKED.message}\n" in text


@pytest.mark.parametrize("kind", get_args(AlarmKind))
def test_every_alarm_has_its_explanation(kind: AlarmKind) -> None:
    told = feedback(results=watched(Alarm(kind=kind, message="0.4 -> 0.3")))
    explained = told.text.split("What the flags mean")[1]
    assert [line.split(": ")[0] for line in explained.splitlines() if line.startswith("- watch:")] == [
        f"- watch:{kind}"
    ]


# --- before the first round -------------------------------------------------------------------------------------------


def test_before_the_first_round_there_are_the_references_alone() -> None:
    told = feedback(round=0, candidates=[], results=REFERENCES)
    assert told.policy is not None and told.policy.row.f1 == pytest.approx(2 / 3)
    assert told.baseline is not None and told.baseline.row.f1 == 0.75
    assert told.baseline.training is not None and len(told.baseline.disagreements) == 1
    empty = Feedback(round=0, text=told.text, n=20, policy=told.policy, baseline=told.baseline)
    assert told == empty
    assert "Results of no rounds" in told.text and "Lessons" not in told.text
    assert "- baseline (base rewards alone): F1 0.750" in told.text


def test_the_untrained_policy_is_left_out_where_it_has_no_score() -> None:
    without = {arm: result for arm, result in RESULTS.items() if arm != POLICY}
    assert feedback(results=without).policy is None
    assert "untrained policy" not in feedback(results=without).text
    failed = {**RESULTS, POLICY: screened(POLICY, "", status="error", reason="no memory")}
    assert feedback(results=failed).policy is None


# --- how long the best has stood --------------------------------------------------------------------------------------

STEPS = {0: "c" * 12 + "w" * 8, 1: "c" * 13 + "w" * 7, 2: "c" * 14 + "w" * 6, -1: "c" * 11 + "w" * 9}
"""Outcomes by how many more are right than the baseline's."""


@pytest.mark.parametrize(
    ("gains", "round", "rounds_without_improvement"),
    [
        ({}, 0, 0),
        ({}, 2, 2),
        ({1: 1}, 1, 0),
        ({1: 1}, 3, 2),
        ({1: 1, 2: 2}, 2, 0),
        ({1: 1, 2: 1, 3: 1}, 3, 2),
        ({1: 2, 2: 1, 3: -1}, 3, 2),
        ({1: 0, 2: -1}, 2, 2),
        ({1: -1, 3: 1}, 3, 0),
    ],
)
def test_rounds_since_the_best_score_rose_above_the_baseline_and_all_before_are_counted(
    gains: Mapping[int, int], round: int, rounds_without_improvement: int
) -> None:
    made = {number: candidate(f"of-{number}", f"{number}.25", round=number) for number in gains}
    results = {**REFERENCES, **{c.id: screened(c.id, STEPS[gains[number]]) for number, c in made.items()}}
    assert (
        feedback(round=round, candidates=made.values(), results=results).rounds_without_improvement
        == rounds_without_improvement
    )


# --- what was asked and paid ------------------------------------------------------------------------------------------


def test_what_each_move_brought_is_told_with_its_cost() -> None:
    plays = (
        RequestOutcome(request=Request(index=1, operator="fresh", model="m"), candidates=(GOOD.id,), usage=PAID),
        RequestOutcome(request=Request(index=2, operator="fresh", model="m"), candidates=(BAD.id,), usage=PAID),
    )
    proposals = {(1, 0): REPLIES[1, 0].model_copy(update={"outcomes": plays})}
    (payoff,) = feedback(proposals=proposals).payoffs
    assert (payoff.operator, payoff.model, payoff.requests) == ("fresh", "m", 2)
    assert payoff.usage == Usage(requests=2, prompt_tokens=360, completion_tokens=40)
    assert payoff.improvement > 1
