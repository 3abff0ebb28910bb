"""Where things are: prompts/, candidates/ and configs/ (beside the package in a checkout, inside it in an installed wheel), the
policies that the package carries, and what is kept for all runs."""

from __future__ import annotations

import os
from pathlib import Path

from rewardsearch.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
CACHE = "REWARDSEARCH_CACHE"
"""The environment variable that names the cache folder."""


def resource(name: str) -> Path:
    """The folder or file `name` (such as "prompts") that the project carries."""
    carried = PACKAGE / "_data" / name
    return carried if carried.exists() else PACKAGE.parent / name


def find(path: str, *, base: Path | None = None, what: str = "file") -> Path:
    """`path` as the user means it: as given, beside `base`, or among the files the project carries.

    Raises UserError when it is nowhere, naming the places looked at.
    """
    tried = [Path(path).expanduser()]
    if not tried[0].is_absolute():
        if base is not None:
            tried.append(base / path)
        tried.append(resource(path))
    for place in tried:
        if place.exists():
            return place
    raise UserError(f"{what} not found: {path} (looked at {', '.join(str(place) for place in tried)})")


def policy_folder(model: str) -> Path:
    """Where a policy's files would be on this machine: a carried one's folder, else `model` as a path."""
    carried = {"embedded": "policy", "embedded-resume": "resume_policy"}
    return PACKAGE / "embedded" / carried[model] if model in carried else Path(model).expanduser()


def cache_folder() -> Path:
    """Where what runs share is kept: $REWARDSEARCH_CACHE, else $XDG_CACHE_HOME/rewardsearch, else ~/.cache/rewardsearch."""
    if own := os.environ.get(CACHE):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "rewardsearch"
    return Path.home() / ".cache" / "rewardsearch"
