"""What holds in the worker when code is past the static policy: forged answers, changed dataclasses, a compile bomb."""

from __future__ import annotations

import resource
import struct
from collections.abc import Iterator

import pytest

from rewardsearch.config import SandboxConfig
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardFault, Sandbox, check_static

HEAD = "def reward(prompts, completions, answer, **columns):\n"
BATCH = Batch(prompts=("q", "r"), completions=("c", "d"), answer=("3", "4"))
HONEST = HEAD + "    return [0.25] * len(completions)\n"
# Finds the memory that the worker reads the answer from, and writes three answers of 5.0 into it.
FORGER = f"""
FIVE = {struct.pack("<d", 5.0)!r}

def number(n):
    return n.to_bytes(4, "little")

def reward(prompts, completions, answer, **columns):
    try:
        1 / 0
    except ZeroDivisionError as error:
        frame = error.__traceback__.tb_frame
    while "shared" not in frame.f_locals:
        frame = frame.f_back
    shared = frame.f_locals["shared"]
    body = number(1) + number(0) + number(0) + number(0) + number(1) + number(2) + FIVE + FIVE
    frames = (number(len(body)) + b"R" + body) * 3
    shared[4:4 + len(frames)] = frames
    shared[:4] = number(len(frames))
    frame.f_globals["os"]._exit(0)
"""


@pytest.fixture(scope="module")
def unchecked() -> Iterator[Sandbox]:
    """A sandbox without the static policy."""
    with Sandbox(SandboxConfig(call_s=3.0, memory_mb=256), static=lambda code: None) as box:
        yield box


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(call_s=3.0, memory_mb=256)) as box:
        yield box


def test_an_answer_with_more_answers_behind_it_is_none_and_no_later_call_reads_them(unchecked: Sandbox) -> None:
    with pytest.raises(RewardFault) as caught:
        unchecked.call(FORGER, BATCH)
    assert caught.value.kind == "died"
    for _ in range(3):
        assert unchecked.call(HONEST, BATCH).rewards == (0.25, 0.25)


@pytest.mark.parametrize(
    "code",
    [
        "from dataclasses import dataclass, field\nF = field(default=0)\n@dataclass\nclass A:\n    x: int = F\n"
        "F.name = 'x, 1/0'\n@dataclass(init=False, repr=False)\nclass B(A):\n    pass\n",
        "from dataclasses import astuple, dataclass, field\nF = field(default=0)\n@dataclass\nclass A:\n    x: int = F\n"
        "F.name = '__class__'\nastuple(A())\n",
        "from dataclasses import dataclass, field, replace\nF = field(default=0)\n@dataclass\nclass A:\n    x: int = F\n"
        "F.name = '__init__'\nreplace(A())\n",
        "from dataclasses import dataclass, field\nclass F(type(field())):\n    name = 'x'\n"
        "f = field(default=0)\ng = F(f.default, f.default_factory, f.init, f.repr, f.hash, f.compare, f.metadata, f.kw_only)\n"
        "@dataclass\nclass A:\n    x: int = g\n",
        "import re\nM = type(re)\n",
        "M = type(int)\n",
        "from collections.abc import Mapping\nM = type(Mapping)\n",
        "from dataclasses import dataclass\nfrom typing import TypedDict\ndataclass(TypedDict('T', {'x, 1/0': int}))\n",
        "from dataclasses import dataclass, field\nF = field(default=0)\nclass Late:\n    def __bool__(self):\n"
        "        F.name = 'x, 1/0'\n        return True\n"
        "@dataclass\nclass A:\n    a: int = field(default=0, compare=Late())\n    b: int = F\n",
    ],
)
def test_what_would_make_code_or_attributes_of_texts_raises(unchecked: Sandbox, code: str) -> None:
    with pytest.raises(RewardFault, match="raised TypeError"):
        unchecked.call(code + HONEST, BATCH)


def test_ordinary_dataclasses_are_as_ever(sandbox: Sandbox) -> None:
    code = (
        "from dataclasses import asdict, astuple, dataclass, field, fields, replace\n"
        "@dataclass(frozen=True, order=True)\nclass P:\n    w: float = 1.0\n    xs: list = field(default_factory=list)\n"
        "@dataclass\nclass Q(P.__class__ if False else object):\n    p: P = P()\n    n: int = 2\n"
    ).replace("P.__class__ if False else object", "")
    body = "    q = replace(Q(), n=3)\n    return [float(asdict(q)['n'] + len(fields(q))), astuple(q)[0][0] + (P() < P(2.0))]\n"
    assert sandbox.call(code + HEAD + body, BATCH).rewards == (5.0, 2.0)


def test_type_tells_an_objects_class_and_nothing_else(sandbox: Sandbox) -> None:
    body = "    xs: list[type[int]] = [int]\n    return [float(type(1) is int and isinstance(int, type)), float(len(xs))]\n"
    assert sandbox.call(HEAD + body, BATCH).rewards == (1.0, 1.0)


def largest_child_mb() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def test_a_compile_bomb_is_refused_and_would_meet_the_workers_limit(unchecked: Sandbox) -> None:
    lines, depth = [], 22
    for i in range(depth):
        lines += ["    " * (i + 1) + "try:", "    " * (i + 2) + "x = 1", "    " * (i + 1) + "finally:"]
    code = HEAD + "\n".join(lines) + "\n" + "    " * (depth + 1) + "x = 2\n    return [0.0] * len(completions)\n"
    fault = check_static(code)
    assert fault is not None and fault.what == "`finally` is nested more than 3 deep"
    # The largest child of this process so far may be one of another test.
    before_mb = largest_child_mb()
    with pytest.raises(RewardFault) as caught:
        unchecked.call(code, BATCH)
    assert caught.value.kind in ("memory", "timeout")
    unchecked.close()
    assert largest_child_mb() < max(before_mb + 1, 1024)
    assert unchecked.call(HONEST, BATCH).rewards == (0.25, 0.25)
