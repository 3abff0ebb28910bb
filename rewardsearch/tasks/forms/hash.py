"""The answer on the line of the last `####`, as GSM8K writes it."""

MARKS = ("####",)


def solution(completion: str) -> str | None:
    """The rest of the line after the last mark; None without one."""
    _, mark, after = completion.rpartition(MARKS[0])
    return after.partition("\n")[0].strip() if mark else None


def is_exact(completion: str) -> bool:
    """Whether the mark stands once, something is written before it, and the answer ends the completion."""
    before, _, after = completion.strip().partition(MARKS[0])
    return bool(before.strip() and after.strip()) and MARKS[0] not in after and "\n" not in after
