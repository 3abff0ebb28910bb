"""The answer in the last \\boxed{...}, which may hold braces of its own."""

MARKS = ("\\boxed{",)


def solution(completion: str) -> str | None:
    """The text in the last box; None without a box, or where the last one is not closed."""
    completion = completion.replace("\\boxed {", MARKS[0])
    start = completion.rfind(MARKS[0])
    if start < 0:
        return None
    start += len(MARKS[0])
    depth, escaped = 1, False
    for place in range(start, len(completion)):
        sign = completion[place]
        if escaped or sign not in "{}\\":
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            depth += 1 if sign == "{" else -1
            if depth == 0:
                return completion[start:place].strip()
    return None


def is_exact(completion: str) -> bool:
    """Whether there is one box with an answer, and something is written before it."""
    before, _, after = completion.replace("\\boxed {", MARKS[0]).partition(MARKS[0])
    return bool(before.strip("$ \n") and solution(completion)) and MARKS[0] not in after
