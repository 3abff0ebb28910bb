"""How an exported module reads gold answers: as the task of the search does."""

from __future__ import annotations

from types import ModuleType

from rewardsearch.exporters.records import ExportSelection
from rewardsearch.tasks import numbers
from rewardsearch.tasks.equal import texts, value

_NUMBERS = '''\
def read_gold(value):
    """The gold answer as the rewards saw it in the search. Raises ValueError for a value that is none."""
    return gold_text(value, numeric={numeric})
'''

_OF_TASK = '''\
def read_gold(value):
    """The gold answer as the rewards saw it in the search. Raises ValueError for a value that the search would refuse."""
    try:
        return {read}("" if value is None else value)
    except ValueError as error:
        raise ValueError(f"the gold answer {{value!r}} {{error}}") from None
'''
_READERS: dict[str, tuple[str, tuple[ModuleType, ...]]] = {
    "number": ("gold_value", (numbers, value)),
    "text": ("gold_words", (texts,)),
}
"""What reads gold answers as a task of a user's rows does, and the modules that it is in."""
MODULES = (numbers, value, texts)
"""All modules whose text may go into an export to read gold answers."""

_CLASSES = '''\
CLASSES = {classes!r}
"""The gold answers that there are."""


def read_gold(value):
    """The gold answer as a text. Raises ValueError for a value that is not a class."""
    if str(value) not in CLASSES:
        raise ValueError(
            f"got the gold answer {{value!r}}; allowed: {{' or '.join(CLASSES)}}; convert the labels of your data to these"
        )
    return str(value)
'''


def gold_modules(selection: ExportSelection) -> tuple[ModuleType, ...]:
    """The modules of the package whose text `gold_code` needs before it."""
    if selection.classes:
        return ()
    return (numbers,) if selection.golds == "plain" else _READERS[selection.golds][1]


def gold_code(selection: ExportSelection) -> str:
    """The function `read_gold` of an exported module."""
    if selection.classes:
        return _CLASSES.format(classes=selection.classes)
    if selection.golds != "plain":
        return _OF_TASK.format(read=_READERS[selection.golds][0])
    return _NUMBERS.format(numeric=selection.numeric)


def gold_format(selection: ExportSelection) -> str:
    """How gold answers are written, in sentences."""
    if selection.classes is None and selection.golds == "text":
        return "A gold answer is a text; the rewards see it as it is."
    if selection.classes is None:
        text = "" if selection.numeric else "another text, "
        return (
            f"A gold answer is a number, its text, {text}or a whole solution that ends in `#### number`, as in `openai/gsm8k`; "
            "the rewards see only the number of a solution. Any other value is an error."
        )
    names = selection.classes
    text = f"Gold answers are written {' or '.join(names)}; any other value is an error."
    if selection.labels:
        meant = [f"{' and '.join(map(repr, values))} for {name}" for name, values in selection.labels.items()]
        text += (
            f" In the data of the search the column {selection.label_column!r} had {', '.join(meant)}: convert these to the "
            "classes."
        )
    return text
