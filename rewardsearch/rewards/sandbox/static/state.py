"""The rules against state: nothing that one call changes may be there at the next.

Every call starts from the same state anyway; these rules tell the author instead of letting the code mean something
else than it says. What they cannot see (an object that changes itself) shows when validation calls a reward many times over in
one process.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator

from rewardsearch.rewards.sandbox.static.allowed import CHANGING_FUNCTIONS, CHANGING_METHODS, MODULES
from rewardsearch.rewards.sandbox.static.refusal import Scope, StaticFault

_BUILTIN_ITERATORS = frozenset(("iter", "map", "filter", "zip", "enumerate", "reversed"))
_ITERATORS = {f"itertools.{name}" for name in MODULES["itertools"]} | {
    *("difflib.ndiff", "difflib.unified_diff", "heapq.merge", "re.finditer"),
}
_CONTAINERS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Tuple)
_MADE = frozenset(("list", "dict", "set", "bytearray", "deque", "Counter", "defaultdict", "OrderedDict", "ChainMap"))
_IN_PLACE = " in place"
_REMEDY = "keep it in a local variable and return what the caller needs; for a cache, use functools.lru_cache"


def kept_values(node: ast.AST, scope: Scope) -> None:
    """No iterator or generator at the top level or in a class: it goes on where the last call left it."""
    if not isinstance(node, ast.Module):
        return
    generators = {
        function.name
        for function in node.body
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(function))
    }
    classes = (inner for part in node.body for inner in ast.walk(part) if isinstance(inner, ast.ClassDef))
    for statement in (*node.body, *(part for each in classes for part in each.body)):
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        for part in _held(value):
            if isinstance(part, ast.GeneratorExp) or _makes_iterator(part, scope, generators):
                raise StaticFault(
                    statement, "an iterator at module level keeps state between calls", "make a tuple or list of it"
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
    """A function changes nothing of the file's top level, no default value, no class, and no value that a class holds for all
    of its objects."""
    for changed, how in _changed(node, scope) if id(node) in scope.inside else ():
        if what := _lasting(changed, how, scope):
            raise StaticFault(node, f"{what} is changed{how}: it would keep state between calls", _REMEDY)


def _changed(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, str]]:
    """What a node changes in place, and how where that is more than an assignment: `x` of `x.a = 1` and `x.append(1)`."""
    match node:
        case ast.AugAssign(target=ast.Attribute() | ast.Subscript() as target, value=value):
            yield target.value, _IN_PLACE
            if isinstance(value, _CONTAINERS):
                yield target, _IN_PLACE
        case ast.Attribute(ctx=ast.Load(), attr=name, value=value) if name in CHANGING_METHODS - scope.own:
            yield value, f" by .{name}()"
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del(), value=value)
            | ast.Subscript(ctx=ast.Store() | ast.Del(), value=value)
        ):
            yield value, ""
        case ast.Call(func=ast.Name(id="next"), args=[first, *_]):
            yield first, " by next()"
        case ast.Call(func=func, args=[first, *_]) if (name := scope.meaning.imported_name(func)) in CHANGING_FUNCTIONS:
            yield first, f" by {name}()"
        case _:
            pass


def _lasting(node: ast.AST, how: str, scope: Scope) -> str:
    """What an expression is, or is a part of, that outlives the call, as the author knows it; "" for nothing."""
    for part in _owners(node, scope):
        match part:
            case ast.Name(id=name) if id(part) in scope.meaning.lasting and not scope.meaning.imported_name(part):
                return f"`{name}`"
            case ast.Attribute(attr=name) if name in scope.shared:
                return f"`.{name}`, which a class holds for all of its objects,"
            case ast.Call(func=ast.Name(id="type" | "super" as name) as func) if id(func) in scope.meaning.unbound:
                return f"the class that `{name}()` gives"
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in scope.cached or (name == "getcontext" and how == _IN_PLACE):
                    return f"what `{name}()` gives"
            case _:
                pass
    return ""


def _owners(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """An expression, what it is an attribute or an item of, and so on: `x.a[0]`, `x.a`, `x`. A name that is bound once goes on
    with what it is bound to."""
    met: set[int] = set()
    while id(node) not in met:
        met.add(id(node))
        yield node
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Name):
            node = scope.meaning.values.get(id(node), node)


def root_of(node: ast.AST, scope: Scope) -> ast.AST:
    """`x` of `x.a[0].b`, or what `x` is another name for."""
    *_, root = _owners(node, scope)
    return root


def shared_attributes(tree: ast.Module) -> frozenset[str]:
    """Attributes that a class of the file's top level holds for all of its objects and that can be changed in place: lists,
    dicts, sets and objects of the file's classes, unless an object is given one of its own anywhere."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    made = _MADE | {inner.name for node in classes for inner in ast.walk(node) if isinstance(inner, ast.ClassDef)}
    shared: set[str] = set()
    own: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets):
                own.update(target.attr for target in targets if isinstance(target, ast.Attribute))
            case ast.AnnAssign(target=ast.Attribute(attr=name)):
                own.add(name)
            case _:
                pass
    for statement in (
        part for node in classes for inner in ast.walk(node) if isinstance(inner, ast.ClassDef) for part in inner.body
    ):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                shared.update([name] if _can_change(value, made) else [])
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                (shared if value is not None and _can_change(value, made) else own).add(name)
            case _:
                pass
    return frozenset(shared - own)


def _can_change(value: ast.AST, made: Container[str]) -> bool:
    """Whether a value holds something that can be changed in place, what a lambda of it would make aside."""
    if isinstance(value, _CONTAINERS) and not isinstance(value, ast.Tuple):
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name | ast.Attribute):
        name = value.func.id if isinstance(value.func, ast.Name) else value.func.attr
        if name in made:
            return True
    return not isinstance(value, ast.Lambda) and any(_can_change(part, made) for part in ast.iter_child_nodes(value))


def cached_functions(tree: ast.Module) -> frozenset[str]:
    """Functions of the file whose values are kept from one call to the next."""
    caches = ("cache", "lru_cache")
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        for inner in ast.walk(decorator)
        if (isinstance(inner, ast.Name) and inner.id in caches)
        or (isinstance(inner, ast.Attribute) and inner.attr in caches)
    )


def _makes_iterator(node: ast.AST, scope: Scope, generators: Container[str]) -> bool:
    """Whether a call gives an iterator: of a builtin, of an allowed module, or of a generator of the file."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr == "finditer":
        return True
    if name := scope.meaning.imported_name(node.func):
        return name in _ITERATORS
    if not isinstance(node.func, ast.Name):
        return False
    return node.func.id in (_BUILTIN_ITERATORS if id(node.func) in scope.meaning.unbound else generators)


def stateful_nonlocals(tree: ast.Module, met_at_load: frozenset[str]) -> frozenset[int]:
    """The `nonlocal` statements inside a function or class that running the file may call."""
    return frozenset(
        id(node)
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef) or statement.name in met_at_load
        for node in ast.walk(statement)
        if isinstance(node, ast.Nonlocal)
    )
