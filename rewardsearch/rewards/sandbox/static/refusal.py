"""What the rules of the static policy share: a refusal, and what is known of the file as a whole."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from rewardsearch.rewards.sandbox.static.scopes import Meaning

_LONGEST = 200
"""Characters of a refusal: it can hold a name of the candidate's."""


class StaticFault(Exception):
    """Why code is refused: what is wrong, and what to write instead. `line` counts from 1 and is None for the whole file."""

    def __init__(self, where: ast.AST | int | None, what: str, instead: str) -> None:
        """where: the syntax node at fault, or its line."""
        super().__init__(what)
        self.line: int | None = getattr(where, "lineno", None) if isinstance(where, ast.AST) else where
        self.what = what if len(what) <= _LONGEST else what[:_LONGEST] + "..."
        self.instead = instead

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.what}; {self.instead}"


@dataclass(frozen=True)
class Scope:
    """What the rules know of the whole file."""

    meaning: Meaning
    own: frozenset[str]
    """Attributes that the file gives to its own objects."""
    stateful: frozenset[int]
    """The `nonlocal` statements, by id(), whose variable may live from one call to the next."""
    cached: frozenset[str]
    """Functions of the file whose values are cached."""
    idioms: frozenset[int]
    """Nodes, by id(), with a dunder name that is harmless where it stands: see names.idioms."""
    askers: frozenset[int]
    """Nodes, by id(), where a class is asked about: what is called or subscripted, and what isinstance looks for."""
    inside: frozenset[int]
    """The nodes, by id(), inside functions: what runs while the file is loaded builds what it keeps."""
    shared: frozenset[str]
    """Attributes of the file's classes that all objects of a class share, and that can be changed in place."""
    owners: frozenset[int]
    """The nodes, by id(), that stand before the dot of an attribute."""


Rule = Callable[[ast.AST, Scope], None]
