"""What each reward pays typical completions: right ones, wrong ones, and ones that say nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rewardsearch.config import Config
from rewardsearch.errors import RewardSearchError
from rewardsearch.records import LabelledCompletion, Record
from rewardsearch.rewards.sandbox import RewardFault, SandboxPool, check_static
from rewardsearch.run.state import RunState
from rewardsearch.tasks import Task, load_task
from rewardsearch.validation.calls import joined, with_text
from rewardsearch.validation.exploits import as_written, empty_form

ROWS = 12
"""Training rows whose completions are scored."""
PERFECT = "perfect"
KINDS = {
    PERFECT: "the right answer in the asked form, with reasons",
    "right, unformatted": "the right answer outside the asked form",
    "near miss": "a wrong answer in the asked form",
    "format only": "the asked form without reasons and answer",
    "stuffed": "the right answer among many others, all in the asked form",
    "empty": "nothing at all",
    "garbage": "letters and signs without meaning",
}
_GARBAGE = "qz#k vvxw ;;~ bnm 0x0 !? lorem ploq } { zzt"
_OTHERS = 9
"""Other answers beside the right one in a stuffed completion."""


class Payment(Record):
    """What one reward pays: the mean reward by kind of completion. `error`: why it could not be called."""

    id: str
    paid: dict[str, float] = {}
    error: str = ""

    def suspicious(self, kind: str) -> bool:
        """Whether this kind, which is not right in the asked form, is paid as much as a perfect completion."""
        perfect, paid = self.paid.get(PERFECT), self.paid.get(kind)
        return kind != PERFECT and perfect is not None and paid is not None and paid >= perfect


class Scoreboard(Record):
    """The payments of the rewards of a run, on `rows` training rows. `missing`: why there are none."""

    rows: int = 0
    examples: dict[str, str] = {}
    """By kind, one of the completions."""
    payments: tuple[Payment, ...] = ()
    missing: str = ""


@dataclass
class Scorer:
    """Scores the rewards of a run, each reward once however often it is asked."""

    config: Config

    def __post_init__(self) -> None:
        self._known: dict[str, Payment] = {}
        self._items: dict[str, list[tuple[LabelledCompletion, str]]] | None = None

    def scoreboard(self, state: RunState) -> Scoreboard:
        """The payments of the base rewards and of every candidate that the sandbox may run. A task or a sandbox that cannot be
        had is described in `missing`: a report does without."""
        try:
            if self._items is None:
                self._items = typical(load_task(self.config.task))
            self._score({spec.id: spec.code for spec in state.base} | _codes(state))
        except RewardSearchError as error:
            return Scoreboard(missing="; ".join(str(error).splitlines()))
        ids = (*(spec.id for spec in state.base), *state.candidates)
        rows = {item.row.id for items in self._items.values() for item, _ in items}
        return Scoreboard(
            rows=len(rows),
            examples={kind: items[0][1] for kind, items in self._items.items()},
            payments=tuple(self._known[id] for id in ids if id in self._known),
        )

    def _score(self, codes: Mapping[str, str]) -> None:
        pending = {id: code for id, code in codes.items() if id not in self._known}
        if not pending:
            return
        assert self._items is not None
        batches = {kind: joined([with_text(*pair) for pair in items]) for kind, items in self._items.items()}
        with SandboxPool(self.config.sandbox, self.config.validation.bound) as pool, pool.borrow() as sandbox:
            for id, code in pending.items():
                try:
                    paid = {kind: _mean(sandbox.call(code, batch).rewards) for kind, batch in batches.items()}
                    self._known[id] = Payment(id=id, paid=paid)
                except RewardFault as fault:
                    self._known[id] = Payment(id=id, error=str(fault.reason))


def _codes(state: RunState) -> dict[str, str]:
    return {id: each.code for id, each in state.candidates.items() if check_static(each.code) is None}


def _mean(rewards: Sequence[float]) -> float:
    return sum(rewards) / len(rewards)


def typical(task: Task) -> dict[str, list[tuple[LabelledCompletion, str]]]:
    """Completions of each kind for some training rows, as pairs of a labelled completion of the row and the text. A kind that a
    task does not have, such as a right answer outside its form, is left out."""
    labelled = task.labelled(ROWS)
    rows: dict[str, LabelledCompletion] = {}
    for item in labelled:
        rows.setdefault(item.row.id, item)
    form = task.answer_form
    answers = list(dict.fromkeys(item.row.answer for item in rows.values()))

    def first(fits: Callable[[LabelledCompletion], bool]) -> list[tuple[LabelledCompletion, str]]:
        found: dict[str, LabelledCompletion] = {}
        for item in labelled:
            if item.row.id not in found and fits(item):
                found[item.row.id] = item
        return [(item, item.completion) for item in found.values()]

    def unformatted(item: LabelledCompletion) -> bool:
        text = item.completion
        return item.kind == "unparsed" and bool(text) and task.right_in_any_form(item.row, text)

    def every(text_of: Callable[[LabelledCompletion], str]) -> list[tuple[LabelledCompletion, str]]:
        pairs = [(as_written(item, text_of(item), task), text_of(item)) for item in rows.values()]
        return [(item, text) for item, text in pairs if task.outcome(item.row, text).kind != "correct"]

    def stuffed(item: LabelledCompletion) -> str:
        others = [answer for answer in (*answers, *(task.classes or ())) if answer != item.row.answer][:_OTHERS]
        middle = len(others) // 2
        return " ".join(form.write_part(each) for each in (*others[:middle], item.row.answer, *others[middle:]))

    found = {
        PERFECT: first(lambda item: item.kind == "correct"),
        "right, unformatted": first(unformatted),
        "near miss": first(lambda item: item.kind == "wrong"),
        "format only": every(lambda item: empty_form(form)),
        "stuffed": every(stuffed),
        "empty": every(lambda item: ""),
        "garbage": every(lambda item: _GARBAGE),
    }
    return {kind: items for kind, items in found.items() if items}
