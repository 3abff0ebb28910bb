"""Fuzz of what a worker says: whatever comes through the pipe is an answer or a fault, within the deadline."""

from __future__ import annotations

import json
import math
import random
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fuzzing import BOUND, PLAIN, SHARED, batch, same
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardFault, RewardOutput, Sandbox
from rewardsearch.rewards.sandbox.worker import client, process
from rewardsearch.rewards.sandbox.worker.protocol import HEADER, Breach, Raised, Result, frame, with_used

# --- what a worker says ---------------------------------------------------------------------------------------------

FAKE = '''\
"""Greets as a worker does, then does what plan.json says at each call; without a plan, it answers well."""
import json, os, struct, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))

def read(n):
    data = b""
    while len(data) < n:
        part = os.read(0, n - len(data))
        if not part:
            os._exit(0)
        data += part
    return data

def take():
    size, kind = struct.unpack("<Ic", read(5))
    return kind, read(size)

def write(data):
    while data:
        data = data[os.write(1, data):]

with open(os.path.join(HERE, "plan.json")) as file:
    plan = json.load(file)
take()
hello = bytes.fromhex(plan["hello"])
write(struct.pack("<Ic", len(hello), b"H") + hello)
if plan["deaf"]:
    time.sleep(60)
while True:
    kind, body = take()
    if kind == b"C":
        for piece in plan["pieces"]:
            if piece is None:
                time.sleep(0.03)
            else:
                write(bytes.fromhex(piece))
        if plan["then"] == "exit":
            os._exit(0)
        if plan["then"] == "close":
            os.close(1)
            time.sleep(60)
        if plan["then"] == "flood":
            while True:
                write(b"\\x00" * 65536)
'''
CALL_S = 0.2
SIZE = 2


