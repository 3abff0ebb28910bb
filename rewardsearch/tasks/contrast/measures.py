"""What the task `contrast` measures of completions; see rewardsearch.tasks.Measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from rewardsearch.records import Row
from rewardsearch.tasks.contrast.columns import CONSTANT, Step, columns, ranked
from rewardsearch.tasks.contrast.meanings import MEANINGS, PROBES
from rewardsearch.tasks.contrast.pairing import Pairing
from rewardsearch.tasks.measuring import Generation, Meaning, ProbeKind, Reader, Vectors

TEMPERATURE = 0.5
"""At which the rationales of queries and hard negatives are sampled in training."""


class ContrastMeasures:
    """`pairing` gives the texts of a row by the row's id, and `pool` the texts that its query ranks, its positive with them.

    closed: whether a completion's rationale is closed. negatives: the number of hard negatives of a row that count in training.
    """

    columns = tuple(MEANINGS)
    constant: tuple[str, ...] = CONSTANT
    meanings: Mapping[str, Meaning] = MEANINGS
    probes: Mapping[ProbeKind, Mapping[str, float]] = PROBES

    def __init__(
        self,
        pairing: Callable[[str], Pairing],
        pool: Callable[[str], Sequence[Row]],
        closed: Callable[[str], bool],
        negatives: int = 1,
    ) -> None:
        self._pairing, self._pool, self._closed, self._negatives = pairing, pool, closed, negatives

    def in_training(self, reader: Reader, rows: Sequence[Row], answers: Sequence[Generation], seed: int) -> list[Row]:
        """Measured rows, with all `columns`. The query and the hard negatives of a row get one rationale each, which all
        completions of the row share."""
        runs = [(id, len(list(same))) for id, same in groupby(rows, lambda row: row.id)]
        pairings = [self._in_training(id) for id, _ in runs]
        asked = _once([*(each.query for each in pairings), *(row for each in pairings for row in each.negatives)])
        written = reader.write(asked, TEMPERATURE, seed)
        vectors = reader.embed(
            [
                *zip(rows, (answer.text for answer in answers), strict=True),
                *((each.positive, "") for each in pairings),
                *zip(asked, (answer.text for answer in written), strict=True),
            ]
        )
        completions, bare, texts = np.split(vectors, [len(rows), len(rows) + len(runs)])
        place = {row.id: n for n, row in enumerate(asked)}
        found = columns(
            Step(
                completions=completions,
                owner=np.repeat(np.arange(len(runs)), [number for _, number in runs]),
                queries=texts[[place[each.query.id] for each in pairings]],
                negatives=[texts[[place[row.id] for row in each.negatives]] for each in pairings],
                bare=bare,
                others=np.array([[_apart(one, other) for other in pairings] for one in pairings]),
            )
        )
        found["tokens"] = np.array([float(answer.tokens) for answer in answers])
        found["finished"] = np.array([float(self._closed(answer.text)) for answer in answers])
        return [
            row.model_copy(update={"measured": {name: float(found[name][n]) for name in self.columns}})
            for n, row in enumerate(rows)
        ]

    def _in_training(self, id: str) -> Pairing:
        pairing = self._pairing(id)
        return replace(pairing, negatives=pairing.negatives[: self._negatives])

    def contrasts(self, rows: Sequence[Row]) -> list[Pairing]:
        return [self._in_training(row.id) for row in rows]

    def passages(self, questions: Sequence[Row]) -> list[Row]:
        return _once(row for each in questions for row in (self._pairing(each.id).query, *self._pool(each.id)))

    def in_evaluation(
        self, questions: Sequence[Row], answers: Sequence[Generation] | None, vectors: Vectors
    ) -> list[tuple[Row, Generation]]:
        """Each question with the completion of its positive. Measured are:

        - rank: the place of the positive in its pool, by cosine to the query; a tie counts against it
        - first: the place in the pool, from 0, of the text that is ranked first
        - finished: 1.0 where the rationales of the query and of the positive are closed, and for bare texts
        """
        place = {row.id: n for n, row in enumerate(self.passages(questions))}
        return [self._evaluated(question, answers, vectors, place) for question in questions]

    def _evaluated(
        self, question: Row, answers: Sequence[Generation] | None, vectors: Vectors, place: dict[str, int]
    ) -> tuple[Row, Generation]:
        pairing, pool = self._pairing(question.id), [place[row.id] for row in self._pool(question.id)]
        query, positive = place[pairing.query.id], place[pairing.positive.id]
        rank, first = ranked(vectors[query], vectors[pool], pool.index(positive))
        finished = answers is None or all(self._closed(answers[n].text) for n in (query, positive))
        measured = {"rank": float(rank), "first": float(first), "finished": float(finished)}
        own = Generation("", 0) if answers is None else answers[positive]
        return question.model_copy(update={"measured": measured}), own


def _once(rows: Iterable[Row]) -> list[Row]:
    """Each row once, by its id."""
    return list({row.id: row for row in rows}.values())


def _apart(one: Pairing, other: Pairing) -> bool:
    """Whether the texts of one row count as negatives of the other row's."""
    shared = {one.query.id, one.positive.id} & {other.query.id, other.positive.id}
    return not shared and (one.group is None or one.group != other.group)
