"""Genomes: a reward as a set of components with parameters, written as a Python file and read back from one.

A rendered file holds the genome twice over in plain sight: `GENOME` names its components, and the constants hold their
parameters. Whoever edits those constants by hand has edited the genome. `POSITIVE` and `NEGATIVE`, or `CLASSES`, are there for a
task with classes alone, and `COLUMNS` for measured columns, and so tell which catalogue the components are of.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rewardsearch.propose.grammar.catalogue import (
    MEASURED,
    MEASURED_COLUMNS,
    NUMERIC,
    PAIR,
    Catalogue,
    Value,
    catalogue_of,
)
from rewardsearch.propose.grammar.form_parts import form_definitions
from rewardsearch.rewards.definitions import reachable, with_definitions
from rewardsearch.rewards.identity import MAX_CODE_CHARS

POSITIVE, NEGATIVE, CLASSES = "POSITIVE", "NEGATIVE", "CLASSES"
"""The constants of a file that name the task's classes: two, or all."""
COLUMNS = "COLUMNS"
"""The constant of a file that names the measured columns which it reads."""


@dataclass(frozen=True)
class Component:
    """One component: its kind and the values of the kind's parameters, in the catalogue's order."""

    kind: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Genome:
    """A set of components, at most one of a kind, in the catalogue's order: equal sets give equal files."""

    components: tuple[Component, ...]
    catalogue: Catalogue = NUMERIC

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(component.kind for component in self.components)

    def constants(self) -> dict[str, Value]:
        """The values of the parameters by the names of their constants."""
        return dict(self._constants())

    def _constants(self) -> Iterator[tuple[str, Value]]:
        for component in self.components:
            kind = self.catalogue.by_name[component.kind]
            for parameter, value in zip(kind.parameters, component.values, strict=True):
                yield kind.constant(parameter), value


def genome_of(components: Iterable[Component], catalogue: Catalogue = NUMERIC) -> Genome:
    """The genome of `components`; of two of a kind the first is kept."""
    kept: dict[str, Component] = {}
    for component in components:
        kept.setdefault(component.kind, component)
    return Genome(tuple(sorted(kept.values(), key=lambda component: catalogue.order[component.kind])), catalogue)


def render_in_form(genome: Genome, form_code: str) -> str:
    """`render` for answers in another form than tags, whose parser is the Python source `form_code`; empty for tags."""
    code = render(genome)
    return (
        with_definitions(code, form_definitions(form_code), ("GENOME", POSITIVE, NEGATIVE, CLASSES, COLUMNS))
        if form_code
        else code
    )


