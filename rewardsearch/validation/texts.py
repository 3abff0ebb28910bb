"""The texts that probes ask about beside the task's own: odd ones that must not break a reward, and exploits."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.records import Batch, LabelledCompletion

_HUGE = "9" * 400
ODD_COMPLETIONS: dict[str, str] = {
    "an empty completion": "",
    "a completion of white space": " \n\t ",
    "a completion of 20,000 characters": "so 12 + 5 = 17. " * 1250,
    "a completion with emoji, combining and right-to-left letters": "answer 🙂 e\u0301 \u05d0\u05d1 ½ ² ٣ 五",
    "a completion of opening tags": "<thinking><solution>" * 20,
    "a completion of closing tags": "</solution></thinking>",
    "a completion with an empty solution": "<thinking></thinking><solution></solution>",
    "a completion with words in the solution": "<solution> twelve </solution>",
    "a completion with a superscript in the solution": "<solution> ² </solution>",
    "a completion with 1/0 in the solution": "<thinking> 1 / 0 = 0. 0/0 </thinking> <solution> 1/0 </solution>",
    "a completion with nan in the solution": "<solution>nan</solution>",
    "a completion with 1e999 in the solution": "<solution>1e999</solution>",
    "a completion with a number of 400 digits": f"<thinking> {_HUGE} + 1 </thinking> <solution> {_HUGE} </solution>",
    "a completion with several numbers in the solution": "<solution> 1, 2.5, -3 and $4,000 </solution>",
    "a completion with loose signs in the solution": "<solution> - . , $ </solution>",
}
_OTHER_FORMS = (
    *("The answer is 17.", "Final answer: 17", "**17**", "$17$", r"\boxed{17}", "#### 17", "Step 1: 17\nStep 2: 17"),
    *(
        "<answer>17</answer>",
        "<answer> 17 </answer>",
        "<think> so </think>\n<answer>\n17\n</answer>",
        '{"answer": "17"}',
    ),
)
"""How other prompts ask for the answer 17."""
ODD_ANSWERS = ("0", "-3", "1000", "0.5")
"""Gold answers that a task with numbers may have; rewards are passed no other form (tasks/numbers.py)."""
UNKNOWN_COLUMNS = (
    "solution",
    "ground_truth",
    "labels",
    "completion_ids",
    "trainer_state",
    "log_extra",
    "unknown_column",
)
"""Columns that trainers pass and a task does not declare: a reward must take them and give them no weight."""


def batch_of(items: Sequence[LabelledCompletion]) -> Batch:
    """The reward call that scores `items`, in their order."""
    names = items[0].row.columns if items else {}
    return Batch(
        prompts=tuple(item.row.prompt_text for item in items),
        completions=tuple(item.completion for item in items),
        answer=tuple(item.row.answer for item in items),
        columns={name: tuple(item.row.columns.get(name, "") for item in items) for name in names},
    )


def odd_inputs(item: LabelledCompletion, classes: tuple[str, str] | None = None) -> dict[str, Batch]:
    """Batches of one that a reward must survive, by what is odd about each; made from one ordinary item of the task.

    classes: all gold answers that the task has, if they are not numbers.
    """
    plain = batch_of((item,))
    inputs = {what: plain.model_copy(update={"completions": (text,)}) for what, text in ODD_COMPLETIONS.items()}
    inputs.update(
        {f"the answer {text!r}": plain.model_copy(update={"answer": (text,)}) for text in classes or ODD_ANSWERS}
    )
    blank = dict.fromkeys(plain.columns, ("",))
    inputs["an empty prompt and empty columns"] = plain.model_copy(update={"prompts": ("",), "columns": blank})
    return inputs


def other_forms(answer: str) -> list[str]:
    """Completions that say `answer` as other prompts ask for it."""
    return [form.replace("17", answer) for form in _OTHER_FORMS]


def part_of(batch: Batch, places: Sequence[int]) -> Batch:
    """The completions of `batch` at `places`, in that order."""

    def chosen(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(values[place] for place in places)

    return Batch(
        prompts=chosen(batch.prompts),
        completions=chosen(batch.completions),
        answer=chosen(batch.answer),
        columns={name: chosen(values) for name, values in batch.columns.items()},
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch of all the completions of several with the same columns."""
    return Batch(
        prompts=tuple(text for batch in batches for text in batch.prompts),
        completions=tuple(text for batch in batches for text in batch.completions),
        answer=tuple(text for batch in batches for text in batch.answer),
        columns={name: tuple(text for batch in batches for text in batch.columns[name]) for name in batches[0].columns},
    )
