"""What the built-in tasks share: the judgement of completions, labelled examples and demonstrations, from worked rows."""

from __future__ import annotations

from abc import abstractmethod

from rewardsearch.config import TaskConfig
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, Row
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.base import Split, Task
from rewardsearch.tasks.equal import Equality
from rewardsearch.tasks.forms import TAGS, form_of
from rewardsearch.tasks.labelled import OTHERS, Wording, Worked, demonstration, labelled_completions
from rewardsearch.tasks.questions import first_distinct
from rewardsearch.tasks.slow_pattern import refuse_slow_pattern


class JudgedTask(Task):
    """A task whose completions `Answers` judges. A subclass gives its rows, and the training rows with reasons (`worked`)."""

    wording = Wording()
    stuffed = False
    """Whether labelled examples have several answers in the place of one."""

    def __init__(self, config: TaskConfig, equal: Equality, positive: str | None = None) -> None:
        self._config = config
        self._sizes: dict[Split, int] = {"train": config.train_rows, "val": config.val_rows, "test": config.test_rows}
        form = TAGS if config.form is None else form_of(config.form)
        if form.name == "regex":
            refuse_slow_pattern(form)
        self.answers = Answers(form, equal, positive)
        self.form, self.answer_form = self.answers.asked, form
        self.reward_code = tuple(filter(None, ("" if form == TAGS else form.code, equal.code)))
        self.numeric, self.classes, self.positive = equal.numeric, self.answers.classes, positive

    @abstractmethod
    def worked(self) -> list[Worked]:
        """The training rows with reasons for their answers."""

    def worked_examples(self, n: int) -> list[Worked]:
        """The first `n` of them with different prompts."""
        return first_distinct(self.worked(), n, lambda each: each.row.prompt_text)

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        return self.answers.outcome(row, completion, length)

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        return self.answers.right_in_any_form(row, completion)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        return labelled_completions(self.worked_examples(n + OTHERS), self.answers, self.wording, self.stuffed, n)

    def demonstrations(self) -> list[Demonstration]:
        return [demonstration(each, self.answers) for each in self.worked()]
