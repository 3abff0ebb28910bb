"""What the grammar may compose: the kinds of component, their families, and the values their parameters may take.

KINDS are for tasks with numeric answers, CLASS_KINDS for tasks with a decision between two classes, a resume and a job,
CHOICE_KINDS for other tasks with classes, and MEASURED_KINDS for tasks that measure similarities of texts.

A catalogue is meant to hold ideas as people and language models have them: sound, mediocre, useless and harmful ones side by
side. Which is which depends on policy and task, and only screening shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

Family = Literal["answer", "work", "form", "style"]
FAMILIES: tuple[Family, ...] = ("answer", "work", "form", "style")
MOSTLY_WORK: tuple[Family, ...] = ("answer", "work", "work", "work", "form", "style")
Value = float | int


@dataclass(frozen=True)
class Parameter:
    """One constant of a component. `values` ascend; a mutation moves to a neighbouring one."""

    name: str
    values: tuple[Value, ...]

    def admits(self, value: object) -> bool:
        """Whether `value` lies between the least and the greatest of `values`, and is whole where they are."""
        if isinstance(value, bool) or not isinstance(value, int if isinstance(self.values[0], int) else int | float):
            return False
        return self.values[0] <= value <= self.values[-1]


@dataclass(frozen=True)
class Kind:
    """One kind of component: `name` is its function in the catalogue's file of parts."""

    name: str
    family: Family
    parameters: tuple[Parameter, ...]

    def constant(self, parameter: Parameter) -> str:
        """The name of the constant in the file of parts and in rendered files."""
        return f"{self.name}_{parameter.name}".upper()


@dataclass(frozen=True)
class Catalogue:
    """What rewards of one sort of task are composed from.

    parts: the file of the components' functions, beside this one. anchor: the kind that others but those of style are paired
    with, so that a reward also asks for what the task is about. columns: those that the functions take after prompt, completion
    and answer. measured: whether they take measured numbers in their place. turns: the families that fresh ideas are of, in turn.
    beside: how many more kinds, of answer and work, a fresh idea has. changes: how often a mutation tunes a parameter, adds a
    component and drops one. classes: the task's, the positive one first; None for tasks without classes.
    """

    parts: str
    kinds: tuple[Kind, ...]
    anchor: str
    columns: tuple[str, ...] = ()
    measured: bool = False
    turns: tuple[Family, ...] = FAMILIES
    beside: int = 0
    changes: tuple[float, float, float] = (0.4, 0.4, 0.2)
    classes: tuple[str, ...] | None = None

    @cached_property
    def by_name(self) -> dict[str, Kind]:
        return {kind.name: kind for kind in self.kinds}

    @cached_property
    def substance(self) -> tuple[str, ...]:
        """The kinds of answer and work but the anchor."""
        return tuple(k.name for k in self.kinds if k.family in ("answer", "work") and k.name != self.anchor)

    @cached_property
    def order(self) -> dict[str, int]:
        """The place of each kind by its name."""
        return {kind.name: place for place, kind in enumerate(self.kinds)}


def weight(*values: float) -> Parameter:
    return Parameter("weight", values)


