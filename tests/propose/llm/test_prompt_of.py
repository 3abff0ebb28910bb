"""The prompt of an ask: what it carries, what is cut for length and in which order, what is never cut."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_of import MakeRequest
from two_rounds import (
    ASKS,
    BREVITY,
    CROSSED,
    HARSHER,
    MODEL,
    PENALTY,
    REJECTED,
    REPAIR,
    SHOWS_WORK,
    SLOW,
    STEP_CHECK,
    TASK,
    request,
)

from rewardsearch.errors import UserError
from rewardsearch.propose import ProposalRequest
from rewardsearch.propose.llm.prompt import (
    BYTES_PER_TOKEN,
    CUTS,
    Prompt,
    TooLong,
    again,
    build_prompt,
    estimate_tokens,
)
from rewardsearch.records import Candidate, Request, Verdict
from rewardsearch.records.feedback import Mistake
from rewardsearch.rewards.identity import candidate_id

ROOMY = 100_000
ORDER = [name for name, _ in CUTS]
WORDS = dict(CUTS)
FIRST = Request(index=1, operator="fresh")
BLOCK = re.compile(r"^(```+)python\n(.*?)\n\1$", re.DOTALL | re.MULTILINE)

# What can be cut of each request of the told run, in its order.
SHARED = ["rest", "refused", "baseline"]
REST = ["lessons", "examples", "base_code"]
CUTTABLE = {
    "first": ["baseline", "examples", "base_code"],
    "fresh": ["others", *SHARED, *REST],
    "mutate": ["children", *SHARED, "completions", "curves", "mistakes", *REST],
    "crossover": ["children", *SHARED, "completions", "curves", "group", "mistakes", *REST],
    "simplify": ["children", *SHARED, "completions", "curves", "group", "mistakes", *REST],
    "repair": ["examples", "base_code"],
}
NEVER_CUT = {
    "first": ["start yours from this side:"],
    "fresh": [PENALTY.name, STEP_CHECK.name, HARSHER.name, "from this side:"],
    "mutate": [PENALTY.code.strip(), "F1 0.909", "flags: exploit:empty", "Change one thing in wrong_answer_penalty"],
    "crossover": [PENALTY.code.strip(), STEP_CHECK.code.strip(), "F1 0.909", "F1 0.899", "Combine the two rewards"],
    "simplify": [STEP_CHECK.code.strip(), "F1 0.899", "what does not help"],
    "repair": [CROSSED.code.strip(), str(REJECTED.reason), "The behaviour check", "Repair exactly that mistake"],
}


def asked(name: str) -> tuple[ProposalRequest, Request]:
    if name == "first":
        return request(round=1), FIRST
    if name == "repair":
        return request(round=2, attempt=1), REPAIR
    return request(), ASKS[name]


def told(name: str, limit: int = ROOMY, structured: bool = False) -> Prompt:
    return build_prompt(*asked(name), limit, structured)


@cache
def least(name: str) -> int:
    """The tokens of the prompt from which everything is cut."""
    with pytest.raises(TooLong) as error:
        told(name, 1)
    return int(re.findall(r"about (\d+) tokens", str(error.value))[0])


# --- what is cut ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CUTTABLE)
def test_nothing_is_cut_where_there_is_room(name: str) -> None:
    prompt = told(name)
    assert prompt.cut == ()
    assert "Left out for length" not in prompt.user


@pytest.mark.parametrize("name", CUTTABLE)
def test_every_limit_cuts_the_first_of_what_can_be_cut_and_holds(name: str) -> None:
    whole, bare = told(name).tokens, least(name)
    seen = set()
    for limit in [*range(bare, whole, max(1, (whole - bare) // 40)), whole]:
        prompt = told(name, limit)
        assert prompt.tokens <= limit
        assert list(prompt.cut) == CUTTABLE[name][: len(prompt.cut)]
        seen.add(len(prompt.cut))
    assert {0, len(CUTTABLE[name])} <= seen
    assert CUTTABLE[name] == sorted(CUTTABLE[name], key=ORDER.index)


@pytest.mark.parametrize("name", CUTTABLE)
def test_what_was_cut_is_told_in_the_prompt(name: str) -> None:
    prompt = told(name, least(name))
    assert list(prompt.cut) == CUTTABLE[name]
    left_out = "; ".join(WORDS[cut] for cut in CUTTABLE[name])
    assert (f"Left out for length: {left_out}." in prompt.user) is True


@pytest.mark.parametrize("name", CUTTABLE)
def test_contract_task_code_in_focus_and_question_are_never_cut(name: str) -> None:
    prompt, roomy = told(name, least(name)), told(name)
    assert prompt.system == roomy.system
    assert "# The contract" in prompt.system
    for text in (TASK.description.strip(), *NEVER_CUT[name]):
        assert text in prompt.user
    question = "# What is asked"
    assert prompt.user.partition(question)[2] == roomy.user.partition(question)[2] != ""


@pytest.mark.parametrize("name", CUTTABLE)
def test_a_prompt_that_fits_no_limit_is_too_long(name: str) -> None:
    bare = least(name)
    assert told(name, bare).tokens == bare
    with pytest.raises(TooLong, match=f"about {bare} tokens however much is cut, propose.prompt_tokens is {bare - 1}"):
        told(name, bare - 1)


def test_a_fresh_idea_is_told_the_best_in_a_line_each_where_their_code_is_cut() -> None:
    roomy, tight = told("fresh"), told("fresh", least("fresh"))
    for reward in (PENALTY, STEP_CHECK, HARSHER):
        assert reward.code.strip() in roomy.user
        assert reward.code.strip() not in tight.user
        assert re.search(
            rf"^- {reward.name} \({reward.id}\), rank \d, round \d, \w+.*: F1 0\.\d+, \+0\.\d+ over the baseline",
            tight.user,
            re.M,
        )


def test_a_prompt_is_held_to_three_bytes_a_token() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abc", "abcd", "äöü", "\ud83d")] == [0, 1, 1, 2, 2, 1]
    prompt = told("mutate")
    assert prompt.tokens >= (len(prompt.system) + len(prompt.user)) // BYTES_PER_TOKEN


# --- what is told -----------------------------------------------------------------------------------------------------


def test_each_move_carries_its_parents_whole_and_the_others_in_a_line() -> None:
    for name, ask in ASKS.items():
        user = told(name).user
        whole = ask.parents if ask.parents else (PENALTY.id, STEP_CHECK.id, HARSHER.id)
        for reward in (PENALTY, STEP_CHECK, HARSHER, SHOWS_WORK, BREVITY):
            assert (reward.code.strip() in user) is (reward.id in whole), (name, reward.name)
            assert f"{reward.name} ({reward.id})" in user
        assert f"{SLOW.name} ({SLOW.id}) failed: took longer than 2 s" in user
        assert f"{CROSSED.name} ({CROSSED.id}) rejected: behaviour: pays a correct completion +0" in user
        assert "request_4: the reply was cut off inside the code" in user


def test_the_flags_that_a_reward_has_are_explained_and_no_others() -> None:
    user = told("mutate").user
    assert "- exploit:NAME: " in user
    assert "trigger:line-N" not in user


def test_the_form_of_the_reply_changes_the_system_message_alone() -> None:
    text, json = told("mutate"), told("mutate", structured=True)
    assert text.user == json.user
    assert "one JSON object" in json.system
    assert "Name: two to four words" in text.system
    assert "one JSON object" not in text.system


def test_a_parent_that_was_not_trained_to_the_end_is_the_users_mistake() -> None:
    for id in (SLOW.id, "nowhere"):
        with pytest.raises(
            UserError, match=f"no screened candidate {id} for mutate; name one that was trained to the end"
        ):
            build_prompt(request(), Request(index=1, operator="mutate", model=MODEL, parents=(id,)), ROOMY, False)


def texts_of(split: Literal["val", "test"]) -> set[str]:
    return {text for row in TASK.rows(split) for text in (row.id, row.prompt_text.strip())}


def test_no_row_of_the_test_is_in_a_prompt_and_of_val_those_alone_that_are_still_answered_wrong() -> None:
    assert len(texts_of("test")) == 2000
    prompts = " ".join(told(name).system + told(name).user for name in CUTTABLE)
    assert [text for text in texts_of("test") if text in prompts] == []
    assert TASK.rows("train")[2].prompt_text.strip() in prompts
    told_wrong = {json.loads(each.prompt).strip() for name in CUTTABLE for each in mistakes(asked(name)[0])}
    assert {text for text in texts_of("val") if text in prompts} <= told_wrong
    bare = " ".join(told(name, least(name)).user for name in CUTTABLE)
    assert [text for text in texts_of("val") if text in bare] == []


def mistakes(request: ProposalRequest) -> list[Mistake]:
    feedback = request.feedback
    arms = [feedback.baseline, *feedback.evidence] if feedback else []
    return [mistake for arm in arms if arm is not None for mistake in arm.mistakes]


@pytest.mark.parametrize("name", CUTTABLE)
def test_nothing_is_left_of_the_templates(name: str) -> None:
    for limit in (ROOMY, least(name)):
        user = told(name, limit).user
        assert not re.search(r"\{\{|\{%|\{#|%\}|Undefined|None\b(?! of)", BLOCK.sub("(code)", user)), name
        assert not re.search(r"\n\n\n|[ \t]\n", BLOCK.sub("(code)", user))
        assert user.endswith(".\n")


# --- code is carried as it is -----------------------------------------------------------------------------------------


def with_base(code: str) -> ProposalRequest:
    return request(round=1).model_copy(update={"base_rewards": (("sly", code), ("plain", "x = 1"))})


@pytest.mark.parametrize(
    "code",
    [
        "a = 1\n\n\n\n\nb = 2   \n\t\nc = 3",
        'x = """\n```\n\n\n\nstill code   \n"""\n\n\n\ny = 1',
        '"""\n````python\n\n\n\n````\n"""',
        "x = '{{ 7 * 7 }} {% raw %} {# no #}'",
        "# \x0c form feed, \x1c separator, \x85 next line, \u2028 line separator\n\n\n\nx = 1",
        "x = 'ends in backslash \\\\'",
    ],
)
def test_code_is_carried_as_it_is_in_a_fence_that_it_does_not_close(code: str) -> None:
    user = build_prompt(with_base(code), FIRST, ROOMY, False).user
    carried = [found.group(2) for found in BLOCK.finditer(user)]
    assert carried == [code, "x = 1"]


@settings(max_examples=60, deadline=None)
@given(code=st.text(st.sampled_from("a1 \n\t`'\"#{}%=."), min_size=1, max_size=80))
def test_any_text_in_place_of_code_is_carried_as_it_is(code: str) -> None:
    rejected = Candidate(id=candidate_id(code), name="odd", code=code)
    verdict = Verdict(candidate=rejected.id, accepted=False, stage="static", reason="line 1: no")
    asked = request(round=1).model_copy(update={"repairs": ((rejected, verdict),)})
    ask = Request(index=1, operator="repair", parents=(rejected.id,))
    assert code.strip() in build_prompt(asked, ask, ROOMY, False).user


# --- once more --------------------------------------------------------------------------------------------------------


def test_a_prompt_sent_once_more_ends_with_the_reason() -> None:
    first = told("mutate")
    more = again(request(), first, "the reply is empty", cut_off=False)
    assert more.system == first.system
    assert more.user.startswith(first.user)
    added = more.user.removeprefix(first.user)
    assert "the reply is empty" in added and "whole reward file" in added
    assert "think briefly" not in added
    assert "think briefly" in again(request(), first, "the reply was cut off", cut_off=True).user


def test_a_request_of_the_first_round_needs_no_feedback(request_of: MakeRequest) -> None:
    user = build_prompt(request_of(count=3), Request(index=2, operator="fresh"), ROOMY, False).user
    assert "3 rewards" in user and "number 2." in user
    assert "shown" not in user
