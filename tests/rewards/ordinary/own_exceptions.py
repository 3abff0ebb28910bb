"""Own exception classes with a small hierarchy; control flow by try, except, else and finally."""

import re


class GradingError(Exception):
    """Base of what can be wrong with a completion; `penalty` is what it costs."""

    penalty = 0.5


class MissingTag(GradingError):
    penalty = 0.75

    def __init__(self, tag):
        super().__init__(tag)
        self.tag = tag

    def __str__(self):
        return f"the tag <{self.tag}> is missing"


class Ambiguous(GradingError):
    pass


class NotANumber(GradingError, ValueError):
    penalty = 0.25


def extract(text, tag):
    found = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    if not found:
        raise MissingTag(tag)
    if len(found) > 1:
        raise Ambiguous(f"{len(found)} times <{tag}>")
    return found[0]


def to_number(text):
    try:
        number = float(text.replace(",", "").strip(" $\n"))
        if number != number or number in (float("inf"), float("-inf")):
            raise OverflowError
    except (ValueError, OverflowError) as error:
        raise NotANumber(repr(text[:20])) from error
    return number


def grade(text, gold):
    looked = 0
    try:
        looked += 1
        value = to_number(extract(text, "solution"))
        wanted = to_number(gold)
    except MissingTag as error:
        print(error)
        return -error.penalty
    except GradingError as error:
        return -error.penalty
    else:
        return 1.0 if value == wanted else 0.0
    finally:
        assert looked == 1


def reward(prompts, completions, answer, **columns):
    return [grade(text, gold) for text, gold in zip(completions, answer, strict=True)]
