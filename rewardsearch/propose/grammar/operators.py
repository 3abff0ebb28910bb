"""How a genome comes from nothing, from one parent or from two. Each gives the genome and what was done, in words."""

from __future__ import annotations

import random
from dataclasses import replace

from rewardsearch.propose.grammar.catalogue import FAMILIES, NUMERIC, Catalogue, Family, Parameter, Value
from rewardsearch.propose.grammar.genome import Component, Genome, genome_of
from rewardsearch.propose.grammar.guide import Guide, Known

MAX_COMPONENTS = 5


def leads(rng: random.Random, count: int, catalogue: Catalogue = NUMERIC) -> list[str]:
    """`count` kinds to try first: the catalogue's turns, in an order drawn anew each time round, no kind before all are used.

    Stratified, so that a few candidates already look at most of answer, work, form and style.
    """
    decks, turns = _decks(rng, catalogue), catalogue.turns
    order: list[str] = []
    while len(order) < len(catalogue.kinds):
        for family in rng.sample(turns, len(turns)):
            order.extend([decks[family].pop()] if decks[family] else [])
    return [order[i % len(order)] for i in range(count)]


def leads_after(rng: random.Random, tried: int, count: int, catalogue: Catalogue = NUMERIC) -> list[str]:
    """`count` kinds to try after the first `tried`, given the generator that `leads` had for those.

    A family whose kinds are used up begins again at its turn. So every round draws the families in the same shares: random
    search would else get worse, or better, by itself as families run out.
    """
    decks, turns = _decks(rng, catalogue), catalogue.turns
    order: list[str] = []
    while len(order) < tried + count:
        for family in rng.sample(turns, len(turns)):
            decks[family] = decks[family] or _decks(rng, catalogue)[family]
            order.extend([decks[family].pop()] if decks[family] else [])
    return order[tried : tried + count]


def _decks(rng: random.Random, catalogue: Catalogue) -> dict[Family, list[str]]:
    """The kinds of each family, shuffled."""
    decks = {family: [kind.name for kind in catalogue.kinds if kind.family == family] for family in FAMILIES}
    for deck in decks.values():
        rng.shuffle(deck)
    return decks


def draw_component(rng: random.Random, kind: str, catalogue: Catalogue = NUMERIC) -> Component:
    return Component(kind, tuple(rng.choice(parameter.values) for parameter in catalogue.by_name[kind].parameters))


def fresh(rng: random.Random, lead: str, catalogue: Catalogue = NUMERIC) -> tuple[Genome, str]:
    """A genome that is about one kind: that component, with a reward for the right answer and the catalogue's `beside` kinds.

    Style has no reward for the right answer beside it: the base rewards ask for the answer already.
    """
    components = [draw_component(rng, lead, catalogue)]
    rationale = [f"Tries {lead}"]
    if lead != catalogue.anchor and catalogue.by_name[lead].family != "style":
        components.append(draw_component(rng, catalogue.anchor, catalogue))
        rationale.append("a reward for the right answer")
    others = rng.sample([kind for kind in catalogue.substance if kind != lead], catalogue.beside)
    components += [draw_component(rng, kind, catalogue) for kind in others]
    rationale += others
    beside = f" beside {' and '.join(rationale[1:])}" if rationale[1:] else " alone"
    return genome_of(components, catalogue), f"{rationale[0]}{beside}."


def mutate(rng: random.Random, known: Known, guide: Guide) -> tuple[Genome, str]:
    """One atomic change of a parent: a parameter moved to a neighbouring value, a component added or one dropped."""
    genome, catalogue = known.genome, known.genome.catalogue
    change = rng.choices(("tune", "add", "drop"), catalogue.changes)[0]
    others = [kind.name for kind in catalogue.kinds if kind.name not in genome.kinds]
    if change == "add" and others and len(genome.components) < MAX_COMPONENTS:
        added = draw_component(rng, guide.draw_kind(rng, others), catalogue)
        return genome_of((*genome.components, added), catalogue), f"{_of(known)}: adds {_told(added, catalogue)}."
    if change == "drop" and len(genome.components) > 1:
        dropped = guide.draw_weakest(rng, genome.kinds)
        return _without(genome, dropped), f"{_of(known)}: drops {dropped}."
    component = rng.choice(genome.components)
    place = rng.randrange(len(component.values))
    parameter = catalogue.by_name[component.kind].parameters[place]
    old = component.values[place]
    new = rng.choice(_neighbours(parameter, old))
    return (
        _replaced(genome, component, place, new),
        f"{_of(known)}: {'raises' if new > old else 'lowers'} {component.kind} {parameter.name} from {old} to {new}.",
    )


def crossover(rng: random.Random, first: Known, second: Known) -> tuple[Genome, str]:
    """Components of both parents: what only one has mostly stays, of what both have one parent's parameters."""
    one, two = first.genome.components, second.genome.components
    shared = set(first.genome.kinds) & set(second.genome.kinds)
    pool = [rng.choice([c for c in (*one, *two) if c.kind == kind]) for kind in first.genome.kinds if kind in shared]
    single = [c for c in (*one, *two) if c.kind not in shared]
    kept = [c for c in single if rng.random() < 0.8] or single
    room = max(1, MAX_COMPONENTS - len(pool))
    if len(kept) > room:
        kept = rng.sample(kept, room)
    child = genome_of((*pool, *kept), first.genome.catalogue)
    rationale = f"Crosses {_of(first)} with {_of(second)}: {', '.join(child.kinds)}."
    return child, rationale


def repair(rng: random.Random, genome: Genome) -> tuple[Genome, str]:
    """A rejected genome with more on the right answer, or, where that is at its greatest, without its least sound part."""
    catalogue, name = genome.catalogue, genome.catalogue.anchor
    anchor = next((c for c in genome.components if c.kind == name), None)
    values = catalogue.by_name[name].parameters[0].values
    if anchor is None:
        added = Component(name, values[-1:])
        return genome_of((*genome.components, added), catalogue), f"Adds {name} at its greatest weight."
    if anchor.values[0] < values[-1]:
        return (
            _replaced(genome, anchor, 0, values[-1]),
            f"Raises {name} weight from {anchor.values[0]} to {values[-1]}.",
        )
    rest = [kind for kind in genome.kinds if kind != name]
    if not rest:
        return fresh(rng, rng.choice(catalogue.kinds).name, catalogue)
    style = [kind for kind in rest if catalogue.by_name[kind].family == "style"]
    dropped = rng.choice(style or rest)
    return _without(genome, dropped), f"Drops {dropped}."


def _of(known: Known) -> str:
    return f"{known.parent.candidate.name} ({known.parent.candidate.id}, gain {known.parent.gain:+.3f})"


def _told(component: Component, catalogue: Catalogue) -> str:
    values = zip(catalogue.by_name[component.kind].parameters, component.values, strict=True)
    return f"{component.kind} ({', '.join(f'{parameter.name} {value}' for parameter, value in values)})"


def _neighbours(parameter: Parameter, value: Value) -> list[Value]:
    below = [other for other in parameter.values if other < value]
    above = [other for other in parameter.values if other > value]
    return [*below[-1:], *above[:1]]


def _without(genome: Genome, kind: str) -> Genome:
    return replace(genome, components=tuple(each for each in genome.components if each.kind != kind))


def _replaced(genome: Genome, component: Component, place: int, value: Value) -> Genome:
    changed = Component(component.kind, (*component.values[:place], value, *component.values[place + 1 :]))
    components = tuple(changed if each.kind == component.kind else each for each in genome.components)
    return replace(genome, components=components)
