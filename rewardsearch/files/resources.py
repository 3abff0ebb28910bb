"""Paths: prompts/, candidates/ and configs/ (beside the package in a checkout, inside it in an installed wheel), the bundled
policies, and the cache that runs share."""

from __future__ import annotations

import os
from pathlib import Path

from rewardsearch.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
CACHE = "REWARDSEARCH_CACHE"
"""The environment variable that names the cache folder."""


def resource(name: str) -> Path:
    """The bundled folder or file `name`, such as "prompts"."""
    bundled = PACKAGE / "_data" / name
    return bundled if bundled.exists() else PACKAGE.parent / name


def find(path: str, what: str = "file") -> Path:
    """`path` as the user means it: as given, or among the bundled files.

    Raises UserError with the places looked at when it is in none.
    """
    tried = [Path(path).expanduser()]
    if not tried[0].is_absolute():
        tried.append(resource(path))
    for place in tried:
        if place.exists():
            return place
    raise UserError(f"{what} not found: {path} (looked at {', '.join(str(place) for place in tried)})")


def policy_folder(model: str) -> Path:
    """Where a policy's files would be on this machine: the folder of a bundled one, else `model` as a path."""
    bundled = {"embedded": "policy", "embedded-resume": "resume_policy", "embedded-support": "support_policy"}
    return PACKAGE / "embedded" / bundled[model] if model in bundled else Path(model).expanduser()


def cache_folder() -> Path:
    """The cache that runs share: $REWARDSEARCH_CACHE, else $XDG_CACHE_HOME/rewardsearch, else ~/.cache/rewardsearch."""
    if own := os.environ.get(CACHE):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "rewardsearch"
    return Path.home() / ".cache" / "rewardsearch"
