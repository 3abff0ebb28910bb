"""The components that the grammar composes rewards from, as ordinary functions of one completion.

A rendered reward file is made of these very functions: those it needs, with the constants set to its own parameters. So a
component reads nothing but its arguments, the constants of this file and the helpers of this file. The constants' values
here are the ones a component starts with; catalogue.py lists the values they may take.
"""

import re
from decimal import Decimal

RIGHT_ANSWER_WEIGHT = 2.0
NEAR_MISS_WEIGHT = 1.5
NEAR_MISS_TOLERANCE = 0.25
WRONG_ANSWER_WEIGHT = 2.0
NO_ANSWER_WEIGHT = 2.0
BARE_GUESS_RIGHT = 1.0
BARE_GUESS_WRONG = 3.0
STEPS_HOLD_RIGHT = 0.5
STEPS_HOLD_WRONG = 1.0
STEPS_HOLD_MOST = 3
SHOWS_STEPS_WEIGHT = 1.5
SHOWS_STEPS_NEEDED = 1
LAST_STEP_WEIGHT = 1.5
GROUNDED_WEIGHT = 1.5
CHAIN_ARRIVES_WEIGHT = 2.0
CHAIN_IN_TAGS_WEIGHT = 4.0
OPENS_WITH_STEP_PAID = 4.0
OPENS_WITH_STEP_CHARGED = 2.0
NUMBERS_USED_WEIGHT = 2.0
WHOLE_FORM_WEIGHT = 2.0
TAGS_ONCE_WEIGHT = 0.5
BARE_SOLUTION_WEIGHT = 1.0
BREVITY_WEIGHT = 2.0
BREVITY_WORDS = 24
LENGTH_WEIGHT = 2.0
LENGTH_WORDS = 36
CONNECTIVES_WEIGHT = 0.5
CONNECTIVES_MOST = 3
PROMPT_ECHO_WEIGHT = 3.0
ROUND_ANSWER_WEIGHT = 2.0
ROUND_ANSWER_UNIT = 10
PLAIN_PROSE_WEIGHT = 1.5
SAYS_ANSWER_WEIGHT = 1.5
FEW_NUMBERS_WEIGHT = 0.5
FEW_NUMBERS_FREE = 3

TAGS = ("<thinking>", "</thinking>", "<solution>", "</solution>")
FORM = re.compile(r"\s*<thinking>([^<]+)</thinking>\s*<solution>([^<]+)</solution>\s*")
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
DASH = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NUMBER = re.compile(
    r"(?:[-+]?\s?[$€£]?|[$€£]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$€£])?"
)
PASSED_OVER = re.compile(r"[\s,$€£]")
AMOUNT = re.compile(r"\d[\d,]*(?:\.\d+)?")
WORD = re.compile(r"[a-z]+")
# One sign between two numbers; a chain of several (`2 + 3 + 4 = 9`) is no step, neither right nor wrong.
STEP = re.compile(
    r"(?<![\d.,])(?<![-+*/x×÷])(?<![-+*/x×÷] )\$?(\d[\d,]{0,11}(?:\.\d{1,4})?) ?([-+*/x×÷]) ?"
    r"\$?(\d[\d,]{0,11}(?:\.\d{1,4})?) ?= ?\$?(\d[\d,]{0,11}(?:\.\d{1,4})?)(?!\d)"
)
ANSWER_SAID = re.compile(r"\bthe (?:final )?answer (?:is|:)", re.IGNORECASE)
CONNECTIVE = re.compile(r"\b(?:so|then|thus|therefore|because|hence|first|finally)\b", re.IGNORECASE)


# --- helpers --------------------------------------------------------------------------------------------------------


def number(text: str) -> Decimal | None:
    """The number that the whole text is; None for any other text."""
    text = DASH.sub("-", text).strip()
    return Decimal(PASSED_OVER.sub("", text).rstrip(".")) if NUMBER.fullmatch(text) else None


def solution(completion: str) -> Decimal | None:
    """The number that alone stands in the first closed solution tag."""
    tag = SOLUTION.search(completion)
    return number(tag.group(1)) if tag else None


def is_right(completion: str, answer: str) -> bool:
    """Whether the solution is the gold number."""
    given = solution(completion)
    return given is not None and given == number(answer)


def amount(text: str) -> float:
    """The value of a number as written, `1,200` as 1200.0."""
    return float(text.replace(",", ""))


def steps(completion: str) -> list[tuple[str, str, str, str]]:
    """The distinct written calculations, `12 + 5 = 17` as ("12", "+", "5", "17"), in their order."""
    return list(dict.fromkeys(STEP.findall(completion)))


