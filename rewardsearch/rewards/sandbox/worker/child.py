"""What happens in the forked child: the candidate's file is run, `reward` is called, its return value is packed.

The candidate sees restricted builtins and stand-ins for modules that hold the allowed names only. It runs in this
process all the same, so nothing here is a lock by itself: the static policy, the limits and the kernel layers are.
"""

from __future__ import annotations

import builtins
import importlib
import mmap
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from rewardsearch.rewards.sandbox.worker import protocol
from rewardsearch.rewards.sandbox.worker.guards import guard_dataclasses
from rewardsearch.rewards.sandbox.worker.protocol import Breach, Call, Raised, Result

FILENAME = "<reward>"
_MODULE = "candidate"
_RESERVE = 4 * 2**20


class Facade:
    """Stands for a module and holds its allowed names only."""

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self.__dict__.update(members, __name__=name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("modules cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("modules cannot be changed")


def make_facades(allowed: Mapping[str, Sequence[str]]) -> dict[str, Facade]:
    """A Facade of every module, with those of `allowed` names that this Python has. Imports the modules."""
    guard_dataclasses()
    facades: dict[str, Facade] = {}
    # Longer names first: collections.abc is a member of collections.
    for name in sorted(allowed, key=lambda name: -name.count(".")):
        real = importlib.import_module(name)
        members = {member: getattr(real, member) for member in allowed[name] if hasattr(real, member)}
        inner = {full.rpartition(".")[2]: facade for full, facade in facades.items() if full.rpartition(".")[0] == name}
        facades[name] = Facade(name, {**members, **inner})
    return facades


class Printed:
    """Keeps the first characters of what is printed and drops the rest."""

    def __init__(self) -> None:
        self.text = ""

    def print(self, *values: object, sep: str | None = " ", end: str | None = "\n", **_: object) -> None:
        room = protocol.MAX_PRINTED - len(self.text)
        if room > 0:
            parts = [str(value)[:room] for value in values[:room]]
            self.text += ((" " if sep is None else sep).join(parts) + ("\n" if end is None else end))[:room]


class _AskingType(type):
    """The class of the candidate's `type`: it tells an object's class, and makes none. Of classes and modules it tells
    nothing: their class is what makes classes."""

    def __call__(cls, value: object, /) -> type:
        if isinstance(value, Facade | type):
            raise TypeError("this has no type here")
        return type(value)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, type)


class _Type(metaclass=_AskingType):
    __class_getitem__: Any = classmethod(types.GenericAlias)


def make_builtins(names: Sequence[str], facades: Mapping[str, Facade], printed: Printed) -> dict[str, Any]:
    """The candidate's `__builtins__`: the allowed ones, and an import that knows the facades alone."""

    def load(name: str, globals: object = None, locals: object = None, fromlist: object = (), level: int = 0) -> Facade:
        if level or name not in facades:
            raise ImportError("this module is not available")
        return facades[name] if fromlist else facades[name.partition(".")[0]]

    allowed = {name: getattr(builtins, name) for name in names if hasattr(builtins, name)}
    return allowed | {
        "__import__": load,
        "__build_class__": builtins.__build_class__,
        "type": _Type,
        "print": printed.print,
    }


def run(code: types.CodeType, call: Call, names: Sequence[str], facades: Mapping[str, Facade]) -> bytes:
    """The frame that answers `call`: RESULT, RAISED, CONTRACT or MEMORY."""
    # Address space alone, no page of it touched: touching them costs more than the rest of a call.
    reserve = mmap.mmap(-1, _RESERVE)
    printed = Printed()
    try:
        # dataclasses and typing look their class's module up by name.
        module = sys.modules[_MODULE] = types.ModuleType(_MODULE)
        namespace = module.__dict__
        namespace["__builtins__"] = make_builtins(names, facades, printed)
        exec(code, namespace)
        return protocol.frame(protocol.RESULT, _call(namespace["reward"], call, printed).pack())
    except Breach as breach:
        breach.printed = printed_text(printed)
        return protocol.frame(protocol.CONTRACT, breach.pack())
    except MemoryError:
        # What filled the memory is still held by the traceback: packing an answer needs the reserve back.
        reserve.close()
        return protocol.frame(protocol.MEMORY)
    except BaseException as error:
        reserve.close()
        return protocol.frame(protocol.RAISED, raised(error, printed_text(printed)).pack())


def printed_text(printed: Printed) -> str:
    return printed.text.encode("utf-8", "replace").decode()


def _call(reward: Callable[..., object], call: Call, printed: Printed) -> Result:
    size = len(call.arguments["completions"])
    first: Result | None = None
    for _ in range(call.repeats):
        arguments = {name: list(values) for name, values in call.arguments.items()}
        names, rows = unpack_value(reward(**arguments), size)
        changed = tuple(name for name, values in arguments.items() if not _untouched(values, call.arguments[name]))
        result = Result(names, rows, changed, printed_text(printed))
        if first is None:
            first = result
        elif protocol.pack_floats(sum(rows, ())) != protocol.pack_floats(sum(first.rows, ())) or names != first.names:
            raise Breach("state")
    if first is None:
        raise Breach("state")
    return first


def _untouched(values: Sequence[object], original: Sequence[object]) -> bool:
    """Whether a list holds the very objects it held: what equals them may be anything that says so."""
    return len(values) == len(original) and all(a is b for a, b in zip(values, original, strict=True))


def unpack_value(value: object, size: int) -> tuple[tuple[str, ...], tuple[tuple[float, ...], ...]]:
    """Component names (none for a plain list) and rows of `size` floats. Raises Breach when it is neither form."""
    if type(value) is list:
        return (), (_row(value, size, ""),)
    # A dict by any other class is taken too: Counter and defaultdict are dicts to whoever reads them.
    if not isinstance(value, dict):
        raise Breach("type", type=type(value).__name__)
    if not 1 <= len(value) <= protocol.MAX_COMPONENTS:
        raise Breach("components", count=min(len(value), 2**32 - 1))
    for name in value:
        if type(name) is not str or not protocol.is_component_name(name):
            raise Breach("component")
    rows = []
    for name, row in value.items():
        if type(row) is not list:
            raise Breach("type", type=type(row).__name__, component=name)
        rows.append(_row(row, size, name))
    return tuple(value), tuple(rows)


def _row(values: list[Any], size: int, component: str) -> tuple[float, ...]:
    if len(values) != size:
        raise Breach("length", count=min(len(values), 2**32 - 1), component=component)
    row = []
    for value in values:
        if type(value) is not float and type(value) is not int:
            raise Breach("element", type=type(value).__name__, component=component)
        try:
            row.append(float(value))
        except OverflowError:
            raise Breach("size", component=component) from None
    return tuple(row)


def raised(error: BaseException, printed: str = "") -> Raised:
    """The error's type and its last line within the candidate's file; never its text, which can carry what was read."""
    line = 0
    if isinstance(error, SyntaxError):
        line = error.lineno or 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno or line
        trace = trace.tb_next
    return Raised(type(error).__name__[: protocol.MAX_NAME], max(0, line), printed)
