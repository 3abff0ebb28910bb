"""Export: rewards as a module without dependencies, for the trainer the user has."""

from __future__ import annotations

from pathlib import Path

from rewardsearch.errors import UserError
from rewardsearch.exporters.choose import Choice, choose_rewards
from rewardsearch.exporters.trl import trl_module, trl_readme
from rewardsearch.files import write_atomic

__all__ = ["Choice", "choose_rewards", "export"]

MODULE = "rewardsearch_reward"


def export(to: str, choice: Choice, folder: Path) -> tuple[Path, ...]:
    """Writes the module and its README into `folder` and gives their paths. The same choice gives the same files.

    Raises UserError for an unknown target, for no rewards, and for code that cannot stand beside other code.
    """
    if to != "trl":
        raise UserError(f"--to: got {to!r}; allowed: trl")
    if not choice.rewards:
        raise UserError(f"nothing to export: {choice.source} trains on no reward; name an arm that does")
    files = {
        folder / f"{MODULE}.py": trl_module(choice),
        folder / "README.md": trl_readme(choice, MODULE),
    }
    if folder.exists() and not folder.is_dir():
        raise UserError(f"-o: {folder} is a file; name a folder")
    for path, text in files.items():
        write_atomic(path, text)
    return tuple(files)
