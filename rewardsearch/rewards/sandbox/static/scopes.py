"""What each name in a file stands for, by Python's own rules of scope: a module, something imported, something of the
file, or a builtin."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from rewardsearch.rewards.sandbox.static.names import bindings

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Kind = Literal["module", "function", "class", "comprehension"]


@dataclass
class Frame:
    """One scope: the names bound in it, those of them that are imported modules, and those that are other imports."""

    kind: Kind
    bound: set[str] = field(default_factory=set)
    modules: dict[str, str] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)
    """Parameters whose value outlives the call: a default value that can be changed, and the class that a class method gets."""
    functions: set[str] = field(default_factory=set)
    """Functions that are defined in it: to a function inside them they are there before the call."""
    values: dict[str, ast.expr] = field(default_factory=dict)
    """Names that are bound once in it, by a plain assignment of this value."""


@dataclass
class Meaning:
    """What the names of a file stand for, by id() of the ast.Name node that reads or writes them."""

    unbound: set[int] = field(default_factory=set)
    """Bound in no scope that is visible there: a builtin, or undefined."""
    modules: dict[int, str] = field(default_factory=dict)
    imported: dict[int, str] = field(default_factory=dict)
    """Imported from a module: which name of which, such as `heapq.merge`."""
    lasting: set[int] = field(default_factory=set)
    """Inside a function, a name whose value outlives the call: of the file's top level, or of Frame.lasting."""
    values: dict[int, ast.expr] = field(default_factory=dict)
    """What a name is bound to, where its scope binds it once."""
    exposed: dict[int, str] = field(default_factory=dict)
    """Nodes that bind a name in such a way that something else may be meant by it later, with the reason: at the top
    level and in classes a name that is unbound again means a builtin."""

    def imported_name(self, node: ast.AST) -> str:
        """What of the allowed modules an expression stands for, such as `collections.abc` or `heapq.merge`; "" for nothing."""
        if isinstance(node, ast.Name):
            return self.modules.get(id(node)) or self.imported.get(id(node), "")
        if isinstance(node, ast.Attribute) and (outer := self.imported_name(node.value)):
            return f"{outer}.{node.attr}"
        return ""


def meaning_of(tree: ast.Module, hidden: Container[str]) -> Meaning:
    """`hidden`: builtins that no name of a top level or class may stand for."""
    meaning = Meaning()
    resolver = _Resolver(meaning, hidden, [])
    resolver.inside(resolver.frame("module", tree.body)).read(tree.body)
    return meaning


