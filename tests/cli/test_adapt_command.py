"""`rewardsearch adapt`, and what `rewardsearch validate` says about rewards of other trainers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOOD = """\
import re
from trl import GRPOTrainer


def right(completions, solution, **kwargs):
    found = [re.search("<solution>(.*?)</solution>", completion[0]["content"]) for completion in completions]
    return [2.0 if m and m.group(1).strip() == gold else 0.0 for m, gold in zip(found, solution)]
"""
BAD = "import torch\n\n\ndef right(completions, solution, **kwargs):\n    return list(torch.ones(len(completions)))\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "their reward.py"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.py"
    path.write_text(BAD)
    return path


def test_the_reward_goes_to_standard_output_and_the_rest_to_standard_error(
    cli: Any, good: Path, tmp_path: Path
) -> None:
    done = cli("adapt", good)
    assert done.code == 0
    assert "TRL" in done.err and "`solution`" in done.err and f"validate --adapt '{good}'" in done.err
    new = tmp_path / "new.py"
    new.write_text(done.out)
    assert cli("validate", new).code == 0


def test_the_reward_is_written_to_a_file_that_validates(cli: Any, good: Path, tmp_path: Path) -> None:
    new = tmp_path / "folder" / "new.py"
    done = cli("adapt", good, "-o", new)
    assert (done.code, done.out) == (0, "")
    assert f"rewardsearch validate {new}" in done.err
    assert cli("validate", new, "--json").code == 0


def test_a_file_that_cannot_be_adapted_names_line_and_remedy(cli: Any, bad: Path, tmp_path: Path) -> None:
    done = cli("adapt", bad, "-o", tmp_path / "new.py")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith(f"{bad}: line 5: `torch`") and "floats" in done.err
    assert not (tmp_path / "new.py").exists()


def test_json_has_one_document(cli: Any, good: Path, bad: Path) -> None:
    done = cli("adapt", good, "--json")
    document = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (document["adapted"], document["trainer"], document["functions"], document["refused"]) == (
        True,
        "trl",
        ["right"],
        [],
    )
    assert "def reward(" in document["code"] and len(document["notes"]) == 2
    done = cli("adapt", bad, "--json")
    document = json.loads(done.out)
    assert (done.code, document["adapted"], document["code"]) == (4, False, None)
    assert [fault["line"] for fault in document["refused"]] == [5]


def test_rewards_of_a_file_are_chosen_by_name(cli: Any, good: Path) -> None:
    good.write_text(GOOD + "\n\ndef short(completions, **kwargs):\n    return [0.5 for c in completions]\n")
    assert json.loads(cli("adapt", good, "--json").out)["functions"] == ["right", "short"]
    done = cli("adapt", good, "--function", "right", "--json")
    assert json.loads(done.out)["functions"] == ["right"]
    done = cli("adapt", good, "--function", "wrong")
    assert done.code == 4 and "`wrong`" in done.err and "right, short" in done.err


def test_a_mistake_in_the_call_ends_with_exit_code_2(cli: Any, good: Path, tmp_path: Path) -> None:
    assert cli("adapt", tmp_path / "none.py").code == 2
    good.write_bytes(b"\xff\xfe\x00")
    done = cli("adapt", good)
    assert done.code == 2 and done.err.count("\n") == 1
    notebook = tmp_path / "their.ipynb"
    notebook.write_text('{"cells": []}')
    done = cli("adapt", notebook)
    assert done.code == 2 and f"nbconvert --to script {notebook}" in done.err
    good.write_text(GOOD)
    (tmp_path / "file").write_text("")
    done = cli("adapt", good, "-o", tmp_path / "file" / "new.py")
    assert done.code == 2 and done.err.count("\n") == 1


def test_validate_names_the_command_for_a_reward_of_another_trainer(cli: Any, good: Path, write_reward: Any) -> None:
    done = cli("validate", good, write_reward("ours", "float('nan')"), "--json")
    theirs, ours = json.loads(done.out)
    assert (done.code, theirs["stage"], ours["stage"]) == (4, "static", "contract")
    assert f"rewardsearch adapt '{good}'" in theirs["reason"]
    assert "adapt" not in ours["reason"]


@pytest.mark.parametrize(
    "body",
    [
        "    said = [completion[0]['content'] for completion in completions]\n"
        "    return [float(f'> {a} <' in s) for s, a in zip(said, answer)]\n",
        "    gold = kwargs['ground_truth']\n    return [float(f'> {g} <' in c) for c, g in zip(completions, gold)]\n",
    ],
)
def test_a_reward_of_our_name_with_other_inputs_is_named_too(cli: Any, tmp_path: Path, body: str) -> None:
    path = tmp_path / "theirs.py"
    path.write_text("def reward(prompts, completions, answer, **kwargs):\n" + body)
    assert f"`rewardsearch adapt {path}`" in json.loads(cli("validate", path, "--json").out)[0]["reason"]
    assert cli("validate", path, "--adapt").code == 0


def test_validate_adapts_first_when_asked(cli: Any, good: Path, bad: Path, write_reward: Any) -> None:
    ours = write_reward("ours", "float(a in c)")
    done = cli("validate", good, bad, ours, "--adapt", "--json")
    document = json.loads(done.out)
    assert done.code == 4
    assert [(item["accepted"], item["stage"]) for item in document] == [(True, None), (False, "static"), (True, None)]
    assert "line 5: `torch`" in document[1]["reason"]
    assert cli("validate", bad, "--adapt").code == 4
