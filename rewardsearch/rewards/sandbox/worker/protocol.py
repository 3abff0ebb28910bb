"""The bytes between the parent and the worker: length-prefixed frames, texts in, packed float64 out.

There is nothing here that an answer could make do anything: no pickle, no parser, every length checked before it is
used. This module is imported on both sides and uses the standard library alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

HEADER: Final = struct.Struct("<Ic")
"""A frame's start: the length of its body in bytes, and its kind."""

INIT, LOAD, CALL, CHECK = b"I", b"L", b"C", b"S"
HELLO, RESULT, RAISED, CONTRACT, MEMORY, DIED, CHECKED = b"H", b"R", b"E", b"K", b"M", b"D", b"B"
TIMEOUT, ASLEEP, STARVED = b"T", b"Z", b"V"
"""A call that was ended: it used up its CPU time; it waited for something; or the machine gave it too little CPU time."""

Values = Sequence[str] | Sequence[float]
"""An argument of a reward: a list of texts, or of numbers for a measured column."""
_TEXTS, _FLOATS = b"t", b"f"

MAX_REQUEST = 64 * 2**20
MAX_COMPONENTS = 32
MAX_NAME = 64
MAX_PRINTED = 4_000
"""Characters of what a call prints that are kept."""
MAX_CODES = 32
"""Files that a worker remembers; the parent forgets at the same number, so that it never calls for a forgotten one."""


def max_answer(size: int) -> int:
    """Bytes that the answer to a call on `size` completions may have."""
    return 2**16 + 8 * (MAX_COMPONENTS + 1) * size


class ProtocolError(ValueError):
    """The bytes are not what the protocol allows."""


class Reader:
    """Reads values off a frame's body. Raises ProtocolError where a length points past the end."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._body):
            raise ProtocolError("a frame ends early")
        part = self._body[self._at : end]
        self._at = end
        return part

    def unsigned(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def floats(self, count: int) -> tuple[float, ...]:
        return struct.unpack(f"<{count}d", self.take(8 * count))

    def texts(self) -> list[str]:
        count = self.unsigned()
        sizes = struct.unpack(f"<{count}I", self.take(4 * count))
        try:
            return [self.take(size).decode("utf-8", "surrogatepass") for size in sizes]
        except UnicodeDecodeError:
            raise ProtocolError("a text is not UTF-8") from None

    def values(self) -> Values:
        """A list of texts or of numbers, as `pack_values` wrote it."""
        kind = self.take(1)
        if kind not in (_TEXTS, _FLOATS):
            raise ProtocolError("a list of neither texts nor numbers")
        return self.texts() if kind == _TEXTS else list(self.floats(self.unsigned()))

    def end(self) -> None:
        if self._at != len(self._body):
            raise ProtocolError("a frame goes on after its end")


def pack_unsigned(value: int) -> bytes:
    return value.to_bytes(4, "little")


def pack_floats(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def pack_texts(texts: Sequence[str]) -> bytes:
    """Count, lengths in bytes, then the UTF-8; lone surrogates survive."""
    blobs = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join((struct.pack(f"<{len(blobs) + 1}I", len(blobs), *map(len, blobs)), *blobs))


def pack_values(values: Values) -> bytes:
    """What kind of list it is, then its values. A list without values is one of texts."""
    if values and not isinstance(values[0], str):
        return _FLOATS + pack_unsigned(len(values)) + pack_floats(cast("Sequence[float]", values))
    return _TEXTS + pack_texts(cast("Sequence[str]", values))


def frame(kind: bytes, body: bytes = b"") -> bytes:
    return HEADER.pack(len(body), kind) + body


def with_used(used_s: float, body: bytes) -> bytes:
    """The body of an answer: the CPU seconds that the call used, as the worker measured them, and what the call gave."""
    return pack_floats((used_s,)) + body


def split_used(body: bytes) -> tuple[float, bytes]:
    """The two parts of `with_used`. Raises ProtocolError."""
    (used_s,) = Reader(body).floats(1)
    if not 0 <= used_s < math.inf:
        raise ProtocolError("a time that cannot be")
    return used_s, body[8:]


def is_component_name(name: str) -> bool:
    """Whether a component may be called so: 1 to 64 printable characters without `/`, which curves join names with."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and "/" not in name


