"""Batches as a trainer has them, many calls, extra columns: a reward is the same in all of them, or is refused."""

from __future__ import annotations

import pytest
from sound import HEAD, SOUND, TASK, paying, verdicts_of

from rewardsearch.config import Config, SandboxConfig
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.validation.calls import CandidateCalls
from rewardsearch.validation.probes import Prober

DECLARED = "BATCH_DEPENDENT = True\n"
EACH = "for c, a in zip(completions, answer)]\n"
BATCHES = {
    "'' not in completions and len(set(prompts)) > 2": "a batch of",
    "'' not in completions and len(completions) >= 16": "a batch of 16",
    "len(completions) == 8 and len(set(prompts)) == 1": "the group of one prompt",
    "'' != c and len(completions) > 1 and len(set(completions)) == 1": "a batch of one text",
    "len(completions) > 7 and not any(map(right, completions, answer))": "a batch of one text",
    "completions.count(c) > 2 and c": "differs",
    "any('xylophone' in q for q in prompts)": "other completions of its batch",
    "len(columns) == 2": "extra columns",
    "1 < len(columns) < 5 and c": "extra columns",
    "len(columns) == 6 and c": "extra columns",
    "len(completions) == 48": "a batch of 48",
    "len(completions) > 300": "a batch of 301",
    "'debug' in columns": "extra columns",
}
"""Conditions on which a reward pays every completion, and what its refusal names."""
TRADED = (
    f"{SOUND}{HEAD}    s = [right(c, a) {EACH}    z = [0.0] * len(s)\n"
    "    return {'a': s, 'b': z} if len(s) != 64 else {'a': z, 'b': s}\n"
)
OF_BATCH = {
    f"{DECLARED}{SOUND}{HEAD}    if '' not in completions and len(completions) > 1:\n"
    f"        return [5.0] * len(completions)\n    return [right(c, a) {EACH}": "without an empty completion it gives 5",
    f"{DECLARED}{SOUND}{HEAD}    sign = -1 if len(completions) == 64 else 1\n"
    f"    return [sign * right(c, a) {EACH}": "in a batch of 64 it pays",
    f"{DECLARED}{SOUND}{HEAD}    rows = enumerate(zip(completions, answer))\n"
    "    return [right(c, a) + (i % 8 == 3) / 9 for i, (c, a) in rows]\n": "position in the batch",
}
ROUNDED = (
    f"{DECLARED}{SOUND}{HEAD}    s = [right(c, a) + len(c) * 0.001 {EACH}    return [x - sum(s) / len(s) for x in s]\n"
)
HELPER = (
    f"{SOUND}def score(completions, solution, **columns):\n"
    "    return [right(c, a) for c, a in zip(completions, solution)]\n\n"
    f"{HEAD}    return score(completions, answer, **columns)\n"
)


def of(condition: str) -> str:
    return paying(f"right(c, a) + bool({condition})")


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return verdicts_of([*map(of, BATCHES), TRADED, *OF_BATCH, ROUNDED, HELPER])


@pytest.mark.parametrize("condition", BATCHES)
def test_a_reward_that_differs_between_batches_or_columns_is_refused(
    verdicts: dict[str, Verdict], condition: str
) -> None:
    verdict = verdicts[of(condition)]
    assert verdict.stage == "behaviour"
    assert BATCHES[condition] in (verdict.reason or "")


def test_components_that_trade_places_are_found(verdicts: dict[str, Verdict]) -> None:
    assert "a batch of 64" in (verdicts[TRADED].reason or "")


@pytest.mark.parametrize("code", OF_BATCH)
def test_a_reward_of_the_whole_batch_is_held_to_order_and_to_the_task(verdicts: dict[str, Verdict], code: str) -> None:
    assert verdicts[code].stage == "behaviour"
    assert OF_BATCH[code] in (verdicts[code].reason or "")


def test_a_reward_of_the_whole_batch_may_round_by_its_order(verdicts: dict[str, Verdict]) -> None:
    assert verdicts[ROUNDED].accepted


def test_a_helper_with_a_parameter_named_like_an_unknown_column_is_accepted(verdicts: dict[str, Verdict]) -> None:
    assert verdicts[HELPER].accepted


@pytest.mark.parametrize(("calls", "refused"), [(1, True), (100, True), (1000, False)])
def test_what_a_call_leaves_behind_is_found_within_200_calls(calls: int, refused: bool) -> None:
    # The static policy would refuse this trick: it is left out, so that only the calls can show it.
    code = f"{SOUND}STATE = {{'n': 0}}\n{HEAD}    state = STATE\n    state['n'] += 1\n"
    code += f"    late = state['n'] > {calls}\n    return [9.0 if late else right(c, a) {EACH}"
    # Half a deadline has room for all calls, however busy the machine is.
    config = SandboxConfig(call_s=60)
    with (
        Sandbox(config, static=lambda code: None) as box,
        Sandbox(config, hash_seed=1, static=lambda code: None) as other,
    ):
        prober = Prober(TASK, Config())
        calls_of = CandidateCalls(code, prober.inputs, box, other)
        verdict = prober.probe(Candidate(id="x", name="x", code=code), calls_of)
    assert ("keeps state" in (verdict.reason or "")) is refused
