"""What the feedback shows of single completions and of what was made from a reward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from fakes import GOOD, candidate, outcomes, screened
from shown import CANDIDATES, RESULTS, VERDICTS, shown

from rewardsearch.config import RankConfig
from rewardsearch.feedback import write_feedback
from rewardsearch.feedback.completions import MISTAKES, disagreements, group_of, missed, mistakes
from rewardsearch.feedback.summary import ancestors, made_from
from rewardsearch.rank import front, rank
from rewardsearch.records import (
    BASELINE,
    Candidate,
    Example,
    GroupMember,
    Operator,
    OutcomeKind,
    PromotionDecision,
    Row,
    TrainingGroup,
    TrainingResult,
    Verdict,
)
from rewardsearch.records.feedback import DISAGREEMENTS_SHOWN, MISTAKES_SHOWN, Disagreement, Feedback, Mistake, in_turn

ROWS = {f"q{i}": Row(id=f"q{i}", prompt=f"Question {i}?", answer="7") for i in range(30)}


def example(kind: OutcomeKind, right: bool = False) -> Example:
    said = {"prompt": "How many?", "completion": "x", "answer": "7", "reward": 2.0, "against": 0.5, "step": 3}
    return Example.model_validate({**said, "kind": kind, "right": right})


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (example("wrong"), "wrong"),
        (example("unparsed"), "wrong"),
        (example("unparsed", right=True), "right elsewhere"),
        (example("correct", right=True), "correct"),
    ],
)
def test_a_disagreement_says_what_it_is_and_what_the_others_were_paid(found: Example, kind: str) -> None:
    (told,) = disagreements(screened("x", "c", disagreements=(found,)))
    assert (told.kind, told.reward, told.answer) == (kind, "2 against 0.5, step 3", "7")
    assert disagreements(screened("x", "c", disagreements=(found.model_copy(update={"against": None}),))) == ()


def member(text: str, reward: float, kind: OutcomeKind = "wrong", right: bool = False, **parts: float) -> GroupMember:
    return GroupMember(completion=text, kind=kind, right=right, reward=reward, parts={**parts, "mine-abcd": reward})


def test_a_group_is_told_best_first_equal_completions_once_and_only_what_paid_something() -> None:
    members = (
        member("guess", 1.0, answer=1.0, **{"mine-abcd/style": 0.0}),
        member("work", 4.0, "correct", right=True, answer=3.0, **{"mine-abcd/style": 1.0}),
        member("elsewhere", -2.0, "unparsed", right=True, answer=0.0, **{"mine-abcd/style": -2.0}),
        member("guess", 1.0, answer=1.0, **{"mine-abcd/style": 0.0}),
    )
    result = screened("abcdef", "c", group=TrainingGroup(step=9, prompt="How many?", answer="7", members=members))
    group = group_of(result, ("mine", "abcdef"))
    assert group is not None and (group.step, group.answer) == (9, "7")
    assert [(line.reward, line.parts, line.completion) for line in group.lines] == [
        ("4", "answer 3, style 1", '"work"'),
        ("1", "answer 1", '"guess"'),
        ("-2", "style -2", '"elsewhere"'),
    ]
    assert [line.what for line in group.lines] == ["correct", "wrong, 2 times", "right in a form that does not count"]
    assert group_of(screened("x", "c")) is None


@pytest.mark.parametrize("kinds", ["cwcu", "w" * 30, "c" * 5 + "wu" * 9, "cccc"])
def test_what_is_still_answered_wrong_is_told_evenly_spaced_with_all_there_is_to_it(kinds: str) -> None:
    wrong = [f"q{i}" for i, kind in enumerate(kinds) if kind != "c"]
    found = mistakes(outcomes(kinds), ROWS, {id: f"it is {id}" for id in ROWS})
    places = [wrong.index(mistake.completion.strip('"').removeprefix("it is ")) for mistake in found]
    assert len(found) == min(len(wrong), MISTAKES)
    assert places == sorted(set(places)) and places[:1] + places[-1:] == ([0, len(wrong) - 1] if wrong else [])
    assert {mistake.given for mistake in found} <= {'"8"', "no answer that counts"}


def test_questions_that_may_not_be_shown_and_answers_that_are_gone_are_left_out() -> None:
    said = dict.fromkeys(ROWS, "x")
    assert mistakes(outcomes("www"), {}, said) == mistakes(outcomes("www"), ROWS, {}) == ()
    assert len(mistakes(outcomes("www"), {"q1": ROWS["q1"]}, said)) == 1


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ("cc", ""),
        ("cww", "2 of 3, all answered wrong"),
        ("u", "1 of 1, all without an answer that"),
        ("cwu", "2 of 3: 1 "),
    ],
)
def test_how_many_are_not_answered_right_is_counted(kinds: str, told: str) -> None:
    assert missed(outcomes(kinds)).startswith(told) and bool(told) == bool(missed(outcomes(kinds)))


# --- taking turns -----------------------------------------------------------------------------------------------------


def with_completions(count: int) -> Feedback:
    """What is known of the round of CANDIDATES, with so many completions of each kind."""
    feedback = shown(CANDIDATES, RESULTS, VERDICTS)
    told: dict[str, Any] = {"what": "w", "reward": "1", "prompt": "p", "answer": "7"}
    found = tuple(
        Disagreement(**told, completion=f"{kind} {i}", kind=kind) for kind in ("wrong", "correct") for i in range(count)
    )
    wrong = tuple(Mistake(prompt="p", completion=f"{i}", answer="7", given="8") for i in range(count))
    more = {"disagreements": found, "mistakes": wrong}
    evidence = tuple(each.model_copy(update=more) for each in feedback.evidence)
    assert feedback.baseline is not None
    return feedback.model_copy(update={"evidence": evidence, "baseline": feedback.baseline.model_copy(update=more)})


@pytest.mark.parametrize("count", [1, 2, 6, 7])
def test_each_turn_shows_other_completions_until_all_were_shown(count: int) -> None:
    feedback = with_completions(count)
    turns = [in_turn(feedback, turn) for turn in range(count)]
    of_a_kind = min(count, DISAGREEMENTS_SHOWN)
    for turn in turns:
        for arm in (turn.baseline, *turn.evidence):
            assert arm is not None
            assert [each.kind for each in arm.disagreements] == ["wrong"] * of_a_kind + ["correct"] * of_a_kind
            assert len(arm.mistakes) == len(set(arm.mistakes)) == min(count, MISTAKES_SHOWN)
    by_turn = [{each.completion for each in turn.evidence[0].disagreements} for turn in turns]
    assert count <= DISAGREEMENTS_SHOWN or not by_turn[0] & by_turn[1]
    assert set().union(*by_turn) == {each.completion for each in feedback.evidence[0].disagreements}


# --- what was made from what ------------------------------------------------------------------------------------------


def made(name: str, operator: Operator = "mutate", of: Sequence[Candidate] = ()) -> Candidate:
    return candidate(name, repr(name), parents=[each.id for each in of]).model_copy(update={"operator": operator})


A = made("a", "fresh")
B, S = made("b", of=[A]), made("s", "simplify", of=[A])
C = made("c", "crossover", of=[B, A])
REFUSED = made("refused", of=[B])
MENDED = made("mended", "repair", of=[REFUSED])
FAMILY = {each.id: each for each in (A, B, S, C, REFUSED, MENDED)}


def test_lineage_goes_through_what_was_never_trained() -> None:
    assert ancestors(MENDED.id, FAMILY) == (REFUSED.id, B.id, A.id)
    assert ancestors(C.id, FAMILY) == (B.id, A.id)
    assert ancestors(A.id, FAMILY) == ()


def test_what_was_made_from_a_reward_is_told_with_repairs_in_the_place_of_what_they_mend() -> None:
    assert [each.name for each in made_from(A.id, FAMILY)] == ["b", "s", "c"]
    assert [(c.name, c.operator) for c in made_from(B.id, FAMILY)] == [("c", "crossover"), ("mended", "mutate")]


def test_children_simplifications_and_ancestors_are_part_of_the_evidence() -> None:
    kinds = {A.id: "c" * 14, B.id: "c" * 16, C.id: "c" * 15}
    results = {**RESULTS, **{id: screened(id, text + "w" * (20 - len(text))) for id, text in kinds.items()}}
    told = shown(
        FAMILY.values(),
        results,
        {REFUSED.id: Verdict(candidate=REFUSED.id, accepted=False, stage="static", reason="no")},
    )
    of_a = next(each for each in told.evidence if each.candidate == A)
    assert [(c.name, c.operator) for c in of_a.children] == [("b", "mutate"), ("s", "simplify"), ("c", "crossover")]
    assert of_a.children[0].outcome == f"F1 {2 * 16 / 36:.3f}, {2 * 16 / 36 - 2 * 14 / 34:+.3f} over it"
    assert of_a.children[1].outcome == "not trained yet"
    assert of_a.simplified == (S,)
    assert {p.candidate.name: p.ancestors for p in told.parents} == {"a": (), "b": (A.id,), "c": (B.id, A.id)}


# --- at the rungs -----------------------------------------------------------------------------------------------------


def test_scores_at_the_rungs_stand_beside_the_baselines_at_the_same_step_also_of_what_was_dropped() -> None:
    slow, stopped = candidate("slow", "7.5"), candidate("stopped", "8.5")
    everyone = {c.id: c for c in (GOOD, slow, stopped)}

    def rung(arm: str, right: int, steps: int) -> TrainingResult:
        return screened(arm, "c" * right + "w" * (10 - right), rung=f"rung{steps}", steps=steps)

    rungs = {
        BASELINE: [rung(BASELINE, 4, 8), rung(BASELINE, 5, 20)],
        GOOD.id: [rung(GOOD.id, 7, 8), rung(GOOD.id, 6, 20)],
        slow.id: [rung(slow.id, 6, 8)],
        stopped.id: [rung(stopped.id, 2, 8), rung(stopped.id, 3, 20)],
    }
    results = {id: RESULTS[id] for id in (BASELINE, GOOD.id)}
    given: dict[str, Any] = {"results": results, "candidates": everyone, "verdicts": {}}
    promotions = {
        id: PromotionDecision(id=id, promoted=False, message="others were ahead") for id in (slow.id, stopped.id)
    }
    ranking = rank(task="arithmetic", config=RankConfig(resamples=200), seed=0, stop_decisions=promotions, **given)
    told = write_feedback(round=2, ranking=ranking, front=front(results, everyone), proposals={}, rungs=rungs, **given)
    assert [(s.steps, s.n, s.f1, s.baseline) for s in told.evidence[0].rungs] == [
        (8, 10, pytest.approx(14 / 17), pytest.approx(8 / 14)),
        (20, 10, pytest.approx(12 / 16), pytest.approx(10 / 15)),
    ]
    assert told.baseline is not None and [s.baseline for s in told.baseline.rungs] == [None, None]
    # Who came furthest stands first, of whatever round.
    assert [(each.id, len(each.rungs), each.idea) for each in told.stopped] == [
        (stopped.id, 2, "why stopped"),
        (slow.id, 1, "why slow"),
    ]
    assert f"step 8 {12 / 16:.3f} against {8 / 14:.3f} (10 questions)" in told.text
