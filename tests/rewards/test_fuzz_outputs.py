"""Fuzz of what rewards return: the sandbox judges it as the contract says, and nothing crashes the parent."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator
from typing import Any

import pytest
from fuzzing import BOUND, HEAD, PLAIN, SHARED, batch, same
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsearch.config import SandboxConfig
from rewardsearch.rewards.sandbox import RewardFault, RewardOutput, Sandbox, check_static

# --- what a reward returns ------------------------------------------------------------------------------------------

PRELUDE = """\
import collections
import decimal
import fractions

NAN = float("nan")
INF = float("inf")


class L(list):
    def __len__(self):
        return 2

    def __iter__(self):
        return iter([1.0, 2.0])

    def __getitem__(self, index):
        return 1.0


class F(float):
    def __float__(self):
        return 7.0

    def __eq__(self, other):
        return True

    def __abs__(self):
        return 0.0


class I(int):
    def __float__(self):
        return NAN

    def __int__(self):
        return 10**9


class S(str):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def __len__(self):
        return 1

    def isprintable(self):
        return True


class D(dict):
    def __len__(self):
        return 1

    def __iter__(self):
        return iter(["a", "a", "b"])

    def items(self):
        return [("a", [1.0, 2.0]), ("a", [3.0]), ("b/", [NAN])]

    def keys(self):
        return ["z"]

    def values(self):
        return [[0.0]]


class E(dict):
    def items(self):
        return [("x" * 99, [1.0])] * 50

    def __len__(self):
        raise KeyError("x")


class Odd:
    def __float__(self):
        return 1.0

    def __len__(self):
        return 1

    def __iter__(self):
        yield 1.0

    def __getitem__(self, index):
        return 1.0

    def __eq__(self, other):
        return True

    def __bool__(self):
        raise ValueError
"""
DISGUISE = """

class Disguised:
    __class__ = dict

    def __len__(self):
        return 1

    def __iter__(self):
        return iter(["a"])

    def items(self):
        return [("a", [1.0, NAN])]


class Endless(dict):
    def items(self):
        while True:
            yield ("a", [0.0] * 4)
"""
RUDE = """

class Rude(list):
    def __len__(self):
        raise SystemExit(0)


class Metaless(dict):
    def __len__(self):
        return 10**18

    def items(self):
        raise StopIteration
"""
LOOP = """

