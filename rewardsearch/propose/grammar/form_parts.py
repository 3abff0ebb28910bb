"""What takes the place of the parts that read tags, where answers are in another form.

`answer_text`, `is_exact` and MARKS are those of the form's own parser (tasks/forms/).
"""

from __future__ import annotations

import re

_PARTS = '''
TAGS = MARKS


def solution(completion):
    """The number that alone stands where the answer stands."""
    found = answer_text(completion)
    return None if found is None else number(found)


def decision(completion):
    """The class that alone stands where the answer stands, whatever its case; None without one."""
    said = (answer_text(completion) or "").upper()
    return said if said in (POSITIVE, NEGATIVE) else None


def answered(completion):
    """The text that stands where the answer stands; empty without one."""
    return answer_text(completion) or ""


def work(completion):
    """What is written before the answer."""
    found = answer_text(completion)
    return completion.rpartition(found)[0] if found else completion


def reasons(completion):
    """What is written before the answer."""
    return work(completion)


def chain_in_tags(prompt, completion, answer):
    """pays calculations on the prompt's numbers that arrive at the gold number before the answer"""
    return CHAIN_IN_TAGS_WEIGHT if arrives(prompt, work(completion), answer) else 0.0


def whole_form(prompt, completion, answer, *columns):
    """pays a completion that is the asked form and nothing else"""
    return WHOLE_FORM_WEIGHT if is_exact(completion) else 0.0
'''


def form_definitions(form_code: str) -> tuple[str, str]:
    """The definitions for a form, from the Python source of its parser."""
    return re.sub(r"\bsolution\(", "answer_text(", form_code), _PARTS
