"""The answer is the last number of the completion."""

import re

MARKS = ()
AMOUNT = re.compile(
    r"(?:(?<![\w)])(?<![\d)] )[-\u2212]\s?)?[$€£]?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]{1,2}(?![0-9]))?(?:/[0-9]+)?%?"
)


def solution(completion: str) -> str | None:
    """The last number as it is written; None without one."""
    numbers = AMOUNT.findall(completion)
    return numbers[-1].strip() if numbers else None


def is_exact(completion: str) -> bool:
    """Whether the completion ends in its number, after something else."""
    number, text = solution(completion), completion.rstrip(" \n.*$")
    return bool(number) and text.endswith(str(number)) and len(text) > len(str(number))
