"""Soft overlong punishment (DAPO, equation 13) on words, added to a plain exact match."""

MAX_LENGTH = 120
CACHE = 40


def soft_overlong(length: int) -> float:
    if length <= MAX_LENGTH - CACHE:
        return 0.0
    elif MAX_LENGTH - CACHE < length <= MAX_LENGTH:  # noqa: RET505
        return ((MAX_LENGTH - CACHE) - length) / CACHE
    else:
        return -1.0


def exact(completion: str, gold: str) -> float:
    before, _, rest = completion.rpartition("<solution>")
    value, closed, _ = rest.partition("</solution>")
    return 1.0 if before and closed and value.strip() == gold.strip() else -1.0


def reward(prompts: list[str], completions: list[str], answer: list[str], **columns) -> list[float]:
    lengths = [len(c.split()) for c in completions]
    return [exact(c, a) + soft_overlong(n) for c, a, n in zip(completions, answer, lengths, strict=True)]
