"""The grammar on a task with classes: what each of its components pays, its files, and what is proposed."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from chat_server import reward_code
from requests_of import MakeRequest, feedback_of, ledger_of, parent_of

from rewardsearch.config import Config, ProposeConfig, TaskConfig
from rewardsearch.propose import ProposalRequest, load_proposer, propose
from rewardsearch.propose.grammar.catalogue import (
    ANCHOR,
    CLASS_ANCHOR,
    CLASS_KINDS,
    FAMILIES,
    KINDS,
    NUMERIC,
    PAIR,
    Value,
    catalogue_of,
)
from rewardsearch.propose.grammar.genome import Component, Genome, genome_of, read_genome, render
from rewardsearch.propose.grammar.guide import guide_of
from rewardsearch.propose.grammar.operators import draw_component, fresh, repair
from rewardsearch.records import Candidate, Proposal, Verdict
from rewardsearch.rewards.identity import MAX_CODE_CHARS, candidate_id
from rewardsearch.rewards.sandbox import check_static
from rewardsearch.tasks import load_task
from rewardsearch.validation import validate

CLASSES = ("SELECTED", "REJECTED")
OF_CLASSES = catalogue_of(CLASSES)
JOB = "Needs Python, SQL and Docker, 4 years."
RESUME = "Anna, 6 years. Python, PostgreSQL and C++."
COMPLETIONS = (
    "<thinking> Python yes. docker missing, 6 of 4 years. </thinking> <solution> REJECTED </solution>",
    "<thinking> so excellent person, strong Rust, 9 years </thinking> <solution> selected </solution>",
    "<solution> REJECTED </solution>",
    "Python yes, so SELECTED",
    "",
)
"""For a gold class of REJECTED: right with reasons, wrong with praise, right without reasons, unparsed, empty."""
PAYS: dict[str, tuple[tuple[Value, ...], tuple[float, ...]]] = {
    "right_decision": ((3.0,), (3, 0, 3, 0, 0)),
    "wrong_decision": ((8.0, 0.5), (0, -8, 0, 0, 0)),
    "right_positive": ((2.0,), (0, 0, 0, 0, 0)),
    "no_decision": ((1.0,), (0, 0, 0, -1, -1)),
    "grounded_reasons": ((2.0, 4), (1.5, 0.5, 0, 0, 0)),
    "ungrounded_words": ((0.5, 2), (0, -0.5, 0, 0, 0)),
    "names_criteria": ((2.0,), (1.5, 0.5, 0, 0, 0)),
    "counts_criteria": ((1.5, 3), (1.5, 0.5, 0, 0, 0)),
    "says_missing": ((1.0,), (1, 0, 0, 0, 0)),
    "true_numbers": ((1.5,), (1.5, 0, 0, 0, 0)),
    "reasons_fit": ((1.0,), (1, 1, 0, 0, 0)),
    "whole_form": ((3.0,), (3, 3, 0, 0, 0)),
    "tags_once": ((0.25,), (1, 1, 0.5, 0, 0)),
    "brevity": ((2.0, 40), (1.35, 1.4, 1.85, 0, 0)),
    "length": ((3.0, 30), (1.3, 1.2, 0.3, 0, 0)),
    "connectives": ((0.5, 2), (0, 0.5, 0, 0, 0)),
    "praise": ((0.5, 2), (0, 1.0, 0, 0, 0)),
    "resume_echo": ((3.0,), (1.2, 0.6, 0, 0, 0)),
}
"""For each kind of component: values of its parameters, and what it then pays each of COMPLETIONS."""
NAMES = [kind.name for kind in CLASS_KINDS]


def reward_of(genome: Genome) -> Callable[..., dict[str, list[float]]]:
    names: dict[str, Any] = {}
    exec(compile(render(genome), "reward.py", "exec"), names)
    reward: Callable[..., dict[str, list[float]]] = names["reward"]
    return reward


def paid(
    genome: Genome, completions: tuple[str, ...], answer: str = "REJECTED", resume: str = RESUME, job: str = JOB
) -> dict[str, list[float]]:
    n = len(completions)
    return reward_of(genome)(["p"] * n, [*completions], [answer] * n, resume=[resume] * n, job=[job] * n)


def drawn(seed: int, classes: tuple[str, str] = CLASSES) -> Genome:
    """A genome of one to five kinds with any of their values."""
    rng, catalogue = random.Random(seed), catalogue_of(classes)
    return genome_of((draw_component(rng, kind, catalogue) for kind in rng.sample(NAMES, rng.randint(1, 5))), catalogue)


def draw(request: ProposalRequest) -> Proposal:
    return propose(request, load_proposer(Config(propose=ProposeConfig(proposer="grammar"))), ledger_of())


# --- what components pay ----------------------------------------------------------------------------------------------


def test_what_each_kind_pays_is_known() -> None:
    assert set(PAYS) == set(NAMES)
    assert {kind.family for kind in CLASS_KINDS} == set(FAMILIES)


@pytest.mark.parametrize("kind", NAMES)
def test_a_component_of_a_class_task_pays_what_its_parameters_say(kind: str) -> None:
    values, expected = PAYS[kind]
    assert paid(Genome((Component(kind, values),), OF_CLASSES), COMPLETIONS) == {kind: pytest.approx(list(expected))}


def test_a_wrong_answer_of_either_class_costs_its_own() -> None:
    genome = Genome((Component("wrong_decision", (2.0, 0.25)),), OF_CLASSES)
    told = ("<solution> SELECTED </solution>", "<solution> REJECTED </solution>")
    assert paid(genome, told)["wrong_decision"] == [-2.0, 0.0]
    assert paid(genome, told, answer="SELECTED")["wrong_decision"] == [0.0, -0.25]


def test_a_right_positive_is_paid_where_it_is_right() -> None:
    genome = Genome((Component("right_positive", (2.0,)),), OF_CLASSES)
    told = ("<solution> SELECTED </solution>", "<solution> REJECTED </solution>")
    assert paid(genome, told, answer="SELECTED")["right_positive"] == [2.0, 0.0]


def test_the_words_of_other_classes_are_those_of_the_file() -> None:
    genome = Genome((Component(CLASS_ANCHOR, (2.0,)),), catalogue_of(("HIRE", "PASS")))
    told = ("<solution> hire </solution>", "<solution> SELECTED </solution>")
    assert paid(genome, told, answer="HIRE")[CLASS_ANCHOR] == [2.0, 0.0]
    assert 'POSITIVE = "HIRE"\nNEGATIVE = "PASS"\n' in render(genome)


def test_any_texts_give_a_finite_number() -> None:
    genome = Genome(tuple(draw_component(random.Random(0), name, OF_CLASSES) for name in NAMES), OF_CLASSES)
    odd = (
        "<thinking></thinking><solution></solution>",
        "</solution><solution>",
        "9" * 500,
        "<thinking> ٣ c++ </thinking>",
        "é" * 9,
    )
    for resume, job in (("", ""), ("1.5.2 ++ ##", "\n\t"), ("Élan: größer", "C# 3.5 years")):
        for values in paid(genome, (*COMPLETIONS, *odd), resume=resume, job=job).values():
            assert len(values) == len(COMPLETIONS) + len(odd)
            assert all(math.isfinite(value) for value in values)


def test_a_sample_of_genomes_passes_the_static_policy_the_sandbox_and_the_contract() -> None:
    task = load_task(TaskConfig(name="resume", train_rows=20, val_rows=10, test_rows=10))
    rng = random.Random(1)
    every = [Component(kind.name, tuple(p.values[-1] for p in kind.parameters)) for kind in CLASS_KINDS]
    genomes = [genome_of(every[i : i + 5], OF_CLASSES) for i in range(0, len(every), 5)]
    genomes.append(fresh(rng, CLASS_ANCHOR, OF_CLASSES)[0])
    candidates = [Candidate(id=candidate_id(code), name="x", code=code) for code in map(render, genomes)]
    verdicts = validate(candidates, task, Config())
    early = {
        g.kinds: v.reason
        for g, v in zip(genomes, verdicts, strict=True)
        if v.stage in ("static", "sandbox", "contract")
    }
    assert early == {}
    assert verdicts[-1].accepted


# --- as files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_rendered_genome_of_classes_is_read_back_with_its_classes(seed: int) -> None:
    genome = drawn(seed, CLASSES if seed % 2 else ("HIRE", "PASS"))
    code = render(genome)
    assert read_genome(code) == read_genome(ast.unparse(ast.parse(code))) == genome
    assert check_static(code) is None
    assert len(code) < MAX_CODE_CHARS


def test_kinds_of_one_catalogue_are_none_of_the_other() -> None:
    code = render(Genome((Component(CLASS_ANCHOR, (2.0,)),), OF_CLASSES))
    assert read_genome(code.replace('POSITIVE = "SELECTED"\nNEGATIVE = "REJECTED"\n', "")) is None
    assert read_genome(code.replace('NEGATIVE = "REJECTED"\n', "")) is None
    numeric = render(Genome((Component(ANCHOR, (2.0,)),)))
    assert read_genome(f'{numeric}\nPOSITIVE = "SELECTED"\nNEGATIVE = "REJECTED"\n') is None


def test_a_file_of_numbers_names_no_class_and_no_column() -> None:
    code = "".join(
        render(Genome((Component(kind.name, tuple(p.values[0] for p in kind.parameters)),))) for kind in KINDS
    )
    assert "POSITIVE" not in code and 'columns["' not in code
    assert "    rows = list(zip(prompts, completions, answer, strict=True))\n" in code


# --- what is proposed -------------------------------------------------------------------------------------------------


def test_a_first_round_of_a_class_task_is_about_all_families(request_of: MakeRequest) -> None:
    proposal = draw(request_of(count=4, classes=CLASSES, columns=PAIR))
    kinds = []
    for candidate in proposal.candidates:
        genome = read_genome(candidate.code)
        assert genome is not None and genome.catalogue == OF_CLASSES
        (lead,) = [kind for kind in genome.kinds if kind != CLASS_ANCHOR] or [CLASS_ANCHOR]
        kinds.append(OF_CLASSES.by_name[lead].family)
    assert sorted(kinds) == sorted(FAMILIES)


def test_later_rounds_of_a_class_task_build_on_its_own_parents(request_of: MakeRequest) -> None:
    one, two = (parent_of(render(drawn(seed)), 0.1, f"parent_{seed}") for seed in (3, 5))
    other = parent_of(render(Genome((Component("brevity", (2.0, 24)),))), 0.5, "numeric")
    feedback = feedback_of(one, two, other, parent_of(reward_code(1.0), 0.3))
    assert [each.parent for each in guide_of(feedback, OF_CLASSES).parents] == [one, two]
    assert [each.parent for each in guide_of(feedback, NUMERIC).parents] == [other]
    candidates = draw(request_of(count=10, round=2, classes=CLASSES, columns=PAIR, feedback=feedback)).candidates
    assert [c.operator for c in candidates] == ["mutate", "crossover", "mutate", "mutate", "fresh"] * 2
    for candidate in candidates:
        genome = read_genome(candidate.code)
        assert genome is not None and genome.catalogue == OF_CLASSES and render(genome) == candidate.code
        assert set(candidate.parents) <= {one.candidate.id, two.candidate.id}


def test_a_repair_puts_more_on_the_right_decision(request_of: MakeRequest) -> None:
    genome = Genome((Component("praise", (1.0, 2)),), OF_CLASSES)
    rejected = Candidate(id=candidate_id(render(genome)), name="rejected", code=render(genome), round=1)
    verdict = Verdict(candidate=rejected.id, accepted=False, stage="behaviour", reason="pays wrong ones more")
    (mended,) = draw(
        request_of(count=1, classes=CLASSES, columns=PAIR, repairs=((rejected, verdict),), seen=(rejected.id,))
    ).candidates
    assert mended.operator == "repair"
    made = read_genome(mended.code)
    assert made == genome_of((Component(CLASS_ANCHOR, (4.0,)), *genome.components), OF_CLASSES)
    assert made is not None and repair(random.Random(0), made)[0].kinds == (CLASS_ANCHOR,)
