"""The names that a file binds and reads, as far as a look at its text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewardsearch.rewards.sandbox.static.allowed import METHODS


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


def own_attributes(tree: ast.Module) -> frozenset[str]:
    """Attributes that the file itself gives to its objects: methods and fields of its classes, and `x.name = ...`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names.update(name for statement in node.body for inner in ast.walk(statement) for name in bindings(inner))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return frozenset(names)


def idioms(tree: ast.Module) -> frozenset[int]:
    """Nodes, by id(), that are harmless for where they stand: `__class__` in `x.__class__.__name__`, `hash` in a
    `__hash__`, both names of
    `__radd__ = __add__` in a class, and `__slots__`, `__all__`, `__author__` and `__version__` over plain texts."""
    found: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="__name__", value=ast.Attribute(attr="__class__") as cls, ctx=ast.Load()):
                found.add(id(cls))
            case ast.FunctionDef(name="__hash__"):
                found.update(
                    id(inner) for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id == "hash"
                )
            case ast.ClassDef(body=body):
                for statement in body:
                    match statement:
                        case ast.Assign(targets=[ast.Name() as a], value=ast.Name() as b) if {a.id, b.id} <= METHODS:
                            found |= {id(a), id(b)}
                        case ast.Assign(targets=[ast.Name(id="__slots__") as a], value=value) if _plain_names(value):
                            found.add(id(a))
                        case _:
                            pass
            case ast.Module(body=body):
                for statement in body:
                    match statement:
                        case ast.Assign(targets=[ast.Name(id="__all__") as a], value=value) if _plain_names(value):
                            found.add(id(a))
                        case ast.Assign(targets=[ast.Name(id="__author__" | "__version__") as a], value=ast.Constant()):
                            found.add(id(a))
                        case _:
                            pass
            case _:
                pass
    return frozenset(found)


def askers(tree: ast.Module) -> frozenset[int]:
    """Nodes, by id(), where a class is asked about: what is called or subscripted, and what isinstance looks for."""
    found: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass") as func, args=[_, looked_for]):
                found |= {id(func), *(id(inner) for inner in ast.walk(looked_for))}
            case ast.Call(func=func):
                found.add(id(func))
            case ast.Subscript(value=value):
                found.add(id(value))
            case _:
                pass
    return frozenset(found)


def inside_functions(tree: ast.Module) -> frozenset[int]:
    """The nodes, by id(), of the bodies of functions."""
    functions = (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )
    bodies = (node.body if isinstance(node.body, list) else [node.body] for node in functions)
    return frozenset(id(inner) for body in bodies for part in body for inner in ast.walk(part))


def _plain_names(value: ast.AST) -> bool:
    """Whether a value is names written out, none of them a dunder."""
    parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return len(texts) == len(parts) and all(text.isidentifier() and not text.startswith("__") for text in texts)


def module_level_names(tree: ast.Module) -> frozenset[str]:
    """Names that running the file may come across: those read outside functions, and those read inside a function or
    class of the file that is itself come across."""
    reads: dict[str, set[str]] = {}
    pending: list[ast.AST] = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            inside = {node.id for part in statement.body for node in ast.walk(part) if isinstance(node, ast.Name)}
            reads.setdefault(statement.name, set()).update(inside)
            # Decorators, defaults, annotations and bases are evaluated at once; a class's body is run at once too, but
            # it is its methods that matter, and they run when somebody names the class.
            pending += [part for part in ast.iter_child_nodes(statement) if part not in statement.body]
        else:
            pending.append(statement)
    met = {node.id for part in pending for node in ast.walk(part) if isinstance(node, ast.Name)}
    left = list(met)
    while left:
        for name in reads.get(left.pop(), set()) - met:
            met.add(name)
            left.append(name)
    return frozenset(met)
