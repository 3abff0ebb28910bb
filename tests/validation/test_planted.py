"""Rewards with a known fault, on a bank that the embedded policy really samples: they are sorted as a person would."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewardsearch.config import Config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.artifacts import load_bank
from rewardsearch.tasks import load_task
from rewardsearch.train.worker.jobs import Worker
from rewardsearch.validation import validate

ROOT = Path(__file__).parents[2]
CONFIG = Config()
PLANTED = sorted((ROOT / "tests" / "planted").glob("*.py"))
CARRIED = sorted((ROOT / "candidates" / "arithmetic").glob("*.py"))
FLAGS = {
    "always_penalise": ["bank:penalty"],
    "constant": ["bank:dead"],
    "correct": [],
    "format_only": ["bank:form"],
    "inverted": ["bank:inverted"],
    "leak_the_prompt": [],
    "length_gaming": ["bank:length"],
    "random_value": ["bank:no-signal"],
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    file = tmp_path_factory.mktemp("bank") / "bank.jsonl"
    Worker(file.parent, CONFIG).sample_bank(file)
    bank, task, train = load_bank(file), load_task(CONFIG.task), CONFIG.train
    codes = {file.stem: file.read_text(encoding="utf-8") for file in (*PLANTED, *CARRIED)}
    candidates = [Candidate(id=candidate_id(code), name=name, code=code) for name, code in codes.items()]
    found = validate(candidates, task, CONFIG, None, bank, load_base_rewards(train.base_rewards))
    return dict(zip(codes, found, strict=True))


def test_what_teaches_nothing_or_the_wrong_thing_is_refused(verdicts: dict[str, Verdict]) -> None:
    stages = {name: verdict.stage for name, verdict in verdicts.items() if not verdict.accepted}
    assert stages == {"constant": "bank", "inverted": "behaviour"}


def test_each_fault_has_the_flag_that_names_it(verdicts: dict[str, Verdict]) -> None:
    flags = {name: [flag for flag in verdicts[name].flags if flag.startswith("bank:")] for name in FLAGS}
    assert flags == FLAGS
    assert "exploit:prompt-echo" in verdicts["leak_the_prompt"].flags
    assert "exploit:long" in verdicts["length_gaming"].flags


def test_honest_rewards_are_accepted_without_a_flag_of_the_bank(verdicts: dict[str, Verdict]) -> None:
    for file in CARRIED:
        assert verdicts[file.stem].accepted, verdicts[file.stem].reason
        assert not [flag for flag in verdicts[file.stem].flags if flag.startswith("bank:")]


def test_the_numbers_of_the_bank_are_in_the_checks(verdicts: dict[str, Verdict]) -> None:
    checks = verdicts["correct"].checks
    assert checks["bank_auc"] == checks["bank_auc_total"] == 1.0
    assert 0.5 < checks["bank_mixed_groups"] < 1  # type: ignore[operator]
    assert 0 < checks["bank_spread"] < 1  # type: ignore[operator]
    assert 0.35 < verdicts["random_value"].checks["bank_auc"] < 0.65  # type: ignore[operator]
