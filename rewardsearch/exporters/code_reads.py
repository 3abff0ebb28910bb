"""What the code of a reward may read of its arguments."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def columns_read(code: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Those of the data's columns that a reward may read.

    They are named as parameters or as text constants. A reward that uses its columns as a whole may read all of them.
    """
    tree = ast.parse(code)
    named = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    named.update(str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return tuple(columns) if _passes_columns_on(tree) else tuple(name for name in columns if name in named)


def reads_prompt(code: str) -> bool:
    """Whether a reward uses its argument `prompts`."""
    return any(
        isinstance(node, ast.Name) and node.id == "prompts" and isinstance(node.ctx, ast.Load)
        for node in ast.walk(ast.parse(code))
    )


def _passes_columns_on(tree: ast.Module) -> bool:
    """Whether a function uses its `**columns` other than as `columns["name"]`, `columns.get(...)` or `"name" in columns`."""
    whole = {node.kwarg.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) and node.kwarg is not None}
    single = {
        id(node.value)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant))
        or (isinstance(node, ast.Attribute) and node.attr == "get")
    }
    single.update(id(each) for node in ast.walk(tree) if isinstance(node, ast.Compare) for each in node.comparators)
    return any(isinstance(node, ast.Name) and node.id in whole and id(node) not in single for node in ast.walk(tree))
