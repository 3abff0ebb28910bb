"""What the grammar composes rewards of class tasks from: a decision between two classes, its reasons, a resume and a job.

Penalties run from gentle to harsh: what a policy does under one that outweighs all that right answers earn, screening shows.
"""

from __future__ import annotations

from functools import lru_cache

from rewardsearch.propose.grammar.catalogue import NUMERIC, Catalogue, Kind, Parameter, weight

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


@lru_cache
def catalogue_of(classes: tuple[str, str] | None) -> Catalogue:
    """The catalogue for a task with these classes, the positive one first, or, for None, with numeric answers."""
    if classes is None:
        return NUMERIC
    return Catalogue("class_parts.py", CLASS_KINDS, CLASS_ANCHOR, columns=("resume", "job"), classes=classes)
