"""The rules of the static policy, each a function of one syntax node that raises Refused."""

from __future__ import annotations

import ast
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rewardsearch.sandbox.allowed import BUILTINS, FRAME_ATTRIBUTES, METHODS, MODULES, STATE_ATTRIBUTES, WHY_NOT
from rewardsearch.sandbox.names import bindings


class Refused(Exception):
    """A rule's refusal: line (from 1, None for the whole file), what is wrong, what to write instead."""

    def __init__(self, line: int | None, what: str, instead: str) -> None:
        super().__init__(what)
        self.line, self.what, self.instead = line, what, instead


@dataclass(frozen=True)
class Scope:
    """What the rules know of the whole file: the names it binds, and which of them are modules."""

    bound: frozenset[str]
    aliases: Mapping[str, str]


Rule = Callable[[ast.AST, Scope], None]

_ASYNC = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
_MUTABLE_MAKERS = frozenset(
    ("list", "dict", "set", "bytearray", "iter", "Counter", "defaultdict", "deque", "OrderedDict")
)
_ITERATOR_MAKERS = frozenset(
    ("iter", "count", "cycle", "map", "filter", "zip", "enumerate", "reversed", "repeat", "chain")
)


def _line(node: ast.AST) -> int | None:
    return getattr(node, "lineno", None)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names, key=str.lower))


def statements(node: ast.AST, scope: Scope) -> None:
    """Kinds of statement that a pure function of text does without."""
    if isinstance(node, _ASYNC) or (isinstance(node, ast.comprehension) and node.is_async):
        raise Refused(_line(node), "async code is not allowed", "write an ordinary function")
    if isinstance(node, ast.Global | ast.Nonlocal):
        kind = "global" if isinstance(node, ast.Global) else "nonlocal"
        raise Refused(
            _line(node), f"`{kind}` is not allowed: a reward keeps no state", "pass values as arguments and return them"
        )
    if isinstance(node, ast.MatchClass):
        raise Refused(_line(node), "class patterns in `match` are not allowed", "use isinstance")
    if isinstance(node, ast.TryStar):
        raise Refused(_line(node), "`except*` is not allowed", "use `except`")
    if isinstance(node, ast.ClassDef) and node.keywords:
        raise Refused(
            _line(node), "keywords in a class statement are not allowed", "write an ordinary class or a dataclass"
        )


def identifiers(node: ast.AST, scope: Scope) -> None:
    """Identifiers are ASCII, and dunder names are the interpreter's."""
    names = list(bindings(node))
    if isinstance(node, ast.Name):
        names = [node.id]
    elif isinstance(node, ast.alias):
        names = [node.asname] if node.asname else []
    elif isinstance(node, ast.keyword) and node.arg:
        names = [node.arg]
    elif isinstance(node, ast.Attribute):
        names = [node.attr]
    for name in names:
        if not name.isascii():
            raise Refused(_line(node), "an identifier has letters outside ASCII", "use plain letters, digits and _")
        if name.startswith("__") and not isinstance(node, ast.Attribute):
            if isinstance(node, ast.FunctionDef) and name in METHODS:
                continue
            hint = "leave the `if __name__ == ...` block out" if name == "__name__" else "use a plain name"
            raise Refused(_line(node), f"the name `{name}` is not allowed", hint)


