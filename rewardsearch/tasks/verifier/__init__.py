"""`kind: file`: a user's rows, judged by the function `verify` of a Python file.

    verify(completion, answer, **columns) -> bool | None      None: no answer found

The verdict is the truth of the task. The answer form is what prompts ask for, and what labelled examples and demonstrations are
written in; base rewards compare the answer in it with the gold answer. A trusted file may also have `rows(split)`,
`prompt(row)` and `examples(row)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.base import SPLITS, Split
from rewardsearch.tasks.data import DataTask
from rewardsearch.tasks.examples import PARTS, Example
from rewardsearch.tasks.labelled import SAID
from rewardsearch.tasks.tables import Mistakes, Table
from rewardsearch.tasks.verifier.answers import VerifiedAnswers
from rewardsearch.tasks.verifier.check import check_verifier
from rewardsearch.tasks.verifier.runners import Runner, SandboxedVerifier, TrustedVerifier, VerifierFault
from rewardsearch.tasks.verifier.source import read_file

_CHECKED = 64
"""Rows of train, and of val, whose gold answers the check uses."""
_SPLIT_OF: dict[str, Split] = {"data": "train", "val_data": "val", "test_data": "test"}
_KINDS: dict[str, OutcomeKind] = {"right": "correct", "wrong": "wrong", "unparsed": "unparsed"}
"""The keys of what `examples(row)` returns."""


class FileTask(DataTask):
    """A user's rows and verifier; see the module's docstring."""

    def __init__(self, config: TaskConfig) -> None:
        self.file = read_file(config.file, config.trusted, config.columns.rewards)
        self._given, name = config, self.file.path.name
        if "rows" in self.file.functions:
            if given := [f"task.{part}" for part in PARTS if getattr(config, part)]:
                raise UserError(f"{', '.join(given)}: {name} has a function `rows`; use one of them")
            config = config.model_copy(update=dict.fromkeys(PARTS, name))
        if "prompt" in self.file.functions and config.prompt:
            raise UserError(f"task.prompt: {name} has a function `prompt`; use one of them")
        self._data: dict[str, Mapping[str, Any]] = {}
        self._passed = False
        self._runner: Runner = SandboxedVerifier(self.file.code)
        if config.trusted:
            self._runner = TrustedVerifier(self.file.path)
        super().__init__(config)
        self.verified = VerifiedAnswers(self.answer_form, self.answers.equal, runner=self._runner, file=name)
        self.answers: Answers = self.verified

    def outcomes(self, answered: Sequence[tuple[Row, str, int]]) -> list[Outcome]:
        self.verified.verdicts([(row, completion) for row, completion, _ in answered])
        return super().outcomes(answered)

    def table(self, part: str, mistakes: Mistakes) -> Table | None:
        if "rows" in self.file.functions:
            found = self._table_of(part, self._call("rows", _SPLIT_OF[part]))
        else:
            found = super().table(part, mistakes)
        if found is None or not self.file.functions:
            return found
        self._data |= dict(found.rows)
        if "prompt" not in self.file.functions:
            return found
        rows = [(where, {**row, "prompt": self._call("prompt", row)}) for where, row in found.rows]
        return Table(list(dict.fromkeys((*found.columns, "prompt"))), rows)

    def _table_of(self, part: str, values: Any) -> Table | None:
        """The table of what `rows(split)` returned: None or no rows where the split is to be carved from those of train."""
        name = self.file.path.name
        if not values and part != "data":
            return None
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise UserError(
                f"task.file: {name}: rows({_SPLIT_OF[part]!r}) returned no list of dicts; give a dict a row"
            )
        named = [(f"{name} {_SPLIT_OF[part]} row {place}", row) for place, row in enumerate(values, start=1)]
        return Table(list(dict.fromkeys(column for row in values for column in row)), named)

    def labelled(self, n: int) -> list[LabelledCompletion]:
        """As the verifier judges them. Without `examples` they are made from gold answers in the answer form.

        Raises UserError for a verifier that cannot be used.
        """
        self.check()
        if "examples" in self.file.functions:
            return self._given_examples(n)
        items = super().labelled(n)
        kinds = [each.kind for each in self.outcomes([(item.row, item.completion, 0) for item in items])]
        return [item.model_copy(update={"kind": kind}) for item, kind in zip(items, kinds, strict=True)]

    def demonstrations(self) -> list[Demonstration]:
        if "examples" not in self.file.functions:
            return super().demonstrations()
        found = [self._examples(each)[0] for each in self._splits["train"][: self._sizes["train"]]]
        return [Demonstration(row=each.row, completion=each.completion) for each in found]

    def _given_examples(self, n: int) -> list[LabelledCompletion]:
        return [each for example in self._splits["train"][:n] for each in self._examples(example)]

    def _examples(self, each: Example) -> list[LabelledCompletion]:
        """What `examples(row)` gives, the right ones first, and the empty completion. Raises UserError."""
        found, row = self._call("examples", self._data[each.where]), each.row(self.id_of("train", each))
        texts = found if isinstance(found, dict) and {*found} <= {*_KINDS} else {}
        if not all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in texts.values()):
            texts = {}
        if not texts.get("right") or not texts.get("wrong"):
            raise UserError(
                f"task.file: {self.file.path.name}: examples(row) returned {str(found)[:60]!r} for {each.where}; return a dict "
                "with lists of completions: right and wrong, one or more each, and unparsed"
            )
        kinds = {text: kind for key, kind in _KINDS.items() for text in texts.get(key, ())}
        kinds.setdefault("", "unparsed")
        return [LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in kinds.items()]

    def check(self) -> None:
        """Raises UserError where the verifier is not what a search needs. Once it is, nothing is checked again."""
        if self._passed:
            return
        rows = [*self.rows("train")[:_CHECKED], *self.rows("val")[:_CHECKED]]
        given = "examples" in self.file.functions
        if given:
            examples = self._given_examples(_CHECKED)
        else:
            texts = ((row, self.answer_form.write(row.answer, SAID.format(row.answer))) for row in rows)
            examples = [LabelledCompletion(row=row, completion=text, kind="correct") for row, text in texts]
        check_verifier(self.verified, rows, examples, given)
        if self.file.functions:
            again = FileTask(self._given)
            for split in SPLITS:
                if again.rows(split) != self.rows(split):
                    raise UserError(
                        f"task.file: {self.file.path.name}: {' and '.join(self.file.functions)} gave other {split} rows when "
                        "called again in another process; let them follow from their argument alone"
                    )
        self._passed = True

    def _call(self, name: str, argument: Any) -> Any:
        assert isinstance(self._runner, TrustedVerifier)
        try:
            return self._runner.call(name, argument)
        except VerifierFault as fault:
            raise UserError(f"task.file: {self.file.path.name}: {name} {fault.reason}; correct it") from None

    def _describe(self) -> str:
        columns = ", ".join(f"`{name}`" for name in self.columns) or "none"
        kind = "chat messages" if self._config.chat else "plain text"
        return f"""\
{self.file.description or "A user's own task."}
A prompt is {kind}. The policy is asked to answer in the form {self.form}
A function of the user judges completions: right, wrong, or without an answer. `answer` is what it compares with.
Columns that a reward has beside prompts, completions and answer, a text each: {columns}."""
