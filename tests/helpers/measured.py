"""A task that measures, with the columns of `contrast` and without a policy."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import TaskConfig
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Rollout, Row
from rewardsearch.tasks import Contrast, Generation, Reader, Task, Vectors, probe_row
from rewardsearch.tasks.base import Split
from rewardsearch.tasks.contrast.meanings import MEANINGS, PROBES
from rewardsearch.tasks.forms import TAGS

GROUP = 6
_TEXTS: tuple[tuple[OutcomeKind, str], ...] = (
    ("correct", TAGS.write("someone wants number {} back", "so it is")),
    ("correct", TAGS.write_spread("number {} shall come back", "we see")),
    ("wrong", TAGS.write("someone wants number {} to go", "so it is")),
    ("wrong", TAGS.write_spread("number {} shall go away", "we see")),
    ("unparsed", TAGS.write_cut("someone wants number {}")),
    ("unparsed", ""),
)


class MadeUp:
    """Measures nothing: validation has made-up numbers."""

    columns = tuple(MEANINGS)
    constant = ("query_negative", "query_batch")
    meanings, probes = MEANINGS, PROBES

    def in_training(self, reader: Reader, rows: Sequence[Row], answers: Sequence[Generation], seed: int) -> list[Row]:
        raise NotImplementedError

    def contrasts(self, rows: Sequence[Row]) -> Sequence[Contrast]:
        raise NotImplementedError

    def passages(self, questions: Sequence[Row]) -> list[Row]:
        raise NotImplementedError

    def in_evaluation(
        self, questions: Sequence[Row], answers: Sequence[Generation] | None, vectors: Vectors
    ) -> list[tuple[Row, Generation]]:
        raise NotImplementedError


class MeasuredTask(Task):
    """Texts about numbers; a completion counts by its measured rank."""

    name, description, form = "measured", "Texts about numbers.", TAGS.write("what is meant")
    columns = ("negatives",)
    measures = MadeUp()

    def __init__(self, config: TaskConfig | None = None) -> None:
        pass

    def rows(self, split: Split) -> list[Row]:
        return [
            Row(
                id=f"{split}-{n}",
                prompt=f"Request {n}: give it back",
                answer=f"I want {n}",
                columns={"negatives": f"take {n}"},
            )
            for n in range(20)
        ]

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        said = TAGS.parse(completion)
        kind: OutcomeKind = "unparsed" if said is None else "correct" if row.measured["rank"] == 1 else "wrong"
        prediction = None if kind == "unparsed" else row.answer if kind == "correct" else "another"
        return Outcome(id=row.id, kind=kind, gold=row.answer, prediction=prediction, length=length)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        return [
            LabelledCompletion(
                row=probe_row(self.measures, row, kind, place), completion=text.format(row.id[6:]), kind=kind
            )
            for row in self.rows("train")[:n]
            for place, (kind, text) in enumerate(_TEXTS)
        ]

    def demonstrations(self) -> list[Demonstration]:
        return []


def rollouts(task: MeasuredTask) -> list[Rollout]:
    """A group of completions for each of 16 rows."""
    return [
        Rollout(
            row=item.row.id,
            completion=item.completion,
            kind=item.kind,
            prediction=task.outcome(item.row, item.completion).prediction,
            length=int(item.row.measured["tokens"]),
            measured=item.row.measured,
        )
        for item in task.labelled(16)
    ]
