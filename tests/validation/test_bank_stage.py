"""The stage `bank` on small banks by hand: what is measured, flagged and refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from banks import MIXED, TASK, rollouts

from rewardsearch.config import SandboxConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import Candidate, RewardSpec, Rollout, Verdict
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import Sandbox, SandboxPool
from rewardsearch.validation import validate
from rewardsearch.validation.bank import Bank, BankResult

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


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with SandboxPool(SandboxConfig(call_s=20.0)) as pool:
        yield pool


@pytest.fixture(scope="module")
def box(pool: SandboxPool) -> Iterator[Sandbox]:
    with pool.borrow() as box:
        yield box


def of(expression: str) -> str:
    return f"{HEAD}    return [{expression} for c, a in zip(completions, answer)]\n"


def measured(
    box: Sandbox,
    code: str,
    rollouts: Sequence[Rollout] = MIXED,
    base: Sequence[RewardSpec] = (BASE,),
    **settings: object,
) -> BankResult:
    """What the bank says of the reward `code`; `reasons` are those it would be refused for."""
    bank = Bank(rollouts, TASK, parse_config({"bank": settings}, "test").bank)
    bank.add_base(base, box)
    return bank.measure(lambda batch: box.call(code, batch).rewards)


def verdict_of(pool: SandboxPool, code: str, bank: Sequence[Rollout] | None = MIXED) -> Verdict:
    """The verdict of the whole validation."""
    candidate = Candidate(id=candidate_id(code), name="x", code=code)
    return validate([candidate], TASK, parse_config({}, "test"), pool, bank, (BASE,))[0]


def flags_of(found: Verdict | BankResult) -> list[str]:
    return [flag for flag in found.flags if flag.startswith("bank:")]


def test_without_a_bank_nothing_is_measured_on_it(pool: SandboxPool) -> None:
    code = of(RIGHT)
    verdict = validate([Candidate(id=candidate_id(code), name="x", code=code)], TASK, parse_config({}, "test"))[0]
    assert not any(name.startswith("bank") for name in verdict.checks)


def test_a_reward_for_right_answers_has_an_auc_of_one_and_no_flags(box: Sandbox) -> None:
    result = measured(box, of(f"3 * {RIGHT}"))
    assert not result.reasons
    assert flags_of(result) == []
    checks = result.checks
    assert (checks["bank_auc"], checks["bank_auc_answered"], checks["bank_auc_total"]) == (1.0, 1.0, 1.0)
    assert (checks["bank_mixed_groups"], checks["bank_zero_std_fraction"]) == (1.0, 0.0)
    assert "bank_length" not in checks


def test_the_spread_is_that_of_the_reward_against_the_base_rewards(box: Sandbox) -> None:
    assert measured(box, of(f"1.0 * {ANSWERED}")).checks["bank_spread"] == pytest.approx(0.5)
    heavier = BASE.model_copy(update={"weight": 2.0})
    assert measured(box, of(f"1.0 * {ANSWERED}"), base=(heavier,)).checks["bank_spread"] == pytest.approx(0.25)
    assert "bank_spread" not in measured(box, of(f"1.0 * {ANSWERED}"), base=()).checks


def test_the_agreement_with_the_base_rewards_is_that_of_the_sums(box: Sandbox) -> None:
    assert measured(box, of(f"1.0 * {ANSWERED}")).checks["bank_base_agreement"] == pytest.approx(1.0)
    assert 0 < measured(box, of(RIGHT)).checks["bank_base_agreement"] < 1  # type: ignore[operator]


def test_a_reward_without_spread_in_mixed_groups_is_refused_as_dead(box: Sandbox) -> None:
    result = measured(box, of(WORKED))
    assert result.reasons and flags_of(result) == ["bank:dead"]
    assert "in 100% of the questions" in str(result.reasons)


def test_a_reward_that_is_clearly_below_the_least_auc_is_refused_as_inverted(box: Sandbox) -> None:
    # The completions of the probes have calculations, those of the bank have none.
    code = of(f"(1.0 if '=' in c else -1.0) * {RIGHT}")
    result = measured(box, code)
    assert result.reasons and flags_of(result) == ["bank:inverted"]
    assert "AUC 0.00" in str(result.reasons)
    assert not measured(box, code, min_auc=0.0).reasons


def test_the_share_of_dead_groups_from_which_a_reward_is_refused_is_the_configs(box: Sandbox) -> None:
    # All questions are answered right and otherwise; in half of them both completions hold an answer.
    bank, code = rollouts(["cw"] * 8 + ["cu"] * 8), of(f"1.0 * {ANSWERED}")
    assert not measured(box, code, bank).reasons
    assert not measured(box, code, bank, max_zero_std_fraction=0.51).reasons
    refused = measured(box, code, bank, max_zero_std_fraction=0.5)
    assert refused.reasons and flags_of(refused) == ["bank:dead"]
    assert "in 50% of the questions" in str(refused.reasons)


def test_a_higher_least_auc_refuses_more(box: Sandbox) -> None:
    code = of(f"1.0 * {ANSWERED}")
    assert not measured(box, code).reasons
    assert measured(box, code, min_auc=0.9).reasons


def test_the_bank_decides_on_a_reward_that_pays_all_probes_the_same(pool: SandboxPool) -> None:
    # The completions of the bank say `well`, those of the probes do not.
    met = verdict_of(pool, of("c.count('well') * 0.1"))
    assert met.accepted and "constant:probes" in met.flags, met
    never = verdict_of(pool, of("c.count('Step 1:') * 0.1"))
    assert (never.accepted, never.stage) == (False, "bank") and "constant:probes" in never.flags
    assert str(never.checks["constant_probes"]) in str(never.reason)
    unsolved = rollouts(["wwuu", "uwuw"] * 8)
    assert verdict_of(pool, of("1.0"), unsolved).stage == "bank"
    assert verdict_of(pool, of("c.count('well') * 0.1"), unsolved).accepted


def test_a_reward_for_the_form_is_flagged_as_that(box: Sandbox) -> None:
    assert flags_of(measured(box, of(f"1.0 * {ANSWERED}"))) == ["bank:form"]


def test_a_reward_that_knows_nothing_of_the_outcome_has_no_signal(box: Sandbox) -> None:
    assert flags_of(measured(box, of("c.count('well') % 2 * 1.0"))) == ["bank:no-signal"]


@pytest.mark.parametrize(
    "expression",
    [
        "1.0 * (c.strip('.').split()[-1:] == [a])",
        "1.0 * ('<' not in c and a in c.split('.')[0].split())",
        "('<' not in c) - 2.0 * ('<solution>' in c) * (f'> {a} <' not in c)",
    ],
)
def test_a_reward_for_right_work_outside_the_form_has_a_signal(box: Sandbox, expression: str) -> None:
    # Work outside the form is right in these banks, answers in it are not: what counts ranks such work low.
    bank = rollouts(["wwcuuu", "uwuwcu", "wcuuwu", "uuwcuw"] * 4)
    result = measured(box, of(expression), bank)
    assert not result.reasons and flags_of(result) == [], result
    assert result.checks["bank_auc"] < 0.5 < result.checks["bank_auc_any_form"]  # type: ignore[operator]


def test_where_no_answer_in_the_form_is_wrong_what_is_right_in_any_form_decides(box: Sandbox) -> None:
    bank = rollouts(["ccuxux", "xcuuxc", "uxcxcu", "xxucuc"] * 4)
    outside = measured(box, of("1.0 * ('<' not in c and a in c) - 1.0 * ('<' not in c and a not in c)"), bank)
    assert not outside.reasons and flags_of(outside) == [], outside
    assert "bank_auc_answered" not in outside.checks
    inverted = measured(box, of("1.0 * (a not in c) + 0.5 * ('<' not in c)"), bank)
    assert "bank:inverted" in flags_of(inverted) and inverted.reasons


def test_a_reward_for_length_is_flagged_where_empty_words_earn_it(box: Sandbox) -> None:
    result = measured(box, of(f"{WORDS} / 1000"))
    assert "bank:length" in flags_of(result)
    assert result.checks["bank_length"] == pytest.approx(1.0)
    assert result.checks["bank_lengthened"] > 1  # type: ignore[operator]
    assert "bank:length" in flags_of(measured(box, of(f"-{WORDS} / 1000")))


def test_a_reward_for_what_makes_a_completion_long_is_not_one_for_length(box: Sandbox) -> None:
    result = measured(box, of("c.count('well') * 0.1"))
    assert result.checks["bank_length"] == pytest.approx(1.0)
    assert "bank:length" not in flags_of(result)


def test_right_answers_of_their_own_length_are_no_reward_for_length(box: Sandbox) -> None:
    result = measured(box, of(f"{WORDS} / 1000 + {RIGHT}"))
    assert result.checks["bank_length"] == pytest.approx(1.0)
    assert "bank:length" not in flags_of(result)


def test_the_largest_length_correlation_is_the_configs(box: Sandbox) -> None:
    code = of(f"{WORDS} / 1000")
    assert "bank:length" not in flags_of(measured(box, code, max_length=1.0))


def test_a_reward_that_pays_silence_best_is_flagged_as_a_penalty(box: Sandbox) -> None:
    result = measured(box, of(f"({RIGHT} - 2.0) if c.strip() else 0.0"))
    assert result.checks["bank_below_silence"] == 1.0
    assert flags_of(result) == ["bank:penalty"]
    wrong_alone = measured(box, of(f"-2.0 * {ANSWERED} * (1 - {RIGHT})"))
    assert 0 < wrong_alone.checks["bank_below_silence"] < 1  # type: ignore[operator]
    assert flags_of(wrong_alone) == []


def test_where_no_group_is_mixed_nothing_is_held_against_a_reward(box: Sandbox) -> None:
    unsolved = rollouts(["wwuu", "uwuw"] * 8)
    for code in (of(RIGHT), of(f"1.0 * {ANSWERED}")):
        result = measured(box, code, unsolved)
        assert not result.reasons
        assert flags_of(result) == []
        assert result.checks["bank_mixed_groups"] == 0.0
        assert "bank_auc" not in result.checks


def test_a_few_mixed_groups_are_no_evidence(box: Sandbox) -> None:
    code = of(WORKED)
    assert not measured(box, code, rollouts(["cw"] * 7 + ["uu"] * 9)).reasons
    assert measured(box, code, rollouts(["cw"] * 8 + ["uu"] * 8)).reasons


def test_a_reward_that_fails_on_the_bank_is_refused_as_in_training(pool: SandboxPool) -> None:
    verdict = verdict_of(pool, of(f"{RIGHT} + {FAILS}"))
    assert (verdict.stage, verdict.accepted) == ("contract", False)
    assert "raised ZeroDivisionError at line 4" in (verdict.reason or "")


def test_a_reward_that_the_probes_refused_is_measured_and_stays_refused_there(pool: SandboxPool) -> None:
    verdict = verdict_of(pool, of(f"1.0 - {RIGHT}"))
    assert (verdict.stage, flags_of(verdict)) == ("behaviour", ["bank:inverted"])
    assert verdict.checks["bank_auc"] == 0.0
    failing = verdict_of(pool, of(f"1.0 - {RIGHT} + {FAILS}"))
    assert failing.stage == "behaviour"
    assert "bank_auc" not in failing.checks


def test_a_reward_that_depends_on_its_batch_sees_whole_groups(pool: SandboxPool) -> None:
    body = (
        "    least = {}\n"
        "    for p, c in zip(prompts, completions):\n"
        "        least[p] = min(least.get(p, 999), len(c.split()))\n"
        f"    return [{RIGHT} - 0.01 * (len(c.split()) == least[p]) for p, c, a in zip(prompts, completions, answer)]\n"
    )
    verdict = verdict_of(pool, f"BATCH_DEPENDENT = True\n{HEAD}{body}")
    assert verdict.accepted
    assert flags_of(verdict) == []
    assert verdict.checks["bank_auc"] == 1.0


def test_a_base_reward_that_fails_on_the_bank_is_the_users_mistake(box: Sandbox) -> None:
    broken = BASE.model_copy(update={"code": of("1 / 0")})
    with pytest.raises(UserError, match=r"train\.base_rewards: answer raised ZeroDivisionError"):
        measured(box, of(RIGHT), base=(broken,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"row": "train-99"}, "train-99"),
        ({"completion": "I do not know."}, "train-0"),
    ],
    ids=str,
)
def test_the_bank_of_another_task_is_the_users_mistake(box: Sandbox, change: dict[str, str], said: str) -> None:
    first = MIXED[0].model_copy(update=change)
    with pytest.raises(UserError, match=said):
        measured(box, of(RIGHT), (first, *MIXED[1:]))


def test_a_bank_of_uneven_groups_is_the_users_mistake(box: Sandbox) -> None:
    with pytest.raises(UserError, match="95 completions of 16 rows"):
        measured(box, of(RIGHT), MIXED[1:])
    with pytest.raises(UserError, match="one after the other"):
        measured(box, of(RIGHT), (*MIXED[1:], MIXED[0]))


def test_the_config_says_which_flags_are_refused(box: Sandbox) -> None:
    form = of(f"1.0 * {ANSWERED}")
    assert not measured(box, form).reasons
    refused = measured(box, form, refuse=["form"])
    assert flags_of(refused) == ["bank:form"]
    assert [reason.partition(": ")[0] for reason in refused.reasons] == ["bank:form"]
    assert not measured(box, form, refuse=["length", "penalty"]).reasons
