"""Which column of a table is the prompt, and which the answer: by name first, then by what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rewardsearch.errors import UserError
from rewardsearch.tasks.data import MOST_CLASSES
from rewardsearch.tasks.guessing.columns import Column

PROMPTS = (
    *(
        "prompt",
        "question",
        "problem",
        "instruction",
        "query",
        "input",
        "text",
        "sentence",
        "review",
        "content",
        "body",
    ),
    *("message", "conversation", "document", "statement", "description", "comment", "task"),
)
ANSWERS = (
    *("answer", "gold", "gold_answer", "ground_truth", "final_answer", "expected_answer", "correct_answer", "expected"),
    *("reference", "target", "label", "class", "category", "intent", "sentiment", "solution", "output", "response"),
    *("completion", "result", "reply", "y", "rating", "stars"),
)
BEFORE = {
    "question": ("context", "passage", "document", "article", "paragraph"),
    "text": ("title", "subject", "headline"),
    "body": ("title", "subject", "headline"),
    "content": ("title", "subject", "headline"),
    "review": ("title",),
}
"""Columns that belong in front of a prompt of this name."""
BEHIND = {"instruction": ("input", "context")}
PAIRS = (("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"), ("text_a", "text_b"))
OPTIONS = ("choices", "options")
LETTERS = "ABCDEFGHIJKLMNOPQRST"
_BOX = r"\boxed{"


@dataclass(frozen=True)
class Reason:
    """One guess. key: of the config, without `task.`. value: what was guessed, in words. why: what speaks for it. otherwise: what
    to do where it is wrong."""

    key: str
    value: str
    why: str
    otherwise: str

    def __str__(self) -> str:
        return f"{self.key}: {self.value} ({self.why}); {self.otherwise}"


@dataclass(frozen=True)
class PromptGuess:
    """column: the one that the prompt is mainly made of. setting: task.prompt. used: the columns in it."""

    column: Column
    setting: str
    used: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True)
class AnswerGuess:
    """column: the answers, as the setting gives them. setting: task.answer. worked: whether the column has more than the answer.
    letters: whether the answers are the letters of options."""

    column: Column
    setting: str
    reason: Reason
    worked: bool = False
    letters: bool = False


def find_prompt(columns: Sequence[Column], name: str, given: str | None, answer: str | None) -> PromptGuess:
    """The prompt of the table `name`. given: the column that the user names; answer: the one of the answer, if it is named.

    Raises UserError where no column can be one.
    """
    others = [column for column in columns if column.name != answer and column.kind in ("text", "messages")]
    nested = [column.name for column in columns if column.kind in ("object", "list")]
    if given is None and not others and nested:
        raise UserError(
            f"{name}: {', '.join(nested)} holds nested objects; write flat rows, such as "
            f'{{"prompt": "..", "answer": ".."}}, or a config with templates, such as prompt: "{{{{ {nested[0]}.prompt }}}}"'
        )
    for first, second in PAIRS if given is None else ():
        pair = [column for column in others if column.plain_name in (first, second)]
        if len(pair) == 2:
            setting = "\n".join(f"{each.name}: {{{{ {each.reference} }}}}" for each in pair)
            names = tuple(each.name for each in pair)
            reason = Reason("prompt", " and ".join(names), "their names", "otherwise name a column or a template")
            return PromptGuess(pair[0], setting, names, reason)
    column, why = next((column for column in columns if column.name == given), None), "as you said"
    if column is None:
        column, why = by_name(others, PROMPTS), "by its name"
    if column is None:
        longest = [column for column in others if column.plain_name not in ANSWERS]
        column, why = max(longest or others, key=lambda each: each.words, default=None), "the longest texts"
    if column is None:
        raise UserError(f"{name}: no column of texts for the prompt; it has {names_of(columns)}; add one, or fill it")
    if column.kind == "messages" and column.share("'role': 'assistant'") > 0:
        raise UserError(
            f"{name}: the chat messages in {column.name} hold the assistant's replies; write prompt and answer as two columns"
        )
    parts = [*_companions(others, column, BEFORE), column, *_companions(others, column, BEHIND)]
    used = [each.name for each in parts]
    setting = column.name
    options = _options(columns)
    if column.kind == "text":
        setting = "\n\n".join(f"{{{{ {each.reference} }}}}" for each in parts)
        if options is not None:
            used.append(options.name)
            listed = f'{{{{ "{LETTERS}"[loop.index0] }}}}. {{{{ option }}}}'
            setting += f"\n{{% for option in {options.reference} %}}\n{listed}{{% endfor %}}"
    rest = names_of(columns, *used)
    return PromptGuess(
        column, setting, tuple(used), Reason("prompt", " and ".join(used), why, f"otherwise name one of: {rest}")
    )


def find_answer(columns: Sequence[Column], name: str, given: str | None, prompt: PromptGuess) -> AnswerGuess:
    """The answer of the table `name`. Raises UserError where no column can be one, and where all answers are the same."""
    others = [column for column in columns if column.name not in prompt.used and column.kind != "messages"]
    column, why = next((column for column in columns if column.name == given), None), "as you said"
    if column is None:
        column, why = by_name(others, ANSWERS), "by its name"
    if column is None and len(others) == 1:
        column, why = others[0], "the only column beside the prompt"
    if column is None:
        few = [each for each in others if each.repeated and 1 < len(each.counts) <= MOST_CLASSES]
        column, why = few[0] if len(few) == 1 else None, "few values, which repeat"
    if column is None:
        raise UserError(
            f"{name}: no column looks like the answer to {prompt.column.name}; it has {names_of(columns)}; name the one that "
            "holds it: --answer COLUMN"
        )
    if len(column.counts) == 1 and len(column.values) > 1 and column.kind not in ("list", "object"):
        raise UserError(
            f"{name}: every row has the answer {column.spellings[0]!r} in {column.name}, so there is nothing to learn; give rows "
            "with different answers, or name another column: --answer COLUMN"
        )
    options = _options(columns)
    otherwise = f"otherwise name one of: {names_of(columns, column.name)}"
    if options is not None and column.kind == "number":
        letters = LETTERS[: max(map(len, options.values))]
        chosen = [letters[int(value)] for value in column.values if 0 <= int(value) < len(letters)]
        reason = Reason("answer", f"the letter for {column.name}", f"it counts {options.name} from 0", otherwise)
        setting = f'{{{{ "{letters}"[{column.reference}|int] }}}}'
        return AnswerGuess(Column(column.name, chosen), setting, reason, letters=True)
    if column.kind == "text" and column.words > 3 and column.holds(_BOX):
        reason = Reason("answer", f"what {column.name} has in \\boxed", "every solution ends in one", otherwise)
        setting = f"{{{{ {column.reference}.rpartition('\\\\boxed{{')[2].rpartition('}}')[0] }}}}"
        boxed = [value.rpartition(_BOX)[2].rpartition("}")[0] for value in column.values]
        if any(text.count("{") != text.count("}") for text in boxed):
            raise UserError(
                f"{name}: {column.name} has text with braces behind \\boxed{{..}}; write the answers as a column of their own"
            )
        return AnswerGuess(Column(column.name, boxed), setting, reason, worked=True)
    return AnswerGuess(
        column, column.name, Reason("answer", column.name, why, otherwise), column.holds("####") and column.words > 2
    )


def by_name(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    """The column whose name comes first in `names`, in the singular or plural; else one that has such a word in its name."""
    for name in names:
        found = next((column for column in columns if column.plain_name in (name, f"{name}s")), None)
        if found is not None:
            return found
    named = [column for column in columns if not column.plain_name.endswith("id")]
    for name in names:
        found = next((column for column in named if name in column.plain_name.split("_")), None)
        if found is not None:
            return found
    return None


def exact(columns: Sequence[Column], name: str) -> Column | None:
    return next((column for column in columns if column.plain_name == name), None)


def names_of(columns: Sequence[Column], *without: str) -> str:
    return ", ".join(column.name for column in columns if column.name not in without) or "no other column"


def _companions(columns: Sequence[Column], column: Column, names: Mapping[str, tuple[str, ...]]) -> Sequence[Column]:
    found = (exact(columns, name) for name in names.get(column.plain_name, ()))
    first = next((each for each in found if each is not None and each.kind == "text"), None)
    return [] if first is None else [first]


def _options(columns: Sequence[Column]) -> Column | None:
    return next((column for column in columns if column.plain_name in OPTIONS and column.kind == "list"), None)