def _collected(kind: Kind, body: Iterable[ast.AST], hidden: Container[str], exposed: dict[int, str]) -> Frame:
    frame = Frame(kind)
    outer: set[str] = set()
    times: Counter[str] = Counter()
    assigned: dict[str, ast.expr] = {}
    imports: list[ast.Import | ast.ImportFrom] = []
    for node in own_nodes(body):
        here = [*bindings(node)]
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
            here += [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        for name in here:
            if kind in ("module", "class") and name in hidden:
                exposed[id(node)] = f"`{name}` is bound as a name of the file"
        frame.bound.update(bindings(node))
        times.update(bindings(node))
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                assigned[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                assigned[name] = value
            case ast.FunctionDef(name=name) if kind == "function":
                frame.functions.add(name)
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    frame.modules[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    name = alias.asname or alias.name
                    if (module, alias.name) == ("collections", "abc"):
                        frame.modules[name] = "collections.abc"
                    else:
                        frame.imported[name] = f"{module}.{alias.name}"
            case ast.Global(names=declared) | ast.Nonlocal(names=declared):
                outer.update(declared)
            case _:
                pass
    for statement in imports:
        if kind == "class":
            exposed[id(statement)] = "an import inside a class is not allowed"
        elif outer & (frame.modules.keys() | frame.imported.keys()):
            exposed[id(statement)] = "an import over a `nonlocal` name is not allowed"
    if kind in ("module", "function"):
        frame.values = {name: value for name, value in assigned.items() if times[name] == 1 and name not in outer}
    frame.bound |= frame.modules.keys() | frame.imported.keys()
    frame.bound -= outer
    return frame


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the scopes inside it; of those only what they bind here."""
    pending = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, _Comprehension):
            yield from _bound_through(node)
            continue
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            pending += [
                part for part in ast.iter_child_nodes(node) if part not in node.body and part is not _arguments(node)
            ]
        elif not isinstance(node, ast.Lambda):
            pending += ast.iter_child_nodes(node)


def _bound_through(comprehension: ast.AST) -> Iterator[ast.AST]:
    """The targets of `:=` in a comprehension, which bind where the comprehension stands; not those of a lambda in it."""
    pending = [comprehension]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.NamedExpr):
            yield node.target
        if not isinstance(node, ast.Lambda):
            pending += ast.iter_child_nodes(node)


def _is_class_method(node: _Function) -> bool:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return any(isinstance(decorator, ast.Name) and decorator.id == "classmethod" for decorator in decorators)


def _arguments(node: ast.AST) -> ast.arguments | None:
    return getattr(node, "args", None)


class _Resolver:
    def __init__(self, meaning: Meaning, hidden: Container[str], frames: list[Frame]) -> None:
        self._meaning, self._hidden, self._frames = meaning, hidden, frames

    def frame(self, kind: Kind, body: Iterable[ast.AST]) -> Frame:
        return _collected(kind, body, self._hidden, self._meaning.exposed)

    def inside(self, frame: Frame) -> _Resolver:
        return _Resolver(self._meaning, self._hidden, [*self._frames, frame])

    def read(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if isinstance(node, ast.Name):
                self._resolve(node)
            elif isinstance(node, _Function):
                self._function(node)
            elif isinstance(node, ast.ClassDef):
                self.read((*node.bases, *(keyword.value for keyword in node.keywords), *node.decorator_list))
                self.inside(self.frame("class", node.body)).read(node.body)
            elif isinstance(node, _Comprehension):
                self._comprehension(node)
            elif node is not None:
                self.read(ast.iter_child_nodes(node))

    def _function(self, node: _Function) -> None:
        args = node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
        self.read((*args.defaults, *args.kw_defaults, *(arg.annotation for arg in every)))
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        if not isinstance(node, ast.Lambda):
            self.read((*node.decorator_list, node.returns))
        frame = self.frame("function", body)
        positional = [*args.posonlyargs, *args.args][len(args.posonlyargs) + len(args.args) - len(args.defaults) :]
        pairs = (*zip(positional, args.defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True))
        if not any(outer.kind == "function" for outer in self._frames):
            lasting = {arg.arg for arg, default in pairs if default is not None and changeable(default)}
            if self._frames[-1].kind == "class" and _is_class_method(node):
                lasting.update(arg.arg for arg in (*args.posonlyargs, *args.args)[:1])
            # What is bound anew in the body may be another object there.
            frame.lasting = lasting - frame.bound
        for arg in every:
            frame.values.pop(arg.arg, None)
        frame.bound.update(arg.arg for arg in every)
        self.inside(frame).read(body)

    def _comprehension(self, node: _Comprehension) -> None:
        self.read((node.generators[0].iter,))
        targets = {name for part in node.generators for inner in ast.walk(part.target) for name in bindings(inner)}
        inside = self.inside(Frame("comprehension", bound=targets))
        for place, part in enumerate(node.generators):
            inside.read((part.target, *((part.iter,) if place else ()), *part.ifs))
        inside.read((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,))

    def _resolve(self, node: ast.Name) -> None:
        innermost = self._frames[-1]
        within = any(frame.kind == "function" for frame in self._frames)
        in_class = False
        for frame in reversed(self._frames):
            if node.id not in frame.bound or (frame.kind == "class" and frame is not innermost):
                continue
            if frame.kind == "class":
                # While it is unbound in the class, the same name outside is meant.
                in_class = True
                continue
            if node.id in frame.modules:
                self._meaning.modules[id(node)] = frame.modules[node.id]
            if node.id in frame.imported:
                self._meaning.imported[id(node)] = frame.imported[node.id]
            if node.id in frame.values:
                self._meaning.values[id(node)] = frame.values[node.id]
            around = frame is not innermost and node.id in frame.functions
            if within and (frame.kind == "module" or node.id in frame.lasting or around):
                self._meaning.lasting.add(id(node))
            return
        if not in_class:
            self._meaning.unbound.add(id(node))


_CHANGEABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.Call)


def changeable(value: ast.AST) -> bool:
    """Whether a value may hold something that can be changed in place."""
    return any(isinstance(node, _CHANGEABLE) for node in ast.walk(value))
