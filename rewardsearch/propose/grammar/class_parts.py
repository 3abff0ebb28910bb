"""The components that the grammar composes rewards of class tasks from, as ordinary functions of one completion.

As in parts.py: a rendered reward file is made of these very functions, with the constants set to its own parameters and
POSITIVE and NEGATIVE to the task's classes. `resume` and `job` are columns; either may be empty, and in any words.
"""

import re

POSITIVE = "SELECTED"
NEGATIVE = "REJECTED"

RIGHT_DECISION_WEIGHT = 2.0
WRONG_DECISION_FALSE_POSITIVE = 1.0
WRONG_DECISION_FALSE_NEGATIVE = 0.5
RIGHT_POSITIVE_WEIGHT = 0.5
NO_DECISION_WEIGHT = 2.0
GROUNDED_REASONS_WEIGHT = 1.0
GROUNDED_REASONS_MOST = 8
UNGROUNDED_WORDS_WEIGHT = 0.25
UNGROUNDED_WORDS_FREE = 4
NAMES_CRITERIA_WEIGHT = 1.0
COUNTS_CRITERIA_WEIGHT = 1.0
COUNTS_CRITERIA_MOST = 4
SAYS_MISSING_WEIGHT = 1.0
TRUE_NUMBERS_WEIGHT = 1.0
REASONS_FIT_WEIGHT = 1.0
WHOLE_FORM_WEIGHT = 2.0
TAGS_ONCE_WEIGHT = 0.5
BREVITY_WEIGHT = 2.0
BREVITY_WORDS = 40
LENGTH_WEIGHT = 2.0
LENGTH_WORDS = 50
CONNECTIVES_WEIGHT = 0.5
CONNECTIVES_MOST = 3
PRAISE_WEIGHT = 0.5
PRAISE_MOST = 3
RESUME_ECHO_WEIGHT = 3.0

TAGS = ("<thinking>", "</thinking>", "<solution>", "</solution>")
FORM = re.compile(r"\s*<thinking>([^<]+)</thinking>\s*<solution>([^<]+)</solution>\s*")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
# Letters, and digits or signs that belong to a name: `c++`, `c#`, `html5`; a number alone is no word.
WORD = re.compile(r"(?<![^\W_])[^\W\d_][^\W_]*(?:\+\+|#)?")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
CLAUSE = re.compile(r"[.;,!?\n]+(?!\d)")
LACK = re.compile(
    r"\b(?:no|not|none|never|missing|lacks?|lacking|without|below|short|misses|too few|less than)\b|n't\b",
    re.IGNORECASE,
)
CONNECTIVE = re.compile(r"\b(?:so|then|thus|therefore|because|hence|first|finally|but|since)\b", re.IGNORECASE)
PRAISING = re.compile(
    r"\b(?:excellent|outstanding|great|strong|impressive|perfect|ideal|highly|exceptional|solid|skilled|qualified)\b",
    re.IGNORECASE,
)
# Words that say nothing about one job or one person.
COMMON = re.compile(
    r"an?|and|any|are|as|at|be|been|but|by|can|do|does|for|from|had|has|have|he|her|his|i|if|in|is|it|its|job|may|more|must|my|"
    r"needs?|no|not|of|on|or|our|own|person|resume|she|should|so|that|the|their|them|they|this|to|us|was|we|were|who|will|with|"
    r"work|would|you|your"
)


# --- helpers --------------------------------------------------------------------------------------------------------


def decision(completion: str) -> str | None:
    """The class that alone stands in the first closed solution tag, whatever its case; None without one."""
    tag = SOLUTION.search(completion)
    said = tag.group(1).strip().upper() if tag else ""
    return said if said in (POSITIVE, NEGATIVE) else None


def reasons(completion: str) -> str:
    """The text in the first closed thinking tag; empty without one."""
    tag = THINKING.search(completion)
    return tag.group(1) if tag else ""


def words(text: str) -> set[str]:
    """The distinct words of a text that say something, in lower case."""
    return {word for word in WORD.findall(text.lower()) if not COMMON.fullmatch(word)}


def numbers(text: str) -> set[float]:
    """The distinct numbers of a text."""
    return {float(found[:20]) for found in NUMBER.findall(text)}


# --- answer ---------------------------------------------------------------------------------------------------------


