"""Puts a reward file into the body of a function, so that several fit in one module without sharing names.

The text is kept where it gives the same syntax tree inside a function. Otherwise it is written again from the tree, without
comments. Code that would change its meaning inside a function is refused: `global`, and a class body that binds a name of the
file that it reads.
"""

from __future__ import annotations

import ast
import builtins
import io
import symtable
import tokenize
import warnings

from rewardsearch.errors import UserError

_INDENT = "    "


def as_factory(function: str, name: str, code: str) -> tuple[str, bool]:
    """The source of `def <function>():` that returns the function `reward` of `code`.

    name: of the reward, for messages. The second value is True if the module needs `from __future__ import annotations`.
    Raises UserError for code that does not parse or cannot be put into a function.
    """
    with warnings.catch_warnings():
        # Invalid escapes warn here; below such strings are written again.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(code)
            scope = symtable.symtable(code, name, "exec")
        except (SyntaxError, ValueError, RecursionError) as error:
            raise UserError(f"{name} cannot be exported: it is not valid Python ({type(error).__name__})") from None
        _refuse_changed_meaning(name, tree, scope)
        future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
        tree.body = [node for node in tree.body if node not in future]
        body = _indented(code.replace("\r\n", "\n").replace("\r", "\n"))
        if future or not _same_tree(body, tree) or _warns(body):
            body = "\n".join(_indented(ast.unparse(node)) for node in tree.body)
        if not _same_tree(body, tree):
            raise UserError(f"{name} cannot be exported: its text changes inside a function")
    # In a file `max = max` reads the builtin. In a function `max` would be an unbound local name.
    shadowed = sorted(s.get_name() for s in scope.get_symbols() if _binds(s) and hasattr(builtins, s.get_name()))
    first = [f"{_INDENT}from builtins import {', '.join(shadowed)}", ""] if shadowed else []
    lines = [f"def {function}():", *first, body.rstrip(), "", f"{_INDENT}return reward"]
    return "\n".join(lines) + "\n", bool(future)


def _refuse_changed_meaning(name: str, tree: ast.Module, scope: symtable.SymbolTable) -> None:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Global)]
    if found:
        raise UserError(
            f"{name} cannot be exported: line {found[0].lineno} uses `global`; pass the value as an argument"
        )
    bound = {symbol.get_name() for symbol in scope.get_symbols() if _binds(symbol)}
    for inner in _scopes(scope):
        if inner.get_type() == "class":
            copied = [s.get_name() for s in inner.get_symbols() if _binds(s) and s.is_referenced()]
            if clash := sorted(bound.intersection(copied)):
                raise UserError(
                    f"{name} cannot be exported: class {inner.get_name()} (line {inner.get_lineno()}) binds "
                    f"{clash[0]}, a name of the file that it also reads; rename one of the two"
                )


def _scopes(scope: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [scope, *(inner for child in scope.get_children() for inner in _scopes(child))]


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _indented(code: str) -> str:
    """The text, indented by four columns. Lines inside a string stay as they are."""
    inside: set[int] = set()
    open_at: list[int] = []
    # In Python 3.12 and later an f-string is many tokens between a start and an end; before, it is one STRING.
    starts = {getattr(tokenize, "FSTRING_START", None)}
    ends = {getattr(tokenize, "FSTRING_END", None)}
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.STRING:
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif token.type in starts:
            open_at.append(token.start[0])
        elif token.type in ends:
            inside.update(range(open_at.pop() + 1, token.end[0] + 1))
    lines = code.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else _INDENT + line for number, line in enumerate(lines, start=1)
    )


def _same_tree(body: str, tree: ast.Module) -> bool:
    """Whether `body`, as the body of a function, is the syntax of `tree`."""
    try:
        function = ast.parse(f"def f():\n{body}\n").body
    except SyntaxError:
        return False
    same = len(function) == 1 and isinstance(function[0], ast.FunctionDef)
    return same and [ast.dump(node) for node in function[0].body] == [ast.dump(node) for node in tree.body]  # type: ignore[attr-defined]


def _warns(body: str) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ast.parse(f"def f():\n{body}\n")
    return bool(caught)
