"""Which names a file binds anywhere, and which of them are modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def bindings(node: ast.AST) -> Iterator[str]:
    """The names that this one node binds, imports aside."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass


def bound_names(tree: ast.Module) -> frozenset[str]:
    """Every name bound in any scope of the file: a name that is not among them can only be a builtin."""
    names = {name for node in ast.walk(tree) for name in bindings(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return frozenset(names)


def module_aliases(tree: ast.Module) -> dict[str, str]:
    """Names that stand for a module everywhere in the file, with the module's name.

    A name that is also bound as something else (a parameter called `string`) is left out: whether it means the module
    depends on the scope, and the worker's namespaces hold the allowed names only in any case.
    """
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module == "collections":
            aliases.update({alias.asname or "abc": "collections.abc" for alias in node.names if alias.name == "abc"})
    rebound = {name for node in ast.walk(tree) for name in bindings(node)}
    return {name: module for name, module in aliases.items() if name not in rebound}
