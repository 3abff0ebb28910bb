"""The grammar on tasks with classes that are not resumes: what each component pays, its files, and what is proposed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rewardsearch.propose.grammar.catalogue import CHOICE_ANCHOR, CHOICE_KINDS, PAIR, Value, catalogue_of
from rewardsearch.propose.grammar.genome import Component, Genome, read_genome, render, render_in_form
from rewardsearch.propose.grammar.operators import fresh
from rewardsearch.rewards.sandbox import check_static
from rewardsearch.tasks.forms import form_of

FIVE = ("joy", "anger", "fear", "love", "surprise")
PROMPT = "Which emotion? My dog won 2 prizes today.\n"
COMPLETIONS = (
    "<thinking> the dog won 2 prizes, so joy </thinking> <solution> Joy </solution>",
    "<thinking> it may be joy. it barks and runs about the 7 gardens </thinking> <solution> fear </solution>",
    "dog: joy",
)
"""For a gold class of joy: right with reasons, wrong with others, unparsed."""
PAYS: dict[str, tuple[tuple[Value, ...], tuple[float, ...]]] = {
    "right_class": ((3.0,), (3, 0, 0)),
    "wrong_class": ((0.5,), (0, -0.5, 0)),
    "no_class": ((1.0,), (0, 0, -1)),
    "grounded_reasons": ((2.0, 4), (1.5, 0, 0)),
    "ungrounded_words": ((0.5, 2), (0, -1.5, 0)),
    "several_clauses": ((1.5, 3), (0.5, 0, 0)),
    "weighs_classes": ((1.0,), (0, 1, 0)),
    "reasons_name_class": ((1.0,), (1, 0, 0)),
    "true_numbers": ((1.5,), (1.5, 0, 0)),
    "whole_form": ((3.0,), (3, 3, 0)),
    "tags_once": ((0.25,), (1, 1, 0)),
    "brevity": ((2.0, 60), (1.6, 1.43, 0)),
    "length": ((3.0, 30), (1.2, 1.7, 0)),
    "connectives": ((0.5, 2), (0.5, 0, 0)),
    "prompt_echo": ((3.0,), (1.8, 0, 0)),
}


def paid(genome: Genome) -> dict[str, list[float]]:
    names: dict[str, Any] = {}
    exec(compile(render(genome), "reward.py", "exec"), names)
    n = len(COMPLETIONS)
    found: dict[str, list[float]] = names["reward"]([PROMPT] * n, list(COMPLETIONS), ["joy"] * n)
    return found


@pytest.mark.parametrize("name", [kind.name for kind in CHOICE_KINDS])
def test_what_a_component_pays(name: str) -> None:
    values, expected = PAYS[name]
    assert paid(Genome((Component(name, values),), catalogue_of(FIVE, ())))[name] == pytest.approx(expected, abs=0.05)


def test_files_name_all_classes_and_are_read_back() -> None:
    for classes in (("yes", "no"), FIVE, tuple(f"class {i}" for i in range(20))):
        catalogue = catalogue_of(classes, ("text",))
        for number, kind in enumerate(CHOICE_KINDS):
            genome = fresh(random.Random(number), kind.name, catalogue)[0]
            code = render(genome)
            assert read_genome(code) == genome
            check_static(code)
    assert read_genome(code.replace("CLASSES = (", "CLASSES = [").replace('19")', '19"]')) is None


def test_resumes_beside_jobs_have_parts_of_their_own() -> None:
    assert catalogue_of(("SELECTED", "REJECTED"), PAIR).anchor != CHOICE_ANCHOR
    assert catalogue_of(("SELECTED", "REJECTED"), ("resume",)).anchor == CHOICE_ANCHOR
    assert catalogue_of(FIVE, PAIR).anchor == CHOICE_ANCHOR


def test_in_another_answer_form_the_class_stands_where_the_form_has_it() -> None:
    genome = Genome((Component("right_class", (2.0,)), Component("grounded_reasons", (1.0, 4))), catalogue_of(FIVE, ()))
    code = render_in_form(genome, form_of("boxed").code)
    assert read_genome(code) == genome
    names: dict[str, Any] = {}
    exec(compile(code, "reward.py", "exec"), names)
    found = names["reward"]([PROMPT] * 2, ["the dog won \\boxed{Joy}", "joy"], ["joy"] * 2)
    assert found == {"right_class": [2.0, 0.0], "grounded_reasons": [0.5, 0.0]}