KINDS: tuple[Kind, ...] = (
    Kind("right_answer", "answer", (weight(1.0, 2.0, 3.0, 4.0),)),
    Kind("near_miss", "answer", (weight(1.0, 1.5, 2.0, 3.0), Parameter("tolerance", (0.1, 0.25, 0.5)))),
    Kind("wrong_answer", "answer", (weight(1.0, 2.0, 3.0, 4.0),)),
    Kind("no_answer", "answer", (weight(1.0, 2.0, 3.0),)),
    Kind("bare_guess", "answer", (Parameter("right", (0.0, 0.5, 1.0, 2.0)), Parameter("wrong", (1.0, 2.0, 3.0, 4.0)))),
    Kind(
        "steps_hold",
        "work",
        (
            Parameter("right", (0.25, 0.5, 1.0, 1.5)),
            Parameter("wrong", (0.0, 0.5, 1.0, 2.0)),
            Parameter("most", (2, 3, 4, 6)),
        ),
    ),
    Kind("shows_steps", "work", (weight(0.5, 1.0, 1.5, 2.0), Parameter("needed", (1, 2, 3)))),
    Kind("last_step", "work", (weight(0.5, 1.0, 1.5, 2.0, 3.0),)),
    Kind("grounded", "work", (weight(0.5, 1.0, 1.5, 2.0, 3.0),)),
    Kind("chain_arrives", "work", (weight(1.0, 2.0, 3.0, 4.0),)),
    Kind("chain_in_tags", "work", (weight(1.0, 2.0, 4.0, 6.0),)),
    Kind(
        "opens_with_step",
        "work",
        (Parameter("paid", (1.0, 2.0, 4.0, 6.0)), Parameter("charged", (0.0, 1.0, 2.0, 4.0))),
    ),
    Kind("numbers_used", "work", (weight(0.5, 1.0, 2.0, 3.0),)),
    Kind("whole_form", "form", (weight(1.0, 2.0, 3.0),)),
    Kind("tags_once", "form", (weight(0.25, 0.5, 1.0),)),
    Kind("bare_solution", "form", (weight(0.5, 1.0, 2.0),)),
    Kind("brevity", "style", (weight(1.0, 2.0, 3.0), Parameter("words", (16, 24, 40)))),
    Kind("length", "style", (weight(1.0, 2.0, 3.0), Parameter("words", (24, 36, 60)))),
    Kind("connectives", "style", (weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 5)))),
    Kind("prompt_echo", "style", (weight(1.5, 3.0, 5.0),)),
    Kind("round_answer", "style", (weight(1.0, 2.0, 3.0), Parameter("unit", (5, 10)))),
    Kind("plain_prose", "style", (weight(1.0, 1.5, 2.0),)),
    Kind("says_answer", "style", (weight(1.0, 1.5, 2.0),)),
    Kind("few_numbers", "style", (weight(0.25, 0.5, 1.0), Parameter("free", (2, 3, 4)))),
)
ANCHOR = "right_answer"
NUMERIC = Catalogue("parts.py", KINDS, ANCHOR, turns=MOSTLY_WORK, beside=1, changes=(0.2, 0.65, 0.15))
"""For tasks with numeric answers, where most kinds are about the work."""

CLASS_ANCHOR = "right_decision"
CLASS_KINDS: tuple[Kind, ...] = (
    Kind(CLASS_ANCHOR, "answer", (weight(1.0, 2.0, 3.0, 4.0),)),
    Kind(
        "wrong_decision",
        "answer",
        (
            Parameter("false_positive", (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
            Parameter("false_negative", (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
        ),
    ),
    Kind("right_positive", "answer", (weight(0.25, 0.5, 1.0, 2.0),)),
    Kind("no_decision", "answer", (weight(1.0, 2.0, 3.0),)),
    Kind("grounded_reasons", "work", (weight(0.5, 1.0, 1.5, 2.0), Parameter("most", (4, 6, 8, 12)))),
    Kind("ungrounded_words", "work", (weight(0.1, 0.25, 0.5, 2.0), Parameter("free", (2, 4, 8)))),
    Kind("names_criteria", "work", (weight(0.5, 1.0, 1.5, 2.0),)),
    Kind("counts_criteria", "work", (weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 4, 6)))),
    Kind("says_missing", "work", (weight(0.5, 1.0, 1.5),)),
    Kind("true_numbers", "work", (weight(0.5, 1.0, 1.5),)),
    Kind("reasons_fit", "work", (weight(0.5, 1.0, 1.5, 2.0),)),
    Kind("whole_form", "form", (weight(1.0, 2.0, 3.0),)),
    Kind("tags_once", "form", (weight(0.25, 0.5, 1.0),)),
    Kind("brevity", "style", (weight(1.0, 2.0, 3.0), Parameter("words", (24, 40, 60)))),
    Kind("length", "style", (weight(1.0, 2.0, 3.0), Parameter("words", (30, 50, 80)))),
    Kind("connectives", "style", (weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 5)))),
    Kind("praise", "style", (weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 5)))),
    Kind("resume_echo", "style", (weight(1.5, 3.0, 5.0),)),
)


