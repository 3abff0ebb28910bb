"""Batches as a trainer has them, many calls, further columns: a reward is the same in all of them, or is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sound import SOUND

from rewardsearch.config import Config, SandboxConfig, TaskConfig, parse_config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.sandbox import Sandbox, SandboxPool
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.validation import validate
from rewardsearch.validation.probes import ROWS, Prober

TASK = ArithmeticTask(TaskConfig())
HEAD = "def reward(prompts, completions, answer, **columns):\n"
DECLARED = "BATCH_DEPENDENT = True\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with SandboxPool(SandboxConfig()) as pool:
        yield pool


def verdict_of(pool: SandboxPool, body: str, head: str = "") -> Verdict:
    code = f"{head}{SOUND}{HEAD}{body}"
    return validate([Candidate(id="x", name="x", code=code)], TASK, parse_config({}, "test"), pool)[0]


def paying(condition: str) -> str:
    """The body of a reward that pays every completion of a batch for which `condition` holds."""
    return f"    return [float(right(c, a) or bool({condition})) for c, a in zip(completions, answer)]\n"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("'' not in completions and len(set(prompts)) > 2", "is another in a batch of"),
        ("'' not in completions and len(completions) >= 16", "is another in a batch of 16"),
        ("len(completions) == 8 and len(set(prompts)) == 1", "is another in the group of one prompt"),
        ("'' != c and len(completions) > 1 and len(set(completions)) == 1", "is another in a batch of one text"),
        (
            "len(completions) > 7 and not any(map(right, completions, answer))",
            "is another in a batch of one text",
        ),
        ("completions.count(c) > 2 and c", "is another in"),
        ("any('xylophone' in p for p in prompts)", "depends on what its neighbours say"),
    ],
)
def test_a_batch_without_an_empty_completion_gets_what_any_other_gets(
    pool: SandboxPool, condition: str, reason: str
) -> None:
    verdict = verdict_of(pool, paying(condition))
    assert verdict.stage == "behaviour"
    assert reason in (verdict.reason or "")


def test_components_that_trade_places_are_told(pool: SandboxPool) -> None:
    body = "    s = [right(c, a) for c, a in zip(completions, answer)]\n    z = [0.0] * len(s)\n"
    body += "    return {'a': s, 'b': z} if len(s) != 64 else {'a': z, 'b': s}\n"
    verdict = verdict_of(pool, body)
    assert "is another in a batch of 64" in (verdict.reason or "")


@pytest.mark.parametrize("width", ["len(columns) == 2", "1 < len(columns) < 5", "len(columns) == 6"])
def test_the_number_of_columns_changes_nothing(pool: SandboxPool, width: str) -> None:
    verdict = verdict_of(pool, paying(f"{width} and c"))
    assert "when further columns are passed" in (verdict.reason or "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "    if '' not in completions and len(completions) > 1:\n        return [5.0] * len(completions)\n"
            "    return [right(c, a) for c, a in zip(completions, answer)]\n",
            "in batches without an empty completion it gives 5 to every completion",
        ),
        (
            "    sign = -1 if len(completions) == 64 else 1\n"
            "    return [sign * right(c, a) for c, a in zip(completions, answer)]\n",
            "in a batch of 64 it pays a correct completion -1",
        ),
        (
            "    return [right(c, a) + (i % 8 == 3) / 9 for i, (c, a) in enumerate(zip(completions, answer))]\n",
            "depends on its place in the batch",
        ),
    ],
)
def test_a_reward_of_the_whole_batch_is_held_to_order_and_to_the_task(
    pool: SandboxPool, body: str, reason: str
) -> None:
    verdict = verdict_of(pool, body, DECLARED)
    assert verdict.stage == "behaviour"
    assert reason in (verdict.reason or "")


def test_a_reward_of_the_whole_batch_may_round_by_its_order(pool: SandboxPool) -> None:
    body = "    s = [right(c, a) + len(c) * 0.001 for c, a in zip(completions, answer)]\n"
    body += "    return [x - sum(s) / len(s) for x in s]\n"
    assert verdict_of(pool, body, DECLARED).accepted


@pytest.mark.parametrize(("calls", "refused"), [(1, True), (100, True), (1000, False)])
def test_what_a_call_leaves_behind_is_found_within_200_calls(calls: int, refused: bool) -> None:
    # The static policy knows this trick: it is passed by, so that only the calls can tell.
    code = f"{SOUND}STATE = {{'n': 0}}\n{HEAD}    state = STATE\n    state['n'] += 1\n"
    code += f"    late = state['n'] > {calls}\n    return [late or right(c, a) for c, a in zip(completions, answer)]\n"
    code = code.replace("late or right", "9.0 if late else right")
    # Half a deadline has room for all calls, however busy the machine is.
    config = SandboxConfig(call_s=60)
    with Sandbox(config) as box, Sandbox(config, hash_seed=1) as other:
        box._checked[code] = other._checked[code] = None
        verdict = Prober(TASK.labelled(ROWS), TASK, Config(), box, other).probe(Candidate(id="x", name="x", code=code))
    assert ("it keeps state" in (verdict.reason or "")) is refused


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[right(c, a) + (len(completions) == 48) for c, a in zip(completions, answer)]", "in a batch of 48"),
        ("[right(c, a) + (len(completions) > 300) for c, a in zip(completions, answer)]", "in a batch of 301"),
        (
            "[right(c, a) + ('debug' in columns) for c, a in zip(completions, answer)]",
            "when further columns are passed",
        ),
    ],
)
def test_a_constant_that_stands_for_a_batch_size_or_a_column_is_tried(
    pool: SandboxPool, body: str, reason: str
) -> None:
    code = f"{SOUND}{HEAD}    return {body}\n"
    verdict = validate([Candidate(id="x", name="x", code=code)], TASK, parse_config({}, "test"), pool)[0]
    assert verdict.stage == "behaviour"
    assert reason in (verdict.reason or "")


def test_a_helper_with_a_parameter_named_like_an_unknown_column_is_let_through(pool: SandboxPool) -> None:
    code = (
        f"{SOUND}def score(completions, solution, **columns):\n"
        "    return [right(c, a) for c, a in zip(completions, solution)]\n\n"
        f"{HEAD}    return score(completions, answer, **columns)\n"
    )
    assert validate([Candidate(id="x", name="x", code=code)], TASK, parse_config({}, "test"), pool)[0].accepted
