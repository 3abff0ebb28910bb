"""The components that the grammar composes rewards of tasks with 2 to 20 classes from, as ordinary functions of one completion.

As in parts.py: a rendered reward file is made of these very functions and of those that are imported here, with the constants
set to its own parameters and CLASSES to the task's classes. The text that is judged is the prompt, in any words.
"""

import re

from rewardsearch.propose.grammar.class_parts import CLAUSE, CONNECTIVE, NUMBER, SOLUTION, WORD, reasons
from rewardsearch.propose.grammar.parts import tags_once, whole_form  # noqa: F401

CLASSES = ("yes", "no")

RIGHT_CLASS_WEIGHT = 2.0
WRONG_CLASS_WEIGHT = 0.5
NO_CLASS_WEIGHT = 2.0
GROUNDED_REASONS_WEIGHT = 1.0
GROUNDED_REASONS_MOST = 8
UNGROUNDED_WORDS_WEIGHT = 0.25
UNGROUNDED_WORDS_FREE = 4
SEVERAL_CLAUSES_WEIGHT = 1.0
SEVERAL_CLAUSES_MOST = 3
WEIGHS_CLASSES_WEIGHT = 0.5
REASONS_NAME_CLASS_WEIGHT = 0.5
TRUE_NUMBERS_WEIGHT = 1.0
BREVITY_WEIGHT = 2.0
BREVITY_WORDS = 40
LENGTH_WEIGHT = 2.0
LENGTH_WORDS = 50
CONNECTIVES_WEIGHT = 0.5
CONNECTIVES_MOST = 3
PROMPT_ECHO_WEIGHT = 3.0

# Words that say nothing about one text.
COMMON = re.compile(
    r"an?|and|any|are|as|at|be|been|but|by|can|do|does|for|from|had|has|have|he|her|his|i|if|in|is|it|its|may|more|must|my|no|not|"
    r"of|on|or|our|own|she|should|so|that|the|their|them|they|this|to|us|was|we|were|what|which|who|will|with|would|you|your"
)


# --- helpers --------------------------------------------------------------------------------------------------------


def answered(completion: str) -> str:
    """The text in the first closed solution tag; empty without one."""
    tag = SOLUTION.search(completion)
    return tag.group(1) if tag else ""


def chosen(completion: str) -> str | None:
    """The class that alone stands where the answer stands, whatever its case; None without one."""
    said = " ".join(answered(completion).split()).casefold()
    return next((name for name in CLASSES if name.casefold() == said), None)


def words(text: str) -> set[str]:
    """The distinct words of a text that say something, in lower case."""
    return {word for word in WORD.findall(text.lower()) if not COMMON.fullmatch(word)}


def named(text: str) -> set[str]:
    """The classes that a text names."""
    return {name for name in CLASSES if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)}


# --- answer ---------------------------------------------------------------------------------------------------------


def right_class(prompt: str, completion: str, answer: str) -> float:
    """pays the right class in the solution tag"""
    return RIGHT_CLASS_WEIGHT if chosen(completion) == answer else 0.0


def wrong_class(prompt: str, completion: str, answer: str) -> float:
    """penalises a wrong class in the solution tag, all classes alike"""
    return -WRONG_CLASS_WEIGHT if chosen(completion) not in (None, answer) else 0.0


def no_class(prompt: str, completion: str, answer: str) -> float:
    """penalises a completion without one class in a closed solution tag"""
    return -NO_CLASS_WEIGHT if chosen(completion) is None else 0.0


# --- work -----------------------------------------------------------------------------------------------------------


def grounded_reasons(prompt: str, completion: str, answer: str) -> float:
    """pays distinct words of the reasons that stand in the prompt, up to a number"""
    found = words(reasons(completion)) & words(prompt)
    return GROUNDED_REASONS_WEIGHT * min(GROUNDED_REASONS_MOST, len(found)) / GROUNDED_REASONS_MOST


def ungrounded_words(prompt: str, completion: str, answer: str) -> float:
    """penalises each distinct word of the reasons beyond a few, ten at most, that does not stand in the prompt"""
    strange = words(reasons(completion)) - words(prompt)
    return -UNGROUNDED_WORDS_WEIGHT * min(10, max(0, len(strange) - UNGROUNDED_WORDS_FREE))


def several_clauses(prompt: str, completion: str, answer: str) -> float:
    """pays distinct clauses of the reasons that hold a word of the prompt, up to a number"""
    known = words(prompt)
    clauses = {
        " ".join(clause.lower().split()) for clause in CLAUSE.split(reasons(completion)) if words(clause) & known
    }
    return SEVERAL_CLAUSES_WEIGHT * min(SEVERAL_CLAUSES_MOST, len(clauses)) / SEVERAL_CLAUSES_MOST


def weighs_classes(prompt: str, completion: str, answer: str) -> float:
    """pays reasons that name one other class or two before the decision, so that classes are compared and not listed"""
    given = chosen(completion)
    return WEIGHS_CLASSES_WEIGHT if given and 1 <= len(named(reasons(completion)) - {given}) <= 2 else 0.0


def reasons_name_class(prompt: str, completion: str, answer: str) -> float:
    """pays reasons that name the class that is decided for, and no other"""
    given = chosen(completion)
    return REASONS_NAME_CLASS_WEIGHT if given and named(reasons(completion)) == {given} else 0.0


def true_numbers(prompt: str, completion: str, answer: str) -> float:
    """pays the share of the reasons' numbers that stand in the prompt"""
    given = set(NUMBER.findall(reasons(completion)))
    return TRUE_NUMBERS_WEIGHT * len(given & set(NUMBER.findall(prompt))) / len(given) if given else 0.0


# --- style ----------------------------------------------------------------------------------------------------------


def brevity(prompt: str, completion: str, answer: str) -> float:
    """prefers short completions among those that decide"""
    if chosen(completion) is None:
        return 0.0
    return BREVITY_WEIGHT * max(0.0, 1.0 - len(completion.split()) / BREVITY_WORDS)


def length(prompt: str, completion: str, answer: str) -> float:
    """prefers long completions among those that decide, up to a number of words"""
    if chosen(completion) is None:
        return 0.0
    return LENGTH_WEIGHT * min(1.0, len(completion.split()) / LENGTH_WORDS)


def connectives(prompt: str, completion: str, answer: str) -> float:
    """pays words that sound like reasoning (so, then, because, but) in a completion that decides"""
    if chosen(completion) is None:
        return 0.0
    return CONNECTIVES_WEIGHT * min(CONNECTIVES_MOST, len(CONNECTIVE.findall(completion)))


def prompt_echo(prompt: str, completion: str, answer: str) -> float:
    """pays the share of the prompt's words that a completion repeats, when it decides"""
    wanted = words(prompt)
    if not wanted or chosen(completion) is None:
        return 0.0
    return PROMPT_ECHO_WEIGHT * len(wanted & words(completion)) / len(wanted)