CHOICE_ANCHOR = "right_class"
CHOICE_KINDS: tuple[Kind, ...] = (
    Kind(CHOICE_ANCHOR, "answer", (weight(1.0, 2.0, 3.0, 4.0),)),
    Kind("wrong_class", "answer", (weight(0.25, 0.5, 1.0, 2.0, 4.0, 8.0),)),
    Kind("no_class", "answer", (weight(1.0, 2.0, 3.0),)),
    Kind("grounded_reasons", "work", (weight(0.5, 1.0, 1.5, 2.0), Parameter("most", (4, 6, 8, 12)))),
    Kind("ungrounded_words", "work", (weight(0.1, 0.25, 0.5, 2.0), Parameter("free", (2, 4, 8)))),
    Kind("several_clauses", "work", (weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 4, 6)))),
    Kind("weighs_classes", "work", (weight(0.25, 0.5, 1.0, 2.0),)),
    Kind("reasons_name_class", "work", (weight(0.25, 0.5, 1.0, 2.0),)),
    Kind("true_numbers", "work", (weight(0.5, 1.0, 1.5),)),
    Kind("whole_form", "form", (weight(1.0, 2.0, 3.0),)),
    Kind("tags_once", "form", (weight(0.25, 0.5, 1.0),)),
    Kind("brevity", "style", (weight(1.0, 2.0, 3.0), Parameter("words", (24, 40, 60)))),
    Kind("length", "style", (weight(1.0, 2.0, 3.0), Parameter("words", (30, 50, 80)))),
    Kind("connectives", "style", (weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 5)))),
    Kind("prompt_echo", "style", (weight(1.5, 3.0, 5.0),)),
)
MEASURED_ANCHOR = "near_query"
MEASURED_KINDS: tuple[Kind, ...] = (
    Kind(MEASURED_ANCHOR, "answer", (weight(0.5, 1.0, 2.0, 4.0),)),
    Kind("far_from_negative", "answer", (weight(0.5, 1.0, 2.0, 4.0),)),
    Kind("ahead_of_negative", "answer", (weight(1.0, 2.0, 4.0, 8.0), Parameter("margin", (0.05, 0.1, 0.2, 0.4)))),
    Kind("ahead_of_batch", "answer", (weight(1.0, 2.0, 4.0, 8.0), Parameter("margin", (0.05, 0.1, 0.2, 0.4)))),
    Kind("far_from_batch", "answer", (weight(0.5, 1.0, 2.0, 4.0),)),
    Kind("ranked_first", "answer", (weight(0.25, 0.5, 1.0, 2.0),)),
    Kind("reciprocal_rank", "answer", (weight(0.5, 1.0, 2.0),)),
    Kind("log_share", "answer", (weight(0.1, 0.25, 0.5, 1.0),)),
    Kind("changes_text", "work", (weight(0.5, 1.0, 2.0), Parameter("most", (0.1, 0.3, 0.6)))),
    Kind("like_group", "work", (weight(0.1, 0.2, 0.5, 1.0),)),
    Kind("own_words", "work", (weight(0.25, 0.5, 1.0),)),
    Kind("unfinished", "form", (weight(0.5, 1.0, 2.0),)),
    Kind("says_something", "form", (weight(0.5, 1.0, 2.0), Parameter("words", (3, 4, 6)))),
    Kind("brevity", "style", (weight(0.25, 0.5, 1.0), Parameter("tokens", (16, 24, 40)))),
    Kind("length", "style", (weight(0.25, 0.5, 1.0), Parameter("tokens", (16, 24, 40)))),
)
MEASURED_COLUMNS = (
    *("sim_query", "sim_negative", "sim_group", "sim_batch_max", "rank", "log_share", "sim_bare", "tokens", "finished"),
)
"""The measured columns that these parts read. Those that are the same in a group are not among them."""
MEASURED = Catalogue(
    "measured_parts.py",
    MEASURED_KINDS,
    MEASURED_ANCHOR,
    measured=True,
    turns=("answer", "answer", "work", "form", "style"),
    beside=1,
)
"""For tasks that measure how near texts are to each other, where most kinds are about that."""
PAIR = ("resume", "job")
"""The columns of a task that the parts for two classes are about."""


@lru_cache
def catalogue_of(classes: tuple[str, ...] | None, columns: tuple[str, ...] = PAIR) -> Catalogue:
    """The catalogue for a task with these classes, the positive one first, and columns; for None, with numeric answers or the
    measured columns that MEASURED reads."""
    if classes is None:
        return MEASURED if {*MEASURED_COLUMNS} <= {*columns} else NUMERIC
    if len(classes) == 2 and {*PAIR} <= {*columns}:
        return Catalogue("class_parts.py", CLASS_KINDS, CLASS_ANCHOR, columns=PAIR, classes=classes)
    return Catalogue("choice_parts.py", CHOICE_KINDS, CHOICE_ANCHOR, classes=classes)