class Fake:
    """A Sandbox whose worker is the script above, and the plan that the next one follows."""

    def __init__(self, folder: Path) -> None:
        self.plan_file = folder / "plan.json"
        self.box = Sandbox(SandboxConfig(call_s=CALL_S), BOUND, patience=1.0)

    def plan(
        self,
        *pieces: bytes | None,
        then: str = "stay",
        hello: bytes = b"[]",
        deaf: bool = False,
    ) -> None:
        self.box.close()
        hexes = [None if piece is None else piece.hex() for piece in pieces]
        self.plan_file.write_text(json.dumps({"pieces": hexes, "then": then, "hello": hello.hex(), "deaf": deaf}))

    def call(self) -> RewardOutput | RewardFault | MachineError:
        assert self.box.layers == ()
        started = time.monotonic()
        try:
            return self.box.call(PLAIN, batch(SIZE))
        except (RewardFault, MachineError) as fault:
            return fault
        finally:
            # A silent worker is asked twice.
            assert time.monotonic() - started < 2 * (1.5 * CALL_S + 1.0)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fake]:
    folder = tmp_path_factory.mktemp("fake")
    (folder / "worker.py").write_text(FAKE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_WORKER", folder / "worker.py")
        fake = Fake(folder)
        yield fake
        fake.box.close()


def answered(kind: bytes, body: bytes = b"", used_s: float = 0.25) -> bytes:
    return frame(kind, with_used(used_s, body))


VALID = answered(b"R", Result((), ((1.0, -2.5),), (), "").pack())
TABLE = answered(b"R", Result(("a", "b"), ((1.0, 2.0), (0.5, -0.5)), ("answer",), "said\n").pack())
FRAMES = (
    VALID,
    TABLE,
    answered(b"E", Raised("ValueError", 2).pack()),
    answered(b"K", Breach("length", 3, "int", "a").pack()),
    answered(b"T"),
    answered(b"Z"),
    answered(b"M"),
    answered(b"D", (9).to_bytes(4, "little")),
    answered(b"T", used_s=-1.0),
    answered(b"T", used_s=math.nan),
)


def texts(body: bytes, at: int) -> tuple[list[str], int]:
    """Texts at `at` of a body, written apart from the package's reader. Raises ValueError."""

    def u32(at: int) -> int:
        if at + 4 > len(body):
            raise ValueError
        return body[at] | body[at + 1] << 8 | body[at + 2] << 16 | body[at + 3] << 24

    count = u32(at)
    at += 4
    if at + 4 * count > len(body):
        raise ValueError
    sizes = [u32(at + 4 * i) for i in range(count)]
    at += 4 * count
    out = []
    for size in sizes:
        if at + size > len(body):
            raise ValueError
        out.append(body[at : at + size].decode("utf-8", "surrogatepass"))
        at += size
    return out, at


def read_result(body: bytes) -> RewardOutput | str:
    """The output in a RESULT's body, "contract" for one out of contract, "died" for what is no result."""
    try:
        printed, at = texts(body, 0)
        _, at = texts(body, at)
        names, at = texts(body, at)
    except ValueError:
        return "died"
    rest = body[at:]
    if len(rest) < 8 or len(printed) != 1:
        return "died"
    count, width = int.from_bytes(rest[:4], "little"), int.from_bytes(rest[4:8], "little")
    if count != max(1, len(names)) or len(rest) - 8 != 8 * count * width:
        return "died"
    if width != SIZE or len(set(names)) != len(names) or len(names) > 32:
        return "contract"
    if any(not 1 <= len(name) <= 64 or not name.isprintable() or "/" in name for name in names):
        return "contract"
    values = [struct.unpack("<d", rest[8 + 8 * i : 16 + 8 * i])[0] for i in range(count * width)]
    table = [tuple(values[i * width : (i + 1) * width]) for i in range(count)]
    totals = tuple(sum(column) for column in zip(*table, strict=True)) if names else table[0]
    if any(not math.isfinite(v) or abs(v) > BOUND for v in (*values, *totals)):
        return "contract"
    return RewardOutput(totals, dict(zip(names, table, strict=True)) if names else {}, names=tuple(names))


def answer_to(data: bytes, then: str) -> RewardOutput | str:
    """What the parent must make of the bytes that a worker says and of what it does after them."""
    short = "timeout" if then == "stay" else "died"
    if then == "flood":
        data += b"\0" * 10**6
    if len(data) < 5:
        return short
    size, kind, body = int.from_bytes(data[:4], "little"), data[4:5], data[5:]
    if size > 2**16 + 8 * 33 * SIZE:
        return "died"
    if len(body) < size:
        return short
    body = body[:size]
    if len(body) < 8 or not 0 <= struct.unpack("<d", body[:8])[0] < math.inf:
        return "died"
    body = body[8:]
    if kind == b"R":
        return read_result(body)
    try:
        if kind == b"E" and len(body) >= 4:
            names, at = texts(body, 4)
            return "raised" if len(names) == 2 and at == len(body) else "died"
        if kind == b"K" and len(body) >= 8:
            names, at = texts(body, 8)
            fine = len(names) == 3 and at == len(body) and int.from_bytes(body[:4], "little") < 7
            return "contract" if fine else "died"
    except ValueError:
        return "died"
    return {b"T": "timeout", b"Z": "timeout", b"M": "memory", b"V": "starved"}.get(kind, "died")


def judge(got: RewardOutput | RewardFault | MachineError, want: RewardOutput | str) -> None:
    if want == "starved":
        assert isinstance(got, MachineError), got
    elif isinstance(want, str):
        assert isinstance(got, RewardFault), got
        assert got.kind == want
        assert "\n" not in got.reason
    else:
        assert isinstance(got, RewardOutput), got
        assert same(got, want)


def mutate(data: bytes, seed: int) -> bytes:
    """`data` with a few bytes changed, dropped, doubled or put in; the length in the header kept true half of the time."""
    rng = random.Random(seed)
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(4):
            case 0 if at < len(out):
                out[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
            case 1:
                del out[at : at + rng.randint(1, 8)]
            case 2:
                out[at:at] = rng.randbytes(rng.randint(1, 8))
            case _:
                out[at:at] = out[at : at + rng.randint(1, 12)]
    if rng.random() < 0.5 and len(out) >= 5:
        out[:4] = (len(out) - 5).to_bytes(4, "little")
    return bytes(out)


SPOKEN = st.one_of(
    st.binary(max_size=60),
    st.tuples(st.sampled_from(FRAMES), st.integers(0, 10**6)).map(lambda drawn: mutate(*drawn)),
    st.tuples(st.sampled_from(FRAMES), st.integers(0, 60)).map(lambda drawn: drawn[0][: drawn[1]]),
    st.tuples(st.sampled_from([b"R", b"E", b"K", b"H", b"C", b"B", b"?"]), st.binary(max_size=60)).map(
        lambda d: frame(*d)
    ),
    st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([b"R", b"T"])).map(lambda d: struct.pack("<Ic", *d)),
    st.sampled_from(FRAMES),
)


@settings(max_examples=20, deadline=None, suppress_health_check=SHARED)
@given(st.lists(SPOKEN, max_size=2), st.sampled_from(("exit", "exit", "exit", "close", "stay", "flood")), st.booleans())
def test_whatever_a_worker_says_is_an_answer_or_a_fault(fake: Fake, said: list[bytes], then: str, late: bool) -> None:
    pieces: list[bytes | None] = [*said]
    if late:
        pieces[1:1] = [None]
    fake.plan(*pieces, then=then)
    judge(fake.call(), answer_to(b"".join(said), then))
    fake.plan(VALID)
    assert fake.call() == RewardOutput((1.0, -2.5))


@pytest.mark.parametrize("place", [*range(HEADER.size), len(VALID) - 1])
def test_every_byte_of_a_frames_head_and_the_last_one_may_be_wrong(fake: Fake, place: int) -> None:
    for mask in (0x01, 0xFF):
        damaged = bytearray(VALID)
        damaged[place] ^= mask
        fake.plan(bytes(damaged), then="exit")
        judge(fake.call(), answer_to(bytes(damaged), "exit"))


def test_every_byte_of_a_result_may_be_anything() -> None:
    box, body = Sandbox(SandboxConfig(), BOUND), TABLE[5:]
    for place in range(len(body)):
        for mask in (*(1 << bit for bit in range(8)), 0x7F, 0xFF):
            damaged = body[:place] + bytes([body[place] ^ mask]) + body[place + 1 :]
            judge(parsed(box, b"R", damaged), answer_to(frame(b"R", damaged), "exit"))


def parsed(box: Sandbox, kind: bytes, body: bytes) -> RewardOutput | RewardFault | MachineError:
    """What the parent makes of a whole frame, without a process."""
    try:
        _, rest = client.protocol.split_used(body)
        return box.parse_answer(kind, rest, PLAIN, SIZE, ("prompts", "completions", "answer"), 1.0)
    except RewardFault as fault:
        return fault
    except client.Starved:
        return MachineError("starved")
    except client.ProtocolError:
        return RewardFault("died", "protocol")


@settings(max_examples=500, deadline=None)
@given(SPOKEN)
def test_a_whole_frame_is_judged_as_the_reference_says(said: bytes) -> None:
    if len(said) >= 5 and int.from_bytes(said[:4], "little") == len(said) - 5:
        got = parsed(Sandbox(SandboxConfig(), BOUND), said[4:5], said[5:])
        judge(got, answer_to(said, "exit"))


@pytest.mark.parametrize("then", ["stay", "close", "exit"])
def test_a_worker_that_says_nothing_is_given_up(fake: Fake, then: str) -> None:
    fake.plan(then=then)
    judge(fake.call(), "timeout" if then == "stay" else "died")


def test_a_worker_that_drips_bytes_is_given_up_at_the_deadline(fake: Fake) -> None:
    fake.plan(*(piece for byte in VALID for piece in (bytes([byte]), None)))
    judge(fake.call(), "timeout")


def test_a_worker_that_does_not_listen_is_given_up(fake: Fake) -> None:
    fake.plan(deaf=True)
    large = Batch(prompts=("q" * 2**22,), completions=("c",), answer=("3",))
    assert fake.box.layers == ()
    started = time.monotonic()
    with pytest.raises(RewardFault) as caught:
        fake.box.call(PLAIN, large)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - started < 2 * (1.5 * CALL_S + 1.0)


GREETINGS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "not JSON": lambda: b"\xff\x00",
    "a number": lambda: b"5",
    "null": lambda: b"null",
    "deep": lambda: b"[" * 60_000,
}


@pytest.mark.parametrize("what", GREETINGS)
def test_a_wrong_greeting_is_the_machines_fault(fake: Fake, what: str) -> None:
    fake.plan(VALID, hello=GREETINGS[what]())
    with pytest.raises(MachineError, match="did not start"):
        fake.box.call(PLAIN, batch(SIZE))
    fake.plan(VALID)
    assert fake.call() == RewardOutput((1.0, -2.5))


def test_layers_that_were_never_asked_for_are_not_believed(fake: Fake) -> None:
    fake.plan(VALID, hello=b'["seccomp", "bubblewrap", "magic", 3, [], {}]')
    assert fake.box.layers == ("seccomp",)
