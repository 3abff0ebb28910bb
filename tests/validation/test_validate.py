"""Validation end to end on the arithmetic task: what is accepted, where the rest is refused, and why."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import NoReturn

import pytest

from rewardsearch.config import Config, TaskConfig, parse_config
from rewardsearch.records import Batch, Candidate, Verdict
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import SandboxPool
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.validation import validate
from rewardsearch.validation.calls import CandidateCalls
from rewardsearch.validation.remedies import inputs_of

ROOT = Path(__file__).parents[2]
ORDINARY = sorted((ROOT / "tests" / "rewards" / "ordinary").glob("*.py"))
HOSTILE = sorted((ROOT / "tests" / "hostile").glob("*.py"))
HEAD = "def reward(prompts, completions, answer, **columns):\n"
TASK = ArithmeticTask(TaskConfig())
SANDBOX = {"call_s": 1.0, "memory_mb": 256}


def config(**validation: float) -> Config:
    return parse_config({"sandbox": SANDBOX, "validation": validation}, "test")


def candidate(code: str) -> Candidate:
    return Candidate(id=candidate_id(code), name="x", code=code)


def verdicts_of(*codes: str, **validation: float) -> list[Verdict]:
    return validate([candidate(code) for code in codes], TASK, config(**validation))


def verdict_of(body: str, head: str = "", **validation: float) -> Verdict:
    return verdicts_of(f"{head}{HEAD}    return {body}\n", **validation)[0]


def test_ordinary_rewards_are_accepted() -> None:
    # The limit is the default: it is what an ordinary reward may take.
    candidates = [candidate(file.read_text(encoding="utf-8")) for file in ORDINARY]
    verdicts = validate(candidates, TASK, parse_config({}, "test"))
    refused = {file.stem: v.reason for file, v in zip(ORDINARY, verdicts, strict=True) if not v.accepted}
    assert refused == {}


def test_hostile_rewards_are_refused_at_their_stage() -> None:
    stages = {
        "timeout": "sandbox",
        "memory": "sandbox",
        "raised": "contract",
        "contract": "contract",
        "static": "static",
    }
    codes = [file.read_text(encoding="utf-8") for file in HOSTILE]
    expected = [stages[code.partition("\n")[0].removeprefix("# expect: ")] for code in codes]
    assert [verdict.stage for verdict in verdicts_of(*codes)] == expected


def test_an_accepted_verdict_carries_what_was_measured() -> None:
    verdict = verdict_of("{'right': [float(f'> {a} <' in c) for c, a in zip(completions, answer)]}")
    assert verdict.accepted
    assert (verdict.stage, verdict.reason, verdict.components) == (None, None, ("right",))
    assert verdict.checks["mean_correct"] == pytest.approx(2 / 3)
    assert verdict.checks["mean_wrong"] == 0.0
    assert verdict.checks["correct_above_wrong"] == pytest.approx(1.0)
    assert 0 < verdict.checks["seconds_per_call"] < 1  # type: ignore[operator]
    assert verdict.seconds > 0


def test_verdicts_come_in_the_order_of_the_candidates() -> None:
    good = HEAD + "    return [float(a in c) for c, a in zip(completions, answer)]\n"
    codes = ["import os\n" + good, good, HEAD + "    return []\n", "x = 1\n" + good]
    verdicts = verdicts_of(*codes)
    assert [verdict.candidate for verdict in verdicts] == [candidate_id(code) for code in codes]
    assert [verdict.stage for verdict in verdicts] == ["static", None, "contract", None]


def test_nothing_to_validate_starts_no_worker() -> None:
    class NoWorkers(SandboxPool):
        def borrow(self, hash_seed: int = 0) -> NoReturn:
            raise AssertionError("a worker was started")

    pool = NoWorkers(config().sandbox)
    code = "import os\n" + HEAD + "    return []\n"
    assert validate([], TASK, config(), pool) == []
    assert validate([candidate(code)], TASK, config(), pool)[0].stage == "static"


REFUSALS = {
    "[1.0] * len(completions)": ("behaviour", "gives 1 to every completion"),
    "[float(a not in c) for c, a in zip(completions, answer)]": ("behaviour", "pays a correct completion"),
    "[float(i + len(c)) for i, c in enumerate(completions)]": ("behaviour", "position in the batch"),
    "[len(c) / len(completions) for c in completions]": ("behaviour", "in a batch of 1 "),
    "[float(ord(next(iter(set(c)), 'x'))) for c in completions]": ("behaviour", "another process"),
    "[float(len(c) + len(columns)) for c in completions]": ("behaviour", "extra columns"),
    "[float(a in c) + 0 * int(a) for c, a in zip(completions, answer)]": ("behaviour", "the answer '0.5'"),
    "[float(len(c)) if len(c) < 9999 else 1e9 for c in completions]": ("behaviour", "of 20,000 characters"),
    "[float(sorted(completions).index(c)) for c in completions]": ("behaviour", "BATCH_DEPENDENT = True"),
    "[1 / len(c) for c in completions]": ("contract", "raised ZeroDivisionError at line 2"),
    "{c[:9] or 'x': [1.0 * len(c) for c in completions] for c in completions[:3]}": ("contract", "components"),
    "[float(len(c)) for c in completions][1:]": ("contract", "127 values for 128"),
}
NUMBERS = {
    f"import decimal, fractions\n{HEAD}    return [2.0 * (f'<solution> {{a}} </solution>' in c) + 0.0 * float({number}(a) > 3) "
    "for c, a in zip(completions, answer)]\n"
    for number in ("float", "decimal.Decimal", "fractions.Fraction")
}


def of(body: str) -> str:
    return f"{HEAD}    return {body}\n"


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    codes = [*map(of, REFUSALS), *NUMBERS]
    return dict(zip(codes, verdicts_of(*codes), strict=True))


@pytest.mark.parametrize("body", REFUSALS)
def test_a_refusal_names_what_is_wrong(verdicts: dict[str, Verdict], body: str) -> None:
    verdict, (stage, named) = verdicts[of(body)], REFUSALS[body]
    assert (verdict.accepted, verdict.stage) == (False, stage)
    assert named in (verdict.reason or "")


def test_a_reward_may_read_gold_answers_as_the_numbers_that_they_are(verdicts: dict[str, Verdict]) -> None:
    assert {code: verdicts[code].reason for code in NUMBERS if not verdicts[code].accepted} == {}


def test_all_faults_of_behaviour_are_named_at_once() -> None:
    verdict = verdicts_of(HEAD + "    completions.sort()\n    return [1.0] * len(completions)\n")[0]
    assert verdict.stage == "behaviour"
    assert all(named in (verdict.reason or "") for named in ("every completion", "`completions` in place"))


def test_a_reward_that_declares_it_may_depend_on_its_batch() -> None:
    body = "[float(a in c) - len(completions) / 999 for c, a in zip(completions, answer)]"
    assert verdict_of(body).stage == "behaviour"
    assert verdict_of(body, head="BATCH_DEPENDENT = True\n").accepted


def test_a_reward_of_form_or_brevity_alone_is_accepted() -> None:
    assert verdict_of("[float('<solution>' in c) for c in completions]").accepted
    assert verdict_of("[1.0 / (1 + len(c)) for c in completions]").accepted


def test_the_margin_asks_more_of_correct_completions() -> None:
    body = "[float('<solution>' in c) for c in completions]"
    assert verdict_of(body, margin=0.0).accepted
    assert "at least 0.5 more" in (verdict_of(body, margin=0.5).reason or "")


def test_the_bound_is_the_configs() -> None:
    body = "[5.0 * (a in c) for c, a in zip(completions, answer)]"
    assert verdict_of(body, bound=10.0).accepted
    assert "beyond 4" in (verdict_of(body, bound=4.0).reason or "")


def test_exploits_that_pay_are_flagged() -> None:
    stuffing = verdict_of("[float(a in c) for c, a in zip(completions, answer)]")
    assert stuffing.accepted
    assert "exploit:numbers" in stuffing.flags
    assert "exploit:empty" in verdict_of("[1.0 / (1 + len(c)) for c in completions]").flags
    anywhere = verdict_of("[float(f'<solution> {a} </solution>' in c) for c, a in zip(completions, answer)]")
    assert set(anywhere.flags) == {"exploit:every-solution", "exploit:solution-order", "ordering:spelling"}


@pytest.mark.parametrize(("sent", "workers"), [(signal.SIGKILL, (0, 1)), (signal.SIGSTOP, (0,))])
def test_a_worker_that_died_or_hangs_costs_no_candidate(sent: int, workers: tuple[int, ...]) -> None:
    code = f"{HEAD}    return [float(f'<solution> {{a}} </solution>' in c) for c, a in zip(completions, answer)]\n"
    with SandboxPool(config().sandbox, patience=3.0) as pool:
        for hash_seed in workers:
            with pool.borrow(hash_seed) as sandbox:
                os.killpg(sandbox.worker_pid, sent)
        assert validate([candidate(code)], TASK, config(), pool)[0].accepted


def test_the_calls_of_a_candidate_stop_once_it_is_asked_for() -> None:
    stop = threading.Event()
    code = HEAD + "    return [0.0] * len(completions)\n"
    batch = Batch(prompts=("q",), completions=("c",), answer=("3",))
    with SandboxPool(config().sandbox) as pool, pool.borrow() as sandbox:
        calls = CandidateCalls(code, inputs_of(TASK, TASK.labelled(1)), sandbox, sandbox, stop)
        assert calls.call(batch, "").rewards == (0.0,)
        stop.set()
        with pytest.raises(CancelledError):
            calls.call(batch, "")


def test_what_a_refused_reward_printed_is_in_its_checks() -> None:
    verdict = verdicts_of(HEAD + "    print('before')\n    return None\n")[0]
    assert verdict.stage == "contract"
    assert verdict.checks["printed"] == "before\n"
    assert "before" not in (verdict.reason or "")
