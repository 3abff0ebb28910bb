"""The stage `bank` on small banks by hand: what is measured, flagged and refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from banks import MIXED, TASK, rollouts

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import (
    Candidate,
    RewardSpec,
    Rollout,
    Verdict,
)
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.validation import validate

HEAD = "import re\n\ndef reward(prompts, completions, answer, **columns):\n"
RIGHT = "float(f'<solution> {a} </solution>' in c)"
ANSWERED = "('<solution>' in c)"
WORDS = "len(c.split())"
WORKED = f"{RIGHT} * ('=' in c)"
"""Right among completions with calculations, of which the banks have none."""
FAILS = "0 / (re.search(r'(so) ([a-z]{4}) \\2 ', c) is None)"
"""Fails on completions of the banks alone."""
BASE = RewardSpec(
    id="base:answer", name="answer", code=f"{HEAD}    return [2.0 * ('<solution>' in c) for c in completions]\n"
)


def of(expression: str, head: str = "") -> str:
    return f"{head}{HEAD}    return [{expression} for c, a in zip(completions, answer)]\n"


def verdict_of(
    code: str, bank: Sequence[Rollout] = MIXED, base: Sequence[RewardSpec] = (BASE,), **settings: object
) -> Verdict:
    candidate = Candidate(id=candidate_id(code), name="x", code=code)
    return validate([candidate], TASK, parse_config({"bank": settings}, "test"), None, bank, base)[0]


def flags_of(verdict: Verdict) -> list[str]:
    return [flag for flag in verdict.flags if flag.startswith("bank:")]


def test_without_a_bank_nothing_is_measured_on_it() -> None:
    code = of(RIGHT)
    verdict = validate([Candidate(id=candidate_id(code), name="x", code=code)], TASK, parse_config({}, "test"))[0]
    assert not any(name.startswith("bank") for name in verdict.checks)


def test_a_reward_for_right_answers_has_an_auc_of_one_and_no_flags() -> None:
    verdict = verdict_of(of(f"3 * {RIGHT}"))
    assert verdict.accepted
    assert flags_of(verdict) == []
    checks = verdict.checks
    assert (checks["bank_auc"], checks["bank_auc_answered"], checks["bank_auc_total"]) == (1.0, 1.0, 1.0)
    assert (checks["bank_mixed_groups"], checks["bank_zero_std_fraction"]) == (1.0, 0.0)
    assert "bank_length" not in checks


def test_the_spread_is_that_of_the_reward_against_the_base_rewards() -> None:
    assert verdict_of(of(f"1.0 * {ANSWERED}")).checks["bank_spread"] == pytest.approx(0.5)
    heavier = BASE.model_copy(update={"weight": 2.0})
    assert verdict_of(of(f"1.0 * {ANSWERED}"), base=(heavier,)).checks["bank_spread"] == pytest.approx(0.25)
    assert "bank_spread" not in verdict_of(of(f"1.0 * {ANSWERED}"), base=()).checks


def test_the_agreement_with_the_base_rewards_is_that_of_the_sums() -> None:
    assert verdict_of(of(f"1.0 * {ANSWERED}")).checks["bank_base_agreement"] == pytest.approx(1.0)
    assert 0 < verdict_of(of(RIGHT)).checks["bank_base_agreement"] < 1  # type: ignore[operator]


def test_a_reward_without_spread_in_mixed_groups_is_refused_as_dead() -> None:
    verdict = verdict_of(of(WORKED))
    assert (verdict.stage, flags_of(verdict)) == ("bank", ["bank:dead"])
    assert "the same, in 100% of the questions" in (verdict.reason or "")


def test_a_reward_that_is_clearly_below_the_least_auc_is_refused_as_inverted() -> None:
    # The completions of the probes have calculations, those of the bank have none.
    code = of(f"(1.0 if '=' in c else -1.0) * {RIGHT}")
    verdict = verdict_of(code)
    assert (verdict.stage, flags_of(verdict)) == ("bank", ["bank:inverted"])
    assert "AUC 0.00" in (verdict.reason or "")
    assert verdict_of(code, min_auc=0.0).accepted


def test_the_share_of_dead_groups_from_which_a_reward_is_refused_is_the_configs() -> None:
    # All questions are answered right and otherwise; in half of them both completions hold an answer.
    bank, code = rollouts(["cw"] * 8 + ["cu"] * 8), of(f"1.0 * {ANSWERED}")
    assert verdict_of(code, bank).accepted
    assert verdict_of(code, bank, max_zero_std_fraction=0.51).accepted
    refused = verdict_of(code, bank, max_zero_std_fraction=0.5)
    assert (refused.stage, flags_of(refused)) == ("bank", ["bank:dead"])
    assert "the same, in 50% of the questions" in (refused.reason or "")


def test_a_higher_least_auc_refuses_more() -> None:
    code = of(f"1.0 * {ANSWERED}")
    assert verdict_of(code).accepted
    assert verdict_of(code, min_auc=0.9).stage == "bank"


def test_the_bank_decides_on_a_reward_that_pays_all_probes_the_same() -> None:
    # The completions of the bank say `well`, those of the probes do not.
    met = verdict_of(of("c.count('well') * 0.1"))
    assert met.accepted and "constant:probes" in met.flags, met
    never = verdict_of(of("c.count('Step 1:') * 0.1"))
    assert (never.accepted, never.stage) == (False, "bank") and "constant:probes" in never.flags
    assert str(never.checks["constant_probes"]) in str(never.reason)
    unsolved = rollouts(["wwuu", "uwuw"] * 8)
    assert verdict_of(of("1.0"), unsolved).stage == "bank"
    assert verdict_of(of("c.count('well') * 0.1"), unsolved).accepted


def test_a_reward_for_the_form_is_flagged_as_that() -> None:
    assert flags_of(verdict_of(of(f"1.0 * {ANSWERED}"))) == ["bank:form"]


def test_a_reward_that_knows_nothing_of_the_outcome_has_no_signal() -> None:
    assert flags_of(verdict_of(of("c.count('well') % 2 * 1.0"))) == ["bank:no-signal"]


@pytest.mark.parametrize(
    "expression",
    [
        "1.0 * (c.strip('.').split()[-1:] == [a])",
        "1.0 * ('<' not in c and a in c.split('.')[0].split())",
        "('<' not in c) - 2.0 * ('<solution>' in c) * (f'> {a} <' not in c)",
    ],
)
def test_a_reward_for_right_work_outside_the_form_has_a_signal(expression: str) -> None:
    # Work outside the form is right in these banks, answers in it are not: what counts ranks such work low.
    bank = rollouts(["wwcuuu", "uwuwcu", "wcuuwu", "uuwcuw"] * 4)
    verdict = verdict_of(of(expression), bank)
    assert verdict.accepted and flags_of(verdict) == [], verdict
    assert verdict.checks["bank_auc"] < 0.5 < verdict.checks["bank_auc_any_form"]  # type: ignore[operator]


def test_where_no_answer_in_the_form_is_wrong_what_is_right_in_any_form_decides() -> None:
    bank = rollouts(["ccuxux", "xcuuxc", "uxcxcu", "xxucuc"] * 4)
    outside = verdict_of(of("1.0 * ('<' not in c and a in c) - 1.0 * ('<' not in c and a not in c)"), bank)
    assert outside.accepted and flags_of(outside) == [], outside
    assert "bank_auc_answered" not in outside.checks
    inverted = verdict_of(of("1.0 * (a not in c) + 0.5 * ('<' not in c)"), bank)
    assert "bank:inverted" in flags_of(inverted) and not inverted.accepted


def test_a_reward_for_length_is_flagged_where_empty_words_earn_it() -> None:
    verdict = verdict_of(of(f"{WORDS} / 1000"))
    assert "bank:length" in flags_of(verdict)
    assert verdict.checks["bank_length"] == pytest.approx(1.0)
    assert verdict.checks["bank_lengthened"] > 1  # type: ignore[operator]
    assert "bank:length" in flags_of(verdict_of(of(f"-{WORDS} / 1000")))


def test_a_reward_for_what_makes_a_completion_long_is_not_one_for_length() -> None:
    verdict = verdict_of(of("c.count('well') * 0.1"))
    assert verdict.checks["bank_length"] == pytest.approx(1.0)
    assert "bank:length" not in flags_of(verdict)


def test_right_answers_of_their_own_length_are_no_reward_for_length() -> None:
    verdict = verdict_of(of(f"{WORDS} / 1000 + {RIGHT}"))
    assert verdict.checks["bank_length"] == pytest.approx(1.0)
    assert "bank:length" not in flags_of(verdict)


def test_the_largest_length_correlation_is_the_configs() -> None:
    code = of(f"{WORDS} / 1000")
    assert "bank:length" not in flags_of(verdict_of(code, max_length=1.0))


def test_a_reward_that_pays_silence_best_is_flagged_as_a_penalty() -> None:
    verdict = verdict_of(of(f"({RIGHT} - 2.0) if c.strip() else 0.0"))
    assert verdict.checks["bank_below_silence"] == 1.0
    assert flags_of(verdict) == ["bank:penalty"]
    wrong_alone = verdict_of(of(f"-2.0 * {ANSWERED} * (1 - {RIGHT})"))
    assert 0 < wrong_alone.checks["bank_below_silence"] < 1  # type: ignore[operator]
    assert flags_of(wrong_alone) == []


def test_where_no_group_is_mixed_nothing_is_held_against_a_reward() -> None:
    unsolved = rollouts(["wwuu", "uwuw"] * 8)
    for code in (of(RIGHT), of(f"1.0 * {ANSWERED}")):
        verdict = verdict_of(code, unsolved)
        assert verdict.accepted
        assert flags_of(verdict) == []
        assert verdict.checks["bank_mixed_groups"] == 0.0
        assert "bank_auc" not in verdict.checks


def test_a_few_mixed_groups_are_no_evidence() -> None:
    code = of(WORKED)
    assert verdict_of(code, rollouts(["cw"] * 7 + ["uu"] * 9)).accepted
    assert verdict_of(code, rollouts(["cw"] * 8 + ["uu"] * 8)).stage == "bank"


def test_a_reward_that_fails_on_the_bank_is_refused_as_in_training() -> None:
    verdict = verdict_of(of(f"{RIGHT} + {FAILS}"))
    assert (verdict.stage, verdict.accepted) == ("contract", False)
    assert "raised ZeroDivisionError at line 4 on completions of the policy" in (verdict.reason or "")


def test_a_reward_that_the_probes_refused_is_measured_and_stays_refused_there() -> None:
    verdict = verdict_of(of(f"1.0 - {RIGHT}"))
    assert (verdict.stage, flags_of(verdict)) == ("behaviour", ["bank:inverted"])
    assert verdict.checks["bank_auc"] == 0.0
    failing = verdict_of(of(f"1.0 - {RIGHT} + {FAILS}"))
    assert failing.stage == "behaviour"
    assert "bank_auc" not in failing.checks


def test_a_reward_that_depends_on_its_batch_sees_whole_groups() -> None:
    body = (
        "    least = {}\n"
        "    for p, c in zip(prompts, completions):\n"
        "        least[p] = min(least.get(p, 999), len(c.split()))\n"
        f"    return [{RIGHT} - 0.01 * (len(c.split()) == least[p]) for p, c, a in zip(prompts, completions, answer)]\n"
    )
    verdict = verdict_of(f"BATCH_DEPENDENT = True\n{HEAD}{body}")
    assert verdict.accepted
    assert flags_of(verdict) == []
    assert verdict.checks["bank_auc"] == 1.0


def test_a_base_reward_that_fails_on_the_bank_is_the_users_mistake() -> None:
    broken = BASE.model_copy(update={"code": of("1 / 0")})
    with pytest.raises(UserError, match=r"screen\.base_rewards: answer raised ZeroDivisionError at line 4"):
        verdict_of(of(RIGHT), base=(broken,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"row": "train-99"}, "its row train-99 is no training row of this task"),
        ({"completion": "I do not know."}, "its row train-0 has another outcome by this task"),
    ],
    ids=str,
)
def test_the_bank_of_another_task_is_the_users_mistake(change: dict[str, str], said: str) -> None:
    first = MIXED[0].model_copy(update=change)
    with pytest.raises(UserError, match=said):
        verdict_of(of(RIGHT), (first, *MIXED[1:]))


def test_a_bank_of_uneven_groups_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="95 completions of 16 rows; each row needs the same number"):
        verdict_of(of(RIGHT), MIXED[1:])
    with pytest.raises(UserError, match="one after the other"):
        verdict_of(of(RIGHT), (*MIXED[1:], MIXED[0]))


def test_the_config_says_which_flags_are_refused() -> None:
    form = of(f"1.0 * {ANSWERED}")
    assert verdict_of(form).accepted
    refused = verdict_of(form, refuse=["form"])
    assert (refused.accepted, refused.stage, flags_of(refused)) == (False, "bank", ["bank:form"])
    assert refused.reason is not None and refused.reason.startswith("bank:form: ")
    assert verdict_of(form, refuse=["length", "penalty"]).accepted
