"""Where prompts/, candidates/ and configs/ are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from rewardsearch.errors import UserError

PACKAGE = Path(__file__).resolve().parent


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
