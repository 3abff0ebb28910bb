"""The offline proposer: what follows from a seed, how a first round spreads, what later rounds make of the feedback."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chat_server import reward_code
from requests_of import FEEDBACK_TEXT, MakeRequest, feedback_of, ledger_of, parent_of

from rewardsearch.config import Config, ProposeConfig
from rewardsearch.propose import ProposalRequest, load_proposer, propose
from rewardsearch.propose.grammar.catalogue import ANCHOR, FAMILIES, KINDS, NUMERIC, catalogue_of
from rewardsearch.propose.grammar.genome import Component, Genome, genome_of, read_genome, render, render_in_form
from rewardsearch.propose.grammar.guide import Guide, Known, guide_of
from rewardsearch.propose.grammar.operators import MAX_COMPONENTS, crossover, leads, leads_after, mutate
from rewardsearch.records import (
    Candidate,
    Proposal,
    Stage,
    Verdict,
)
from rewardsearch.records.feedback import Parent
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox.static.policy import check_static
from rewardsearch.tasks.forms import form_of

ONE = genome_of((Component(ANCHOR, (2.0,)), Component("steps_hold", (0.5, 1.0, 3)), Component("no_answer", (2.0,))))
TWO = genome_of((Component(ANCHOR, (3.0,)), Component("brevity", (2.0, 24))))
THREE = genome_of((Component(ANCHOR, (2.0,)), Component("grounded", (1.0,)), Component("wrong_answer", (3.0,))))


def draw(request: ProposalRequest) -> Proposal:
    ledger = ledger_of()
    proposal = propose(request, load_proposer(Config(propose=ProposeConfig(proposer="grammar"))), ledger)
    assert ledger.events == []
    return proposal


def genome(code: str) -> Genome:
    found = read_genome(code)
    assert found is not None
    return found


def genomes(proposal: Proposal) -> list[Genome]:
    return [genome(c.code) for c in proposal.candidates]


def known(made: Genome, gain: float = 0.05) -> Known:
    return Known(parent_of(render(made), gain), made)


def carriers(*pairs: tuple[Genome, float]) -> tuple[Parent, ...]:
    return tuple(parent_of(render(made), gain, f"parent_{place}") for place, (made, gain) in enumerate(pairs))


# --- what follows from a request --------------------------------------------------------------------------------------


def test_the_same_request_gives_the_same_proposal(request_of: MakeRequest) -> None:
    later = request_of(count=8, round=2, feedback=feedback_of(*carriers((ONE, 0.1), (TWO, -0.1))))
    for request in (request_of(count=8), later):
        assert draw(request) == draw(request)


def test_another_seed_or_round_gives_other_candidates(request_of: MakeRequest) -> None:
    proposals = [draw(request_of(count=4, **fields)) for fields in ({}, {"seed": 1}, {"round": 2})]
    assert len({tuple(c.id for c in proposal.candidates) for proposal in proposals}) == 3


def test_a_proposal_does_not_depend_on_the_hash_seed_of_its_process(request_of: MakeRequest, tmp_path: Path) -> None:
    request = request_of(count=8, round=2, feedback=feedback_of(*carriers((ONE, 0.1), (TWO, -0.1))))
    (tmp_path / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
    script = (
        "import sys; from requests_of import ledger_of; from rewardsearch.config import Config\n"
        "from rewardsearch.propose import *\n"
        "request = ProposalRequest.model_validate_json(open(sys.argv[1]).read())\n"
        "print(*(c.id for c in propose(request, load_proposer(Config()), ledger_of()).candidates))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "request.json")],
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [c.id for c in draw(request).candidates]


def test_nothing_that_was_seen_is_proposed_again(request_of: MakeRequest) -> None:
    first = draw(request_of(count=6))
    again = draw(request_of(count=6, seen=tuple(c.id for c in first.candidates)))
    assert len(again.candidates) == 6
    assert not {c.id for c in first.candidates} & {c.id for c in again.candidates}


def test_every_candidate_is_new_named_and_explained(request_of: MakeRequest) -> None:
    candidates = draw(request_of(count=30)).candidates
    assert len({c.id for c in candidates}) == len({c.name for c in candidates}) == 30
    assert all(c.id == candidate_id(c.code) and c.rationale and c.round == 1 for c in candidates)


def test_prompt_md_holds_the_guide_and_the_feedback(request_of: MakeRequest) -> None:
    request = request_of(round=2, feedback=feedback_of(*carriers((ONE, 0.1))))
    draw(request)
    written = (request.folder / "prompt.md").read_text(encoding="utf-8")
    assert "- steps_hold: mean gain +0.100\n" in written
    assert "- brevity: untried\n" in written
    assert FEEDBACK_TEXT in written


# --- the first round --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_six_candidates_of_a_first_round_are_about_every_family_and_mostly_the_work(
    request_of: MakeRequest, seed: int
) -> None:
    about = []
    for candidate in draw(request_of(count=6, seed=seed)).candidates:
        made = read_genome(candidate.code)
        lead = candidate.rationale.split()[1].strip(".")
        assert made is not None and lead in made.kinds and set(made.kinds) & set(NUMERIC.substance)
        about.append(NUMERIC.by_name[lead].family)
    assert sorted(about) == sorted((*FAMILIES, "work", "work"))


def test_every_kind_leads_once_before_one_leads_twice() -> None:
    count = len(KINDS)
    order = leads(random.Random(0), 2 * count)
    assert sorted(order[:count]) == sorted(kind.name for kind in KINDS)
    assert order[count:] == order[:count]


def test_rounds_without_feedback_go_on_through_the_kinds_and_draw_the_families_in_the_same_shares() -> None:
    size = len(NUMERIC.turns)
    rounds = [leads(random.Random(0), size), *(leads_after(random.Random(0), n * size, size) for n in range(1, 12))]
    assert {tuple(sorted(NUMERIC.by_name[kind].family for kind in each)) for each in rounds} == {
        tuple(sorted(NUMERIC.turns))
    }
    assert rounds[0] == leads_after(random.Random(0), 0, size)
    assert len({*rounds[0], *rounds[1]}) == 2 * size
    assert {kind for each in rounds for kind in each} == {kind.name for kind in KINDS}


def test_a_long_search_without_feedback_does_not_run_out_of_new_rewards(request_of: MakeRequest) -> None:
    """Some kinds have three values in all."""
    seen: list[str] = []
    for round in range(1, 9):
        proposal = draw(request_of(round=round, count=8, seen=tuple(seen)))
        assert (len(proposal.candidates), proposal.refusals) == (8, ())
        seen += [c.id for c in proposal.candidates]


# --- later rounds -----------------------------------------------------------------------------------------------------


def test_of_five_candidates_of_a_later_round_three_are_mutated_one_crossed_and_one_fresh(
    request_of: MakeRequest,
) -> None:
    one, two = carriers((ONE, 0.1), (TWO, 0.05))
    candidates = draw(request_of(count=10, round=2, feedback=feedback_of(one, two))).candidates
    assert [c.operator for c in candidates] == ["mutate", "crossover", "mutate", "mutate", "fresh"] * 2
    ids = {one.candidate.id, two.candidate.id}
    for candidate in candidates:
        expected = {"mutate": 1, "crossover": 2, "fresh": 0}[candidate.operator]
        assert len(set(candidate.parents)) == len(candidate.parents) == expected
        assert set(candidate.parents) <= ids


def test_one_parent_is_mutated_where_two_would_be_crossed(request_of: MakeRequest) -> None:
    candidates = draw(request_of(count=5, round=2, feedback=feedback_of(*carriers((ONE, 0.1))))).candidates
    assert [c.operator for c in candidates] == ["mutate", "mutate", "mutate", "mutate", "fresh"]


@pytest.mark.parametrize("codes", [(), (reward_code(1.0), reward_code(2.0))])
def test_without_a_parent_of_the_grammar_all_are_fresh(request_of: MakeRequest, codes: tuple[str, ...]) -> None:
    parents = [parent_of(code, 0.1) for code in codes]
    candidates = draw(request_of(count=4, round=2, feedback=feedback_of(*parents))).candidates
    assert [(c.operator, c.parents) for c in candidates] == [("fresh", ())] * 4


def test_parents_whose_crossings_are_all_known_cost_no_candidate(request_of: MakeRequest) -> None:
    near = Genome((Component(ANCHOR, (3.0,)), Component("brevity", (2.0, 16))))
    parents = carriers((TWO, 0.1), (near, 0.1))
    seen = tuple(parent.candidate.id for parent in parents)
    proposal = draw(request_of(count=4, round=2, feedback=feedback_of(*parents), seen=seen))
    assert len(proposal.candidates) == 4
    assert proposal.refusals == ()


@pytest.mark.parametrize("seed", range(12))
def test_a_mutation_is_one_atomic_change_that_is_told(seed: int) -> None:
    parent = known(ONE)
    child, told = mutate(random.Random(seed), parent, Guide((parent,), {}))
    before, after = {c.kind: c.values for c in ONE.components}, {c.kind: c.values for c in child.components}
    assert told.startswith(f"parent ({parent.parent.candidate.id}, gain +0.050): ")
    changed = [kind for kind in before.keys() | after.keys() if before.get(kind) != after.get(kind)]
    assert len(changed) == 1
    (kind,) = changed
    assert kind in told
    if kind in before and kind in after:
        moved = [place for place, pair in enumerate(zip(before[kind], after[kind], strict=True)) if pair[0] != pair[1]]
        assert len(moved) == 1
        values = NUMERIC.by_name[kind].parameters[moved[0]].values
        steps = values.index(after[kind][moved[0]]) - values.index(before[kind][moved[0]])
        assert abs(steps) == 1


def test_mutations_tune_add_and_drop() -> None:
    parent = known(ONE)
    told = {
        mutate(random.Random(seed), parent, Guide((parent,), {}))[1].split(": ")[1].split()[0] for seed in range(40)
    }
    assert told == {"raises", "lowers", "adds", "drops"}


def test_a_genome_grows_to_five_components_at_most() -> None:
    made, rng = ONE, random.Random(0)
    for _ in range(200):
        made, _ = mutate(rng, known(made), Guide((), {}))
        assert 1 <= len(made.components) <= MAX_COMPONENTS


@pytest.mark.parametrize("seed", range(6))
def test_a_crossing_is_made_of_its_parents_components(seed: int) -> None:
    child, told = crossover(random.Random(seed), known(ONE), known(TWO))
    assert set(child.components) <= {*ONE.components, *TWO.components}
    assert ANCHOR in child.kinds
    assert len(set(child.kinds)) == len(child.kinds)
    assert told.startswith("Crosses parent (")


# --- the guide --------------------------------------------------------------------------------------------------------


def test_a_kind_is_the_likelier_the_more_its_carriers_gained() -> None:
    guide = guide_of(feedback_of(*carriers((ONE, 0.1), (TWO, -0.1))))
    assert guide.weight("steps_hold") > guide.weight("grounded") > guide.weight("brevity") > 0
    assert guide.weight("grounded") == 1
    assert guide.gains[ANCHOR] == pytest.approx(0.0)


def test_a_parent_that_gained_is_drawn_more_often() -> None:
    guide = guide_of(feedback_of(*carriers((ONE, 0.1), (TWO, -0.1))))
    rng = random.Random(0)
    drawn = [guide.draw_parent(rng).genome for _ in range(200)]
    assert drawn.count(ONE) > 180


def test_what_carriers_lost_by_is_dropped_first() -> None:
    guide = guide_of(feedback_of(*carriers((ONE, 0.1), (TWO, -0.1))))
    rng = random.Random(0)
    dropped = [guide.draw_weakest(rng, ["steps_hold", "brevity"]) for _ in range(200)]
    assert dropped.count("brevity") > 180


def test_a_reward_is_not_crossed_with_what_it_was_made_from(request_of: MakeRequest) -> None:
    first, second, third = carriers((ONE, 0.1), (TWO, 0.1), (THREE, 0.1))
    child = second.model_copy(update={"ancestors": (first.candidate.id,)})

    def pairs(*parents: Parent) -> set[frozenset[str]]:
        asked = [request_of(round=2, count=2, seed=seed, feedback=feedback_of(*parents)) for seed in range(12)]
        crossed = [c for request in asked for c in draw(request).candidates if c.operator == "crossover"]
        return {frozenset(candidate.parents) for candidate in crossed}

    ids = [parent.candidate.id for parent in (first, second, third)]
    related = frozenset(ids[:2])
    assert related in pairs(first, second, third)
    assert pairs(first, child, third) == {frozenset((ids[0], ids[2])), frozenset((ids[1], ids[2]))}
    assert pairs(first, child) == set()


def test_parents_without_a_genome_are_left_out_of_the_guide() -> None:
    guide = guide_of(feedback_of(parent_of(reward_code(1.0), 0.3), *carriers((TWO, 0.1))))
    assert [each.genome for each in guide.parents] == [TWO]


# --- repairs ----------------------------------------------------------------------------------------------------------


def repaired(request_of: MakeRequest, code: str, stage: Stage = "behaviour", **fields: object) -> Proposal:
    rejected = Candidate(id=candidate_id(code), name="rejected", code=code, round=1)
    verdict = Verdict(candidate=rejected.id, accepted=False, stage=stage, reason="pays wrong ones more")
    return draw(request_of(count=1, repairs=((rejected, verdict),), seen=(rejected.id,), **fields))


def test_a_repair_puts_more_on_the_right_answer(request_of: MakeRequest) -> None:
    proposal = repaired(request_of, render(TWO))
    (made,) = genomes(proposal)
    assert made == genome_of((Component(ANCHOR, (4.0,)), Component("brevity", (2.0, 24))))
    assert [(c.operator, c.parents) for c in proposal.candidates] == [("repair", (candidate_id(render(TWO)),))]


def test_a_repair_adds_the_right_answer_where_it_is_missing(request_of: MakeRequest) -> None:
    (made,) = genomes(repaired(request_of, render(Genome((Component("brevity", (2.0, 24)),)))))
    assert made.kinds == (ANCHOR, "brevity")


def test_a_repair_drops_style_when_the_right_answer_cannot_weigh_more(request_of: MakeRequest) -> None:
    full = genome_of((Component(ANCHOR, (4.0,)), Component("grounded", (1.0,)), Component("brevity", (2.0, 24))))
    (made,) = genomes(repaired(request_of, render(full)))
    assert made.kinds == (ANCHOR, "grounded")


@pytest.mark.parametrize("seed", range(4))
def test_what_repeats_another_reward_makes_room_for_another_idea(request_of: MakeRequest, seed: int) -> None:
    proposal = repaired(request_of, render(TWO), "novelty", seed=seed)
    (made,) = genomes(proposal)
    assert set(made.kinds) - {ANCHOR} and not set(made.kinds) - {ANCHOR} & set(TWO.kinds)
    assert [(c.operator, c.parents) for c in proposal.candidates] == [("repair", (candidate_id(render(TWO)),))]


def test_a_hand_written_reward_is_not_repaired(request_of: MakeRequest) -> None:
    assert repaired(request_of, reward_code(1.0)) == Proposal(candidates=())


@pytest.mark.parametrize("form", ["boxed", "hash", "json: answer", "last_number", r"regex: A: (\S+)"])
def test_rewards_for_another_answer_form_read_it_and_keep_their_genome(form: str) -> None:
    made, catalogue = form_of(form), catalogue_of(None)
    genome = genome_of(
        Component(kind.name, tuple(each.values[0] for each in kind.parameters)) for kind in catalogue.kinds
    )
    code = render_in_form(genome, made.code)
    assert check_static(code) is None and read_genome(code) == genome and "<solution>" not in code
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    texts = [made.write("17", "12 + 5 = 17."), made.write("18", "12 + 5 = 17."), "12 + 5 = 17."]
    paid = namespace["reward"](["Anna has 12 and buys 5. How many?"] * 3, texts, ["17"] * 3)
    assert [paid[name][0] > paid[name][1] for name in ("right_answer", "last_step")] == [True, True]
    assert paid["whole_form"][0] > 0 and paid["chain_in_tags"][0] > 0
    assert render_in_form(genome, "") == render(genome)
