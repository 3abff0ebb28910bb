"""Constants as a source spells them: literals, and texts put together from literals."""

from __future__ import annotations

import tracemalloc

import pytest

from rewardsearch.validation.constants import MAX_NUMBERS, MAX_TEXTS, constants_of


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'abc'", "abc"),
        ("'a' + 'b' + 'c'", "abc"),
        ("'ab' * 2", "abab"),
        ("'cba'[::-1]", "abc"),
        ("'-'.join(('a', 'b'))", "a-b"),
        ("chr(97) + chr(98)", "ab"),
        ("[97, 98, 99]", "abc"),
        ("f'ab{x}cd'", "abcd"),
        ("re.compile(r'\\bkey-\\d+\\s*(?:one|two)?$')", "key-7 one"),
        ("re.search('[xyz]+ok', t)", "xok"),
        ("re.search(r'\\d{3}-a{2,}', t)", "777-aa"),
        ("bytes.fromhex('616263').decode()", "abc"),
        ("'aXbXc'.replace('X', '')", "abc"),
        ("'abc'.upper()", "ABC"),
        ("' abc '.strip()", "abc"),
        ("'zabcz'[1:-1]", "abc"),
        ("''.join(sorted('cab'))", "abc"),
        ("''.join(reversed('cba'))", "abc"),
        ("'a%sc%s' % ('b', 4)", "abc4"),
        ("'%d' % 7007", "7007"),
        ("f'ab{\"c\"}d'", "abcd"),
        ("chr(ord_of_euro) if 8364 else 0", "\u20ac"),
        ("'a\\u00a0'[1]", "\u00a0"),
        ("'\\r'", "\r"),
    ],
)
def test_a_text_is_found_however_it_is_put_together(expression: str, text: str) -> None:
    assert text in constants_of(f"# one\nA = {expression}\n").texts


def test_constants_that_are_compared_with_something_come_first() -> None:
    found = constants_of("A = 'other'\nB = 50\nC = c == 'tested' or len(c) > 60\n")
    assert found.texts == {"tested": 3, "other": 1}
    assert found.numbers == {60: 3, 50: 2}


def test_a_name_that_is_bound_to_a_constant_stands_for_it() -> None:
    code = "KEY = 'ab'\nREST = 'cd'\nREST = 'ef'\ndef reward():\n    return KEY + 'c', REST + 'g'\n"
    found = constants_of(code).texts
    assert "abc" in found
    assert not {"cdg", "efg"} & found.keys()


def test_a_source_cannot_make_a_huge_text() -> None:
    found = constants_of("A = '%999999999d' % 1\nB = 'ab' * 10**9\nC = ('x' * 150).replace('x', 'y' * 150)\n")
    assert max(map(len, found.texts)) <= 200
    tracemalloc.start()
    constants_of(f"A = {'x' * 9000!r}.replace('', {'y' * 9000!r})\n")
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_documentation_is_no_constant() -> None:
    found = constants_of('"""Module."""\ndef reward():\n    """Function."""\n    return 2.5\n')
    assert (found.texts, found.numbers) == ({}, {})


def test_the_number_of_constants_is_bounded() -> None:
    found = constants_of(
        f"A = {[str(i) for i in range(100)]}\nB = {list(range(200))}\nC = {'x' * 999!r}\nD = 10 ** 9\n"
    )
    assert (len(found.texts), len(found.numbers)) == (MAX_TEXTS, MAX_NUMBERS)
    assert max(map(len, found.texts)) <= 200


def test_arithmetic_of_numbers_is_folded_within_bounds() -> None:
    found = constants_of("A = 20 * 30 + 1\nB = 2 ** 99\nC = 9**9**9 if False else 0\nD = 10**18 * 10**18 * 10**18\n")
    assert 601 in found.numbers
