"""What the targets share: an exporter is this class with the trainer's own functions and words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import ClassVar

from rewardsearch.errors import UserError
from rewardsearch.exporters.code_reads import columns_read, reads_prompt
from rewardsearch.exporters.golds import gold_format
from rewardsearch.exporters.landing_test import landing_test
from rewardsearch.exporters.measures import KNOWN
from rewardsearch.exporters.module import LICENCE, MODULE, build_module, findings, function_names, label, plain
from rewardsearch.exporters.records import SUMMED, ExportSelection
from rewardsearch.rewards.sandbox import batch_dependent

_README = """\
# Rewards for {trainer}

The rewards of {source}, exported by rewardsearch. `{module}.py` needs only the standard library of
Python 3.10 or later.

| function | reward | weight |
|---|---|---|
{rows}

{usage}
## What the data need

{needed}
{findings}
## In training

- A completion on which a reward fails, or gets a value that is not finite, gets 0.0 from this reward. The log says so
  once.
- A gold answer that the rewards cannot read is an error with its value, once. If the trainer goes on, such rows get 0.0.
- `python -m pytest test_{module}.py` checks the module where it lies. It needs pytest alone.{examples}
- Read the module before you run it. It passed the checks of the search, but here it runs without a sandbox.

{licence}
"""


class TrainerTarget:
    """An exporter that writes a module, its tests and a README. A subclass says how its trainer calls rewards."""

    trainer: ClassVar[str]
    """The trainer, in words, with the versions that the export is for."""
    calling: ClassVar[str]
    """The source of the functions that the trainer calls. It uses `ENSEMBLE` (runtime.py)."""
    gold: ClassVar[str] = "answer"
    """What the trainer calls the gold answer."""
    uses: ClassVar[Sequence[str]] = ()
    """Names of trainer_values.py that `calling` uses."""
    totals: ClassVar[str]
    """The source of `totals(module, rows)`: calls the module as the trainer does, for the tests that go with it."""
    summary: ClassVar[str]
    """How to use the module, for its docstring."""
    usage: ClassVar[str]
    """The same in full, for the README."""
    whole_batches: ClassVar[bool] = False
    """Whether the trainer passes all completions of a batch at once."""
    normalises_each: ClassVar[bool] = False
    """Whether the trainer can normalise each reward within its group before the sum."""
    has_prompts: ClassVar[bool] = True
    """Whether the trainer passes the prompt beside the completion."""
    takes_measured: ClassVar[bool] = False
    """Whether rewards can get measured columns."""

    def files(self, selection: ExportSelection) -> dict[str, str]:
        self.check(selection)
        names = function_names(selection.rewards, self.calling)
        module = build_module(
            selection,
            names,
            trainer=self.trainer,
            summary=self.summary_for(selection),
            calling=self.calling_for(selection, names),
            uses=self.uses,
            gold=self.gold,
        )
        return {
            f"{MODULE}.py": module,
            "README.md": self._readme(selection, names),
            f"test_{MODULE}.py": landing_test(selection, self.trainer, self.totals),
        }

    def check(self, selection: ExportSelection) -> None:
        """Raises UserError for rewards that the trainer cannot take."""
        dependent = [plain(spec.name) for spec in selection.rewards if batch_dependent(spec.code)]
        if dependent and not self.whole_batches:
            raise UserError(
                f"{dependent[0]} cannot be exported to {self.trainer}: it says BATCH_DEPENDENT, so the reward of a completion "
                "depends on the others, and this trainer calls the reward with one completion at a time; export it to trl, "
                "or export other rewards with --ensemble"
            )
        if selection.aggregation != SUMMED and not self.normalises_each:
            raise UserError(
                f"{plain(selection.source)} cannot be exported to {self.trainer}: each of its rewards is normalised within its "
                "group of completions before the sum, and this trainer takes one number for each completion; export it to trl, "
                "verl or ms-swift, or export other rewards with --ensemble"
            )

        if selection.measured and not (self.takes_measured and KNOWN.issuperset(selection.measured)):
            reader = next(spec for spec in selection.rewards if columns_read(spec.code, selection.measured))
            why = (
                "this trainer passes rewards only the data"
                if not self.takes_measured
                else "an export can measure only those of the task contrast"
            )
            raise UserError(
                f"{plain(reader.name)} cannot be exported to {self.trainer}: it reads measured columns "
                f"({', '.join(selection.measured)}), which the policy in training measures, and {why}; "
                f"{'export it to trl, or ' if not self.takes_measured else ''}export other rewards with --ensemble"
            )

    def summary_for(self, selection: ExportSelection) -> str:
        return self.summary

    def calling_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        return self.calling

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        return self.usage

    def _readme(self, selection: ExportSelection, names: Sequence[str]) -> str:
        rows = zip(names, selection.rewards, strict=True)
        text = _README.format(
            trainer=self.trainer,
            source=plain(selection.source),
            module=MODULE,
            rows="\n".join(f"| `{name}` | {label(spec)} | {spec.weight:.4g} |" for name, spec in rows),
            usage=self.usage_for(selection, names).strip() + "\n",
            needed=self._needed(selection),
            findings=f"\n## What the search found\n{text}" if (text := findings(selection)) else "",
            licence=LICENCE,
            examples="" if selection.examples else " It has no examples of what the search paid.",
        )
        return reflowed(text)

    def _needed(self, selection: ExportSelection) -> str:
        text = gold_format(selection)
        if selection.columns:
            names = " and ".join(f"`{name}`" for name in selection.columns)
            text += f" The rewards also read the column{'s' if len(selection.columns) > 1 else ''} {names}."
        if selection.measured:
            names = ", ".join(f"`{name}`" for name in selection.measured)
            text += f" The rewards also read measured columns, which are not in the data: {names}."
        if not self.has_prompts and any(reads_prompt(spec.code) for spec in selection.rewards):
            text += " The rewards also read the prompt, as `prompt`."
        text += (
            " The rewards expect answers in the form that the prompts of the search asked for. Ask for the same form in your "
            "prompts."
        )
        if selection.sft_adapter is not None:
            text += (
                " They were found for a policy after supervised fine-tuning: start from the same fine-tuned adapter "
                f"(`{selection.sft_adapter}` among the runs of the search)."
            )
        return text


def reflowed(markdown: str) -> str:
    """The page with paragraphs and items of lists filled to 118 columns; code, tables and headings as they are."""
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else "\n\n".join(map(_filled, part.split("\n\n"))) for part in parts)


def _filled(block: str) -> str:
    text = block.strip("\n")
    if not text or text.startswith(("#", "|")):
        return block
    return block.replace(text, "\n".join(map(_filled_item, re.split(r"\n(?=- )", text))))


def _filled_item(text: str) -> str:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, 118, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
