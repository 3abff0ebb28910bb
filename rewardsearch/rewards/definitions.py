"""Reward files with some definitions replaced, as base rewards have where answers are in another form than their own."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet


def with_definitions(code: str, others: Sequence[str], keep: Sequence[str] = ()) -> str:
    """`code` with the top-level definitions of `others` (Python sources) in the place of its own of the same names.

    Only what `reward` needs is taken from them, and what nothing uses any more is left out, but for the names in `keep`.
    """
    known: dict[str, tuple[str, set[str]]] = {}
    imports: dict[str, set[str]] = {}
    docstring = ast.get_docstring(ast.parse(code), clean=False) or ""
    for source in (code, *others):
        for node in ast.parse(source).body:
            text = ast.get_source_segment(source, node) or ""
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports[text] = {each.asname or each.name for each in node.names}
            elif name := _defined(node):
                known.pop(name, None)  # In the order of the last source that has it.
                known[name] = (text, _names(node))
    needed = reachable({name: uses for name, (_, uses) in known.items()}, "reward", *keep)
    found = [known[name][0] for name in known if name in needed and name != "reward"] + [known["reward"][0]]
    constants = [text for text in found if not text.startswith("def ")]
    functions = [text for text in found if text.startswith("def ")]
    used = set[str]().union(*(known[name][1] for name in needed))
    parts = [f'"""{docstring}"""', "\n".join(sorted(line for line, names in imports.items() if names & used))]
    return "\n\n\n".join(["\n\n".join(filter(None, [*parts, "\n".join(constants)])), *functions]) + "\n"


def reachable(uses: Mapping[str, AbstractSet[str]], *names: str) -> set[str]:
    """The keys of `uses` that these names need, themselves included, through any number of steps."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in uses and name not in found:
            found.add(name)
            pending += uses[name]
    return found


def _defined(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef):
        return node.name
    return node.targets[0].id if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else None


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
