"""The stage `novelty`: rewards that behave like an earlier one on the bank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from banks import MIXED, TASK

from rewardsearch.config import parse_config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.validation import validate
from rewardsearch.validation.novelty import Evaluated, agreement, novelty_verdicts

HEAD = "import re\n\ndef reward(prompts, completions, answer, **columns):\n"
RIGHT = "({weight} if f'<solution> {{a}} </solution>' in c else 0.0)"


def right(name: str, weight: float = 1.0, more: str = "") -> Candidate:
    expression = RIGHT.format(weight=weight)
    code = f"{HEAD}    return [{expression}{more} for c, a in zip(completions, answer)]\n"
    return Candidate(id=candidate_id(code), name=name, code=code)


def verdicts_of(*candidates: Candidate, earlier: Sequence[Candidate] = (), **bank: float) -> list[Verdict]:
    return validate(candidates, TASK, parse_config({"bank": bank}, "test"), None, MIXED, (), earlier)


def test_of_several_that_behave_the_same_the_first_stays_and_the_others_name_it() -> None:
    first, other, last = right("first"), right("other", more=" + 0.5"), right("last", more=" - 1.0")
    verdicts = verdicts_of(first, other, last)
    assert [verdict.stage for verdict in verdicts] == [None, "novelty", "novelty"]
    assert "bank_agreement" not in verdicts[0].checks
    for verdict in verdicts[1:]:
        assert f"first ({first.id})" in (verdict.reason or "")
        assert verdict.checks["bank_agreement"] == pytest.approx(1.0)
        assert verdict.checks["bank_agreement_with"] == first.id


def test_what_behaves_like_an_earlier_candidate_is_refused() -> None:
    earlier = right("earlier", more=" + 0.5")
    verdict = verdicts_of(right("new"), earlier=[right("far", 5.0), earlier])[0]
    assert verdict.stage == "novelty"
    assert "earlier" in (verdict.reason or "")


def evaluated(name: str, rewards: np.ndarray, accepted: bool = True) -> Evaluated:
    verdict = Verdict(candidate=name, accepted=accepted, stage=None if accepted else "contract")
    return Evaluated(Candidate(id=name, name=name, code=""), verdict, rewards)


def test_a_reward_of_another_weight_is_novel_up_to_the_configs_agreement() -> None:
    rewards = np.array([[0.0, 1.0, 0.0, 1.0]])
    pair = [evaluated("one", rewards), evaluated("two", 2 * rewards)]
    novel = list(novelty_verdicts(pair, [], 0.99))
    assert [verdict.stage for verdict in novel] == [None, None]
    assert novel[1].checks["bank_agreement"] == pytest.approx(0.8)
    assert [verdict.stage for verdict in novelty_verdicts(pair, [], 0.8)] == [None, "novelty"]


def test_nobody_is_refused_for_being_like_a_refused_one_or_like_itself() -> None:
    rewards = np.array([[0.0, 1.0, 0.0, 1.0]])
    same = evaluated("same", rewards)
    found = novelty_verdicts([evaluated("refused", rewards, accepted=False), same], [], 0.99)
    assert [verdict.stage for verdict in found] == ["contract", None]
    found = novelty_verdicts([same, same], [(same.candidate, rewards)], 0.99)
    assert [verdict.stage for verdict in found] == [None, None]


def test_an_earlier_candidate_that_fails_on_the_bank_is_like_nobody() -> None:
    failing = right("failing", more=" + 0 / (re.search(r'(so) ([a-z]{4}) \\2 ', c) is None)")
    assert verdicts_of(right("new"), earlier=[failing])[0].accepted


def test_agreement_takes_the_same_order_and_the_same_distances() -> None:
    values = np.array([[0.0, 1.0, 2.0, 10.0]])
    assert agreement(values, values + 1) == pytest.approx(1.0)
    assert agreement(values, np.array([[1.0, 0.0, 2.0, 10.0]])) == pytest.approx(0.8)
    assert agreement(values, np.array([[0.0, 1.0, 2.0, 3.0]])) < 0.7
    assert agreement(values, np.zeros((1, 4))) == 0.0
