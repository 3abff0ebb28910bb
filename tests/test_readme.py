"""What the README tells a stranger to do works as it stands."""

import re
import subprocess
import sys
from pathlib import Path

from rewardsearch.arms import load_base_rewards
from rewardsearch.cli import COMMANDS
from rewardsearch.config import Config
from rewardsearch.export import export
from rewardsearch.resources import PACKAGE

README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")


def test_the_trl_script_trains_two_steps_on_the_embedded_policy(tmp_path: Path) -> None:
    export("trl", load_base_rewards(Config().screen.base_rewards), tmp_path, source="the base rewards")
    script = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "GRPOTrainer" in block)
    script = script.replace("rewardsearch/embedded/policy", str(PACKAGE / "embedded" / "policy"))
    (tmp_path / "train.py").write_text(script + 'print("steps", trainer.state.global_step)\n', encoding="utf-8")
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("steps 2\n")


def test_every_command_shown_exists() -> None:
    shown = set(re.findall(r"^(?:\w+=\S+ )?rewardsearch (\w+)", README, re.MULTILINE))
    assert shown == set(COMMANDS)


def test_every_path_of_the_tree_exists() -> None:
    tree = README.split("## Tree")[1]
    names = [line.split()[0] for line in tree.splitlines() if line and not line.startswith((" ", "`"))]
    assert len(names) >= 7
    assert all((PACKAGE.parent / name).exists() for name in names)
    inside = [line.split()[0] for line in tree.splitlines() if re.match(r"  [a-z_]+(/|\.py) ", line)]
    assert len(inside) >= 12
    assert all((PACKAGE / name.rstrip(",")).exists() for name in inside)
