"""What the functions of a file read: other parts of the file, chat messages, and keys of `**kwargs`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewardsearch.rewards.sandbox.static.names import bindings
from rewardsearch.rewards.sandbox.static.scopes import own_nodes


def bound_names(statement: ast.stmt) -> set[str]:
    """The names that a statement binds where it stands."""
    names: set[str] = set()
    for node in own_nodes([statement]):
        names.update(bindings(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
    return names


def read_names(node: ast.AST) -> set[str]:
    """The names that are read anywhere in a node, and those that a `global` makes the file's."""
    return {
        name
        for inner in ast.walk(node)
        for name in (
            [inner.id]
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Store)
            else inner.names
            if isinstance(inner, ast.Global)
            else ()
        )
    }


def references(tree: ast.Module) -> dict[str, set[str]]:
    """For each name of the file's top level, the names that the statements read that bind it."""
    reads: dict[str, set[str]] = {}
    for statement in tree.body:
        for name in bound_names(statement):
            reads.setdefault(name, set()).update(read_names(statement))
    return reads


def reads_messages(node: ast.AST) -> bool:
    """Whether a function needs chat messages: it reads `m["content"]` or `m.get("content")`, of anything but parsed JSON.

    Not where it asks whether that is a text or a list: then it takes texts too.
    """
    parsed: set[str] = set()
    asked: set[str] = set()
    reads: list[ast.expr] = []
    for inner in ast.walk(node):
        match inner:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)) if _name(func) == "loads":
                parsed.add(name)
            case ast.Subscript(value=value, slice=ast.Constant(value="content"), ctx=ast.Load()):
                reads.append(value)
            case ast.Call(func=ast.Attribute(attr="get", value=value), args=[ast.Constant(value="content"), *_]):
                reads.append(value)
            case ast.Call(func=ast.Name(id="isinstance"), args=[value, ast.Name(id="str" | "list")]):
                asked.add(root_name(value))
            case ast.Compare(left=ast.Call(func=ast.Name(id="type"), args=[value]), comparators=[ast.Name()]):
                asked.add(root_name(value))
            case _:
                pass
    if asked & {"completions", "completion", *map(root_name, reads)}:
        return False
    return any(not (isinstance(value, ast.Name) and value.id in parsed) for value in reads)


def makes_messages(node: ast.AST) -> bool:
    """Whether chat messages are written out: `{"role": ..., "content": ...}`."""
    return any(
        isinstance(inner, ast.Dict)
        and {"role", "content"} <= {k.value for k in inner.keys if isinstance(k, ast.Constant)}
        for inner in ast.walk(node)
    )


def keys_read(node: ast.AST, name: str | None) -> dict[str, ast.expr]:
    """The keys that are read of a dict by this name, as texts written out, each with the place of the first reading."""
    found: dict[str, ast.expr] = {}
    for key, inner in _keys(node, name):
        found.setdefault(key, inner)
    return found


def _keys(node: ast.AST, name: str | None) -> Iterator[tuple[str, ast.expr]]:
    for inner in ast.walk(node):
        match inner:
            case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value=str(key)), ctx=ast.Load()) as place:
                pass
            case (
                ast.Call(
                    func=ast.Attribute(attr="get", value=ast.Name(id=owner)), args=[ast.Constant(value=str(key)), *_]
                ) as place
            ):
                pass
            case _:
                continue
        if owner == name:
            yield key, place


def root_name(node: ast.AST) -> str:
    """`x` of `x.a[0].b()`; "" where there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
