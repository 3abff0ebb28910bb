"""Proposes rewards without a language model: composes, mutates and crosses typed components, guided by the feedback.

The first round draws kinds of component from all families; later rounds mutate and cross what gained, and of five candidates one
is a fresh idea. Without parents a later round goes on through the kinds where the round before stopped. A proposal follows from
the request alone: its seed, round, feedback and what was seen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from rewardsearch.errors import UserError
from rewardsearch.propose.base import Draft, ProposalRequest, Proposer, admit, feedback_text, write_prompt
from rewardsearch.propose.grammar.catalogue import Catalogue, catalogue_of
from rewardsearch.propose.grammar.genome import Genome, read_genome, render_in_form
from rewardsearch.propose.grammar.guide import Guide, guide_of
from rewardsearch.propose.grammar.operators import crossover, fresh, leads, leads_after, mutate, repair
from rewardsearch.records import Operator, Proposal, Refusal
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.ledger import Ledger

MIX: tuple[Operator, ...] = ("mutate", "crossover", "mutate", "mutate", "fresh")
"""The operators of a later round, in turn."""
TRIES = 200
"""Draws for one candidate before it is given up as not new."""


class GrammarProposer(Proposer):
    """The offline proposer."""

    def check(self, request: ProposalRequest) -> None:
        if not (request.numeric or request.classes or _catalogue(request).measured):
            raise UserError(
                f"propose.proposer: got grammar, which has parts for numeric answers, for classes and for similarities of texts, "
                f"not for task {request.task}; use llm, manual or folder"
            )

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        guide = guide_of(request.feedback, _catalogue(request))
        again = request.repairs or request.attempt
        rng = random.Random(f"grammar {request.seed} {request.round}{' repair' if again else ''}")
        suffix = f"_r{request.round}{'fix' if request.repairs else 'new' if again else 'c'}"
        known = set(request.seen)
        drafts: list[Draft] = []
        refusals: list[Refusal] = []
        makers = _repairs(request, rng, guide.catalogue) if request.repairs else _rounds(request, rng, guide)
        for place, maker in enumerate(makers, start=1):
            draft = _new(maker, known, f"{suffix}{place}", request.form_code)
            if draft is None:
                refusals.append(Refusal(name=f"grammar_{place}", reason=f"{TRIES} draws gave no reward that is new"))
            else:
                known.add(candidate_id(draft.code))
                drafts.append(draft)
        head = f"# Round {request.round}: {request.count} rewards from the grammar, seed {request.seed}"
        write_prompt(request, head, guide.describe(), feedback_text(request))
        return admit(request, drafts, refusals)


def _catalogue(request: ProposalRequest) -> Catalogue:
    return catalogue_of(request.classes, (*request.columns, *request.measured))


Maker = Iterator[tuple[Genome, str, Operator, tuple[str, ...]]]
"""Draws of one candidate, without end: genome, what was done, operator, ids of the parents."""


def _rounds(request: ProposalRequest, rng: random.Random, guide: Guide) -> Iterator[Maker]:
    if not guide.parents:
        for lead in _leads(request, rng, guide.catalogue):
            yield _fresh(rng, lead, guide.catalogue)
        return
    for place in range(request.count):
        operator = MIX[place % len(MIX)]
        if operator == "crossover" and len(guide.parents) > 1:
            yield _crossover(rng, guide)
        elif operator == "fresh":
            others = [kind.name for kind in guide.catalogue.kinds if kind.name != guide.catalogue.anchor]
            yield _fresh(rng, guide.draw_kind(rng, others), guide.catalogue)
        else:
            yield _mutate(rng, guide)


def _leads(request: ProposalRequest, rng: random.Random, catalogue: Catalogue) -> list[str]:
    """The kinds to try first. A later round takes those that the rounds before it have not come to."""
    if request.round == 1 or request.attempt:
        return leads(rng, request.count, catalogue)
    tried = (request.round - 1) * request.count
    return leads_after(random.Random(f"grammar {request.seed} 1"), tried, request.count, catalogue)


def _repairs(request: ProposalRequest, rng: random.Random, catalogue: Catalogue) -> Iterator[Maker]:
    for candidate, verdict in request.repairs[: request.count]:
        genome = read_genome(candidate.code)
        if genome is not None and genome.catalogue == catalogue:
            # What repeats another reward is not mended but replaced.
            yield (_another if verdict.stage == "novelty" else _repair)(rng, genome, candidate.id)


def _fresh(rng: random.Random, lead: str, catalogue: Catalogue) -> Maker:
    # A kind with few values is used up in a long search: then others are tried.
    for _ in range(TRIES // 2):
        yield *fresh(rng, lead, catalogue), "fresh", ()
    while True:
        yield *fresh(rng, rng.choice(catalogue.kinds).name, catalogue), "fresh", ()


def _mutate(rng: random.Random, guide: Guide) -> Maker:
    while True:
        parent = guide.draw_parent(rng)
        yield *mutate(rng, parent, guide), "mutate", (parent.parent.candidate.id,)


def _crossover(rng: random.Random, guide: Guide) -> Maker:
    # Parents that differ in little have few children, and all may be known: then one parent is mutated.
    for _ in range(TRIES // 2):
        first = guide.draw_parent(rng)
        # A parent and its child differ in one change: nothing comes of crossing them.
        related = guide.related(first)
        if any(each.parent.candidate.id not in related for each in guide.parents):
            second = guide.draw_parent(rng, without=related)
            yield *crossover(rng, first, second), "crossover", (first.parent.candidate.id, second.parent.candidate.id)
    yield from _mutate(rng, guide)


def _repair(rng: random.Random, genome: Genome, parent: str) -> Maker:
    while True:
        genome, rationale = repair(rng, genome)
        yield genome, rationale, "repair", (parent,)


def _another(rng: random.Random, genome: Genome, parent: str) -> Maker:
    others = [kind.name for kind in genome.catalogue.kinds if kind.name not in genome.kinds]
    while True:
        yield *fresh(rng, rng.choice(others), genome.catalogue), "repair", (parent,)


def _new(maker: Maker, known: set[str], suffix: str, form_code: str) -> Draft | None:
    """The first draw that is not known; None when TRIES of them are."""
    for _, (genome, rationale, operator, parents) in zip(range(TRIES), maker, strict=False):
        code = render_in_form(genome, form_code)
        if candidate_id(code) not in known:
            return Draft(name=_name(genome, suffix), code=code, rationale=rationale, operator=operator, parents=parents)
    return None


def _name(genome: Genome, suffix: str) -> str:
    """The first two kinds besides the anchor, with `suffix`, which keeps names of one run apart."""
    anchor = genome.catalogue.anchor
    kinds = [kind for kind in genome.kinds if kind != anchor][:2] or [anchor]
    return "_".join(kinds) + suffix
