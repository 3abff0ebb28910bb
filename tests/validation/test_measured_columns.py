"""Rewards of measured columns: what they are passed, which exploits name them, and those that are the same in a group."""

from __future__ import annotations

import pytest
from measured import MeasuredTask, rollouts
from sound import HEAD, candidate, verdicts_of

from rewardsearch.config import parse_config
from rewardsearch.records import Batch, Verdict
from rewardsearch.validation import validate
from rewardsearch.validation.calls import odd_inputs

TASK = MeasuredTask()


def of(expression: str) -> str:
    """A reward that pays `expression` of the columns `m` of a completion `c`."""
    rows = "[dict(zip(columns, row)) for row in zip(*columns.values())]"
    return f"{HEAD}    return [float({expression}) for m, c in zip({rows}, completions)]\n"


def m(name: str) -> str:
    return f"m['{name}']"


NEAR = of(m("sim_query"))
CONTRAST = of(f"{m('sim_query')} - {m('sim_negative')}")
PUBLISHED = of(
    f"({m('sim_query')} - {m('query_negative')} + 0.2 * {m('sim_group')} - 0.2 * {m('query_batch')}) / 0.1 "
    f"if {m('finished')} else -1"
)
EXPLOITS = {
    NEAR: {"exploit:generic"},
    CONTRAST: set(),
    PUBLISHED: {"exploit:generic"},
    of(f"1 / {m('rank')}"): set(),
    of(f"{m('log_share')} if {m('finished')} else -9"): set(),
    of(m("finished")): {"exploit:generic", "exploit:copied", "exploit:tags"},
    of(m("sim_bare")): {"exploit:copied", "exploit:tags", "exploit:empty"},
    of(m("tokens")): {"exploit:empty"},
    of(f"-{m('tokens')}"): {"exploit:tags", "exploit:copied"},
    of(f"{m('sim_query')} - {m('sim_negative')} + 0.3 * c.count('**')"): {"exploit:bold"},
}
PARAMETERS = "def reward(prompts, completions, answer, sim_query, negatives, **columns):\n"
NAMED = f"{PARAMETERS}    return [q - n + (t != t) for q, n, t in zip(sim_query, columns['sim_negative'], negatives)]\n"
CONSTANT = of(f"{m('query_negative')} * 2")
BOTH = of(f"{m('query_negative')} - {m('query_batch')}")
BROKEN = {
    f"{PARAMETERS}    return [float(v.strip()) for v in sim_query]\n": ("`sim_query`", "floats"),
    f"{PARAMETERS}    return sim_query + 1\n": ("`sim_query`", "floats"),
    HEAD.replace("**", "sim_bear, **") + "    return sim_bear\n": ("`sim_bear`", "floats: `sim_query`"),
    of(f"1 / {m('sim_negative')}"): ("ZeroDivisionError", "measured columns of 0"),
}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return verdicts_of([*EXPLOITS, NAMED, CONSTANT, BOTH, *BROKEN], TASK)


def test_measured_columns_are_lists_of_floats_by_name_or_among_the_columns(verdicts: dict[str, Verdict]) -> None:
    assert verdicts[NAMED].accepted, verdicts[NAMED].reason


@pytest.mark.parametrize("code", EXPLOITS)
def test_exploits_have_numbers_of_what_they_are(verdicts: dict[str, Verdict], code: str) -> None:
    verdict, expected = verdicts[code], EXPLOITS[code]
    assert verdict.accepted, verdict.reason
    found = {flag for flag in verdict.flags if flag.startswith("exploit:")}
    assert found >= expected and (expected or not verdict.flags), found


@pytest.mark.parametrize(("code", "names"), [(CONSTANT, ["query_negative"]), (BOTH, ["query_negative", "query_batch"])])
def test_a_reward_of_columns_that_are_the_same_in_a_group_is_refused(
    verdicts: dict[str, Verdict], code: str, names: list[str]
) -> None:
    verdict = verdicts[code]
    assert (verdict.stage, verdict.flags) == ("behaviour", ("constant:group",))
    reason = verdict.reason or ""
    said, _, remedy = reason.partition("; ")
    assert all(f"`{name}`" in said and name not in remedy for name in names) and "`sim_query`" in remedy


@pytest.mark.parametrize("code", BROKEN)
def test_a_refusal_says_which_columns_are_numbers(verdicts: dict[str, Verdict], code: str) -> None:
    verdict = verdicts[code]
    assert not verdict.accepted and all(text in (verdict.reason or "") for text in BROKEN[code]), verdict.reason


def test_odd_numbers_stay_in_the_range_of_their_column() -> None:
    items = TASK.labelled(1)
    inputs = odd_inputs(items[0], TASK.answer_form, None, TASK.measures.meanings)
    batches = [batch for what, batch in inputs.items() if "measured" in what]
    values = {name: {batch.columns[name] for batch in batches} for name in ("sim_query", "rank", "tokens", "finished")}
    assert values["sim_query"] == {(0.0,), (-1.0,), (1.0,)} and values["rank"] == {(1.0,), (512.0,)}
    assert values["tokens"] == {(0.0,), (1.0,), (512.0,)} and values["finished"] == {(0.0,), (1.0,)}
    assert all(isinstance(batch, Batch) and batch.columns["negatives"] == ("take 0",) for batch in batches)


def test_the_bank_passes_the_numbers_that_the_policy_measured() -> None:
    codes = [CONTRAST, CONSTANT]
    contrast, constant = validate(
        [candidate(code) for code in codes], TASK, parse_config({}, "test"), bank=rollouts(TASK)
    )
    assert contrast.accepted and contrast.checks["bank_auc"] == 1.0, contrast.reason
    assert constant.flags == ("constant:group", "bank:dead")
