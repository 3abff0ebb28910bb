"""The rules of the static policy, each a function of one syntax node that raises StaticFault."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import re
import string
import typing

from rewardsearch.rewards.sandbox.static.allowed import (
    BUILTINS,
    FRAME_ATTRIBUTES,
    HARMLESS_ATTRIBUTES,
    METHODS,
    MODULES,
    PLAIN_ATTRIBUTES,
    STATE_ATTRIBUTES,
    WHY_NOT,
)
from rewardsearch.rewards.sandbox.static.names import bindings
from rewardsearch.rewards.sandbox.static.refusal import Rule, Scope, StaticFault
from rewardsearch.rewards.sandbox.static.state import changes_of_lasting_values, kept_values, root_of

_ASYNC = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
_FRAMES = FRAME_ATTRIBUTES - {"obj", "mro", "with_traceback"}
"""Names that a field may not have either: a class pattern reads fields by position."""


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names, key=lambda name: (name.lower(), name)))


def statements(node: ast.AST, scope: Scope) -> None:
    """Kinds of statement that a pure function of text does without."""
    if isinstance(node, _ASYNC) or (isinstance(node, ast.comprehension) and node.is_async):
        raise StaticFault(node, "async code is not allowed", "write an ordinary function")
    if isinstance(node, ast.Global):
        raise StaticFault(
            node, "`global` is not allowed: a reward keeps no state", "pass values as arguments and return them"
        )
    if isinstance(node, ast.Nonlocal) and id(node) in scope.stateful:
        raise StaticFault(
            node,
            "`nonlocal` is not allowed in a function that the file calls while it is loaded: a reward keeps no state",
            "call the outer function inside `reward`, or pass values as arguments and return them",
        )
    if getattr(node, "type_params", None) or type(node).__name__ in ("TypeAlias", "TemplateStr"):
        raise StaticFault(
            node, "syntax newer than Python 3.11 is not allowed", "use typing.TypeVar for types, an f-string for text"
        )
    if isinstance(node, ast.TryStar):
        raise StaticFault(node, "`except*` is not allowed", "use `except`")
    if isinstance(node, ast.ClassDef) and any(keyword.arg != "total" for keyword in node.keywords):
        raise StaticFault(
            node, "keywords in a class statement are not allowed", "write an ordinary class or a dataclass"
        )


def identifiers(node: ast.AST, scope: Scope) -> None:
    """Identifiers are ASCII, and dunder names are the interpreter's."""
    if id(node) in scope.idioms:
        return
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
            raise StaticFault(node, "an identifier has letters outside ASCII", "use plain letters, digits and _")
        if name == "super" and name in bindings(node):
            raise StaticFault(node, "`super` is bound as a name of the file", "use another name")
        if name in _FRAMES and name in bindings(node):
            raise StaticFault(node, f"the name `{name}` is not allowed", "use another name")
        if name.startswith("__") and not isinstance(node, ast.Attribute):
            if isinstance(node, ast.FunctionDef) and name in METHODS:
                continue
            hint = "leave the `if __name__ == ...` block out" if name == "__name__" else "use a plain name"
            raise StaticFault(node, f"the name `{name}` is not allowed", hint)


def imports(node: ast.AST, scope: Scope) -> None:
    """Allowed modules, and from them the allowed names."""
    if id(node) in scope.meaning.exposed:
        raise StaticFault(node, scope.meaning.exposed[id(node)], "import at the top of the file; use other names")
    if isinstance(node, ast.Import):
        for alias in node.names:
            _check_module(node, alias.name)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise StaticFault(node, "relative imports are not allowed", "a reward is one file")
        _check_module(node, node.module or "")
        for alias in node.names:
            _check_member(node, node.module or "", alias.name)


def _check_module(node: ast.AST, name: str) -> None:
    if name not in MODULES:
        top = name.partition(".")[0]
        why = f" ({WHY_NOT[top]})" if top in WHY_NOT else ""
        allowed = _listed(frozenset(MODULES) - {"__future__"})
        raise StaticFault(node, f"the module `{name}` is not available{why}", f"allowed: {allowed}")


def _check_member(node: ast.AST, module: str, name: str) -> None:
    if name not in MODULES[module]:
        what = f"`{module}.{name}` is not available" if name != "*" else f"`from {module} import *` is not allowed"
        raise StaticFault(node, what, f"of {module} there are: {_listed(MODULES[module])}")


