"""What a file says, read off its syntax tree: what names are set to, what functions take, what stands on a line."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def values_of(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """What each name is set to in the file."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                for target in names:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(value)
            case _:
                pass
    return found


def required(args: ast.arguments) -> list[str]:
    """The parameters without a default that can be passed by name, the positional ones first."""
    positional = args.args[: len(args.args) - len(args.defaults)]
    named = [arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    return [arg.arg for arg in (*positional, *named)]


def left_out(args: ast.arguments) -> list[str]:
    """The parameters that hold nothing where they are not passed: without a default, or with one that is None or empty."""
    pairs = [*zip(args.args[len(args.args) - len(args.defaults) :], args.defaults, strict=True)]
    pairs += [
        (arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is not None
    ]
    return [
        *required(args),
        *(arg.arg for arg, default in pairs if ast.unparse(default) in ("None", "()", "[]", "''")),
    ]


def holds_line(node: ast.expr | ast.keyword, line: int | None) -> bool:
    """Whether a line of the file is one of the node's."""
    return line is not None and node.lineno <= line <= (node.end_lineno or node.lineno)


def is_rest(word: ast.keyword, columns: str) -> bool:
    """Whether a keyword of a call is `**columns`."""
    return word.arg is None and isinstance(word.value, ast.Name) and word.value.id == columns


def called(nodes: Sequence[ast.AST]) -> set[str]:
    """The names of what is called among `nodes`."""
    functions = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = (getattr(each, "id", getattr(each, "attr", None)) for each in functions)
    return {name for name in names if name is not None}
