"""A verifier file as it is read before any of it runs: its functions, its description, and whether it may be used."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewardsearch.errors import UserError
from rewardsearch.rewards.sandbox import check_static
from rewardsearch.tasks.verifier.runners import REWARD

OPTIONAL = ("prompt", "rows", "examples")
"""Functions beside `verify` that a trusted file may have."""
_SIGNATURE = "write `def verify(completion, answer, **columns):` at the top level"


@dataclass(frozen=True)
class VerifierFile:
    """path: of the file. functions: those of OPTIONAL that it has. description: its DESCRIPTION, or its docstring."""

    path: Path
    code: str
    functions: tuple[str, ...]
    description: str


def read_file(file: str | None, trusted: bool, columns: Sequence[str]) -> VerifierFile:
    """The file that `task.file` names. Raises UserError for one that cannot be used; nothing of it is run.

    columns: the names of the columns that `verify` gets.
    """
    if file is None:
        raise UserError("task.file is not set; kind file needs a Python file with a function `verify`")
    path = Path(file).expanduser().resolve()
    try:
        code = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UserError(f"task.file: cannot read {file}: {why}; name a Python file with a function `verify`") from None
    name = f"task.file: {path.name}"
    if not trusted and (fault := check_static(code + REWARD)):
        raise UserError(f"{name} {fault}; or set task.trusted: true, if you trust the file")
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        line = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UserError(f"{name}{line}: not valid Python; correct it") from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    more = tuple(each for each in OPTIONAL if each in functions)
    if more and not trusted:
        raise UserError(
            f"{name}: {' and '.join(more)} of the file cannot be called in the sandbox; set task.trusted: true, if you trust "
            "the file, or use task.data and templates"
        )
    if "verify" not in functions:
        raise UserError(f"{name} has no function `verify`; {_SIGNATURE}")
    if wrong := _wrong_arguments(functions["verify"].args, columns):
        raise UserError(f"{name} line {functions['verify'].lineno}: `verify` {wrong}; {_SIGNATURE}")
    return VerifierFile(path, code, more, _description(tree, name))


def _wrong_arguments(arguments: ast.arguments, columns: Sequence[str]) -> str:
    """What is wrong with the arguments of `verify`; empty where it can be called."""
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    by_name = {*positional[2:], *(each.arg for each in arguments.kwonlyargs)}
    needed = {*positional[2 : len(positional) - len(arguments.defaults)]}
    needed |= {each.arg for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not value}
    if len(positional) < 2 and arguments.vararg is None:
        return "does not take a completion and an answer"
    if missing := sorted(needed - {*columns}):
        return f"needs {', '.join(missing)}, and task.columns does not name {'it' if len(missing) == 1 else 'them'}"
    if arguments.kwarg is None and (unknown := [column for column in columns if column not in by_name]):
        return f"does not take {', '.join(unknown)} of task.columns"
    return ""


def _description(tree: ast.Module, name: str) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(to, ast.Name) and to.id == "DESCRIPTION" for to in node.targets
        ):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                value = None
            if not isinstance(value, str) or not value.strip():
                raise UserError(f"{name} line {node.lineno}: DESCRIPTION is no text; write it as a plain string")
            return value.strip()
    return (ast.get_docstring(tree) or "").strip()