LOOP = []
LOOP.append(LOOP)
TABLE = {}
TABLE["a"] = TABLE
"""
CODE = PRELUDE + DISGUISE + RUDE + LOOP
POLITE = PRELUDE + LOOP.replace("LOOP.append(LOOP)\n", "") + "\n\nRude = L\n"
"""What of it the static policy lets pass."""

GOOD = (
    st.floats(-BOUND / 4, BOUND / 4).map(repr) | st.integers(-200, 200).map(repr) | st.sampled_from(("-0.0", "5e-324"))
)
BAD = st.sampled_from(
    (
        *("NAN", "INF", "-INF", "True", "None", "1e308", "1000.0", "1000.0000000000001", "-1001", "10**400", "2**63"),
        *("'1'", "b'1'", "1j", "()", "[]", "{}", "[1.0]", "F(1.0)", "I(3)", "S('1')", "Odd()", "float", "print", "..."),
        *("decimal.Decimal(1)", "fractions.Fraction(1, 2)", "{1.0}", "(x for x in [1.0])", "lambda: 1.0", "LOOP"),
    )
)
ELEMENT = st.one_of(
    GOOD, GOOD, GOOD, st.floats().map(lambda value: repr(value).replace("nan", "NAN").replace("inf", "INF")), BAD
)
NAME = st.one_of(
    st.sampled_from(("'a'", "'b'", "'form'", "'answer'")),
    st.text(max_size=70).map(ascii),
    st.sampled_from(
        ("''", "'a/b'", "1", "None", "True", "S('a')", "b'a'", "('a',)", "'x' * 64", "'x' * 65", "'\\n'", "NAN")
    ),
)
WRAPPERS = (
    *(
        "{}",
        "{}",
        "{}",
        "{}",
        "{}",
        "{}",
        "{}",
        "tuple({})",
        "L({})",
        "Rude({})",
        "iter({})",
        "(x for x in {})",
        "[{}]",
    ),
    *(
        "{}[::-1]",
        "{}[1:]",
        "collections.deque({})",
        "set(map(str, {}))",
        "range(len({}))",
        "str({})",
        "dict(enumerate({}))",
    ),
)
TABLES = (
    *("{}", "{}", "{}", "{}", "{}", "collections.OrderedDict({})", "collections.Counter({})", "list({})", "({},)"),
    *("collections.defaultdict(list, {})", "collections.ChainMap({})", "D({})", "E({})", "Endless({})", "Metaless({})"),
)
ODD = st.sampled_from(
    (
        "None",
        "1.0",
        "'ab'",
        "b'ab'",
        "reward",
        "Odd()",
        "Disguised()",
        "LOOP",
        "TABLE",
        "{'a': None}",
        "float",
        "NAN",
        "{}",
        "[]",
    )
)


@st.composite
def rows(draw: st.DrawFn, n: int, element: st.SearchStrategy[str] = ELEMENT) -> str:
    size = draw(st.sampled_from((n, n, n, n, n, n, n + 1, max(0, n - 1))))
    inside = ", ".join(draw(st.lists(element, min_size=size, max_size=size)))
    return draw(st.sampled_from(WRAPPERS)).format(f"[{inside}]")


@st.composite
def returned(draw: st.DrawFn) -> tuple[int, str]:
    """A batch size and the source of what is returned for it; about a third keep the contract."""
    n = draw(st.integers(0, 4))
    element = draw(st.sampled_from((GOOD, GOOD, ELEMENT)))
    kind = draw(st.sampled_from(("row", "row", "table", "table", "table", "many", "odd")))
    if kind == "row":
        return n, draw(rows(n, element))
    if kind == "table":
        items = draw(st.lists(st.tuples(NAME, rows(n, element)), max_size=4))
        source = "{" + ", ".join(f"{name}: {row}" for name, row in items) + "}"
        return n, draw(st.sampled_from(TABLES)).format(source)
    if kind == "many":
        count = draw(st.sampled_from((1, 31, 32, 33, 400)))
        return n, f"{{str(i): [{draw(GOOD)}] * {n} for i in range({count})}}"
    return n, draw(ODD)


UNDECIDED = "undecided"
PLAIN_DICTS = (dict, collections.Counter, collections.OrderedDict, collections.defaultdict)


def reference_row(values: object, n: int) -> list[float] | None:
    if type(values) is not list or len(values) != n:
        return None
    row = []
    for value in values:
        if type(value) is int:
            if abs(value) > BOUND:
                return None
            row.append(float(value))
        elif type(value) is float and math.isfinite(value) and abs(value) <= BOUND:
            row.append(value)
        else:
            return None
    return row


def reference(value: object, n: int) -> RewardOutput | str | None:
    """The contract: the output that `value` is; None when it breaks it; UNDECIDED for a dict that lies about itself."""
    if type(value) is list:
        row = reference_row(value, n)
        return None if row is None else RewardOutput(tuple(row))
    if not issubclass(type(value), dict):
        return UNDECIDED if type(value).__name__ == "Disguised" else None
    if type(value) not in PLAIN_DICTS:
        return UNDECIDED
    assert isinstance(value, dict)
    table: dict[str, tuple[float, ...]] = {}
    for name, values in value.items():
        row = reference_row(values, n)
        if row is None or type(name) is not str or not 1 <= len(name) <= 64:
            return None
        if "/" in name or any(not char.isprintable() for char in name):
            return None
        table[name] = tuple(row)
    if not 1 <= len(table) <= 32:
        return None
    totals = [sum(parts) for parts in zip(*table.values(), strict=True)]
    # A sum of many parts in bounds can itself be out of them.
    output = RewardOutput(tuple(totals), table, names=tuple(table))
    return output if all(abs(total) <= BOUND for total in totals) else None


def expected(code: str, n: int) -> RewardOutput | str | None:
    names: dict[str, Any] = {}
    try:
        exec(code, names)
        value = names["reward"](["q"] * n, ["c"] * n, ["3"] * n)
    except Exception:
        return None
    return reference(value, n)


def keeps_contract(output: RewardOutput, n: int) -> bool:
    lists = (output.rewards, *output.components.values())
    fine = all(len(row) == n and all(math.isfinite(v) and abs(v) <= BOUND for v in row) for row in lists)
    return fine and len(output.components) <= 32 and all(0 < len(name) <= 64 for name in output.components)


def compare(box: Sandbox, code: str, n: int) -> None:
    want = expected(code, n)
    try:
        got: RewardOutput | None = box.call(code, batch(n), limit_s=1.0)
    except RewardFault as fault:
        got = None
        assert fault.kind != "died" or want == UNDECIDED, fault
        assert "\n" not in fault.reason
    if want == UNDECIDED:
        assert got is None or keeps_contract(got, n)
    elif want is None:
        assert got is None, f"accepted {got}"
    else:
        assert isinstance(want, RewardOutput)
        assert got is not None, "refused what keeps the contract"
        assert same(got, want)
    assert box.call(PLAIN, batch(2)).rewards == (0.5, 0.5)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(memory_mb=128), BOUND) as box:
        yield box


@pytest.fixture(scope="module")
def lawless() -> Iterator[Sandbox]:
    """A sandbox without the static policy: what comes back is checked all the same."""
    with Sandbox(SandboxConfig(memory_mb=128), BOUND, static=lambda code: None) as box:
        yield box


def code_for(source: str, prelude: str = CODE) -> str:
    return f"{prelude}\n\n{HEAD}    return {source}\n"


@settings(max_examples=150, deadline=None, suppress_health_check=SHARED)
@given(returned())
def test_what_a_reward_returns_is_judged_as_the_contract_says(lawless: Sandbox, drawn: tuple[int, str]) -> None:
    n, source = drawn
    # An endless table ends at the deadline, which would take a second each time.
    compare(lawless, code_for(source.replace("Endless(", "E(")), n)


@settings(max_examples=60, deadline=None, suppress_health_check=SHARED)
@given(returned())
def test_the_same_under_the_static_policy(sandbox: Sandbox, drawn: tuple[int, str]) -> None:
    n, source = drawn
    code = code_for(source.replace("Endless(", "D(").replace("Disguised(", "Odd(").replace("Metaless(", "E("), POLITE)
    if check_static(code) is None:
        compare(sandbox, code, n)
    else:
        with pytest.raises(RewardFault) as caught:
            sandbox.call(code, batch(n))
        assert caught.value.kind == "static"


def test_hostile_classes_are_drawn_past_the_static_policy_too() -> None:
    assert check_static(code_for("[D({}), F(1.0), Odd()]", POLITE)) is None


def test_an_endless_dict_ends_at_the_deadline(lawless: Sandbox) -> None:
    with pytest.raises(RewardFault) as caught:
        lawless.call(code_for("Endless({'a': [0.0] * 4})"), batch(4), limit_s=0.3)
    assert caught.value.kind in ("timeout", "memory")
    assert lawless.call(PLAIN, batch(1)).rewards == (0.5,)
