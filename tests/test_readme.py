"""What the README tells a stranger to do works as it stands."""

import re
import subprocess
import sys
from pathlib import Path

from rewardsearch.cli import COMMANDS
from rewardsearch.config import Config
from rewardsearch.exporters import ExportSelection, export
from rewardsearch.files.resources import PACKAGE
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox.kernel.breaches import BREACHES

README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")


def test_the_trl_script_trains_two_steps_on_the_embedded_policy(tmp_path: Path) -> None:
    base = load_base_rewards(Config().train.base_rewards)
    export("trl", ExportSelection(source="the base rewards", rewards=base), tmp_path)
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


def test_every_link_of_readme_and_docs_leads_somewhere() -> None:
    pages = [PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").glob("*.md")]
    assert len(pages) >= 3
    for page in pages:
        targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        missing = [target for target in targets if not (page.parent / target).exists()]
        assert missing == [], page.name


def test_the_number_of_breaches_is_told_as_it_is() -> None:
    assert f"{len(BREACHES)} of {len(BREACHES)} raw breaches held" in README
    threats = (PACKAGE.parent / "docs" / "threat-model.md").read_text(encoding="utf-8")
    assert {20: "Twenty"}[len(BREACHES)] + " raw breaches are tried" in threats
