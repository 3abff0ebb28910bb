"""Similarity of texts with difflib: the answer by its digits, the working by the question's words."""

import difflib
from difflib import SequenceMatcher, get_close_matches

EXPECTED = ["<thinking>", "</thinking>", "<solution>", "</solution>"]


def tag_like(completion):
    """Near misses such as <solutoin> earn a little, exact tags all of it."""
    pieces = [piece for piece in completion[:2000].replace(">", "> ").split() if piece.startswith("<")]
    score = 0.0
    for tag in EXPECTED:
        if tag in pieces:
            score += 0.25
        elif get_close_matches(tag, pieces[:50], n=1, cutoff=0.8):
            score += 0.1
    return score


def digits_like(completion, gold):
    tail = completion.rsplit("<solution>", maxsplit=1)[-1].split("</solution>")[0].strip()[:30]
    matcher = SequenceMatcher(isjunk=None, a=tail, b=gold, autojunk=False)
    return 1.0 if tail == gold else 0.25 * matcher.quick_ratio() * matcher.ratio()


def changed(a, b):
    return sum(op != "equal" for op, *_ in difflib.SequenceMatcher(None, a, b).get_opcodes())


def reward(prompts, completions, answer, **columns):
    return {
        "tags": [tag_like(c) for c in completions],
        "digits": [digits_like(c, a) for c, a in zip(completions, answer, strict=True)],
        "not_an_echo": [
            -0.5 if changed(p.split(), c.split()[:200]) == 0 else 0.0 for p, c in zip(prompts, completions, strict=True)
        ],
    }
