"""Guesses the config of a task from the columns of a table: prompt, answer, kind, classes, answer form, groups.

Nothing is printed or written. Every guess has its reason and the alternative, so that a person can correct it in the config.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from rewardsearch.errors import UserError
from rewardsearch.tasks.data import MOST_CLASSES
from rewardsearch.tasks.examples import ASKS
from rewardsearch.tasks.guessing.columns import Column, columns_of
from rewardsearch.tasks.guessing.roles import AnswerGuess, PromptGuess, Reason, exact, find_answer, find_prompt
from rewardsearch.tasks.tables import Table

__all__ = ["Guess", "Reason", "guess_task"]

LABELS = ("label", "class", "category", "intent", "sentiment", "y", "stars", "rating", "target", "topic")
"""Names under which a few different numbers are classes."""
QUESTIONS = ("prompt", "question", "instruction", "problem", "query")
"""Names of prompts that say what is asked; of other texts the classes do not follow from the text."""
SOLUTIONS = (
    *(
        "solution",
        "worked_solution",
        "rationale",
        "reasoning",
        "explanation",
        "chain_of_thought",
        "cot",
        "working",
        "steps",
    ),
    *("reason", "justification"),
)
_GROUP = re.compile(
    r"(?:\w+_)?(?:id|uuid)|user(?:name)?|person|author|customer|patient|client|student|applicant|speaker|sender|account|session"
    r"|conversation|thread|group|source|article|passage|context|document|story|template"
)
"""Names of columns whose rows may belong together."""
POSITIVE = ("yes", "true", "1", "positive", "pos", "spam", "toxic", "accepted", "selected", "fraud", "relevant", "pass")
FORMS: tuple[tuple[str, str | dict[str, str], str], ...] = (
    (r"\boxed", "boxed", r"\boxed{..}"),
    ("</solution>", "tags", "<solution> .. </solution>"),
    (
        "</answer>",
        {"regex": r"<answer>\s*(.*?)\s*</answer>", "example": "<answer> {answer} </answer>"},
        "<answer> .. </answer>",
    ),
    ("####", "hash", "#### .."),
)
"""Answer forms that prompts may ask for: what they hold then, task.form, and how it looks."""
_LATEX = r"\\[a-z]+|\^|\$.*\$"
_NUMERIC = 0.9
"""The share of the answers that must be numbers. The others are reported as mistakes when the rows are read."""
_LONG = 30
"""Words from which on a policy hardly ever gives just this text."""
_LARGEST_GROUP, _FEWEST_GROUPS = 0.2, 10
_OTHER_FORMS = "otherwise boxed, hash, last_number, json: KEY, whole, regex: PATTERN"


@dataclass(frozen=True)
class Guess:
    """task: keys of the section `task`. reasons: one for each guess. unused: columns that none of the keys uses."""

    task: dict[str, Any]
    reasons: tuple[Reason, ...]
    unused: tuple[str, ...]


def guess_task(
    table: Table, name: str, prompt: str | None = None, answer: str | None = None, chat: bool = False
) -> Guess:
    """What the columns of the table, called `name`, are for.

    prompt, answer: columns that the user names. chat: the policy is a chat model. Raises UserError where no column can be a
    prompt or an answer, where the answers are all the same, and for columns that the table does not have.
    """
    columns = columns_of(table)
    for option, given in (("--prompt", prompt), ("--answer", answer)):
        if given is not None and given not in (column.name for column in columns):
            table.check_column(given, name, option)
            raise UserError(f"{name}: column {given!r}, which {option} names, is empty; name another one")
    if prompt is not None and prompt == answer:
        raise UserError(f"--prompt and --answer: got {prompt!r} for both; name two columns of {name}")
    asked = find_prompt(columns, name, prompt, answer)
    answered = find_answer(columns, name, answer, asked)
    kind, equal = _kind(answered)
    form, form_reason, is_asked = _form(asked.column, answered.column)
    task: dict[str, Any] = {"kind": kind.value, "prompt": asked.setting, "answer": answered.setting}
    reasons = [asked.reason, answered.reason, kind]
    if equal is not None:
        task["equal"] = equal
    if kind.value == "choice":
        task["classes"] = answered.column.spellings
        if (positive := _positive(answered.column)) is not None:
            task["positive"] = positive.value
            reasons.append(positive)
    task["form"] = form
    reasons.append(form_reason)
    if asked.column.kind == "messages" and not is_asked:
        why = "but they do not ask for the answer form"
        reasons.append(Reason("prompt", "chat messages as they are", why, "add a message that asks for it"))
    elif not is_asked:
        task["prompt"] = _asking(asked, answered, task.get("classes", ()), chat)
    if chat or asked.column.kind == "messages":
        task["chat"] = True
    for found in (_solution(columns, answered, asked), _group(columns, answered, asked)):
        if found is not None:
            task[found.key] = [found.value] if found.key == "group" else found.value
            reasons.append(found)
    settings = " ".join(map(str, task.values()))
    used = {answered.column.name, *asked.used}
    unused = tuple(column.name for column in columns if column.name not in used and column.name not in settings)
    return Guess(task, tuple(reasons), unused)


def _kind(answered: AnswerGuess) -> tuple[Reason, str | None]:
    """task.kind and task.equal."""
    column, otherwise = answered.column, "otherwise numeric, choice or text"
    different = f"{len(column.counts):,} different answers in {len(column.values):,} rows"
    few = 1 < len(column.counts) <= MOST_CLASSES and column.repeated
    if column.kind in ("list", "object"):
        return Reason("kind", "text", "answers are JSON and compared as such", otherwise), None
    named = column.plain_name in LABELS
    if answered.letters or column.kind == "bool" or (few and (named or column.numbers < _NUMERIC)):
        return Reason("kind", "choice", different, otherwise), None
    if column.numbers >= _NUMERIC:
        after = ", after ####" if answered.worked and column.holds("####") else ""
        return Reason("kind", "numeric", f"answers are numbers{after}", otherwise), None
    if column.words >= _LONG:
        why = f"answers have {column.words:g} words, and only the same text is right"
        return Reason("kind", "text", why, "for another judgement write a verifier (kind: file)"), None
    if column.share(_LATEX) > 0.2:
        if find_spec("math_verify") is not None:
            return Reason("kind", "text", "answers are LaTeX, equal: math compares their values", otherwise), "math"
        why = "answers are LaTeX, compared as texts"
        return Reason("kind", "text", why, "for equal: math run pip install 'rewardsearch[math]'"), None
    if column.numbers > 0.5:
        others = ", ".join(map(repr, column.without_number()))
        different = f"{column.numbers:.0%} of the answers are numbers; others are {others}"
    return Reason("kind", "text", different, otherwise), None


def _positive(column: Column) -> Reason | None:
    """The class whose F1 ranks, of two."""
    if len(column.spellings) != 2:
        return None
    named = next((each for each in column.spellings if each.casefold() in POSITIVE), None)
    if named is not None:
        return Reason("positive", named, "by its name", "otherwise the other class; its F1 ranks candidates")
    rarer = min(column.spellings, key=lambda each: column.counts[each.strip().casefold()])
    return Reason("positive", rarer, "the rarer one", "otherwise the other class; its F1 ranks candidates")


def _form(prompt: Column, answer: Column) -> tuple[str | dict[str, str], Reason, bool]:
    """task.form, its reason, and whether the prompts ask for it already."""
    for mark, form, shown in FORMS:
        if prompt.holds(mark):
            value = form if isinstance(form, str) else "regex"
            return form, Reason("form", value, f"the prompts have {shown}", _OTHER_FORMS), True
    if answer.kind in ("list", "object"):
        return {"json": "answer"}, Reason("form", "json: answer", "answers are JSON", _OTHER_FORMS), False
    return "tags", Reason("form", "tags", "the prompts ask for no form", _OTHER_FORMS), False


def _asking(prompt: PromptGuess, answered: AnswerGuess, classes: Sequence[str], chat: bool) -> str:
    """The prompt with what asks for a class where it is a text without a question, and for the answer form. For a chat model the
    system message asks for the form."""
    question = ""
    if classes and not set(QUESTIONS) & set(prompt.column.plain_name.split("_")):
        names = f"{', '.join(classes[:-1])} or {classes[-1]}"
        question = f"Which {answered.column.plain_name.replace('_', ' ')} fits this: {names}?\n\n"
    text = prompt.setting if "{{" in prompt.setting else f"{{{{ {prompt.column.reference} }}}}"
    if chat:
        return question + text if question else prompt.setting
    return f"{question}{text}\n\n{ASKS}\n"


def _solution(columns: Sequence[Column], answered: AnswerGuess, prompt: PromptGuess) -> Reason | None:
    column, otherwise = answered.column, "otherwise leave it out; SFT teaches it"
    if answered.worked:
        whole = next(each for each in columns if each.name == column.name)
        if not whole.holds("####"):
            return Reason("solution", whole.name, "it ends in the answer", otherwise)
        template = f"{{{{ {whole.reference}.rpartition('####')[0] }}}}"
        return Reason("solution", template, f"{whole.name} has steps before ####", otherwise)
    others = [each for each in columns if each.name not in (column.name, *prompt.used) and each.kind == "text"]
    found = next((each for name in SOLUTIONS if (each := exact(others, name)) is not None), None)
    return None if found is None else Reason("solution", found.name, "by its name", otherwise)


def _group(columns: Sequence[Column], answered: AnswerGuess, prompt: PromptGuess) -> Reason | None:
    """A column whose values repeat, none of them in a large share of the rows."""
    for column in columns:
        words = set(column.plain_name.split("_"))
        if not _GROUP.fullmatch(column.plain_name) or words & set(LABELS) or column.name == answered.column.name:
            continue
        if column.kind in ("list", "object", "messages") or column.name == prompt.column.name:
            continue
        counts, rows = column.counts, len(column.values)
        if _FEWEST_GROUPS <= len(counts) < _NUMERIC * rows and max(counts.values()) <= _LARGEST_GROUP * rows:
            why = f"{len(counts):,} values in {rows:,} rows"
            return Reason("group", column.name, why, "rows of one value stay in one split; otherwise leave it out")
    return None
