"""`kind: file`: a user's rows, judged by the function `verify` of a Python file.

    verify(completion, answer, **columns) -> bool | None      None: no answer found

The verdict is the truth of the task. The answer form is what prompts ask for, and what labelled examples and demonstrations are
written in. The base reward `answer` calls `verify`; of a trusted file, which the sandbox cannot run, it compares the answer in
the form with the gold answer. A trusted file may also have `rows(split)`, `prompt(row)` and `examples(row)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, OutcomeKind
from rewardsearch.tasks.base import Split
from rewardsearch.tasks.carving import PARTS
from rewardsearch.tasks.examples import Example
from rewardsearch.tasks.served import CallFault
from rewardsearch.tasks.tables import Mistakes, Table, table_of
from rewardsearch.tasks.verifier.answers import VerifiedAnswers
from rewardsearch.tasks.verifier.runners import BASE_REWARD, Runner, SandboxedVerifier, TrustedVerifier
from rewardsearch.tasks.verifier.source import read_file
from rewardsearch.tasks.verifier.task import VerifiedTask

_SPLIT_OF: dict[str, Split] = {"data": "train", "val_data": "val", "test_data": "test"}
_KINDS: dict[str, OutcomeKind] = {"right": "correct", "wrong": "wrong", "unparsed": "unparsed"}
"""The keys of what `examples(row)` returns."""


class FileTask(VerifiedTask):
    """A user's rows and verifier; see the module's docstring."""

    def __init__(self, config: TaskConfig) -> None:
        self.file = read_file(config.file, config.trusted, config.columns.rewards)
        given, name = config, self.file.path.name
        self.rows_from = " and ".join(self.file.functions)
        if "rows" in self.file.functions:
            if taken := [f"task.{part}" for part in PARTS if getattr(config, part)]:
                raise UserError(f"{', '.join(taken)}: {name} has a function `rows`; use one of them")
            config = config.model_copy(update=dict.fromkeys(PARTS, name))
        if "prompt" in self.file.functions and config.prompt:
            raise UserError(f"task.prompt: {name} has a function `prompt`; use one of them")
        self._data: dict[str, Mapping[str, Any]] = {}
        self._runner: Runner = SandboxedVerifier(self.file.code)
        if config.trusted:
            self._runner = TrustedVerifier(self.file.path)
        super().__init__(config)
        if not config.trusted:
            self.reward_code = (*self.reward_code, self.file.code + BASE_REWARD)
        form, equal = self.answer_form, self.answers.equal
        self.judge_by(given, VerifiedAnswers(form, equal, runner=self._runner, key="task.file", named=name))

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
        return table_of(values, f"{name} {_SPLIT_OF[part]}")

    def given_examples(self, n: int) -> list[LabelledCompletion] | None:
        if "examples" not in self.file.functions:
            return None
        return [each for example in self._splits["train"][:n] for each in self._examples(example)]

    def demonstrations(self) -> list[Demonstration]:
        if "examples" not in self.file.functions:
            return super().demonstrations()
        found = [self._examples(each)[0] for each in self._splits["train"][: self._sizes["train"]]]
        return [Demonstration(row=each.row, completion=each.completion) for each in found]

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

    def _remedy(self, split: Split) -> str:
        return f"let rows({split!r}) return more" if "rows" in self.file.functions else super()._remedy(split)

    def _call(self, name: str, argument: Any) -> Any:
        assert isinstance(self._runner, TrustedVerifier)
        try:
            return self._runner.call(name, argument)
        except CallFault as fault:
            raise UserError(self.verified.fault_line(fault, name, "", "correct it")) from None

    def _describe(self) -> str:
        columns = ", ".join(f"`{name}`" for name in self.columns) or "none"
        kind = "chat messages" if self._config.chat else "plain text"
        return f"""\
{self.file.description or "A user's own task."}
A prompt is {kind}. The policy is asked to answer in the form {self.form}
A function of the user judges completions: right, wrong, or without an answer. `answer` is what it compares with.
Columns that a reward has beside prompts, completions and answer, a text each: {columns}."""
