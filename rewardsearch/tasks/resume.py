"""Resume screening (as in arXiv 2511.16073): is the person of a resume SELECTED for a job, or REJECTED?

Rows come from the generator in resumes/, or from a user's table (user_pairs.py). `task.balance` balances the classes of the
training rows.
"""

from __future__ import annotations

from functools import cached_property

from rewardsearch.config import ColumnMap, TaskConfig, label_key
from rewardsearch.records import Outcome, Row
from rewardsearch.tasks.base import SPLITS, LabelValues, SourceReport, Split, refuse_data_keys
from rewardsearch.tasks.equal import Choice
from rewardsearch.tasks.judged import JudgedTask
from rewardsearch.tasks.keywords import KeywordRule
from rewardsearch.tasks.labelled import Wording, Worked
from rewardsearch.tasks.pairs import CLASSES, SELECTED, Pair
from rewardsearch.tasks.resumes import DESCRIPTION, generate
from rewardsearch.tasks.sources import source_name
from rewardsearch.tasks.user_pairs import UserPairs, balanced, description_of, read_pairs

SYSTEM = """\
You screen resumes: decide whether the person should be SELECTED for the job or REJECTED. Go through what the job asks
for, say what the resume shows of it, then decide. Answer in exactly this form:
{form}"""
_NO_REASON = "the resume was held against what the job asks for"


class ResumeTask(JudgedTask):
    """Resumes beside jobs; see the module's docstring for where they come from."""

    name = "resume"
    wording = Wording(guess="", said="{}")

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, ("data", "test_data", "form"))
        super().__init__(config, Choice(CLASSES, strict=True), SELECTED)
        self.description = (
            description_of(config, self.answers)
            if config.data
            else DESCRIPTION.format(form=self.form, where=self.answers.form.where)
        )
        self.columns = ("resume", "job", *(config.columns.prompt if config.data else ()))
        self.label_values = _label_values(config.columns) if config.data else None

    def rows(self, split: Split) -> list[Row]:
        return [self._row(pair) for pair in self.pairs(split)]

    def pairs(self, split: Split) -> list[Pair]:
        """The pairs behind the rows of a split, in their order."""
        return self._train if split == "train" else self.drawn[split]

    @cached_property
    def user_pairs(self) -> UserPairs | None:
        """The pairs of the user's data; None where pairs are generated."""
        return read_pairs(self._config) if self._config.data else None

    @property
    def source(self) -> SourceReport:
        pairs = self.drawn if self.user_pairs is None else self.user_pairs.splits
        classes = {split: {name: sum(p.label == name for p in pairs[split]) for name in CLASSES} for split in SPLITS}
        if self.user_pairs is None:
            hard = {split: sum(pair.hard for pair in pairs[split]) / len(pairs[split]) for split in SPLITS}
            return SourceReport(classes=classes, shares={"hard": hard})
        present = {name for counts in classes.values() for name, count in counts.items() if count}
        return SourceReport(
            name=self._config.data or "",
            read=self.user_pairs.read,
            left_out=self.user_pairs.left_out,
            notes=self.user_pairs.notes,
            found={split: len(pairs[split]) for split in SPLITS},
            classes=classes,
            remedies=dict.fromkeys(SPLITS, _more_rows(self._config, self.user_pairs)),
            refusal=_absent_class(self._config, present.pop()) if len(present) == 1 else "",
        )

    @cached_property
    def drawn(self) -> dict[Split, list[Pair]]:
        """The pairs of every split before the training rows are balanced."""
        if self.user_pairs is not None:
            return {split: pairs[: self._sizes[split]] for split, pairs in self.user_pairs.splits.items()}
        return {split: generate(split, size, self._config.seed) for split, size in self._sizes.items()}

    @cached_property
    def _train(self) -> list[Pair]:
        if not self._config.balance:
            return self.drawn["train"]
        return balanced(self.drawn["train"], self._config.selected_share)

    def _row(self, pair: Pair) -> Row:
        lines = [f"Job: {pair.job}", f"Resume: {pair.resume}"]
        lines += [f"{name}: {value}" for name, value in pair.columns.items() if value]
        text = "\n".join(lines) + "\n"
        messages = [{"role": "system", "content": SYSTEM.format(form=self.form)}, {"role": "user", "content": text}]
        return Row(
            id=pair.id,
            prompt=messages if self._config.chat else text,
            answer=pair.label,
            columns={"resume": pair.resume, "job": pair.job, **pair.columns},
            groups=pair.groups,
        )

    def worked(self) -> list[Worked]:
        return [
            Worked(self._row(pair), pair.reasons or (_NO_REASON,), pair.demonstrated or _NO_REASON)
            for pair in self.pairs("train")
        ]

    def heuristic_baselines(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        """The keyword matcher: the share of a job's words that the resume has, with the threshold that is best on train."""
        rule = KeywordRule.fitted(self.pairs("train"))
        return {
            "keyword": tuple(
                self.outcome(self._row(pair), self.answer_form.write(rule.label(pair))) for pair in self.pairs(split)
            )
        }


def _label_values(columns: ColumnMap) -> LabelValues | None:
    """How the labels of a table are written; None where they are the names of the classes."""
    values = dict(zip(CLASSES, (columns.positive, columns.negative), strict=True))
    if all({label_key(value) for value in written} == {label_key(name)} for name, written in values.items()):
        return None
    return LabelValues(columns.label, values)


def _absent_class(config: TaskConfig, present: str) -> str:
    """The message for data that have rows of the class `present` only."""
    columns = config.columns
    key = "negative" if present == CLASSES[0] else "positive"
    return (
        f"task.data: no complete row of {source_name(config.data or '')} has a {columns.label} of task.columns.{key} "
        f"({', '.join(getattr(columns, key))}); a search needs both classes: name its values there, or give rows that have them"
    )


def _more_rows(config: TaskConfig, pairs: UserPairs) -> str:
    """What to do about a split of the user's data that is too small, or has one class."""
    shared, others = list(config.columns.who), [] if config.test_data else ["give separate test rows (task.test_data)"]
    if pairs.by == "texts":
        shared = [*shared, "job"]
        others = ["set task.split_by: persons, which lets rows of one job be in different splits", *others]
    *first, last = shared
    held = f"{', a '.join(first)} or a {last}" if first else last
    ways = ", or ".join(("give more rows with others", *others))
    return f"rows that share a {held} are in one split (task.split_by: {pairs.by}), so {ways}"