def imports(node: ast.AST, scope: Scope) -> None:
    """Allowed modules, and from them the allowed names."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            _check_module(node, alias.name)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise Refused(_line(node), "relative imports are not allowed", "a reward is one file")
        _check_module(node, node.module or "")
        for alias in node.names:
            _check_member(node, node.module or "", alias.name)


def _check_module(node: ast.AST, name: str) -> None:
    if name not in MODULES:
        top = name.partition(".")[0]
        why = f" ({WHY_NOT[top]})" if top in WHY_NOT else ""
        allowed = _listed(frozenset(MODULES) - {"__future__"})
        raise Refused(_line(node), f"the module `{name}` is not available{why}", f"allowed: {allowed}")


def _check_member(node: ast.AST, module: str, name: str) -> None:
    if name not in MODULES[module]:
        what = f"`{module}.{name}` is not available" if name != "*" else f"`from {module} import *` is not allowed"
        raise Refused(_line(node), what, f"of {module} there are: {_listed(MODULES[module])}")


def names(node: ast.AST, scope: Scope) -> None:
    """A name that is read is bound in the file or is an allowed builtin; `type` is for asking, not for making
    classes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type":
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise Refused(
                _line(node), "`type` with several arguments is not allowed", "write a class statement or a dataclass"
            )
    elif (
        isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.id not in scope.bound
        and node.id not in BUILTINS
    ):
        if node.id in WHY_NOT:
            raise Refused(_line(node), f"`{node.id}` is not available", WHY_NOT[node.id])
        hint = f"add `import {node.id}`" if node.id in MODULES else "define it in the file, or use another builtin"
        raise Refused(_line(node), f"the name `{node.id}` is not defined", hint)


def attributes(node: ast.AST, scope: Scope) -> None:
    """No attribute that leads to the interpreter's insides; of a module only its allowed names, and those unchanged."""
    if not isinstance(node, ast.Attribute):
        return
    name = node.attr
    if name.startswith("_") and not (name == "__init__" and _is_super(node.value)):
        raise Refused(
            _line(node), f"the attribute `.{name}` is not allowed", "use attributes without a leading underscore"
        )
    if name in FRAME_ATTRIBUTES:
        raise Refused(
            _line(node), f"the attribute `.{name}` is not allowed", "a reward does not look into the interpreter"
        )
    if name in STATE_ATTRIBUTES:
        raise Refused(_line(node), f"the attribute `.{name}` is not allowed", "a reward keeps no state between calls")
    if isinstance(node.value, ast.Name) and node.value.id in scope.aliases:
        module = scope.aliases[node.value.id]
        if not isinstance(node.ctx, ast.Load):
            raise Refused(
                _line(node), f"`{module}.{name}` is assigned to", "modules cannot be changed; use a name of your own"
            )
        if module in MODULES:
            _check_member(node, module, name)


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args


def formats(node: ast.AST, scope: Scope) -> None:
    """`.format` walks attributes by itself: allowed as a call on a literal whose fields are plain names or numbers."""
    if isinstance(node, ast.Attribute) and node.attr == "format_map":
        raise Refused(_line(node), "`.format_map` is not allowed", "use an f-string")
    if isinstance(node, ast.Attribute) and node.attr == "format":
        literal = node.value
        if not (isinstance(literal, ast.Constant) and isinstance(literal.value, str) and _plain_fields(literal.value)):
            raise Refused(_line(node), "`.format` is only allowed on a literal with plain fields", "use an f-string")


def _plain_fields(text: str, depth: int = 0) -> bool:
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return False
    for _, field, spec, _ in fields:
        if field is not None and not (field.isidentifier() or field.isdecimal() or field == ""):
            return False
        if spec and (depth > 1 or not _plain_fields(spec, depth + 1)):
            return False
    return True


def state(node: ast.AST, scope: Scope) -> None:
    """No value that remembers earlier calls: mutable defaults, and iterators or generators at module level."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if isinstance(default, _MUTABLE) or (default is not None and _called(default) in _MUTABLE_MAKERS):
                raise Refused(_line(default), "a mutable default keeps state between calls", "use a tuple, or None")
    if isinstance(node, ast.Module):
        for statement in node.body:
            value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.GeneratorExp) or (value is not None and _called(value) in _ITERATOR_MAKERS):
                raise Refused(
                    _line(statement),
                    "an iterator at module level keeps state between calls",
                    "make a tuple or list of it",
                )


def _called(node: ast.AST) -> str | None:
    """The last name of what a call calls: `count` of `itertools.count()`."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr if isinstance(node.func.value, ast.Name) else None
    return node.func.id if isinstance(node.func, ast.Name) else None


RULES: tuple[Rule, ...] = (statements, identifiers, imports, names, attributes, formats, state)
