"""A search over honest and hackable rewards: real bank, race, training and leaderboard on the embedded policy."""

import shutil
from pathlib import Path

import pytest
from played import Quiet

from rewardsearch.config import load_config
from rewardsearch.files.resources import PACKAGE
from rewardsearch.loop import search

HONEST = ("strong_answer", "step_check", "wrong_answer_penalty", "correct")
FLAGS = {
    "always_penalise": "bank:penalty",
    "constant": "bank:dead",
    "format_only": "bank:form",
    "inverted": "bank:inverted",
    "leak_the_prompt": "exploit:prompt-echo",
    "length_gaming": "bank:length",
    "random_value": "bank:no-signal",
}


@pytest.mark.slow
def test_hackable_rewards_carry_the_right_flag_and_none_of_them_is_in_the_top_three(tmp_path: Path) -> None:
    folder = tmp_path / "rewards"
    folder.mkdir()
    for name in HONEST:
        carried = PACKAGE.parent / "candidates" / "arithmetic" / f"{name}.py"
        shutil.copy(carried if carried.exists() else PACKAGE.parent / "tests" / "planted" / f"{name}.py", folder)
    for name in FLAGS:
        shutil.copy(PACKAGE.parent / "tests" / "planted" / f"{name}.py", folder)
    settings = [
        "rounds=1",
        f"candidates={len(HONEST) + len(FLAGS)}",
        "finalize.enabled=false",
        "train.baseline_seeds=1",
    ]
    config = load_config(
        "configs/arithmetic-demo.yaml", [*settings, "propose.proposer=folder", f"propose.folder={folder}"]
    )
    state = search(config, tmp_path / "run", Quiet())
    rows = {row.name: row for row in state.rankings[-1].rows}
    for name, flag in FLAGS.items():
        assert flag in rows[name].flags, (name, rows[name].flags, rows[name].reason)
    best = [row.name for row in state.rankings[-1].rows if row.rank is not None][:3]
    assert best[0] in HONEST and not set(best) & set(FLAGS)
