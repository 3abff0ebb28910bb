"""The bytes between parent and worker: everything packed comes back, and nothing crashes the one who reads."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsearch.sandbox import RewardFault
from rewardsearch.sandbox.faults import breach_fault, check_result, raised_fault
from rewardsearch.sandbox.protocol import BREACHES, Breach, Call, ProtocolError, Raised, Result

TEXTS = st.lists(st.text(st.characters(), max_size=20), max_size=5)


@given(st.dictionaries(st.text(max_size=5), TEXTS, max_size=4), st.floats(allow_nan=False), st.integers(0, 2**32 - 1))
def test_a_call_comes_back_as_it_was_packed(arguments: dict[str, list[str]], seconds: float, key: int) -> None:
    call = Call(key, seconds, 1, arguments)
    assert Call.unpack(call.pack()) == call


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=9), st.text(max_size=9))
def test_a_result_comes_back_as_it_was_packed(row: list[float], printed: str) -> None:
    result = Result(("a", "b"), (tuple(row), tuple(row)), ("answer",), printed)
    assert Result.unpack(result.pack()) == result


@given(st.sampled_from(BREACHES), st.integers(0, 2**32 - 1), st.text(max_size=9))
def test_every_breach_has_a_sentence(which: str, count: int, name: str) -> None:
    breach = Breach.unpack(Breach(which, count, name, name).pack())
    assert (breach.which, breach.count) == (which, count)
    assert "\n" not in breach_fault(breach, 8).reason


@settings(max_examples=300)
@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (Call.unpack, Result.unpack, Breach.unpack, Raised.unpack):
        with contextlib.suppress(ProtocolError):
            value = read(body)
            if isinstance(value, Result):
                with contextlib.suppress(RewardFault):
                    check_result(value, 4, 1000.0)
            elif isinstance(value, Raised):
                assert "\n" not in raised_fault(value, 10).reason


@given(st.binary(min_size=1, max_size=40), st.integers(0, 100))
def test_a_damaged_result_is_read_or_refused(noise: bytes, place: int) -> None:
    body = Result(("a",), ((1.0, 2.0),), (), "x").pack()
    place %= len(body)
    with contextlib.suppress(ProtocolError, RewardFault):
        check_result(Result.unpack(body[:place] + noise + body[place + len(noise) :]), 2, 1000.0)
