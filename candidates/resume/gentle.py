"""Rewards judging in many small parts: the decision, grounded reasons, the criteria, the form and the length; mild penalties.

A wrong SELECTED costs a little more than a wrong REJECTED, so that doubt leans towards REJECTED without making it the
answer for everyone: always saying either earns far less than judging.

  decision     3.0 right, -1.0 a wrong REJECTED, -1.5 a wrong SELECTED, -2.0 none
  grounded     up to 0.5 for six words of the reasons that stand in the resume or the job, down to -0.5 for others
  criteria     up to 0.5 for four words of the job that the reasons say something about, a clause each
  form         0.5 for the whole form
  length       0.25 for reasons of 4 to 60 words, -0.25 else
"""

import re

RIGHT = 3.0
WRONG_REJECTED = -1.0
WRONG_SELECTED = -1.5
NO_DECISION = -2.0
GROUNDED = 0.5
ENOUGH_WORDS = 6
UNGROUNDED = -0.1
FREE_WORDS = 6
MOST_UNGROUNDED = -0.5
GONE_THROUGH = 0.5
ENOUGH_CRITERIA = 4
LONGEST_CLAUSE = 25
WHOLE_FORM = 0.5
LENGTH = 0.25
SHORTEST = 4
LONGEST = 60

SELECTED = "SELECTED"
REJECTED = "REJECTED"
FORM = re.compile(r"\s*<thinking>([^<]+)</thinking>\s*<solution>([^<]+)</solution>\s*")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
CLAUSE = re.compile(r"[.;,!?\n]+(?!\d)")
WORD = re.compile(r"(?<![^\W_])[^\W\d_][^\W_]*(?:\+\+|#)?")
COMMON = frozenset(
    WORD.findall("a an and are as at be by do for from has have in is it of on or the to was we who will with you")
)


def decision(completion):
    tag = SOLUTION.search(completion)
    said = tag.group(1).strip().upper() if tag else ""
    return said if said in (SELECTED, REJECTED) else None


def reasons(completion):
    thinking = THINKING.search(completion)
    return thinking.group(1) if thinking else ""


def words(text):
    return set(WORD.findall(text.lower())) - COMMON


def decided(completion, gold):
    said = decision(completion)
    if said is None:
        return NO_DECISION
    if said == gold.strip().upper():
        return RIGHT
    return WRONG_SELECTED if said == SELECTED else WRONG_REJECTED


def grounded(completion, resume, job):
    said = words(reasons(completion))
    shown = len(said & (words(resume) | words(job)))
    beyond = max(len(said) - shown - FREE_WORDS, 0)
    return GROUNDED * min(shown, ENOUGH_WORDS) / ENOUGH_WORDS + max(UNGROUNDED * beyond, MOST_UNGROUNDED)


def criteria(completion, job):
    wanted = words(job)
    if not wanted:
        return 0.0
    told = set()
    for clause in CLAUSE.split(reasons(completion)):
        named = sorted((words(clause) & wanted) - told)
        # One word of the job a clause, and something said about it: a list of the job's words is no judging.
        if named and len(named) < len(clause.split()) <= LONGEST_CLAUSE:
            told.add(named[0])
    return GONE_THROUGH * min(len(told), ENOUGH_CRITERIA) / min(len(wanted), ENOUGH_CRITERIA)


def form(completion):
    return WHOLE_FORM if FORM.fullmatch(completion) else 0.0


def length(completion):
    return LENGTH if SHORTEST <= len(reasons(completion).split()) <= LONGEST else -LENGTH


def reward(prompts, completions, answer, resume, job, **columns):
    rows = list(zip(completions, answer, resume, job, strict=True))
    return {
        "decision": [decided(completion, gold) for completion, gold, _, _ in rows],
        "grounded": [grounded(completion, person, wanted) for completion, _, person, wanted in rows],
        "criteria": [criteria(completion, wanted) for completion, _, _, wanted in rows],
        "form": [form(completion) for completion in completions],
        "length": [length(completion) for completion in completions],
    }
