"""`rewardsearch prompt`: what would be sent, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD, REFUSED

from rewardsearch.files.resources import resource

CONFIG = str(resource("configs") / "arithmetic-grammar.yaml")


def test_without_a_run_it_is_a_first_rounds_prompt(cli: Any) -> None:
    done = cli("prompt", CONFIG)
    assert done.code == 0, done.err
    assert done.out.startswith("## System\n\nYou write reward functions for GRPO")
    assert "No reward beside the base rewards has been trained" in done.out
    assert "round 1, fresh, to gpt-5, about" in done.err
    assert "propose.proposer is grammar, which asks no server" in done.err


def test_with_a_run_it_is_the_next_rounds_with_its_evidence(cli: Any, run: Path) -> None:
    done = cli("prompt", CONFIG, "--operator", "mutate", "--run", run)
    assert done.code == 0, done.err
    assert f"Change one thing in {GOOD.name}" in done.out
    assert GOOD.code.strip() in done.out
    assert f"round 2, mutate of {GOOD.id}" in done.err


def test_a_repair_is_of_the_last_rejected_reward(cli: Any, run: Path) -> None:
    done = cli("prompt", CONFIG, "--operator", "repair", "--run", run)
    assert done.code == 0, done.err
    assert REFUSED.code.strip() in done.out
    assert "line 3: `open` is not available" in done.out


def test_json_holds_the_prompt_and_the_request_as_it_would_be_sent(cli: Any, run: Path) -> None:
    openai = "propose.llm={temperature: 0.5, extra: {reasoning_effort: high}}"
    done = cli("prompt", CONFIG, "--operator", "mutate", "--run", run, "--json", "--set", openai)
    told = json.loads(done.out)
    assert (told["operator"], told["parents"], told["round"]) == ("mutate", [GOOD.id], 2)
    assert told["request"]["model"] == "gpt-5"
    assert told["request"]["temperature"] == 0.5
    assert told["request"]["reasoning_effort"] == "high"
    assert [m["content"] for m in told["request"]["messages"]] == [told["system"], told["user"]]
    assert told["request"]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--operator", "mutate"), "works on 1 trained reward of the Pareto front, without a run there are 0"),
        (("--operator", "repair"), "repair works on a rejected reward; name a run that has one"),
        (("--operator", "evolve"), "--operator: got 'evolve', allowed: fresh, mutate, crossover, simplify, repair"),
        (("--run", "nowhere"), "no run nowhere"),
    ],
)
def test_mistakes_are_told(cli: Any, arguments: tuple[str, ...], told: str) -> None:
    done = cli("prompt", CONFIG, *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_where_feedback_is_withheld_every_request_is_fresh(cli: Any, run: Path) -> None:
    withheld = ("--run", run, "--set", "propose.feedback=false")
    done = cli("prompt", CONFIG, *withheld)
    assert done.code == 0 and "round 2, fresh" in done.err and GOOD.name not in done.out
    for operator in ("mutate", "repair"):
        done = cli("prompt", CONFIG, "--operator", operator, *withheld)
        assert (done.code, done.out) == (2, "") and "propose.feedback" in done.err


def test_a_move_that_the_front_does_not_allow_is_told(cli: Any, run: Path) -> None:
    done = cli("prompt", CONFIG, "--operator", "crossover", "--run", run)
    assert "works on 2 trained rewards of the Pareto front, this run has 1" in done.err
