"""The bytes between parent and worker: everything packed comes back, and nothing crashes the one who reads."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsearch.rewards.sandbox import RewardFault
from rewardsearch.rewards.sandbox.worker.faults import breach_fault, check_result, raised_fault
from rewardsearch.rewards.sandbox.worker.protocol import BREACHES, Breach, Call, ProtocolError, Raised, Result

TEXTS = st.lists(st.text(st.characters(), max_size=20), max_size=5)
NUMBERS = st.lists(st.floats(allow_nan=False), max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), TEXTS | NUMBERS, max_size=4),
    st.floats(allow_nan=False),
    st.integers(0, 2**32 - 1),
)
def test_a_call_comes_back_as_it_was_packed(
    arguments: dict[str, list[str] | list[float]], seconds: float, key: int
) -> None:
    call = Call(key, seconds, 2 * seconds, 1, arguments)
    assert Call.unpack(call.pack()) == call


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=9), st.text(max_size=9))
def test_a_result_comes_back_as_it_was_packed(row: list[float], printed: str) -> None:
    result = Result(("a", "b"), (tuple(row), tuple(row)), ("answer",), printed)
    assert Result.unpack(result.pack()) == result


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(BREACHES), st.integers(0, 2**32 - 1), st.text(max_size=9))
def test_every_breach_has_a_sentence(which: str, count: int, name: str) -> None:
    breach = Breach.unpack(Breach(which, count, name, name).pack())
    assert (breach.which, breach.count) == (which, count)
    assert "\n" not in breach_fault(breach, 8, "x = 1\n").reason


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (Call.unpack, Result.unpack, Breach.unpack, Raised.unpack):
        with contextlib.suppress(ProtocolError):
            value = read(body)
            if isinstance(value, Result):
                with contextlib.suppress(RewardFault):
                    check_result(value, 4, 1000.0)
            elif isinstance(value, Raised):
                assert "\n" not in raised_fault(value, "x = 1\n" * 10).reason


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(0, 100))
def test_a_damaged_result_is_read_or_refused(noise: bytes, place: int) -> None:
    body = Result(("a",), ((1.0, 2.0),), (), "x").pack()
    place %= len(body)
    with contextlib.suppress(ProtocolError, RewardFault):
        check_result(Result.unpack(body[:place] + noise + body[place + len(noise) :]), 2, 1000.0)


# --- the same bytes by a second hand: written and read here with nothing of the package's --------------------------

NAMES = st.lists(st.text(st.characters(), max_size=6), max_size=4, unique=True)
ANY_FLOAT = st.floats()
UNSIGNED = st.integers(0, 2**32 - 1)


class Short(Exception):
    """The bytes are no such message."""


def u32(value: int) -> bytes:
    return bytes((value >> shift) & 255 for shift in (0, 8, 16, 24))


def f64(value: float) -> bytes:
    return struct.pack("<d", value)


def packed(texts: Sequence[str]) -> bytes:
    blobs = [text.encode("utf-8", "surrogatepass") for text in texts]
    return u32(len(blobs)) + b"".join(u32(len(blob)) for blob in blobs) + b"".join(blobs)


def packed_values(values: Sequence[str] | Sequence[float]) -> bytes:
    numbers = [value for value in values if isinstance(value, float)]
    if numbers:
        return b"f" + u32(len(numbers)) + b"".join(map(f64, numbers))
    return b"t" + packed([str(value) for value in values])


class Cursor:
    def __init__(self, body: bytes) -> None:
        self.left = body

    def cut(self, size: int) -> bytes:
        if size > len(self.left):
            raise Short
        part, self.left = self.left[:size], self.left[size:]
        return part

    def number(self) -> int:
        return sum(byte << 8 * i for i, byte in enumerate(self.cut(4)))

    def texts(self) -> list[str]:
        count = self.number()
        if 4 * count > len(self.left):
            raise Short
        sizes = [self.number() for _ in range(count)]
        try:
            return [self.cut(size).decode("utf-8", "surrogatepass") for size in sizes]
        except UnicodeDecodeError:
            raise Short from None

    def values(self) -> list[str] | list[bytes]:
        kind = self.cut(1)
        if kind == b"t":
            return self.texts()
        count = self.number() if kind == b"f" else -1
        if not 0 <= 8 * count <= len(self.left):
            raise Short
        return [self.real() for _ in range(count)]

    def real(self) -> bytes:
        return self.cut(8)

    def done(self) -> None:
        if self.left:
            raise Short


def read_call(body: bytes) -> object:
    cursor = Cursor(body)
    key, cpu_s, wall_s, repeats = cursor.number(), cursor.real(), cursor.real(), cursor.number()
    arguments = {name: cursor.values() for name in cursor.texts()}
    cursor.done()
    return key, cpu_s, wall_s, repeats, list(arguments.items())


def read_result(body: bytes) -> object:
    cursor = Cursor(body)
    printed, changed, names = cursor.texts(), cursor.texts(), cursor.texts()
    rows, width = cursor.number(), cursor.number()
    if len(printed) != 1 or rows != (len(names) or 1) or rows * width * 8 > len(cursor.left):
        raise Short
    table = [[cursor.real() for _ in range(width)] for _ in range(rows)]
    cursor.done()
    return names, table, changed, printed[0]


def read_breach(body: bytes) -> object:
    cursor = Cursor(body)
    which, count, texts = cursor.number(), cursor.number(), cursor.texts()
    cursor.done()
    if which > 6 or len(texts) != 3:
        raise Short
    return which, count, texts


def read_raised(body: bytes) -> object:
    cursor = Cursor(body)
    line, texts = cursor.number(), cursor.texts()
    cursor.done()
    if len(texts) != 2:
        raise Short
    return line, *texts


def flat(value: object) -> object:
    """A message of the package in the form that the readers above give: floats as their bytes."""
    if isinstance(value, Call):
        arguments = [
            (name, [each if isinstance(each, str) else f64(each) for each in values])
            for name, values in value.arguments.items()
        ]
        return value.key, f64(value.cpu_s), f64(value.wall_s), value.repeats, arguments
    if isinstance(value, Result):
        table = [[f64(number) for number in row] for row in value.rows]
        return list(value.names), table, list(value.changed), value.printed
    if isinstance(value, Breach):
        return BREACHES.index(value.which), value.count, [value.type, value.component, value.printed]
    assert isinstance(value, Raised)
    return value.line, value.type, value.printed


READERS: list[tuple[Callable[[bytes], object], Callable[[bytes], object]]] = [
    (Call.unpack, read_call),
    (Result.unpack, read_result),
    (Breach.unpack, read_breach),
    (Raised.unpack, read_raised),
]


def assert_read_alike(body: bytes) -> None:
    for read, reference in READERS:
        try:
            wanted: object = reference(body)
        except Short:
            wanted = None
        try:
            got: object = flat(read(body))
        except ProtocolError:
            got = None
        assert got == wanted


@st.composite
def messages(draw: st.DrawFn) -> tuple[Call | Result | Breach | Raised, bytes]:
    """A message and its bytes, packed here."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        arguments = {name: draw(TEXTS | st.lists(ANY_FLOAT, max_size=5)) for name in draw(NAMES)}
        call = Call(draw(UNSIGNED), draw(ANY_FLOAT), draw(ANY_FLOAT), draw(UNSIGNED), arguments)
        lists = b"".join(map(packed_values, arguments.values()))
        head = u32(call.key) + f64(call.cpu_s) + f64(call.wall_s) + u32(call.repeats)
        return call, head + packed(list(arguments)) + lists
    if kind == 1:
        names, width = draw(NAMES), draw(st.integers(0, 4))
        row = st.lists(ANY_FLOAT, min_size=width, max_size=width).map(tuple)
        rows = tuple(draw(row) for _ in range(len(names) or 1))
        result = Result(tuple(names), rows, tuple(draw(NAMES)), draw(st.text(st.characters(), max_size=9)))
        head = packed([result.printed]) + packed(result.changed) + packed(result.names)
        return result, head + u32(len(rows)) + u32(width) + b"".join(f64(number) for row in rows for number in row)
    if kind == 2:
        which, count = draw(st.integers(0, 6)), draw(UNSIGNED)
        breach = Breach(BREACHES[which], count, *(draw(st.text(max_size=9)) for _ in range(3)))
        return breach, u32(which) + u32(count) + packed([breach.type, breach.component, breach.printed])
    raised = Raised(draw(st.text(max_size=9)), draw(UNSIGNED), draw(st.text(max_size=9)))
    return raised, u32(raised.line) + packed([raised.type, raised.printed])


