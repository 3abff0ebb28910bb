"""The calls that test one candidate: what goes in (batches, odd texts, long texts), and how a failed call becomes a refusal."""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

from rewardsearch.config import TrainConfig
from rewardsearch.records import Batch, LabelledCompletion, Stage
from rewardsearch.rewards.sandbox import RewardFault, RewardOutput, Sandbox
from rewardsearch.tasks import Meaning
from rewardsearch.tasks.forms import TAGS, AnswerForm
from rewardsearch.validation.remedies import GUARD, Inputs, Source

ON_TASK, ON_POLICY = "on the task's own completions", "on completions of the policy"
"""Ordinary completions: a reward that raises on these may have been written for other inputs."""
CHUNK = 256
"""Completions of one call: a reward that is fast enough for training is fast enough for this."""
_TOTAL_CALLS = 6
"""All calls of a candidate together may use this many times the CPU seconds of one."""
_SLOW = (
    "look for endless loops, for patterns that backtrack such as (a+)+, and for patterns that can start anywhere and read to the "
    "end of the text such as .*?= or \\s+$; use str.partition or rpartition, or bounds such as {0,20}"
)

_HUGE = "9" * 400
_OTHER_FORMS = (
    *("The answer is 17.", "Final answer: 17", "**17**", "$17$", r"\boxed{17}", "#### 17", "Step 1: 17\nStep 2: 17"),
    *("<answer>17</answer>", "<answer> 17 </answer>", "<think> so </think>\n<answer>\n17\n</answer>"),
    '{"answer": "17"}',
)
"""How other prompts ask for the answer 17."""
_ODD_ANSWERS = ("0", "-3", "1000", "0.5")
"""Gold answers that a task with numbers may have; rewards are passed no other form (tasks/numbers.py)."""
_ODD_NUMBERS = (0.0, -1.0, 1.0, 512.0)
UNKNOWN_COLUMNS = (
    *("solution", "ground_truth", "labels", "completion_ids", "trainer_state", "log_extra"),
    "unknown_column",
)
"""Columns that trainers pass and a task does not declare: a reward must accept them and must not use them."""

_CHARS_PER_TOKEN = 4
_CHARS = (8_000, 32_000)
"""Least and most characters of a long text: a policy may be trained on longer completions than in the search."""
_BATCH = (64, 256)
_PARTS = {
    "words": "1 2 3 so we have ",
    "sentences": "so we think about it and go on. ",
    "calculations": "12 + 5 = 17. ",
    "equals signs": "= ",
    "numbers": "12 5 1,700 3.5 -4 ",
    "lines": "so we have 12\n",
    "blank lines": "12\n\n\n",
    "list items": "- so\n1. we\n* have\n",
    "brackets": "( [ { ",
    "marks": ", . ; : ! ? ",
    "quotes": "\"so\" 'we' `have` ",
    "backslashes": "\\frac{1}{2} $x$ ",
}
_RUNS = {"digits": "7", "letters": "a", "line breaks": "\n", "spaces": " ", "a run of equals signs": "="}
_RUN_SHARE, _TAGS_SHARE = 16, 4
"""Runs of one character and repeated tags are this many times shorter: the time of honest patterns grows fast on them."""
_ENDED = ("words", "digits", "letters")
_END = "~"
"""Matched by no pattern for an answer: a pattern that can read the text before it in many ways tries them all."""


