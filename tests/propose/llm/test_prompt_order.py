"""What requests have in common at their beginning, and what of the search stands in them: settings, evidence, turns."""

from __future__ import annotations

from itertools import combinations, takewhile

import pytest
from fakes import candidate
from two_rounds import ASKS, CROSSED, HARSHER, MODEL, PENALTY, REJECTED, STEP_CHECK, TASK, request, state

from rewardsearch.config import Config, parse_config
from rewardsearch.propose import ProposalRequest
from rewardsearch.propose.llm.prompt import build_prompt
from rewardsearch.records import Request, Verdict
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import build_request, first_request

ROOMY = 100_000


def user(asked: ProposalRequest, ask: Request, limit: int = ROOMY) -> str:
    return build_prompt(asked, ask, limit, structured=True).user


def shared(*texts: str) -> str:
    alike = (len(set(each)) == 1 for each in zip(*texts, strict=False))
    return texts[0][: sum(takewhile(bool, alike))]


def test_requests_of_a_round_begin_alike_up_to_the_rewards_that_they_work_on() -> None:
    texts = {move: user(request(), ask) for move, ask in ASKS.items()}
    own = {
        "fresh": "# The best rewards",
        "mutate": "# The reward to",
        "crossover": "# The two rewards",
        "simplify": "# The reward to",
    }
    for one, two in combinations(texts, 2):
        common = shared(texts[one], texts[two])
        for move in (one, two):
            assert texts[move].index(own[move]) <= len(common) + len(own[move]), (one, two)
    assert len(shared(*texts.values())) > 0.5 * len(texts["mutate"])


def test_rounds_begin_alike_up_to_what_only_the_later_one_knows() -> None:
    first, later = user(request(round=1), Request(index=1, operator="fresh")), user(request(), ASKS["mutate"])
    common = shared(first, later)
    for stays in (
        "# The task",
        "# The base rewards",
        "# What a reward must pass",
        "# How to read",
        "one group of step",
    ):
        assert stays in common
    assert "# What the rounds so far" not in common


def test_requests_and_rounds_show_other_completions_of_the_same_reward() -> None:
    feedback = request().feedback
    assert feedback is not None
    (penalty,) = (each for each in feedback.evidence if each.candidate == PENALTY)
    assert len(penalty.mistakes) == 6
    asks = [Request(index=place, operator="mutate", model=MODEL, parents=(PENALTY.id,)) for place in (1, 2)]
    told = [
        [m.prompt for m in penalty.mistakes if m.prompt in user(request(), ask).partition("# The reward to")[2]]
        for ask in asks
    ]
    assert [len(each) for each in told] == [3, 3] and not set(told[0]) & set(told[1])
    assert feedback.baseline is not None
    by_round = [
        {
            m.prompt
            for m in feedback.baseline.mistakes
            if m.prompt in user(asked, asks[0]).partition("# What the rounds")[0]
        }
        for asked in (request(), request().model_copy(update={"round": 4}))
    ]
    assert [len(each) for each in by_round] == [3, 3] and by_round[0] != by_round[1]


def test_what_was_simplified_before_is_shown_with_its_code() -> None:
    simpler = candidate("simpler").model_copy(update={"operator": "simplify", "parents": (STEP_CHECK.id,)})
    feedback = request().feedback
    assert feedback is not None
    evidence = tuple(
        each.model_copy(update={"simplified": (simpler,)}) if each.candidate == STEP_CHECK else each
        for each in feedback.evidence
    )
    asked = request().model_copy(update={"feedback": feedback.model_copy(update={"evidence": evidence})})
    for limit in (ROOMY, 5_500):
        text = user(asked, ASKS["simplify"], limit)
        assert simpler.code.strip() in text and f"{simpler.name} ({simpler.id})" in text
        assert "remove something else" in text
    assert "remove something else" not in user(request(), ASKS["simplify"])


def test_a_reward_that_repeats_another_makes_room_for_another_idea_beside_the_other_ones_code() -> None:
    repeats = Verdict(
        candidate=CROSSED.id,
        accepted=False,
        stage="novelty",
        reason="behaves like step_check",
        checks={"bank_agreement": 0.995, "bank_agreement_with": STEP_CHECK.id},
    )
    ask = Request(index=1, operator="repair", model=MODEL, parents=(CROSSED.id,))
    known = state()
    texts = {}
    for verdict in (repeats, REJECTED):
        told = RunState(known.folder, known.config, known.base, proposals=known.proposals, candidates=known.candidates)
        told.verdicts = {CROSSED.id: verdict}
        texts[verdict.stage] = user(build_request(told, told.config, TASK, 2, 1), ask)
    novelty, behaviour = texts["novelty"], texts["behaviour"]
    assert STEP_CHECK.code.strip() in novelty and STEP_CHECK.code.strip() not in behaviour
    assert "another idea" in novelty and "keep the idea" not in novelty
    assert "keep the idea" in behaviour


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "divided by the group's standard\ndeviation"),
        ({"train": {"scale_rewards": "batch"}}, "divided by the standard deviation\nof all completions"),
        ({"train": {"scale_rewards": "none"}}, "not divided by\nanything"),
        ({"bank": {"refuse": ["form", "length"]}}, "- bank:form: "),
        ({"bank": {"refuse": ["form", "length"]}}, "- bank:length: "),
        (
            {"bank": {"questions": 32, "group_size": 4}},
            "4 for each of 32 questions",
        ),
        ({"bank": {"max_agreement": 0.9}}, "to 0.9 or more"),
        ({"bank": {"max_zero_std_fraction": 0.8}}, "in 80 % or more"),
        ({"bank": {"min_auc": 0.4}}, "AUC below 0.4"),
        ({"validation": {"exploits": "refuse"}}, "or the answer itself) is refused"),
        ({"validation": {"exploits": "flag"}}, "is not refused"),
    ],
)
def test_the_settings_that_a_reward_meets_are_told(settings: dict[str, object], told: str) -> None:
    text = user(first_request(parse_config(settings, "test")), Request(index=1, operator="fresh"))
    assert told in text
    assert ("- bank:form" in text) is ("refuse" in settings.get("bank", {}))  # type: ignore[operator]
    without = first_request(parse_config({**settings, "bank": {"enabled": False}}, "test"))
    assert "AUC below" in text and "AUC below" not in user(without, Request(index=1, operator="fresh"))


def test_what_was_made_from_a_reward_before_stands_with_what_came_of_it() -> None:
    text = user(request(), ASKS["mutate"])
    assert f"mutate: {HARSHER.name} ({HARSHER.id}), F1 0.899, -0.010 over it; {HARSHER.rationale}" in text
    assert f"crossover: {CROSSED.name} ({CROSSED.id}), rejected" in text


def test_rows_that_are_not_to_be_shown_are_in_no_completion() -> None:
    known = state()
    hidden = known.config.model_copy(update={"task": known.config.task.model_copy(update={"show_rows": False})})
    told = RunState(known.folder, hidden, known.base)
    for name in ("proposals", "candidates", "verdicts", "results", "trainings", "promotions"):
        setattr(told, name, getattr(known, name))
    asked = build_request(told, hidden, TASK, 3, 0)
    assert asked.feedback is not None and asked.feedback.baseline is not None
    for arm in (asked.feedback.baseline, *asked.feedback.evidence):
        assert (arm.mistakes, arm.group, arm.disagreements) == ((), None, ())
    text = user(asked, ASKS["crossover"])
    assert 'completion "' not in text and "one group of step" not in text
    assert Config().task.rows_shown
