"""A rationale in <think> tags. What it leads to is judged, not the text itself."""

MARKS = ("<think>", "</think>")


def solution(completion: str) -> str | None:
    """The text in the first <think> tag; None where it is not closed."""
    inside, closed, _ = completion.partition(MARKS[0])[2].partition(MARKS[1])
    return inside.strip() if closed else None


def is_exact(completion: str) -> bool:
    """Whether the completion is one rationale that says something, and nothing outside of it."""
    text = completion.strip()
    if any(text.count(mark) != 1 for mark in MARKS):
        return False
    return text.startswith(MARKS[0]) and text.endswith(MARKS[1]) and bool(solution(text))
