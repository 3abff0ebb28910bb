"""Made-up completions of a task, and what rewards pay them: for the tests that go with an export. No row of the data is used."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.exporters.records import ExportExample
from rewardsearch.records import Batch, RewardSpec, Row
from rewardsearch.rewards.sandbox import RewardFault, Sandbox
from rewardsearch.tasks import ProbeKind, Task, probe_row

_PROMPT = "What is 3 + 4?"


def make_examples(
    task: Task, rewards: Sequence[RewardSpec], config: SandboxConfig
) -> tuple[tuple[ExportExample, ...], dict[str, tuple[str, ...]]]:
    """The examples, and the names of the components of each reward that has some, by its id.

    Without examples where the sandbox does not start on this machine, and where a reward fails on them, as one may that reads a
    column in a form of its own.
    """
    gold, other = task.classes[:2] if task.classes else ("7", "12")
    form = task.answer_form
    texts = (
        form.write(gold, "3 + 4 = 7"),
        form.write_spread(gold, "3 + 4 = 7"),
        form.write(other, "3 + 4 = 12"),
        f"The answer is {gold}.",
        form.write_cut("3 + 4"),
        "",
    )
    kinds: tuple[ProbeKind, ...] = ("correct", "correct", "wrong", "unparsed", "unparsed", "unparsed")
    row = Row(id="example", prompt=_PROMPT, answer=gold, columns=dict.fromkeys(task.columns, _PROMPT))
    rows = [row if task.measures is None else probe_row(task.measures, row, kind) for kind in kinds]
    batch = Batch.of(rows, texts)
    try:
        with Sandbox(config) as sandbox:
            outputs = [sandbox.call(spec.code, batch) for spec in rewards]
    except (RewardFault, MachineError, UserError):
        return (), {}
    paid = zip(*(output.rewards for output in outputs), strict=True)
    examples = tuple(
        ExportExample(
            prompt=_PROMPT,
            completion=text,
            answer=gold,
            columns={**each.columns, **each.measured},
            rewards=tuple(values),
        )
        for each, text, values in zip(rows, texts, paid, strict=True)
    )
    named = {
        spec.id: tuple(output.components) for spec, output in zip(rewards, outputs, strict=True) if output.components
    }
    return examples, named
