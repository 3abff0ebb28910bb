"""Rewards reasons that go through what the job asks for, a clause for each of its words, and the right decision.

A clause counts once, for one word of the job, and has to say something about it: a list of the job's words earns next to
nothing.
"""

import re

RIGHT = 2.0
GONE_THROUGH = 1.0
ENOUGH = 4
LONGEST_CLAUSE = 25

CLASSES = ("SELECTED", "REJECTED")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
CLAUSE = re.compile(r"[.;,!?\n]+(?!\d)")
WORD = re.compile(r"(?<![^\W_])[^\W\d_][^\W_]*(?:\+\+|#)?")
COMMON = frozenset(
    WORD.findall("a an and are as at be by do for from has have in is it of on or the to was we who will with you")
)


def words(text):
    return set(WORD.findall(text.lower())) - COMMON


def gone_through(completion, job):
    thinking = THINKING.search(completion)
    wanted = words(job)
    if thinking is None or not wanted:
        return 0.0
    told = set()
    for clause in CLAUSE.split(thinking.group(1)):
        named = sorted((words(clause) & wanted) - told)
        length = len(clause.split())
        if named and len(named) < length <= LONGEST_CLAUSE:
            told.add(named[0])
    return GONE_THROUGH * min(len(told), ENOUGH) / min(len(wanted), ENOUGH)


def right(completion, gold):
    tag = SOLUTION.search(completion)
    said = tag.group(1).strip().upper() if tag else ""
    return RIGHT if said in CLASSES and said == gold.strip().upper() else 0.0


def reward(prompts, completions, answer, job, **columns):
    return {
        "decision": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
        "criteria": [gone_through(completion, wanted) for completion, wanted in zip(completions, job, strict=True)],
    }
