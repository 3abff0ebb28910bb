"""Process reward over the chain of calculations: each result should be used later or be the answer.

A calculation is a node; an edge goes from a result to a later calculation that uses it. What is paid:
  * validity      share of calculations that hold,
  * connectivity  share of results that are used again or answered (no detours),
  * grounding     share of operands that come from the question or from an earlier result (no invented numbers),
  * outcome       the right answer.
Validity, connectivity and grounding count only half when the outcome is wrong, so a fluent wrong chain stays
below a right one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterable, Iterator, NamedTuple  # noqa: UP035

NUMBER = r"\d{1,9}"
CALCULATION = re.compile(rf"({NUMBER})\s*([-+*/×])\s*({NUMBER})\s*=\s*({NUMBER})(?!\d)")
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "×": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
}
SMALL = frozenset({1, 2, 10, 100})  # constants that need no source
MAX_NODES = 10


class Node(NamedTuple):
    a: int
    sign: str
    b: int
    result: int

    @property
    def valid(self) -> bool:
        return OPERATIONS[self.sign](self.a, self.b) == self.result

    def uses(self, value: int) -> bool:
        return value in (self.a, self.b)


@dataclass
class Chain:
    nodes: list[Node] = field(default_factory=list)
    given: set[int] = field(default_factory=set)
    final: int | None = None

    @classmethod
    def read(cls, prompt: str, completion: str) -> Chain:
        work, _, rest = completion.partition("</thinking>")
        nodes = [Node(int(a), s, int(b), int(c)) for a, s, b, c in CALCULATION.findall(work[:4000])]
        solution = re.search(rf"<solution>\s*({NUMBER})\s*</solution>", rest)
        return cls(
            nodes=nodes[:MAX_NODES],
            given={int(n) for n in re.findall(rf"(?<!\d){NUMBER}(?!\d)", prompt)},
            final=int(solution[1]) if solution else None,
        )

    def __bool__(self) -> bool:
        return bool(self.nodes)

    def validity(self) -> float:
        return mean(node.valid for node in self.nodes)

    def connectivity(self) -> float:
        return mean(self._is_used(i) for i in range(len(self.nodes)))

    def grounding(self) -> float:
        return mean(self._grounded())

    def _is_used(self, i: int) -> bool:
        result = self.nodes[i].result
        return result == self.final or any(later.uses(result) for later in self.nodes[i + 1 :])

    def _grounded(self) -> Iterator[bool]:
        known = self.given | SMALL
        for node in self.nodes:
            yield node.a in known
            yield node.b in known
            known = known | {node.result}


def mean(values: Iterable[float]) -> float:
    total, n = 0.0, 0
    for value in values:
        total, n = total + value, n + 1
    return total / n if n else 0.0


def reward(prompts, completions, answer, **columns):
    names = ("validity", "connectivity", "grounding", "outcome")
    components: dict[str, list[float]] = {name: [] for name in names}
    for prompt, completion, gold in zip(prompts, completions, answer, strict=True):
        chain = Chain.read(prompt, completion)
        right = chain.final is not None and str(chain.final) == gold.strip()
        share = 0.4 if right else 0.2
        process = (chain.validity, chain.connectivity, chain.grounding)
        for name, measure in zip(names, process, strict=False):
            components[name].append(share * measure() if chain else 0.0)
        components["outcome"].append(2.0 if right else 0.0)
    return components
