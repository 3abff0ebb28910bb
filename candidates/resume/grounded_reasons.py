"""Rewards reasons whose words stand in the resume or the job, up to six of them, and the right decision.

A right decision is paid more than the reasons can earn, so that copying words stays below judging.
"""

import re

RIGHT = 2.0
GROUNDED = 1.0
ENOUGH = 6

CLASSES = ("SELECTED", "REJECTED")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
WORD = re.compile(r"(?<![^\W_])[^\W\d_][^\W_]*(?:\+\+|#)?")
COMMON = frozenset(
    WORD.findall("a an and are as at be by do for from has have in is it of on or the to was we who will with you")
)


def words(text):
    return set(WORD.findall(text.lower())) - COMMON


def grounded(completion, resume, job):
    thinking = THINKING.search(completion)
    if thinking is None:
        return 0.0
    said = words(thinking.group(1))
    shown = len(said & (words(resume) | words(job)))
    # Words that stand in neither weigh against the others.
    return GROUNDED * min(shown, ENOUGH) / ENOUGH * shown / max(len(said), 1)


def right(completion, gold):
    tag = SOLUTION.search(completion)
    said = tag.group(1).strip().upper() if tag else ""
    return RIGHT if said in CLASSES and said == gold.strip().upper() else 0.0


def reward(prompts, completions, answer, resume, job, **columns):
    rows = zip(completions, resume, job, strict=True)
    return {
        "decision": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
        "grounded": [grounded(completion, person, wanted) for completion, person, wanted in rows],
    }