class Refused(Exception):
    """A refusal that ends the tests of a candidate: the stage, and the reason for the proposer."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage, self.reason = stage, reason


class CandidateCalls:
    """The calls of one candidate in two warm workers with different hash seeds; not thread-safe. Faults become refusals, names of
    components must stay the same, and the total time is limited."""

    def __init__(
        self, code: str, inputs: Inputs, sandbox: Sandbox, other: Sandbox, stop: threading.Event | None = None
    ) -> None:
        self.code, self._inputs = code, inputs
        self._sandbox, self._other, self._stop = sandbox, other, stop or threading.Event()
        self.call_s = sandbox.config.call_s
        self._total_s = _TOTAL_CALLS * self.call_s
        self.used_s = 0.0
        """CPU seconds of its calls so far."""
        self._components: tuple[str, ...] | None = None
        self.printed = ""
        """The start of what the first call that printed something printed."""

    def call(self, batch: Batch, where: str, *, elsewhere: bool = False, repeats: int = 1) -> RewardOutput:
        """The rewards of `batch`, which `where` describes. elsewhere: in the other worker. Raises Refused, and CancelledError
        once `stop` is set."""
        if self._stop.is_set():
            raise CancelledError
        if self.used_s > self._total_s:
            reason = f"all its test calls together used more than {self._total_s:g} s of CPU time; make it faster"
            raise Refused("sandbox", reason)
        sandbox = self._other if elsewhere else self._sandbox
        before = sandbox.used_s
        try:
            output = sandbox.call(self.code, batch, repeats=repeats)
        except RewardFault as fault:
            self.printed = self.printed or fault.printed
            raise Refused(*self._refusal(fault, where, repeats)) from None
        finally:
            self.used_s += sandbox.used_s - before
        self.printed = self.printed or output.printed
        if self._components is None:
            self._components = output.names
        elif output.names != self._components:
            raise Refused(
                "contract",
                "returns different components for different completions; return the same names in the same order",
            )
        return output

    def _refusal(self, fault: RewardFault, where: str, repeats: int) -> tuple[Stage, str]:
        what = f"{fault.reason} {where}".rstrip()
        match fault.kind:
            case "static":
                return "static", fault.reason
            case "timeout":
                return "sandbox", f"{what}; {_SLOW}"
            case "memory":
                return "sandbox", f"{what}; do not build large lists, numbers or strings"
            case "died":
                return "sandbox", f"{what}; a common cause is recursion that is too deep for the interpreter"
            case "raised" if where not in (ON_TASK, ON_POLICY):
                return "contract", f"{what}; {GUARD}"
            case "raised":
                remedy = Source(self.code, self._inputs).remedy(fault.type, fault.line)
                return "contract", f"{what}; {remedy}; {self._inputs.description}"
            case _ if repeats > 1:
                return "contract", f"{fault.reason}, {where}; use local values only"
        return "contract", f"{what}; return a list with one finite float for each completion, in the same order"


def check_speed(calls: CandidateCalls, item: LabelledCompletion, form: AnswerForm, train: TrainConfig) -> None:
    """Raises Refused (`sandbox`) for a reward that misses the deadline of a call on long texts.

    A pattern that may start at any character and reads to the end takes time by the square of the length. One text does not show
    it; a training batch of them misses the deadline. item: whose row the texts are put into. All kinds are tried in one call.
    Where a batch of one kind could be late by the time of that call, each half of the kinds is tried, and so on; a kind that is
    left is tried on a whole batch.
    """
    chars = min(max(_CHARS[0], _CHARS_PER_TOKEN * train.max_completion_tokens), _CHARS[1])
    batch = min(max(_BATCH[0], train.completions_per_step), _BATCH[1])
    pending = [list(long_texts(chars, form).items())]
    while pending:
        kinds = pending.pop()
        where = f"on {len(kinds)} long completions ({kinds[0][0]}{', ...' * (len(kinds) > 1)})"
        if _seconds(calls, item, [text for _, text in kinds], where) * batch < calls.call_s:
            continue
        if len(kinds) > 1:
            middle = len(kinds) // 2
            pending += [kinds[middle:], kinds[:middle]]
        else:
            ((kind, text),) = kinds
            where = f"on {batch} completions of {len(text):,} characters ({kind})"
            _seconds(calls, item, [f"{index} {text}" for index in range(batch)], where)


def long_texts(chars: int, form: AnswerForm = TAGS) -> dict[str, str]:
    """Completions by what fills them and where: in the solution, in the thinking, without tags, or with tags left open."""
    found = {}
    filled = {name: _filled(part, chars) for name, part in _PARTS.items()}
    filled |= {name: _filled(run, chars // _RUN_SHARE) for name, run in _RUNS.items()}
    for name in _ENDED:
        found[f"{name} alone"] = f"{filled[name]} {_END}"
        found[f"{name} and a mark in the solution"] = form.write_part(f"{filled[name]} {_END}")
    for name, text in filled.items():
        found[f"{name} in the solution"] = form.write(text, "so")
        found[f"{name} in the thinking"] = form.write("12", text)
    mark = (form.marks[-2:] or ("",))[0]
    tags = {"opening tags": f"{mark} so it is 12 ", "tags of both kinds": f"{form.write_cut('so')} {mark} it is 12 "}
    return found | {name: _filled(text, chars // _TAGS_SHARE) for name, text in tags.items()}


def _filled(part: str, chars: int) -> str:
    return part * (chars // len(part) + 1)


def _seconds(calls: CandidateCalls, item: LabelledCompletion, texts: Sequence[str], where: str) -> float:
    """CPU seconds of a call; infinite where it failed early with a fault that has nothing to do with time."""
    before = calls.used_s
    try:
        calls.call(joined([with_text(item, text) for text in texts]), where)
    except Refused as refused:
        if refused.stage == "sandbox":
            raise
        return math.inf
    return calls.used_s - before


def output_bytes(output: RewardOutput) -> list[bytes]:
    """The reward and components of each completion, packed: equal bytes mean equal to the last bit."""
    row = struct.Struct(f"<{1 + len(output.components)}d")
    return [row.pack(*values) for values in zip(output.rewards, *output.components.values(), strict=True)]


def batch_of(items: Sequence[LabelledCompletion]) -> Batch:
    """The reward call that scores `items`, in their order."""
    return Batch.of([item.row for item in items], [item.completion for item in items])


def with_text(item: LabelledCompletion, completion: str) -> Batch:
    """A batch of one: `item`'s row with another completion."""
    return batch_of((item,)).model_copy(update={"completions": (completion,)})


