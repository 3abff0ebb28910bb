"""The rules against state: nothing that one call changes may be there at the next.

Every call starts from the same state anyway; these rules tell the author instead of letting the code mean something
else than it says. What they cannot see (an alias, a cached value) shows when validation calls a reward many times over
in one process.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator

from rewardsearch.sandbox.allowed import CHANGING_METHODS, MODULES
from rewardsearch.sandbox.refusal import Refused, Scope, line_of

_BUILTIN_ITERATORS = frozenset(("iter", "map", "filter", "zip", "enumerate", "reversed"))
_REMEDY = "keep it in a local variable and return what the caller needs; for a cache, use functools.lru_cache"


def kept_values(node: ast.AST, scope: Scope) -> None:
    """No iterator or generator at the top level: it goes on where the last call left it."""
    if not isinstance(node, ast.Module):
        return
    generators = {
        function.name
        for function in node.body
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(function))
    }
    for statement in node.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        for part in _held(value):
            if isinstance(part, ast.GeneratorExp) or _makes_iterator(part, scope, generators):
                raise Refused(
                    line_of(statement),
                    "an iterator at module level keeps state between calls",
                    "make a tuple or list of it",
                )


def _held(value: ast.AST | None) -> Iterator[ast.AST]:
    """A value, and those inside it when it is a tuple, list, set or dict written out."""
    if value is None:
        return
    yield value
    inner = [*value.keys, *value.values] if isinstance(value, ast.Dict) else getattr(value, "elts", [])
    for part in inner:
        yield from _held(part)


def changes_of_lasting_values(node: ast.AST, scope: Scope) -> None:
    """A function changes nothing of the file's top level, and no default value."""
    if isinstance(node, ast.AugAssign) and _given(node.target) in {"getcontext", *scope.cached}:
        what = f"what `{_given(node.target)}()` gives is changed: it would keep state between calls"
        raise Refused(line_of(node), what, _REMEDY)
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        root = root_of(node)
        if root is not None and id(root) in scope.meaning.lasting:
            raise Refused(line_of(node), f"`{root.id}` is changed: it would keep state between calls", _REMEDY)
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING_METHODS and node.func.attr not in scope.own:
        if (given := _given(node.func)) in scope.cached:
            what = f"what the cached `{given}()` gives is changed: it would keep state between calls"
            raise Refused(line_of(node), what, _REMEDY)
        root = root_of(node.func)
        if root is not None and _is_lasting_value(root, scope):
            what = f"`{root.id}` is changed by .{node.func.attr}(): it would keep state between calls"
            raise Refused(line_of(node), what, _REMEDY)
    if isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
        root = root_of(node.args[0])
        if root is not None and _is_lasting_value(root, scope):
            raise Refused(line_of(node), f"`next({root.id})` goes on where the last call left it", _REMEDY)


def _is_lasting_value(root: ast.Name, scope: Scope) -> bool:
    return id(root) in scope.meaning.lasting and id(root) not in {*scope.meaning.modules, *scope.meaning.imported}


def _given(node: ast.AST) -> str:
    """`f` of `f(x).a[0]` and of `m.f(x).a`; "" where no call gives what is changed."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    func = node.func if isinstance(node, ast.Call) else None
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def cached_functions(tree: ast.Module) -> frozenset[str]:
    """Functions of the file whose values are kept from one call to the next."""
    caches = ("cache", "lru_cache")
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
        for inner in ast.walk(mark)
        if (isinstance(inner, ast.Name) and inner.id in caches)
        or (isinstance(inner, ast.Attribute) and inner.attr in caches)
    )


def root_of(node: ast.AST) -> ast.Name | None:
    """`x` of `x.a[0].b`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def _makes_iterator(node: ast.AST, scope: Scope, generators: Container[str]) -> bool:
    """Whether a call gives an iterator: of a builtin, of itertools, or of a generator of the file."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return isinstance(owner, ast.Name) and scope.meaning.modules.get(id(owner)) == "itertools"
    if not isinstance(node.func, ast.Name):
        return False
    name = node.func.id
    if id(node.func) in scope.meaning.imported:
        return name in MODULES["itertools"]
    return name in (_BUILTIN_ITERATORS if id(node.func) in scope.meaning.unbound else generators)


def stateful_nonlocals(tree: ast.Module, met_at_load: frozenset[str]) -> frozenset[int]:
    """The `nonlocal` statements inside a function or class that running the file may call."""
    return frozenset(
        id(node)
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef) or statement.name in met_at_load
        for node in ast.walk(statement)
        if isinstance(node, ast.Nonlocal)
    )
