"""The answer is the whole completion."""

MARKS = ()


def solution(completion: str) -> str | None:
    """The completion without outer white space; None where nothing is left."""
    return completion.strip() or None


def is_exact(completion: str) -> bool:
    """Whether anything is written."""
    return bool(completion.strip())
