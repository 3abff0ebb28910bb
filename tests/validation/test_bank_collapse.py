"""Class collapse, foreseen on the bank: one answer for everyone against the policy's own judging."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from class_banks import JUDGED, NEGATIVE, POSITIVE, TASK, rollouts

from rewardsearch.config import Config, SandboxConfig, parse_config
from rewardsearch.records import (
    Candidate,
    RewardSpec,
    Rollout,
    Verdict,
)
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import SandboxPool
from rewardsearch.validation import validate
from rewardsearch.validation.measures import best_constant

ROOT = Path(__file__).parents[2]
PLANTED = sorted((ROOT / "tests" / "planted" / "classes").glob("*.py"))
CARRIED = sorted((ROOT / "candidates" / "resume").glob("*.py"))
HEAD = "def reward(prompts, completions, answer, **columns):\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with SandboxPool(SandboxConfig(call_s=20.0)) as pool:
        yield pool


def verdicts_of(
    pool: SandboxPool, codes: Sequence[str], bank: Sequence[Rollout], base: Sequence[RewardSpec], *refuse: str
) -> list[Verdict]:
    candidates = [Candidate(id=candidate_id(code), name="x", code=code) for code in codes]
    return validate(candidates, TASK, parse_config({"bank": {"refuse": list(refuse)}}, "test"), pool, bank, base)


def bank_flags(verdict: Verdict) -> list[str]:
    return [flag for flag in verdict.flags if flag.startswith("bank:")]


@pytest.fixture(scope="module")
def judged(pool: SandboxPool) -> dict[str, Verdict]:
    """What becomes of planted and carried rewards on a policy that judges 83 % right, beside the default base rewards."""
    codes = {file.stem: file.read_text(encoding="utf-8") for file in (*PLANTED, *CARRIED)}
    base = load_base_rewards(Config().train.base_rewards)
    return dict(zip(codes, verdicts_of(pool, list(codes.values()), JUDGED, base), strict=True))


def test_the_aggressive_reward_carries_the_flag_and_the_gentle_one_none(judged: dict[str, Verdict]) -> None:
    assert bank_flags(judged["aggressive"]) == ["bank:collapse"]
    assert judged["aggressive"].accepted
    assert judged["gentle"].accepted
    assert judged["gentle"].flags == ()


def test_no_other_carried_reward_has_a_flag(judged: dict[str, Verdict]) -> None:
    others = {file.stem for file in CARRIED} - {"aggressive"}
    assert len(others) >= 4
    assert {name: judged[name].flags for name in others if judged[name].flags} == {}


def test_what_pays_one_answer_is_refused_and_what_pays_words_alone_has_no_signal(judged: dict[str, Verdict]) -> None:
    always = judged["always_reject"]
    assert (always.stage, bank_flags(always)) == ("behaviour", ["bank:no-signal", "bank:collapse"])
    assert f"where {POSITIVE} is right" in (always.reason or "")
    assert bank_flags(judged["keyword_only"]) == ["bank:no-signal"]


def test_the_best_constant_and_the_policys_own_judging_are_in_the_checks(judged: dict[str, Verdict]) -> None:
    gentle, aggressive = judged["gentle"].checks, judged["aggressive"].checks
    assert gentle["bank_honest"] > gentle["bank_constant"] + 1  # type: ignore[operator]
    assert aggressive["bank_honest"] < aggressive["bank_constant"]  # type: ignore[operator]
    assert aggressive["bank_constant_answer"] == NEGATIVE
    assert "bank_collapse" not in gentle
    numbers = (f"{aggressive[name]:.2f}" for name in ("bank_constant", "bank_honest"))
    assert all(named in str(aggressive["bank_collapse"]) for named in (NEGATIVE, f"a wrong {POSITIVE}", *numbers))


def test_the_config_says_whether_it_is_refused(pool: SandboxPool) -> None:
    code = (ROOT / "candidates" / "resume" / "aggressive.py").read_text(encoding="utf-8")
    (verdict,) = verdicts_of(pool, [code], JUDGED, load_base_rewards(Config().train.base_rewards), "collapse")
    assert (verdict.accepted, verdict.stage) == (False, "bank")
    assert (verdict.reason or "").startswith(f"bank:collapse: always {NEGATIVE}")


def test_the_base_rewards_count_with_the_candidate(pool: SandboxPool) -> None:
    tag = "<solution> {} </solution>"
    right = f"float(f'{tag.format('{a}')}' in c)"
    harsh = f"{right} - 12.0 * ('{tag.format(POSITIVE)}' in c) * (a != '{POSITIVE}')"
    rows = "for c, a in zip(completions, answer)]\n"
    base = RewardSpec(id="base:answer", name="answer", code=f"{HEAD}    return [{right} {rows}", weight=30.0)
    codes = [f"{HEAD}    return [{harsh} {rows}"]
    (alone,) = verdicts_of(pool, codes, JUDGED, ())
    (beside,) = verdicts_of(pool, codes, JUDGED, (base,))
    assert ("bank:collapse" in alone.flags, "bank:collapse" in beside.flags) == (True, False)


def test_completions_without_an_answer_are_no_judging(pool: SandboxPool) -> None:
    right = f"{HEAD}    return [float(f'<solution> {{a}} </solution>' in c) for c, a in zip(completions, answer)]\n"
    mostly_formless = rollouts(["uuuccw", "uuuucc"] * 24)
    (verdict,) = verdicts_of(pool, [right], mostly_formless, ())
    assert "bank:collapse" not in verdict.flags
    assert verdict.checks["bank_honest"] == pytest.approx((2 / 3 + 1) / 2)


# --- the comparison by itself -----------------------------------------------------------------------------------------

CLASSES = ("YES", "NO")
GOLD = np.array([["YES"] * 4, ["NO"] * 4] * 10)
OTHER = np.where(GOLD == "YES", "NO", "YES")
WRONG_AT = np.arange(80).reshape(20, 4) % 7 == 0


def compared(predicted: np.ndarray, penalty: float, errors: float = 2.0):  # type: ignore[no-untyped-def]
    """1 for a right answer, less `penalty` for a wrong YES."""

    def paid(said: np.ndarray) -> np.ndarray:
        return (said == GOLD) - penalty * ((said == "YES") & (GOLD != "YES"))

    constants = {name: paid(np.full_like(GOLD, name)) for name in CLASSES}
    return best_constant(paid(predicted) * (predicted != ""), constants, GOLD, predicted, 8, errors)


def test_a_penalty_collapses_from_where_judging_is_not_clearly_ahead() -> None:
    predicted = np.where(WRONG_AT, OTHER, GOLD)
    found = {penalty: compared(predicted, penalty) for penalty in (0.0, 1.0, 3.0, 10.0)}
    assert [penalty for penalty, each in found.items() if each.collapses] == [3.0, 10.0]
    assert found[3.0].honest > found[3.0].earned
    assert "no clear lead (± 0." in found[3.0].explanation
    assert (found[10.0].answer, found[10.0].earned) == ("NO", 0.5)
    named = (f"{found[10.0].honest:.2f}", "learns to answer NO", "a wrong YES")
    assert all(each in found[10.0].explanation for each in named)


def test_a_policy_that_does_not_judge_is_held_against_no_reward() -> None:
    coin = np.where(np.arange(80).reshape(20, 4) % 2 == 0, OTHER, GOLD)
    assert not compared(coin, 0.0).collapses
    assert compared(coin, 10.0).collapses


def test_a_reward_that_does_not_see_the_decision_collapses_nothing() -> None:
    predicted = np.where(WRONG_AT, OTHER, GOLD)
    same = np.ones(GOLD.shape)
    found = best_constant(same, dict.fromkeys(CLASSES, same), GOLD, predicted, 8, 2.0)
    assert found is not None and not found.collapses


def test_too_few_questions_with_an_answer_are_no_evidence() -> None:
    few = np.where(np.arange(20)[:, None] < 7, GOLD, "")
    assert compared(few, 10.0) is None
    assert compared(np.where(np.arange(20)[:, None] < 8, GOLD, ""), 10.0) is not None
