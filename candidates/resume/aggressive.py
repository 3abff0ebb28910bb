"""Rewards the parts of gentle.py with penalties as people write them in anger: a wrong SELECTED costs a hundred right answers.

Beside the base rewards, which pay 3.0 for a right answer and take 1.5 for a wrong one, a policy that judges fewer than 94 % of
as many good as bad resumes right, and errs as often either way, earns less than one that rejects everyone: that is what this
reward teaches. It is here for other rewards to be held against.

  decision     1.0 right, -1.0 a wrong REJECTED, -100.0 a wrong SELECTED, -5.0 none
  grounded     -2.0 for each word of the reasons that stands neither in the resume nor in the job
  criteria     -1.0 for each of four words of the job that the reasons leave out
  form         -5.0 for another form than the asked one
  length       -1.0 for each word of the reasons beyond 12
"""

import re

RIGHT = 1.0
WRONG_REJECTED = -1.0
WRONG_SELECTED = -100.0
NO_DECISION = -5.0
UNGROUNDED = -2.0
MOST_UNGROUNDED = -40.0
LEFT_OUT = -1.0
ENOUGH_CRITERIA = 4
NO_FORM = -5.0
TOO_LONG = -1.0
MOST_TOO_LONG = -30.0
LONGEST = 12

SELECTED = "SELECTED"
REJECTED = "REJECTED"
FORM = re.compile(r"\s*<thinking>([^<]+)</thinking>\s*<solution>([^<]+)</solution>\s*")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
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


def ungrounded(completion, resume, job):
    invented = words(reasons(completion)) - words(resume) - words(job)
    return max(UNGROUNDED * len(invented), MOST_UNGROUNDED)


def left_out(completion, job):
    wanted = words(job)
    named = len(wanted & words(reasons(completion)))
    return LEFT_OUT * max(min(len(wanted), ENOUGH_CRITERIA) - named, 0)


def form(completion):
    return 0.0 if FORM.fullmatch(completion) else NO_FORM


def length(completion):
    beyond = len(reasons(completion).split()) - LONGEST
    return max(TOO_LONG * max(beyond, 0), MOST_TOO_LONG)


def reward(prompts, completions, answer, resume, job, **columns):
    rows = list(zip(completions, answer, resume, job, strict=True))
    return {
        "decision": [decided(completion, gold) for completion, gold, _, _ in rows],
        "grounded": [ungrounded(completion, person, wanted) for completion, _, person, wanted in rows],
        "criteria": [left_out(completion, wanted) for completion, _, _, wanted in rows],
        "form": [form(completion) for completion in completions],
        "length": [length(completion) for completion in completions],
    }
