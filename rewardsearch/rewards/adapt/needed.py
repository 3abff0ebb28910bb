"""Keeps of a file what its rewards need: a training script becomes the few definitions that the reward is made of."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from rewardsearch.rewards.adapt.edits import Edit, Positions
from rewardsearch.rewards.adapt.reading import bound_names, references, root_name
from rewardsearch.rewards.definitions import reachable
from rewardsearch.rewards.sandbox.static.allowed import CHANGING_METHODS, MODULES

NOTE = "left out what no reward needs"


def kept_statements(tree: ast.Module, names: Collection[str]) -> list[ast.stmt]:
    """The statements of the top level that these names need, and those that fill what they need (`TABLE["x"] = 1`)."""
    reads = references(tree)
    needed = reachable(reads, *names, "BATCH_DEPENDENT")
    while True:
        kept = [each for each in tree.body if _is_kept(each, needed, set(reads)) or _is_docstring(each, tree)]
        wanted = reachable(
            reads, *needed, *(inner.id for s in kept for inner in ast.walk(s) if isinstance(inner, ast.Name))
        )
        if wanted <= needed:
            return kept
        needed |= wanted


def leave_out(tree: ast.Module, names: Collection[str], positions: Positions) -> Iterator[Edit]:
    """The edits that take out the other statements, and of `import a, b` the modules that are not needed.

    The comments right above a statement go with it. Statements that share a line stay.
    """
    kept = kept_statements(tree, names)
    for statement in tree.body:
        if statement not in kept and positions.stands_alone(statement):
            start, end = positions.span(statement)
            yield Edit(positions.with_comments(start), end, note=NOTE)
    wanted = reachable(references(tree), *names)
    for statement in kept:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            used = [alias for alias in statement.names if (alias.asname or alias.name.partition(".")[0]) in wanted]
            module = statement.module if isinstance(statement, ast.ImportFrom) else None
            if (
                used
                and len(used) < len(statement.names)
                and any((module or a.name) not in MODULES for a in statement.names)
            ):
                yield positions.replace(statement, ast.unparse(_with_names(statement, used)))


def _is_docstring(statement: ast.stmt, tree: ast.Module) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return statement is tree.body[0] and is_text


def _with_names(statement: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.stmt:
    if isinstance(statement, ast.Import):
        return ast.Import(names=names)
    return ast.ImportFrom(module=statement.module, names=names, level=statement.level)


def _is_kept(statement: ast.stmt, needed: set[str], defined: set[str]) -> bool:
    """Whether it binds or fills one of these names; `from __future__` stays."""
    if bound_names(statement) & needed:
        return True
    match statement:
        case ast.ImportFrom(module="__future__"):
            return True
        case ast.Assign(targets=targets):
            return any(root_name(target) in needed for target in targets)
        case ast.AugAssign(target=target):
            return root_name(target) in needed
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name, value=value))):
            return name in CHANGING_METHODS and root_name(value) in needed
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=args)):
            # A function of the file may fill what it is passed.
            return name in defined and any(root_name(argument) in needed for argument in args)
        case ast.For(body=body) | ast.If(body=body):
            return any(_is_kept(part, needed, defined) for part in body)
        case _:
            return False
