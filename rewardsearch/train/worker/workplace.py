"""What the jobs of a training process share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import MachineError
from rewardsearch.records import Completion, Outcome, Row
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.tasks import Contrast, Generation, Vectors, load_task


class Workplace:
    """The folder of a run, its config, its task with the rows, and the sandbox of its rewards, which is open until close()."""

    def __init__(self, run: Path, config: Config) -> None:
        self.run, self.config = run, config
        self.task = load_task(config.task)
        self.sandbox = Sandbox(config.sandbox, config.validation.bound)

    def close(self) -> None:
        self.sandbox.close()

    @cached_property
    def train_rows(self) -> list[Row]:
        return self.task.rows("train")

    @cached_property
    def ranked_rows(self) -> list[Row]:
        return self.task.rows(self.config.ranked_on)

    @cached_property
    def contrasts(self) -> Sequence[Contrast]:
        """The pairs of texts of the training rows, each pairing once; empty for a task that measures nothing."""
        return () if self.task.measures is None else self.task.measures.contrasts(self.train_rows)

    def passages(self, questions: Sequence[Row]) -> list[Row]:
        """What a policy is asked to answer `questions`: those rows, or what a task that measures needs for them."""
        measures = self.task.measures
        return list(questions) if measures is None else measures.passages(questions)

    def judged(
        self, rows: Sequence[Row], answers: Sequence[Generation] | None, vectors: Vectors | None = None
    ) -> tuple[tuple[Outcome, ...], tuple[Completion, ...]]:
        """An outcome and a completion a question, in the order of `rows`. answers: to the passages of `rows`; None where these
        were embedded bare. vectors: their embeddings, for a task that measures."""
        measures = self.task.measures
        if measures is not None:
            if vectors is None:
                raise MachineError(f"train.engine: {self.config.train.engine} gave answers without their embeddings")
            pairs = measures.in_evaluation(rows, answers, vectors)
        else:
            pairs = list(zip(rows, answers or (), strict=True))
        return (
            tuple(self.task.outcomes([(row, answer.text, answer.tokens) for row, answer in pairs])),
            tuple(Completion(id=row.id, completion=answer.text) for row, answer in pairs),
        )
