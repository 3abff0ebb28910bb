"""The text of feedback.md on any state: its form, and that it is the records and nothing else."""

import re
from collections.abc import Mapping

from fakes import LEVEL, candidate, screened
from hypothesis import given, settings
from hypothesis import strategies as st
from shown import CANDIDATES, REPLIES, RESULTS, VERDICTS, feedback

from rewardsearch.files.templates import render
from rewardsearch.records import BASELINE, POLICY, Alarm, Candidate
from rewardsearch.records.feedback import Feedback

STATES = st.fixed_dictionaries(
    {
        "round": st.integers(0, 2),
        "candidates": st.lists(st.sampled_from(CANDIDATES), unique=True),
        "most": st.integers(1, 4),
        "replies": st.booleans(),
        "policy": st.booleans(),
        "bare": st.booleans(),
        "flags": st.booleans(),
    }
)


def feedback_of(state: Mapping[str, object]) -> Feedback:
    """The feedback on a state that STATES draws; bare: without curves, examples, checks and rationales."""
    told: list[Candidate] = list(state["candidates"])  # type: ignore[call-overload]
    results = {
        id: RESULTS[id] for id in [BASELINE, *[POLICY] * bool(state["policy"]), *[c.id for c in told]] if id in RESULTS
    }
    verdicts = dict(VERDICTS)
    if state["flags"]:
        verdicts[LEVEL.id] = VERDICTS[LEVEL.id].model_copy(update={"flags": ("sensitive:trailing-space",)})
        alarm = Alarm(kind="length", message="20 -> 31 tokens a completion", hopeless=False)
        results = {
            id: result.model_copy(update={"alarms": (alarm,), "flags": (alarm.flag,)}) for id, result in results.items()
        }
    if state["bare"]:
        nothing = {"curves": (), "correlations": {}, "disagreements": ()}
        results = {id: result.model_copy(update=nothing) for id, result in results.items()}
        verdicts = {id: verdict.model_copy(update={"checks": {}}) for id, verdict in verdicts.items()}
        told = [c.model_copy(update={"rationale": ""}) for c in told]
    return feedback(
        round=state["round"],  # type: ignore[arg-type]
        candidates=told,
        results=results,
        most=state["most"],  # type: ignore[arg-type]
        proposals=REPLIES if state["replies"] else {},
        verdicts=verdicts,
    )


@settings(max_examples=12, deadline=None)
@given(STATES)
def test_the_text_has_single_blank_lines_no_trailing_spaces_and_one_line_break_at_its_end(
    state: Mapping[str, object],
) -> None:
    text = feedback_of(state).text
    assert text.startswith("# Results of ")
    assert "\n\n\n" not in text
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert not re.search(r"[ \t]\n", text)
    assert all(re.search(rf"\n\n{re.escape(heading)}\n\n", text) for heading in re.findall(r"^##.*$", text, re.M))
    # The lines of a list stay together.
    assert not re.search(r"^( {4}|- ).*\n\n(- | {4})", text, re.M)


@settings(max_examples=12, deadline=None)
@given(STATES)
def test_the_text_says_nothing_but_what_the_records_say(state: Mapping[str, object]) -> None:
    told = feedback_of(state)
    stored = Feedback.model_validate_json(told.model_copy(update={"text": ""}).model_dump_json())
    again = re.sub(r"\n{3,}", "\n\n", render("feedback.j2", feedback=stored)).strip("\n") + "\n"
    assert again == told.text


@settings(max_examples=12, deadline=None)
@given(STATES, st.randoms())
def test_the_same_state_gives_the_same_feedback_in_whatever_order_it_is_held(state: dict[str, object], rng) -> None:  # type: ignore[no-untyped-def]
    candidates: list[Candidate] = list(state["candidates"])  # type: ignore[call-overload]
    rng.shuffle(candidates)
    assert feedback_of({**state, "candidates": candidates}) == feedback_of(state)


def test_line_breaks_in_a_candidates_words_do_not_break_the_text() -> None:
    wordy = candidate("wordy", "7.0").model_copy(update={"rationale": "one\n\n\n## two\n- three"})
    results = {**RESULTS, wordy.id: screened(wordy.id, "c" * 20)}
    assert "- its idea: one ## two - three\n" in feedback(candidates=[*CANDIDATES, wordy], results=results).text
