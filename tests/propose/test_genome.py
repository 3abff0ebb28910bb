"""Genomes as files: what each component pays, and that a rendered file is read back as what it was."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import reward_code
from questions import gsm8k_task

from rewardsearch.config import Config, TaskConfig
from rewardsearch.files.resources import resource
from rewardsearch.propose.grammar.catalogue import ANCHOR, KINDS, NUMERIC, Value
from rewardsearch.propose.grammar.genome import Component, Genome, genome_of, read_genome, render
from rewardsearch.propose.grammar.operators import draw_component
from rewardsearch.records import Candidate, LabelledCompletion
from rewardsearch.rewards.identity import MAX_CODE_CHARS, candidate_id
from rewardsearch.rewards.sandbox import check_static
from rewardsearch.tasks import Task, load_task
from rewardsearch.validation import validate

PROMPT = "Anna has 12 apples. Anna buys 5 more. How many apples does Anna have?\n"
ANSWER = "17"
COMPLETIONS = (
    "<thinking> 12 + 5 = 17. </thinking> <solution> 17 </solution>",
    "<thinking> 12 + 5 = 18. </thinking> <solution> 18 </solution>",
    "<thinking> so anna has 20 apples, the answer is 20 </thinking> <solution> 20 </solution>",
    "12 + 5 = 17. The answer is 17.",
    "",
)
"""Right, wrong by a wrong step, wrong by a guess, unparsed, empty."""

PAYS: dict[str, tuple[tuple[Value, ...], tuple[float, ...]]] = {
    "right_answer": ((3.0,), (3, 0, 0, 0, 0)),
    "near_miss": ((3.0, 0.25), (3, 3 * (1 - 4 / 17), 3 * (1 - 12 / 17), 0, 0)),
    "wrong_answer": ((3.0,), (0, -3, -3, 0, 0)),
    "no_answer": ((3.0,), (0, 0, 0, -3, -3)),
    "bare_guess": ((1.0, 3.0), (0, -3, -3, 0, 0)),
    "chain_arrives": ((3.0,), (3, 0, 0, 3, 0)),
    "chain_in_tags": ((4.0,), (4, 0, 0, 0, 0)),
    "opens_with_step": ((4.0, 2.0), (4, 0, -2, 4, 0)),
    "numbers_used": ((2.0,), (2, 0, 0, 2, 0)),
    "steps_hold": ((0.25, 2.0, 2), (0.25, -2, 0, 0.25, 0)),
    "shows_steps": ((1.0, 1), (1, 1, 0, 1, 0)),
    "last_step": ((3.0,), (3, 3, 0, 0, 0)),
    "grounded": ((3.0,), (3, 3, 0, 3, 0)),
    "whole_form": ((3.0,), (3, 3, 3, 0, 0)),
    "tags_once": ((0.25,), (1, 1, 1, 0, 0)),
    "bare_solution": ((0.5,), (0.5, 0.5, 0.5, 0, 0)),
    "brevity": ((3.0, 40), (2.25, 2.25, 1.95, 0, 0)),
    "length": ((3.0, 60), (0.5, 0.5, 0.7, 0, 0)),
    "connectives": ((0.5, 2), (0, 0, 0.5, 0, 0)),
    "prompt_echo": ((3.0,), (0, 0, 1, 0, 0)),
    "round_answer": ((2.0, 5), (0, 0, 2, 0, 0)),
    "plain_prose": ((1.0,), (0, 0, 1, 0, 0)),
    "says_answer": ((1.0,), (0, 0, 1, 0, 0)),
    "few_numbers": ((0.25, 2), (-0.5, -0.5, -0.25, -0.5, 0)),
}
"""For each kind of component: values of its parameters, and what it then pays each of COMPLETIONS."""
NAMES = [kind.name for kind in KINDS]


@pytest.fixture(params=["arithmetic", "gsm8k"])
def task(request: pytest.FixtureRequest, tmp_path: Path) -> Task:
    return gsm8k_task(tmp_path) if request.param == "gsm8k" else load_task(TaskConfig())


def reward_of(code: str) -> Callable[..., dict[str, list[float]]]:
    names: dict[str, Any] = {}
    exec(compile(code, "reward.py", "exec"), names)
    reward: Callable[..., dict[str, list[float]]] = names["reward"]
    return reward


def paid(genome: Genome, items: list[LabelledCompletion]) -> dict[str, list[float]]:
    return reward_of(render(genome))(
        prompts=[item.row.prompt_text for item in items],
        completions=[item.completion for item in items],
        answer=[item.row.answer for item in items],
        question=[item.row.columns["question"] for item in items],
    )


def drawn(seed: int) -> Genome:
    """A genome of one to five kinds with any of their values."""
    rng = random.Random(seed)
    return genome_of(draw_component(rng, kind) for kind in rng.sample(NAMES, rng.randint(1, 5)))


# --- what components pay ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES)
def test_a_component_pays_what_its_parameters_say(kind: str) -> None:
    values, expected = PAYS[kind]
    count = len(COMPLETIONS)
    rewards = reward_of(render(Genome((Component(kind, values),))))([PROMPT] * count, [*COMPLETIONS], [ANSWER] * count)
    assert rewards == {kind: pytest.approx(list(expected))}


@pytest.mark.parametrize("kind", NAMES)
def test_a_rendered_component_passes_the_static_policy_and_scores_labelled_completions(kind: str, task: Task) -> None:
    genome = Genome((draw_component(random.Random(0), kind),))
    assert check_static(render(genome)) is None
    items = task.labelled(8)
    rewards = paid(genome, items)
    assert list(rewards) == [kind]
    assert len(rewards[kind]) == len(items)
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in rewards[kind])


@pytest.mark.parametrize(
    "text, used, arrives",
    [
        ("3 * 7 = 21. 21 - 4 = 17.", {3, 7, 21, 4}, True),
        ("3 * 7 = 21.", {3, 7}, False),
        ("3 * 7 = 20. 21 - 4 = 17.", {21, 4}, True),
        ("3 * 7 = 21. 21 - 4 = 18.", {3, 7}, False),
        ("8 + 9 = 17.", set(), False),
        ("8 + 9 = 17. 17 * 3 = 51.", {17, 3}, False),
        ("so the answer is 17", set(), False),
    ],
)
def test_a_chain_stands_on_the_prompts_numbers(text: str, used: set[float], arrives: bool) -> None:
    """The prompt has 3, 7 and 4; the answer is 17."""
    names: dict[str, Any] = {}
    exec(render(Genome((Component("chain_arrives", (3.0,)), Component("numbers_used", (1.0,))))), names)
    prompt = "Ben buys 3 boxes of 7 shells and loses 4. How many are left?"
    assert names["chain"](prompt, text)[0] == used
    assert names["arrives"](prompt, text, "17") is arrives
    assert names["numbers_used"](prompt, text, "17") == pytest.approx(len(used & {3, 7, 4}) / 3)


def test_answer_components_tell_right_wrong_and_unparsed_as_the_task_does(task: Task) -> None:
    genome = genome_of((Component(ANCHOR, (2.0,)), Component("wrong_answer", (3.0,)), Component("no_answer", (1.0,))))
    items = task.labelled(16)
    kinds = [item.kind for item in items]
    assert set(kinds) == {"correct", "wrong", "unparsed"}
    assert paid(genome, items) == {
        ANCHOR: [2.0 * (kind == "correct") for kind in kinds],
        "wrong_answer": [-3.0 * (kind == "wrong") for kind in kinds],
        "no_answer": [-1.0 * (kind == "unparsed") for kind in kinds],
    }


def test_written_steps_of_both_tasks_are_found_and_hold(task: Task) -> None:
    items = [item for item in task.labelled(16) if item.kind == "correct"]
    rewards = paid(Genome((Component("steps_hold", (1.0, 2.0, 6)),)), items)["steps_hold"]
    worked = [value for item, value in zip(items, rewards, strict=True) if "=" in item.completion]
    assert len(worked) >= 32
    assert min(worked) >= 1.0


def test_every_kind_beside_the_anchor_is_accepted() -> None:
    rng = random.Random(1)
    genomes = [genome_of((draw_component(rng, name), Component(ANCHOR, (4.0,)))) for name in NAMES]
    candidates = [Candidate(id=candidate_id(code), name="x", code=code) for code in map(render, genomes)]
    verdicts = validate(candidates, load_task(TaskConfig()), Config())
    assert {g.kinds: v.reason for g, v in zip(genomes, verdicts, strict=True) if not v.accepted} == {}


# --- as files ---------------------------------------------------------------------------------------------------------


def test_what_each_kind_pays_is_known() -> None:
    assert set(PAYS) == set(NAMES)


@pytest.mark.parametrize("seed", range(12))
def test_a_rendered_genome_is_read_back(seed: int) -> None:
    code = render(drawn(seed))
    assert read_genome(code) == drawn(seed)
    assert check_static(code) is None
    assert len(code) < MAX_CODE_CHARS


def test_every_value_of_every_parameter_is_read_back() -> None:
    for kind in KINDS:
        for place, parameter in enumerate(kind.parameters):
            for value in parameter.values:
                values = [other.values[0] for other in kind.parameters]
                values[place] = value
                genome = Genome((Component(kind.name, tuple(values)),))
                assert read_genome(render(genome)) == genome


def test_a_genome_survives_another_formatting_and_another_name() -> None:
    assert read_genome(ast.unparse(ast.parse(render(drawn(3))))) == drawn(3)


def test_the_order_of_components_does_not_matter() -> None:
    components = drawn(5).components
    assert len(components) > 1
    assert render(genome_of(reversed(components))) == render(genome_of(components))


def test_of_two_components_of_a_kind_the_first_is_kept() -> None:
    genome = genome_of((Component("brevity", (1.0, 16)), Component("brevity", (2.0, 24))))
    assert genome.components == (Component("brevity", (1.0, 16)),)


def test_an_edited_constant_is_an_edited_genome() -> None:
    code = render(Genome((Component("brevity", (1.0, 16)),)))
    edited = code.replace("BREVITY_WORDS = 16", "BREVITY_WORDS = 30")
    assert read_genome(edited) == Genome((Component("brevity", (1.0, 30)),))


def test_a_rendered_file_says_what_it_rewards_and_defines_nothing_unused() -> None:
    code = render(Genome((Component("brevity", (1.0, 16)),)))
    assert "- brevity: prefers short completions among those that answer" in code
    assert [node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)] == [
        "number",
        "solution",
        "brevity",
        "reward",
    ]
    assert "STEP" not in code


def test_a_parameter_admits_what_lies_between_its_values() -> None:
    words = NUMERIC.by_name["brevity"].parameters[1]
    assert [words.admits(value) for value in (16, 17, 40)] == [True] * 3
    assert [words.admits(value) for value in (15, 41, 20.0, True, "20", None)] == [False] * 6


@pytest.mark.parametrize("file", sorted(resource("candidates").glob("*/*.py")), ids=lambda file: file.stem)
def test_a_hand_written_reward_has_no_genome(file: Path) -> None:
    assert read_genome(file.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize(
    "code",
    [
        "",
        "def reward(:",
        "(" * 5000,
        "GENOME = ()\n",
        "GENOME = 'brevity'\n",
        "GENOME = ('brevity',)\n",
        "GENOME = ('no_such_kind',)\n",
        "GENOME = (['brevity'],)\n",
        "GENOME = ('brevity',)\nBREVITY_WEIGHT = 2.0\nBREVITY_WORDS = 10 ** 9\n",
        "GENOME = ('brevity',)\nBREVITY_WEIGHT = 1e999\nBREVITY_WORDS = 24\n",
        "GENOME = ('brevity',)\nBREVITY_WEIGHT = True\nBREVITY_WORDS = 24\n",
        f"GENOME = ('right_answer',)\nRIGHT_ANSWER_WEIGHT = 2.0\n{'#' * MAX_CODE_CHARS}\n",
    ],
)
def test_code_without_a_whole_genome_has_none(code: str) -> None:
    assert read_genome(code) is None
    assert read_genome(code + reward_code(1.0)) is None