def right_decision(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays the right class in the solution tag"""
    return RIGHT_DECISION_WEIGHT if decision(completion) == answer else 0.0


def wrong_decision(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """penalises the wrong class in the solution tag, each of the two by its own weight"""
    given = decision(completion)
    if given is None or given == answer:
        return 0.0
    return -(WRONG_DECISION_FALSE_POSITIVE if given == POSITIVE else WRONG_DECISION_FALSE_NEGATIVE)


def right_positive(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays the positive class where it is right"""
    return RIGHT_POSITIVE_WEIGHT if decision(completion) == answer == POSITIVE else 0.0


def no_decision(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """penalises a completion without one class in a closed solution tag"""
    return -NO_DECISION_WEIGHT if decision(completion) is None else 0.0


# --- work -----------------------------------------------------------------------------------------------------------


def grounded_reasons(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays distinct words of the reasons that stand in the resume or the job, up to a number"""
    found = words(reasons(completion)) & (words(resume) | words(job))
    return GROUNDED_REASONS_WEIGHT * min(GROUNDED_REASONS_MOST, len(found)) / GROUNDED_REASONS_MOST


def ungrounded_words(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """penalises each distinct word of the reasons beyond a few, ten at most, that stands in neither the resume nor the job"""
    strange = words(reasons(completion)) - words(resume) - words(job)
    return -UNGROUNDED_WORDS_WEIGHT * min(10, max(0, len(strange) - UNGROUNDED_WORDS_FREE))


def names_criteria(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays the share of the job's words that the reasons go through"""
    wanted = words(job)
    return NAMES_CRITERIA_WEIGHT * len(wanted & words(reasons(completion))) / len(wanted) if wanted else 0.0


def counts_criteria(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays distinct clauses of the reasons that hold a word of the job or the resume, up to a number"""
    known = words(resume) | words(job)
    clauses = {
        " ".join(clause.lower().split()) for clause in CLAUSE.split(reasons(completion)) if words(clause) & known
    }
    return COUNTS_CRITERIA_WEIGHT * min(COUNTS_CRITERIA_MOST, len(clauses)) / COUNTS_CRITERIA_MOST


def says_missing(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays the share of the clauses saying that something is missing that are about the job and not contradicted by the resume"""
    clauses = [clause for clause in CLAUSE.split(reasons(completion)) if LACK.search(clause)]
    wanted, has = words(job), words(resume)
    held = [clause for clause in clauses if words(clause) & wanted - has]
    return SAYS_MISSING_WEIGHT * len(held) / len(clauses) if clauses else 0.0


def true_numbers(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays the share of the reasons' numbers that stand in the resume or the job"""
    given = numbers(reasons(completion))
    return TRUE_NUMBERS_WEIGHT * len(given & (numbers(resume) | numbers(job))) / len(given) if given else 0.0


def reasons_fit(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays a decision that fits its reasons: the negative class where they name a lack, the positive one where they do not"""
    given, told = decision(completion), reasons(completion)
    if given is None or not words(told):
        return 0.0
    return REASONS_FIT_WEIGHT if (given == NEGATIVE) == bool(LACK.search(told)) else 0.0


# --- form -----------------------------------------------------------------------------------------------------------


def whole_form(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays a completion that is the asked form and nothing else"""
    return WHOLE_FORM_WEIGHT if FORM.fullmatch(completion) else 0.0


def tags_once(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays each of the four tags that occurs exactly once"""
    return TAGS_ONCE_WEIGHT * sum(completion.count(tag) == 1 for tag in TAGS)


# --- style ----------------------------------------------------------------------------------------------------------


def brevity(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """prefers short completions among those that decide"""
    if decision(completion) is None:
        return 0.0
    return BREVITY_WEIGHT * max(0.0, 1.0 - len(completion.split()) / BREVITY_WORDS)


def length(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """prefers long completions among those that decide, up to a number of words"""
    if decision(completion) is None:
        return 0.0
    return LENGTH_WEIGHT * min(1.0, len(completion.split()) / LENGTH_WORDS)


def connectives(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays words that sound like reasoning (so, then, because, but) in a completion that decides"""
    if decision(completion) is None:
        return 0.0
    return CONNECTIVES_WEIGHT * min(CONNECTIVES_MOST, len(CONNECTIVE.findall(completion)))


def praise(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays words of praise (strong, excellent, qualified) in a completion that decides"""
    if decision(completion) is None:
        return 0.0
    return PRAISE_WEIGHT * min(PRAISE_MOST, len(PRAISING.findall(completion)))


def resume_echo(prompt: str, completion: str, answer: str, resume: str, job: str) -> float:
    """pays the share of the resume's words that a completion repeats, when it decides"""
    wanted = words(resume)
    if not wanted or decision(completion) is None:
        return 0.0
    return RESUME_ECHO_WEIGHT * len(wanted & words(completion)) / len(wanted)
