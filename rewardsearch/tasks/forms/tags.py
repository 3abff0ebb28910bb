"""The answer in the first closed <solution> tag, after reasons in a <thinking> tag."""

MARKS = ("<thinking>", "</thinking>", "<solution>", "</solution>")


def solution(completion: str) -> str | None:
    """The text in the first closed solution tag; None without one."""
    inside, closed, _ = completion.partition("<solution>")[2].partition("</solution>")
    return inside.strip() if closed else None


def is_exact(completion: str) -> bool:
    """Whether the whole completion has the form: every tag once, both sections filled, and nothing outside of them."""
    text = completion.strip()
    if any(text.count(tag) != 1 for tag in MARKS):
        return False
    thinking, _, rest = text.partition("</thinking>")
    rest = rest.strip()
    if not (thinking.startswith("<thinking>") and rest.startswith("<solution>") and rest.endswith("</solution>")):
        return False
    return bool(thinking[len("<thinking>") :].strip() and rest[len("<solution>") : -len("</solution>")].strip())