@dataclass(frozen=True)
class Call:
    """One reward call: the argument lists by name, how often to call (all must agree), and the seconds allowed: of CPU time, and
    of wall clock however busy the machine is."""

    key: int
    cpu_s: float
    wall_s: float
    repeats: int
    arguments: Mapping[str, Values]

    def pack(self) -> bytes:
        head = pack_unsigned(self.key) + pack_floats((self.cpu_s, self.wall_s)) + pack_unsigned(self.repeats)
        lists = b"".join(map(pack_values, self.arguments.values()))
        return head + pack_texts(tuple(self.arguments)) + lists

    @staticmethod
    def unpack(body: bytes) -> Call:
        reader = Reader(body)
        key, (cpu_s, wall_s), repeats = reader.unsigned(), reader.floats(2), reader.unsigned()
        names = reader.texts()
        arguments = {name: reader.values() for name in names}
        reader.end()
        return Call(key, cpu_s, wall_s, repeats, arguments)


@dataclass(frozen=True)
class Result:
    """What a call returned. `rows` holds the values, a row a component; without `names` there is one row, the
    rewards."""

    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    changed: tuple[str, ...]
    printed: str

    def pack(self) -> bytes:
        head = pack_texts((self.printed,)) + pack_texts(self.changed) + pack_texts(self.names)
        counts = pack_unsigned(len(self.rows)) + pack_unsigned(len(self.rows[0]))
        return head + counts + b"".join(pack_floats(row) for row in self.rows)

    @staticmethod
    def unpack(body: bytes) -> Result:
        reader = Reader(body)
        printed, changed, names = reader.texts(), reader.texts(), reader.texts()
        rows, columns = reader.unsigned(), reader.unsigned()
        if len(printed) != 1 or rows != max(1, len(names)):
            raise ProtocolError("a result's counts do not agree")
        values = tuple(reader.floats(columns) for _ in range(rows))
        reader.end()
        return Result(tuple(names), values, tuple(changed), printed[0])


BREACHES: Final = ("type", "length", "element", "size", "components", "component", "state")
"""The ways to break the contract that the worker itself sees; the parent writes the sentence."""


@dataclass(eq=False)
class Breach(Exception):
    """A broken contract: which of BREACHES, a count, the name of a type and of a component; and what was printed."""

    which: str
    count: int = 0
    type: str = ""
    component: str = ""
    printed: str = ""

    def pack(self) -> bytes:
        return (
            pack_unsigned(BREACHES.index(self.which))
            + pack_unsigned(self.count)
            + pack_texts((self.type, self.component, self.printed))
        )

    @staticmethod
    def unpack(body: bytes) -> Breach:
        reader = Reader(body)
        index, count, texts = reader.unsigned(), reader.unsigned(), reader.texts()
        reader.end()
        if index >= len(BREACHES) or len(texts) != 3:
            raise ProtocolError("a breach that does not exist")
        return Breach(BREACHES[index], count, *texts)


@dataclass(frozen=True)
class Raised:
    """An exception that left the candidate: its type's name, and the last line of the candidate's file (0: none); and
    what was printed before."""

    type: str
    line: int
    printed: str = ""

    def pack(self) -> bytes:
        return pack_unsigned(self.line) + pack_texts((self.type, self.printed))

    @staticmethod
    def unpack(body: bytes) -> Raised:
        reader = Reader(body)
        line, texts = reader.unsigned(), reader.texts()
        reader.end()
        if len(texts) != 2:
            raise ProtocolError("an exception without a type")
        return Raised(texts[0], line, texts[1])
