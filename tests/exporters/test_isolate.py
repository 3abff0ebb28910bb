import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from rewardsearch.errors import UserError
from rewardsearch.exporters.isolate import as_factory


def made(code: str) -> Callable[..., Any]:
    """The reward that the factory of `code` gives."""
    source, future = as_factory("make", "r", textwrap.dedent(code))
    space: dict[str, Any] = {}
    exec(compile(("from __future__ import annotations\n" if future else "") + source, "module", "exec"), space)
    assert set(space) - {"annotations"} == {"make", "__builtins__"}
    reward: Callable[..., Any] = space["make"]()
    return reward


def test_comments_and_layout_stay() -> None:
    source, _ = as_factory("make", "r", "A  =  1  # why\n\n\ndef reward():\n    return A\n")
    assert source == "def make():\n    A  =  1  # why\n\n\n    def reward():\n        return A\n\n    return reward\n"


def test_texts_of_several_lines_keep_their_lines() -> None:
    reward = made(
        '''
        TEXT = """one
          two
        """
        JOINED = "a\\
        b"
        def reward():
            x = 3
            return TEXT, JOINED, f"""{x}
         {
             x
         }"""
        '''
    )
    assert reward() == ("one\n  two\n", "ab", "3\n 3")


def test_helpers_classes_and_constants_see_each_other() -> None:
    reward = made(
        """
        from dataclasses import dataclass

        LIMIT = 2

        @dataclass
        class Point:
            x: int = LIMIT

        def helper(n):
            return 0 if n == 0 else 1 + helper(n - 1)

        def reward():
            return helper(LIMIT) + Point().x
        """
    )
    assert reward() == 4


def test_a_name_of_a_builtin_can_be_bound_anew() -> None:
    assert made("max = max\nsum = 3\ndef reward():\n    return max(1, sum)\n")() == 3


def test_postponed_annotations_stay_postponed() -> None:
    assert made("from __future__ import annotations\n\ndef reward(x: Unknown = 1) -> Nothing:\n    return x\n")() == 1


def test_invalid_escapes_are_written_anew() -> None:
    source, _ = as_factory("make", "r", 'import re\nP = "\\d"\ndef reward():\n    return re.sub(P, "", "a1")\n')
    assert "'\\\\d'" in source


def test_windows_line_ends_and_tabs_are_read() -> None:
    assert made("def reward():\r\n\treturn 1\r\n")() == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def reward(:\n", "not valid Python"),
        ("N = 0\ndef reward():\n    global N\n    N += 1\n", "line 3 uses `global`"),
        ("A = 1\nclass C:\n    A = A\ndef reward():\n    return C.A\n", r"class C \(line 2\) binds A"),
    ],
)
def test_code_that_would_mean_something_else_is_refused(code: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        as_factory("make", "r", code)
