"""The answer is what a pattern finds: its first group, or all of it without groups, at its last match."""

import re

PATTERN = r"(?i)answer: (.+)"
MARKS = ()


def solution(completion: str) -> str | None:
    """What the pattern's last match finds; None without a match."""
    matches = list(re.finditer(PATTERN, completion))
    if not matches:
        return None
    found = matches[-1].group(1 if matches[-1].re.groups else 0)
    return None if found is None else found.strip()


def is_exact(completion: str) -> bool:
    """Whether the pattern matches once, and finds an answer."""
    return bool(solution(completion)) and len(re.findall(PATTERN, completion)) == 1
