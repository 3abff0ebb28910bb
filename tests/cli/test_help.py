"""What `--help` says, on a terminal of 80 columns."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rewardsearch.cli import COMMANDS


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_no_summary_is_cut(cli: Any) -> None:
    lines = cli("--help").out.split("Commands:\n")[1].splitlines()
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_arguments_and_values_have_the_readmes_words(cli: Any, command: str) -> None:
    told = cli(command, "--help").out
    assert max(map(len, told.splitlines())) <= 80
    usage = told.splitlines()[0]
    assert re.findall(r"[{\[]([^}\]]*)[}\]]", usage.replace("[OPTIONS]", "")) == {
        "run": ["CONFIG", "RUN"],
        "show": ["RUN", "ID"],
        "audit": ["LOG"],
        "compare": ["RUN ID ID"],
        "validate": ["FILE"],
        "adapt": ["FILE"],
        "score": ["FILE", "DATA"],
        "init": ["DIR"],
        "skill": [],
        **{name: ["CONFIG"] for name in ("sft", "data", "prompt", "doctor", "estimate")},
    }.get(command, ["RUN"])
    options = told.split("Options:\n")[1]
    assert "<" not in re.sub(r"runs/<name of the\s+config>", "", options)
    takes_config = "CONFIG" in usage or "--config CONFIG" in options
    assert ("--set KEY=VALUE" in options) == takes_config


def test_the_default_of_proposer_is_told(cli: Any) -> None:
    assert "[default: the config's]" in cli("run", "--help").out