@settings(max_examples=300, deadline=None)
@given(messages())
def test_a_message_is_packed_and_read_as_by_a_second_hand(drawn: tuple[Call | Result | Breach | Raised, bytes]) -> None:
    message, body = drawn
    assert message.pack() == body
    assert_read_alike(body)


@settings(max_examples=500, deadline=None)
@given(messages(), st.lists(st.tuples(st.integers(0, 2), UNSIGNED, st.binary(max_size=5)), min_size=1, max_size=3))
def test_a_damaged_message_is_read_as_by_a_second_hand(
    drawn: tuple[Call | Result | Breach | Raised, bytes], damage: list[tuple[int, int, bytes]]
) -> None:
    _, body = drawn
    for how, where, noise in damage:
        place = where % (len(body) + 1)
        skipped = (0, len(noise), where % 7)[how]
        body = body[:place] + (noise if how < 2 else b"") + body[place + skipped :]
    assert_read_alike(body)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b"\0\0\0\0", b"\1\0\0\0", b"\2\0\0\0", b"\xff\xff\xff\xff", b"ab", b"\xff"]), max_size=12)
)
def test_any_counts_are_read_as_by_a_second_hand(parts: list[bytes]) -> None:
    assert_read_alike(b"".join(parts))


@settings(max_examples=100, deadline=None)
@given(messages(), st.data())
def test_a_message_cut_short_or_longer_is_refused(
    drawn: tuple[Call | Result | Breach | Raised, bytes], data: st.DataObject
) -> None:
    message, body = drawn
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    for damaged in (cut, body + b"\0"):
        with pytest.raises(ProtocolError):
            type(message).unpack(damaged)
