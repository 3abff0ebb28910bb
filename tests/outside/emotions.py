"""Emotions of short texts, as a task with five classes in one file outside the package:

task:
  name: emotions.py:Emotions    # the path of this file, relative to the config
"""

from __future__ import annotations

import random

from rewardsearch.config import TaskConfig
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks import Split, Task, solution_of

SAYS = {
    "joy": ("I won the race", "the sun is out", "my sister laughed"),
    "anger": ("he broke my bike", "they lied to us", "the train left without me"),
    "fear": ("a wolf stood there", "it was dark and loud", "the bridge shook"),
    "love": ("she holds my hand", "I miss him so", "we married in May"),
    "surprise": ("a box fell down", "nobody told me", "it was gold inside"),
}
PLACES = ("at home", "in town", "by the sea", "at school", "on the hill", "in the wood", "at work", "in the yard")


class Emotions(Task):
    name = "emotions"
    classes = tuple(SAYS)
    form = "<thinking> your reasons </thinking> <solution> the emotion alone </solution>"
    description = f"""\
Emotions. A prompt has a short text. The policy is asked for its emotion, one of {", ".join(SAYS)}, in the form {form}.
An answer counts when the first <solution> tag is closed and holds one of these words, in any case."""

    def __init__(self, config: TaskConfig) -> None:
        self._sizes = {"train": config.train_rows, "val": config.val_rows, "test": config.test_rows}
        texts = [
            (f"{text} {place}, {day}", name)
            for name, said in SAYS.items()
            for text in said
            for place in PLACES
            for day in ("today", "yesterday")
        ]
        random.Random(config.seed).shuffle(texts)
        self._splits: dict[Split, list[Row]] = {"train": [], "val": [], "test": []}
        for place, (text, name) in enumerate(texts):
            split: Split = ("val", "test", "train", "train", "train")[place % 5]
            self._splits[split].append(Row(id=f"{split}-{place}", prompt=f"Which emotion? {text}\n", answer=name))

    def rows(self, split: Split) -> list[Row]:
        return self._splits[split][: self._sizes[split]]

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        said = (solution_of(completion) or "").casefold()
        kind: OutcomeKind = "unparsed" if said not in SAYS else "correct" if said == row.answer else "wrong"
        prediction = None if kind == "unparsed" else said
        return Outcome(
            id=row.id, kind=kind, gold=row.answer, prediction=prediction, length=length, classes=self.classes
        )

    def labelled(self, n: int) -> list[LabelledCompletion]:
        items = []
        for place, row in enumerate(self._splits["train"][:n]):
            wrong = [name for name in SAYS if name != row.answer][place % 4]
            reasons = row.prompt_text.removeprefix("Which emotion? ").strip()
            texts: tuple[tuple[str, OutcomeKind], ...] = (
                (answered(reasons, row.answer), "correct"),
                (answered("so it is", row.answer.upper()), "correct"),
                (answered(reasons, wrong), "wrong"),
                (answered("so it is", wrong), "wrong"),
                (f"It is {row.answer}.", "unparsed"),
                (f"<thinking> {reasons} </thinking> <solution> {row.answer}", "unparsed"),
                ("", "unparsed"),
            )
            items += [LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in texts]
        return items

    def demonstrations(self) -> list[Demonstration]:
        return [Demonstration(row=row, completion=answered("so it is", row.answer)) for row in self.rows("train")]


def answered(reasons: str, name: str) -> str:
    return f"<thinking> {reasons} </thinking> <solution> {name} </solution>"
