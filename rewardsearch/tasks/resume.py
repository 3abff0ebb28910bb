"""Resume screening (as in arXiv 2511.16073): is the person of a resume SELECTED for a job, or REJECTED?

Rows come from the generator in resumes/, or from anyone's table (tables.py). The training rows are balanced between the classes
where `task.balance` says so.
"""

from __future__ import annotations

from functools import cached_property

from rewardsearch.config import TaskConfig
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, Row
from rewardsearch.tasks.any_form import class_in_any_form
from rewardsearch.tasks.base import SourceReport, Split
from rewardsearch.tasks.classes import class_form, class_labelled, class_outcome, completion_of
from rewardsearch.tasks.keywords import KeywordRule
from rewardsearch.tasks.pairs import CLASSES, Pair
from rewardsearch.tasks.questions import first_distinct
from rewardsearch.tasks.resumes import BRIEF as GENERATED
from rewardsearch.tasks.resumes import generate
from rewardsearch.tasks.tables import OwnPairs, balanced, brief_of, read_pairs

FORM = class_form(CLASSES)
SYSTEM = f"""\
You screen resumes: decide whether the person should be {CLASSES[0]} for the job or {CLASSES[1]}. Go through what the job asks
for, say what the resume shows of it, then decide. Answer in exactly this form:
{FORM}"""
_NO_REASON = "the resume was held against what the job asks for"


class ResumeTask:
    """Resumes beside jobs; see the module's docstring for where they come from."""

    name = "resume"
    classes = CLASSES
    form = FORM

    def __init__(self, config: TaskConfig) -> None:
        self._config = config
        self._sizes: dict[Split, int] = {"train": config.train_rows, "val": config.val_rows, "test": config.test_rows}

    @property
    def brief(self) -> str:
        return brief_of(self._config, FORM) if self._config.data else GENERATED

    @property
    def columns(self) -> tuple[str, ...]:
        return ("resume", "job", *(self._config.columns.prompt if self._config.data else ()))

    def rows(self, split: Split) -> list[Row]:
        return [self._row(pair) for pair in self.pairs(split)]

    def pairs(self, split: Split) -> list[Pair]:
        """The pairs behind the rows of a split, in their order."""
        return self._train if split == "train" else self.drawn[split]

    @cached_property
    def own(self) -> OwnPairs | None:
        """What the user's data give; None where the pairs are generated."""
        return read_pairs(self._config) if self._config.data else None

    @property
    def source(self) -> SourceReport | None:
        if self.own is None:
            return None
        found = {split: len(pairs) for split, pairs in self.own.splits.items()}
        return SourceReport(self.own.read, self.own.left_out, self.own.notes, found)

    @cached_property
    def drawn(self) -> dict[Split, list[Pair]]:
        """The pairs of every split with the classes as they come, before the training rows are balanced."""
        if self.own is not None:
            return {split: pairs[: self._sizes[split]] for split, pairs in self.own.splits.items()}
        return {split: generate(split, size, self._config.seed) for split, size in self._sizes.items()}

    @cached_property
    def _train(self) -> list[Pair]:
        if not self._config.balance:
            return self.drawn["train"]
        return balanced(self.drawn["train"], self._config.selected_share)

    def _row(self, pair: Pair) -> Row:
        told = [f"Job: {pair.job}", f"Resume: {pair.resume}"]
        told += [f"{name}: {value}" for name, value in pair.columns.items() if value]
        text = "\n".join(told) + "\n"
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        return Row(
            id=pair.id,
            prompt=messages if self._config.chat else text,
            answer=pair.label,
            columns={"resume": pair.resume, "job": pair.job, **pair.columns},
            groups=pair.groups,
        )

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        return class_outcome(row, completion, length, CLASSES)

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        return class_in_any_form(completion, CLASSES) == row.answer

    def labelled(self, n: int) -> list[LabelledCompletion]:
        pairs = first_distinct(self.pairs("train"), n, lambda pair: self._row(pair).prompt_text)
        reasons = [pair.reasons or (_NO_REASON,) for pair in pairs]
        return class_labelled([self._row(pair) for pair in pairs], reasons, CLASSES)

    def demonstrations(self) -> list[Demonstration]:
        return [
            Demonstration(row=self._row(pair), completion=completion_of(pair.demonstrated or _NO_REASON, pair.label))
            for pair in self.pairs("train")
        ]

    def rules(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        """The keyword matcher: the share of a job's words that the resume has, with the threshold that is best on train."""
        rule = KeywordRule.fitted(self.pairs("train"))
        return {
            "keyword": tuple(
                self.outcome(self._row(pair), completion_of("", rule.label(pair))) for pair in self.pairs(split)
            )
        }