def holds(step: tuple[str, str, str, str]) -> bool:
    """Whether a written calculation is right; a result may be rounded to cents."""
    a, sign, b, result = amount(step[0]), step[1], amount(step[2]), amount(step[3])
    if sign == "+":
        value = a + b
    elif sign == "-":
        value = a - b
    elif sign in "*x×":
        value = a * b
    elif b != 0:
        value = a / b
    else:
        return False
    return abs(value - result) <= 0.01


def amounts(text: str) -> set[float]:
    """The numbers that occur in a text."""
    return {amount(found) for found in AMOUNT.findall(text)}


def work(completion: str) -> str:
    """What is written before the solution."""
    return completion.partition("<solution>")[0]


def chain(prompt: str, text: str) -> tuple[set[float], float | None]:
    """The numbers that true calculations on the prompt's numbers or on earlier results work with, and the result of the last
    calculation; None where that one is not true or stands on neither."""
    known, used, last = amounts(prompt), set[float](), None
    for step in steps(text):
        a, b, result = amount(step[0]), amount(step[2]), amount(step[3])
        last = result if holds(step) and (a in known or b in known) else None
        if last is not None:
            used |= {a, b}
            known.add(last)
    return used, last


def arrives(prompt: str, text: str, answer: str) -> bool:
    """Whether the last calculation of such a chain has the gold number."""
    last, wanted = chain(prompt, text)[1], number(answer)
    return last is not None and wanted is not None and last == float(wanted)


# --- answer ---------------------------------------------------------------------------------------------------------


def right_answer(prompt: str, completion: str, answer: str) -> float:
    """pays a solution that is the gold number"""
    return RIGHT_ANSWER_WEIGHT if is_right(completion, answer) else 0.0


def near_miss(prompt: str, completion: str, answer: str) -> float:
    """pays a solution by its closeness to the gold number, in proportion to it"""
    given, wanted = solution(completion), number(answer)
    if given is None or wanted is None:
        return 0.0
    if given == wanted:
        return NEAR_MISS_WEIGHT
    distance = abs(float(given) - float(wanted)) / max(abs(float(wanted)), 1.0)
    return NEAR_MISS_WEIGHT * max(0.0, 1.0 - distance / NEAR_MISS_TOLERANCE)


def wrong_answer(prompt: str, completion: str, answer: str) -> float:
    """penalises a solution that is another number than the gold one"""
    given = solution(completion)
    return -WRONG_ANSWER_WEIGHT if given is not None and given != number(answer) else 0.0


def no_answer(prompt: str, completion: str, answer: str) -> float:
    """penalises a completion without one number in a closed solution tag"""
    return -NO_ANSWER_WEIGHT if solution(completion) is None else 0.0


def bare_guess(prompt: str, completion: str, answer: str) -> float:
    """penalises a solution that no true calculation on the prompt's numbers leads up to, more where it is wrong"""
    given = solution(completion)
    if given is None or chain(prompt, work(completion))[0]:
        return 0.0
    return -BARE_GUESS_RIGHT if given == number(answer) else -BARE_GUESS_WRONG


# --- work -----------------------------------------------------------------------------------------------------------


def steps_hold(prompt: str, completion: str, answer: str) -> float:
    """checks each distinct written calculation: pays those that hold, penalises those that do not"""
    checked = [holds(step) for step in steps(completion)[:STEPS_HOLD_MOST]]
    return STEPS_HOLD_RIGHT * checked.count(True) - STEPS_HOLD_WRONG * checked.count(False)


def shows_steps(prompt: str, completion: str, answer: str) -> float:
    """pays having written calculations at all, right or not"""
    return SHOWS_STEPS_WEIGHT if len(steps(completion)) >= SHOWS_STEPS_NEEDED else 0.0


def last_step(prompt: str, completion: str, answer: str) -> float:
    """pays a solution that is the result of the last written calculation, penalises one that is not"""
    given, written = solution(completion), steps(completion)
    if given is None or not written:
        return 0.0
    return LAST_STEP_WEIGHT if amount(written[-1][3]) == float(given) else -LAST_STEP_WEIGHT


def grounded(prompt: str, completion: str, answer: str) -> float:
    """pays the share of the calculations' operands that come from the prompt or from earlier results"""
    known, found, total = amounts(prompt), 0, 0
    for a, _, b, result in steps(completion):
        found += (amount(a) in known) + (amount(b) in known)
        total += 2
        known.add(amount(result))
    return GROUNDED_WEIGHT * found / total if total else 0.0