def names(node: ast.AST, scope: Scope) -> None:
    """A name that is read is bound in the file or is an allowed builtin; `type` is for asking, not for making
    classes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type":
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise StaticFault(
                node, "`type` with several arguments is not allowed", "write a class statement or a dataclass"
            )
    elif (
        isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and id(node) not in scope.idioms
        and id(node) in scope.meaning.unbound
        and node.id not in BUILTINS
    ):
        if node.id in WHY_NOT:
            raise StaticFault(node, f"`{node.id}` is not available", WHY_NOT[node.id])
        hint = f"add `import {node.id}`" if node.id in MODULES else "define it in the file, or use another builtin"
        raise StaticFault(node, f"the name `{node.id}` is not defined", hint)
    elif isinstance(node, ast.Name) and node.id == "type" and id(node) in scope.meaning.unbound - scope.askers:
        raise StaticFault(node, "`type` is used as a value", "call it: `type(x)`")
    elif isinstance(node, ast.Name) and id(node) in scope.meaning.modules and isinstance(node.ctx, ast.Load):
        if id(node) not in scope.owners:
            raise StaticFault(node, f"the module `{node.id}` is used as a value", f"write `{node.id}.name`")
    elif isinstance(node, ast.ClassDef) and any(
        isinstance(base, ast.Name) and base.id == "type" for base in node.bases
    ):
        raise StaticFault(node, "a class made from `type` is not allowed", "write an ordinary class or a dataclass")


def attributes(node: ast.AST, scope: Scope) -> None:
    """No attribute that leads to the interpreter's insides; of a module only its allowed names, and those unchanged."""
    if isinstance(node, ast.MatchClass):
        for name in node.kwd_attrs:
            _check_attribute(node, name, scope)
    if not isinstance(node, ast.Attribute):
        return
    name = node.attr
    if id(node) not in scope.idioms and not (name == "__init__" and _is_super(node.value)):
        _check_attribute(node, name, scope)
    module = scope.meaning.imported_name(node.value)
    if module in MODULES:
        _check_member(node, module, name)


def imported_things(node: ast.AST, scope: Scope) -> None:
    """What is imported stays as it is, for whoever else uses it."""
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        root = root_of(node, scope)
        if isinstance(root, ast.Name) and scope.meaning.imported_name(root):
            what = f"`{root.id}` is imported, and something of it is assigned to"
            raise StaticFault(node, what, "what is imported cannot be changed; use a name of your own")


def _check_attribute(node: ast.AST, name: str, scope: Scope) -> None:
    if name.startswith("_") and not _is_own_or_plain(node, name, scope):
        raise StaticFault(
            node, f"the attribute `.{name}` is not allowed", "use attributes without a leading underscore"
        )
    if name in FRAME_ATTRIBUTES:
        raise StaticFault(
            node, f"the attribute `.{name}` is not allowed", "a reward does not look into the interpreter"
        )
    if name in STATE_ATTRIBUTES:
        raise StaticFault(node, f"the attribute `.{name}` is not allowed", "a reward keeps no state between calls")
    if name == "register" and name not in scope.own:
        raise StaticFault(node, "the attribute `.register` is not allowed", "make a subclass instead")


def _is_own_or_plain(node: ast.AST, name: str, scope: Scope) -> bool:
    """Whether an attribute with a leading underscore is one that the file gives to its own objects, and that nothing
    else within its reach has; or one that anyone may read."""
    if name in PLAIN_ATTRIBUTES:
        return not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load)
    return not name.startswith("__") and name in scope.own and name not in reserved_attributes()


@functools.cache
def reserved_attributes() -> frozenset[str]:
    """Attributes with a leading underscore of the classes of all that a reward can reach: builtins, the allowed names of
    the allowed modules, and what those make."""
    members = [getattr(builtins, name) for name in BUILTINS]
    for module, names in MODULES.items():
        real = importlib.import_module(module)
        members += [getattr(real, name) for name in names if hasattr(real, name)]
    members += [re.compile(""), list[int], typing.Callable[[int], int], typing.Literal[1], typing.NamedTuple("T")]
    classes = {cls for m in members for cls in (*type(m).__mro__, *(m.__mro__ if isinstance(m, type) else ()))}
    # Not dir(): enumerations leave their machinery out of it.
    found = {name for cls in classes for name in vars(cls) if name.startswith("_")}
    return frozenset(found | {"_field_type"}) - HARMLESS_ATTRIBUTES


def _is_super(node: ast.AST) -> bool:
    # The name `super` is nobody's to bind.
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args


def formats(node: ast.AST, scope: Scope) -> None:
    """`.format` walks attributes by itself: allowed as a call on a literal whose fields are plain names or numbers."""
    if isinstance(node, ast.Attribute) and node.attr == "format_map":
        raise StaticFault(node, "`.format_map` is not allowed", "use an f-string")
    if isinstance(node, ast.Attribute) and node.attr == "format":
        literal = node.value
        if not (isinstance(literal, ast.Constant) and isinstance(literal.value, str) and _plain_fields(literal.value)):
            raise StaticFault(node, "`.format` is only allowed on a literal with plain fields", "use an f-string")


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


RULES: tuple[Rule, ...] = (
    statements,
    identifiers,
    imports,
    names,
    attributes,
    imported_things,
    formats,
    kept_values,
    changes_of_lasting_values,
)
