"""What the grammar may compose: the kinds of component, their families, and the values their parameters may take.

The catalogue is meant to hold ideas as people and language models have them: sound, mediocre, useless and harmful ones
side by side. Which is which depends on policy and task, and only screening shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["answer", "work", "form", "style"]
FAMILIES: tuple[Family, ...] = ("answer", "work", "form", "style")
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
    """One kind of component: `name` is its function in parts.py."""

    name: str
    family: Family
    parameters: tuple[Parameter, ...]

    def constant(self, parameter: Parameter) -> str:
        """The name of the constant in parts.py and in rendered files."""
        return f"{self.name}_{parameter.name}".upper()


def _weight(*values: float) -> Parameter:
    return Parameter("weight", values)


KINDS: tuple[Kind, ...] = (
    Kind("right_answer", "answer", (_weight(1.0, 2.0, 3.0, 4.0),)),
    Kind("near_miss", "answer", (_weight(1.0, 1.5, 2.0, 3.0), Parameter("tolerance", (0.1, 0.25, 0.5)))),
    Kind("wrong_answer", "answer", (_weight(1.0, 2.0, 3.0, 4.0),)),
    Kind("no_answer", "answer", (_weight(1.0, 2.0, 3.0),)),
    Kind(
        "steps_hold",
        "work",
        (
            Parameter("right", (0.25, 0.5, 1.0, 1.5)),
            Parameter("wrong", (0.0, 0.5, 1.0, 2.0)),
            Parameter("most", (2, 3, 4, 6)),
        ),
    ),
    Kind("shows_steps", "work", (_weight(0.5, 1.0, 1.5, 2.0), Parameter("needed", (1, 2, 3)))),
    Kind("last_step", "work", (_weight(0.5, 1.0, 1.5, 2.0, 3.0),)),
    Kind("grounded", "work", (_weight(0.5, 1.0, 1.5, 2.0, 3.0),)),
    Kind("whole_form", "form", (_weight(1.0, 2.0, 3.0),)),
    Kind("tags_once", "form", (_weight(0.25, 0.5, 1.0),)),
    Kind("bare_solution", "form", (_weight(0.5, 1.0, 2.0),)),
    Kind("brevity", "style", (_weight(1.0, 2.0, 3.0), Parameter("words", (16, 24, 40)))),
    Kind("length", "style", (_weight(1.0, 2.0, 3.0), Parameter("words", (24, 36, 60)))),
    Kind("connectives", "style", (_weight(0.5, 1.0, 1.5), Parameter("most", (2, 3, 5)))),
    Kind("prompt_echo", "style", (_weight(1.5, 3.0, 5.0),)),
    Kind("round_answer", "style", (_weight(1.0, 2.0, 3.0), Parameter("unit", (5, 10)))),
    Kind("plain_prose", "style", (_weight(1.0, 1.5, 2.0),)),
    Kind("says_answer", "style", (_weight(1.0, 1.5, 2.0),)),
    Kind("few_numbers", "style", (_weight(0.25, 0.5, 1.0), Parameter("free", (2, 3, 4)))),
)
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}
ANCHOR = "right_answer"
"""The component that others but those of style are paired with, so that a reward also asks for what the task is about."""