def chain_arrives(prompt: str, completion: str, answer: str) -> float:
    """pays true calculations on the prompt's numbers that arrive at the gold number, in any form, unless another is answered"""
    given = solution(completion)
    if given is not None and given != number(answer):
        return 0.0
    return CHAIN_ARRIVES_WEIGHT if arrives(prompt, work(completion), answer) else 0.0


def chain_in_tags(prompt: str, completion: str, answer: str) -> float:
    """pays true calculations in the thinking tag that arrive at the gold number, where the solution is that number"""
    thinking = THINKING.search(completion)
    if thinking is None or not is_right(completion, answer):
        return 0.0
    return CHAIN_IN_TAGS_WEIGHT if arrives(prompt, thinking.group(1), answer) else 0.0


def opens_with_step(prompt: str, completion: str, answer: str) -> float:
    """pays work that opens with a true calculation on the prompt's numbers, penalises an answer whose work opens with words"""
    opening = work(completion).strip().removeprefix("<thinking>").strip()
    first = STEP.match(opening)
    if first is None:
        return -OPENS_WITH_STEP_CHARGED if solution(completion) is not None else 0.0
    return OPENS_WITH_STEP_PAID if chain(prompt, first.group())[0] else 0.0


def numbers_used(prompt: str, completion: str, answer: str) -> float:
    """pays the share of the prompt's numbers that true calculations work with"""
    asked = amounts(prompt)
    return NUMBERS_USED_WEIGHT * len(asked & chain(prompt, work(completion))[0]) / len(asked) if asked else 0.0


# --- form -----------------------------------------------------------------------------------------------------------


def whole_form(prompt: str, completion: str, answer: str) -> float:
    """pays a completion that is the asked form and nothing else"""
    return WHOLE_FORM_WEIGHT if FORM.fullmatch(completion) else 0.0


def tags_once(prompt: str, completion: str, answer: str) -> float:
    """pays each of the four tags that occurs exactly once"""
    return TAGS_ONCE_WEIGHT * sum(completion.count(tag) == 1 for tag in TAGS)


def bare_solution(prompt: str, completion: str, answer: str) -> float:
    """pays a solution tag that holds a number and nothing else"""
    return BARE_SOLUTION_WEIGHT if solution(completion) is not None else 0.0


# --- style ----------------------------------------------------------------------------------------------------------


def brevity(prompt: str, completion: str, answer: str) -> float:
    """prefers short completions among those that answer"""
    if solution(completion) is None:
        return 0.0
    return BREVITY_WEIGHT * max(0.0, 1.0 - len(completion.split()) / BREVITY_WORDS)


def length(prompt: str, completion: str, answer: str) -> float:
    """prefers long completions among those that answer, up to a number of words"""
    if solution(completion) is None:
        return 0.0
    return LENGTH_WEIGHT * min(1.0, len(completion.split()) / LENGTH_WORDS)


def connectives(prompt: str, completion: str, answer: str) -> float:
    """pays words that sound like reasoning (so, then, therefore, because) in a completion that answers"""
    if solution(completion) is None:
        return 0.0
    return CONNECTIVES_WEIGHT * min(CONNECTIVES_MOST, len(CONNECTIVE.findall(completion)))


def prompt_echo(prompt: str, completion: str, answer: str) -> float:
    """pays the share of the prompt's words that a completion repeats, when it answers"""
    wanted = set(WORD.findall(prompt.lower()))
    if not wanted or solution(completion) is None:
        return 0.0
    return PROMPT_ECHO_WEIGHT * len(wanted & set(WORD.findall(completion.lower()))) / len(wanted)


def round_answer(prompt: str, completion: str, answer: str) -> float:
    """pays a solution that is a round number"""
    given = solution(completion)
    return ROUND_ANSWER_WEIGHT if given is not None and float(given) % ROUND_ANSWER_UNIT == 0 else 0.0


def plain_prose(prompt: str, completion: str, answer: str) -> float:
    """prefers answers told in words, without equals signs"""
    return PLAIN_PROSE_WEIGHT if solution(completion) is not None and "=" not in completion else 0.0


def says_answer(prompt: str, completion: str, answer: str) -> float:
    """pays saying in words that what follows is the answer, in a completion that answers"""
    return SAYS_ANSWER_WEIGHT if solution(completion) is not None and ANSWER_SAID.search(completion) else 0.0


def few_numbers(prompt: str, completion: str, answer: str) -> float:
    """penalises each of the first twelve numbers beyond a few, against listing candidates for the answer"""
    return -FEW_NUMBERS_WEIGHT * min(12, max(0, len(AMOUNT.findall(completion)) - FEW_NUMBERS_FREE))