def part_of(batch: Batch, indices: Sequence[int]) -> Batch:
    """The completions of `batch` at `indices`, in that order."""
    return _batch_from(indices, [batch])


def chunks_of(batch: Batch, size: int = CHUNK) -> list[Batch]:
    """`batch` cut into batches of `size` completions."""
    return [part_of(batch, range(i, min(i + size, len(batch)))) for i in range(0, len(batch), size)]


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch of all the completions of several with the same columns."""
    return _batch_from(None, batches)


def _batch_from(indices: Sequence[int] | None, batches: Sequence[Batch]) -> Batch:
    """One batch of the entries at `indices` (None: all) of each of `batches`, one after the other."""

    def of(lists: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
        return tuple(
            value for values in lists for value in (values if indices is None else [values[i] for i in indices])
        )

    return Batch(
        prompts=of(batch.prompts for batch in batches),
        completions=of(batch.completions for batch in batches),
        answer=of(batch.answer for batch in batches),
        columns={name: of(batch.columns[name] for batch in batches) for name in batches[0].columns},
    )


def odd_completions(form: AnswerForm) -> dict[str, str]:
    """Completions that a reward must survive, by what is odd about each."""
    marks = form.marks
    return {
        "an empty completion": "",
        "a completion of one letter": "x",
        "a completion of white space": " \n\t ",
        "a completion of 20,000 characters": "so 12 + 5 = 17. " * 1250,
        "a completion with emoji, combining and right-to-left letters": "answer 🙂 e\u0301 \u05d0\u05d1 ½ ² ٣ 五",
        "a completion with null characters": "answer\x00with\x00nulls",
        "a completion of opening tags": "".join(marks[::2]) * 20,
        "a completion of closing tags": "".join(marks[::-2]),
        "a completion with an empty solution": form.write("").replace(" ", ""),
        "a completion with words in the solution": form.write_part("twelve"),
        "a completion with a superscript in the solution": form.write_part("²"),
        "a completion with 1/0 in the solution": form.write("1/0", "1 / 0 = 0. 0/0"),
        "a completion with nan in the solution": form.write_part("nan"),
        "a completion with 1e999 in the solution": form.write_part("1e999"),
        "a completion with a number of 400 digits": form.write(_HUGE, f"{_HUGE} + 1"),
        "a completion with several numbers in the solution": form.write_part("1, 2.5, -3 and $4,000"),
        "a completion with loose signs in the solution": form.write_part("- . , $"),
    }


def odd_inputs(
    item: LabelledCompletion,
    form: AnswerForm = TAGS,
    classes: tuple[str, ...] | None = None,
    meanings: Mapping[str, Meaning] | None = None,
) -> dict[str, Batch]:
    """Batches of one that a reward must survive, by what is odd about each; made from one ordinary item of the task.

    classes: all gold answers that the task has, if they are not numbers. meanings: of its measured columns, whose numbers are odd
    within their ranges.
    """
    plain = batch_of((item,))
    inputs = {what: with_text(item, text) for what, text in odd_completions(form).items()}
    inputs |= {f"the answer {a!r}": plain.model_copy(update={"answer": (a,)}) for a in classes or _ODD_ANSWERS}
    blank = plain.columns | dict.fromkeys(item.row.columns, ("",))
    inputs["an empty prompt and empty columns"] = plain.model_copy(update={"prompts": ("",), "columns": blank})
    for number in _ODD_NUMBERS if meanings else ():
        numbers = {name: (each.nearest(number),) for name, each in (meanings or {}).items()}
        what = f"measured columns of {number:g} or the nearest value that each can have"
        inputs[what] = plain.model_copy(update={"columns": plain.columns | numbers})
    return inputs


def other_forms(answer: str) -> list[str]:
    """Completions that say `answer` as other prompts ask for it."""
    return [form.replace("17", answer) for form in _OTHER_FORMS]