def render(genome: Genome) -> str:
    """The reward file of `genome`: readable Python that needs the standard library alone."""
    definitions = _definitions(genome.catalogue.parts)
    constants = genome.constants()
    classes = _classes(genome.catalogue)
    needed = reachable({name: each.uses for name, each in definitions.items()}, *genome.kinds)
    # In the order of the file of parts: constants that are not parameters first, then helpers, then components.
    known = {*constants, *classes}
    shared = [definition.source for name, definition in definitions.items() if name in needed and name not in known]
    tables = [source for source in shared if not source.startswith("def ")]
    functions = [source for source in shared if source.startswith("def ")]
    read = tuple(name for name in MEASURED_COLUMNS if any(f'm["{name}"]' in source for source in functions))
    if genome.catalogue.measured:
        classes = {COLUMNS: _tuple(read)}
    imports = ["import re"] if any("re." in source for source in tables) else []
    imports += ["from decimal import Decimal"] if any("Decimal" in source for source in functions) else []
    lines = [
        _docstring(genome, definitions),
        "\n".join(imports) + "\n" if imports else None,
        "# The components of this reward; the constants below are their parameters.",
        f"GENOME = {_tuple(genome.kinds)}\n",
        "".join(f"{name} = {value}\n" for name, value in classes.items()) or None,
        "\n".join(f"{name} = {value!r}" for name, value in constants.items()) + "\n",
        "\n".join(tables) + "\n" if tables else None,
        *(f"\n{source}\n" for source in (*functions, _reward(genome, read))),
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
    kinds, catalogue = literals.get("GENOME"), _catalogue(literals)
    if (
        catalogue is None
        or not isinstance(kinds, tuple)
        or not kinds
        or not all(isinstance(kind, str) and kind in catalogue.by_name for kind in kinds)
    ):
        return None
    components = []
    for kind in (catalogue.by_name[name] for name in kinds):
        values = [literals.get(kind.constant(parameter)) for parameter in kind.parameters]
        if not all(parameter.admits(value) for parameter, value in zip(kind.parameters, values, strict=True)):
            return None
        components.append(Component(kind.name, tuple(value for value in values if isinstance(value, int | float))))
    return genome_of(components, catalogue)


def _catalogue(literals: Mapping[str, object]) -> Catalogue | None:
    """The catalogue that a file's components are of; None where it names one class alone, or not by a text."""
    if not {POSITIVE, NEGATIVE, CLASSES} & literals.keys():
        return MEASURED if COLUMNS in literals else NUMERIC
    classes = literals.get(CLASSES, (literals.get(POSITIVE), literals.get(NEGATIVE)))
    if not isinstance(classes, tuple) or len(classes) < 2 or not all(isinstance(name, str) for name in classes):
        return None
    return catalogue_of(classes, () if CLASSES in literals else PAIR)


def _classes(catalogue: Catalogue) -> dict[str, str]:
    """The constants that name the classes, as they are written."""
    if catalogue.classes is None:
        return {}
    if catalogue.columns:
        return dict(zip((POSITIVE, NEGATIVE), map(_text, catalogue.classes), strict=True))
    return {CLASSES: f"({', '.join(map(_text, catalogue.classes))})"}


# --- the file's pieces ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Definition:
    """One top-level name of a file of parts: its source, the names it uses, and a function's docstring."""

    source: str
    uses: frozenset[str]
    doc: str


@lru_cache
def _definitions(parts: str) -> Mapping[str, _Definition]:
    """The top-level names of a file of parts, what it imports from another one among them."""
    text = Path(__file__).with_name(parts).read_text(encoding="utf-8")
    out: dict[str, _Definition] = {}
    for node in ast.parse(text).body:
        source = ast.get_source_segment(text, node) or ""
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(__package__):
            taken = _definitions(f"{node.module.rpartition('.')[2]}.py")
            uses_of = {name: each.uses for name, each in taken.items()}
            names = reachable(uses_of, *(alias.name for alias in node.names))
            out |= {name: each for name, each in taken.items() if name in names}
        uses = frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
        if isinstance(node, ast.FunctionDef):
            out[node.name] = _Definition(source, uses, ast.get_docstring(node) or "")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            out[node.targets[0].id] = _Definition(source, uses, "")
    return out


def _docstring(genome: Genome, definitions: Mapping[str, _Definition]) -> str:
    parts = "\n".join(f"- {kind}: {definitions[kind].doc}" for kind in genome.kinds)
    noun = "component" if len(genome.kinds) == 1 else "components"
    return f'"""A reward of {len(genome.kinds)} {noun}:\n\n{parts}\n"""\n'


def _reward(genome: Genome, read: tuple[str, ...]) -> str:
    """The function `reward`. read: the measured columns that its parts read."""
    entries = "\n".join(f'        "{kind}": [{kind}(*row) for row in rows],' for kind in genome.kinds)
    columns = "".join(f'columns["{name}"], ' for name in (*genome.catalogue.columns, *read))
    measured = ""
    if genome.catalogue.measured:
        numbers = f"[dict(zip({COLUMNS}, row)) for row in zip({columns}strict=True)]"
        measured, columns = f"    measured = {numbers if read else '[{}] * len(completions)'}\n", "measured, "
    return (
        "def reward(prompts, completions, answer, **columns):\n"
        f"{measured}"
        f"    rows = list(zip(prompts, completions, answer, {columns}strict=True))\n"
        f"    return {{\n{entries}\n    }}"
    )


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


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
