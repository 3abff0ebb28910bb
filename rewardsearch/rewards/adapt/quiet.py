"""Takes out what does nothing for the reward: prints, logging, and what serves only these."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewardsearch.rewards.adapt.conventions import FunctionNode
from rewardsearch.rewards.adapt.edits import Edit, Positions
from rewardsearch.rewards.adapt.reading import root_name
from rewardsearch.rewards.sandbox.static.allowed import CHANGING_METHODS, MODULES

_LOGGERS = frozenset(("logging", "logger", "LOGGER", "log", "loguru", "wandb", "warnings", "swanlab", "max_logging"))
_WRITES = frozenset(("write", "writelines", "dump", "flush", "makedirs"))
NOTE = "left out prints and logging"


def noise(tree: ast.Module, positions: Positions) -> Iterator[Edit]:
    """The edits that take out one layer of it. Repeat until there is none: what served a print is then unused."""
    outside = _outside(tree)
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for function in (node for node in ast.walk(tree) if isinstance(node, FunctionNode)):
        unused = _unused(function, outside, read)
        for owner in ast.walk(function):
            for body in _bodies(owner, positions):
                silent = [part for part in body if _is_noise(part) or _sets(part, unused)]
                if not all(map(positions.stands_alone, silent)):
                    continue
                kept = len(body) - len(silent)
                for part in silent:
                    if isinstance(part, ast.Pass):
                        continue
                    yield positions.replace(part, "" if kept or part is not silent[0] else "pass", NOTE)


def _bodies(owner: ast.AST, positions: Positions) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement; an `elif` is none."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(owner, name, None)
        if not isinstance(body, list) or not body or not isinstance(body[0], ast.stmt):
            continue
        if not positions.source(body[0]).startswith("elif"):
            yield body


def _is_noise(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=func) as call):
            said = isinstance(func, ast.Name) and func.id == "print"
            logged = isinstance(func, ast.Attribute) and root_name(func) in _LOGGERS
            return (said or logged) and _changes_nothing(call)
        case ast.If(test=test, body=body, orelse=orelse):
            return _changes_nothing(test) and all(
                isinstance(part, ast.Pass) or _is_noise(part) for part in [*body, *orelse]
            )
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Name(id="open"), args=[_, mode]))], body=body):
            writes = isinstance(mode, ast.Constant) and str(mode.value)[:1] in ("a", "w", "x")
            return writes and all(_is_noise(part) or _is_write(part) for part in body)
        case _:
            return False


def _is_write(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name)) as call):
            return name in _WRITES and _changes_nothing(call)
        case _:
            return isinstance(node, ast.Pass)


def _changes_nothing(node: ast.AST) -> bool:
    """Whether an expression leaves every value of the function as it is, as far as its text shows."""
    return not any(
        isinstance(inner, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)
        or (isinstance(inner, ast.Attribute) and inner.attr in CHANGING_METHODS)
        or (isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "next")
        for inner in ast.walk(node)
    )


def _outside(tree: ast.AST) -> set[str]:
    """Names that stand for something that a reward does not have: of modules off the list, `open`, `input`."""
    return {"open", "input", *(name for node in ast.walk(tree) for name in _imported(node))}


def _imported(node: ast.AST) -> list[str]:
    """The names that an import of modules off the list binds."""
    if isinstance(node, ast.Import):
        return [a.asname or a.name.partition(".")[0] for a in node.names if a.name not in MODULES]
    if isinstance(node, ast.ImportFrom) and node.module not in MODULES:
        return [alias.asname or alias.name for alias in node.names]
    return []


def _unused(function: FunctionNode, outside: set[str], read_in_file: set[str]) -> set[str]:
    """Names that the function only sets: counters that it declares `global`, imports, and values from outside of a reward."""
    nodes = list(ast.walk(function))
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    read |= {name for node in nodes if isinstance(node, ast.Nonlocal) for name in node.names}
    found = {name for node in nodes if isinstance(node, ast.Global) for name in node.names} - read_in_file
    for node in nodes:
        found.update(_imported(node))
        if isinstance(node, ast.Assign) and any(
            isinstance(inner, ast.Name) and inner.id in outside for inner in ast.walk(node.value)
        ):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return found - read


def _sets(node: ast.stmt, names: set[str]) -> bool:
    """Whether a statement does nothing but set, import or declare these names."""
    match node:
        case ast.Global(names=declared):
            return set(declared) <= names
        case ast.Import() | ast.ImportFrom():
            imported = _imported(node)
            return len(imported) == len(node.names) and set(imported) <= names
        case ast.Assign(targets=targets, value=value):
            found = [target.id if isinstance(target, ast.Name) else "" for target in targets]
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            found = [name]
        case _:
            return False
    return set(found) <= names and _changes_nothing(value)
