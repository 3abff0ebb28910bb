"""Genomes: a reward as a set of components with parameters, written as a Python file and read back from one.

A rendered file holds the genome twice over in plain sight: `GENOME` names its components, and the constants hold their
parameters. Whoever edits those constants by hand has edited the genome.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rewardsearch.propose.grammar.catalogue import BY_NAME, KINDS, Value
from rewardsearch.records import MAX_CODE_CHARS

_PARTS = Path(__file__).with_name("parts.py")
_ORDER = {kind.name: place for place, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Component:
    """One component: its kind and the values of the kind's parameters, in the catalogue's order."""

    kind: str
    values: tuple[Value, ...]

    def constants(self) -> dict[str, Value]:
        """The values by the names of their constants."""
        kind = BY_NAME[self.kind]
        return dict(zip((kind.constant(parameter) for parameter in kind.parameters), self.values, strict=True))


@dataclass(frozen=True)
class Genome:
    """A set of components, at most one of a kind, in the catalogue's order: equal sets give equal files."""

    components: tuple[Component, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(component.kind for component in self.components)


def genome_of(components: Iterable[Component]) -> Genome:
    """The genome of `components`; of two of a kind the first is kept."""
    kept: dict[str, Component] = {}
    for component in components:
        kept.setdefault(component.kind, component)
    return Genome(tuple(sorted(kept.values(), key=lambda component: _ORDER[component.kind])))


def render(genome: Genome) -> str:
    """The reward file of `genome`: readable Python that needs the standard library alone."""
    definitions = _definitions()
    constants = {name: value for component in genome.components for name, value in component.constants().items()}
    needed = _needed(genome.kinds, definitions)
    # In the order of parts.py: constants that are not parameters first, then helpers, then components.
    shared = [definition.source for name, definition in definitions.items() if name in needed and name not in constants]
    tables = [source for source in shared if not source.startswith("def ")]
    functions = [source for source in shared if source.startswith("def ")]
    lines = [
        _docstring(genome, definitions),
        "import re\n" if any("re." in source for source in tables) else None,
        "# The components of this reward; the constants below are their parameters.",
        f"GENOME = {_tuple(genome.kinds)}\n",
        "\n".join(f"{name} = {value!r}" for name, value in constants.items()) + "\n",
        "\n".join(tables) + "\n" if tables else None,
        *(f"\n{source}\n" for source in (*functions, _reward(genome))),
    ]
    return "\n".join(line for line in lines if line is not None)


def read_genome(code: str) -> Genome | None:
    """The genome of a rendered file; None for code without one, or with kinds or values off the catalogue."""
    if len(code) > MAX_CODE_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            literals = _literals(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    kinds = literals.get("GENOME")
    if (
        not isinstance(kinds, tuple)
        or not kinds
        or not all(isinstance(kind, str) and kind in BY_NAME for kind in kinds)
    ):
        return None
    components = []
    for kind in (BY_NAME[name] for name in kinds):
        values = [literals.get(kind.constant(parameter)) for parameter in kind.parameters]
        if not all(parameter.admits(value) for parameter, value in zip(kind.parameters, values, strict=True)):
            return None
        components.append(Component(kind.name, tuple(value for value in values if isinstance(value, int | float))))
    return genome_of(components)


# --- the file's pieces ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Definition:
    """One top-level name of parts.py: its source, the names it uses, and a function's docstring."""

    source: str
    uses: frozenset[str]
    doc: str


@lru_cache
def _definitions() -> Mapping[str, _Definition]:
    text = _PARTS.read_text(encoding="utf-8")
    out: dict[str, _Definition] = {}
    for node in ast.parse(text).body:
        source = ast.get_source_segment(text, node) or ""
        uses = frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
        if isinstance(node, ast.FunctionDef):
            out[node.name] = _Definition(source, uses, ast.get_docstring(node) or "")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            out[node.targets[0].id] = _Definition(source, uses, "")
    return out


def _needed(kinds: Iterable[str], definitions: Mapping[str, _Definition]) -> set[str]:
    """The names that the components use, directly or through other names."""
    needed: set[str] = set()
    waiting = list(kinds)
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in needed:
            needed.add(name)
            waiting.extend(definitions[name].uses)
    return needed


def _docstring(genome: Genome, definitions: Mapping[str, _Definition]) -> str:
    parts = "\n".join(f"- {kind}: {definitions[kind].doc}" for kind in genome.kinds)
    noun = "component" if len(genome.kinds) == 1 else "components"
    return f'"""A reward of {len(genome.kinds)} {noun}:\n\n{parts}\n"""\n'


def _reward(genome: Genome) -> str:
    entries = "\n".join(f'        "{kind}": [{kind}(*row) for row in rows],' for kind in genome.kinds)
    return (
        "def reward(prompts, completions, answer, **columns):\n"
        "    rows = list(zip(prompts, completions, answer, strict=True))\n"
        f"    return {{\n{entries}\n    }}"
    )


def _tuple(names: tuple[str, ...]) -> str:
    return "(" + ", ".join(f'"{name}"' for name in names) + ("," if len(names) == 1 else "") + ")"


def _literals(tree: ast.Module) -> dict[str, object]:
    """The top-level names of a file that are assigned a literal."""
    out: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                out[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                continue
    return out
