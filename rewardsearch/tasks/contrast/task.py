"""Rationales that help a policy to tell texts apart: a text with its rationale is embedded by the policy, near the texts that
belong to it and far from others (as in GRACE, arXiv 2510.04506).

Pairs of texts come from a generator (drawn.py) or from a user's data (given.py). measures.py has what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks.base import GENERATED, SPLITS, SourceReport, Split, Task, refuse_data_keys
from rewardsearch.tasks.contrast.baseline import shared_words_rank
from rewardsearch.tasks.contrast.drawn import drawn_pairs
from rewardsearch.tasks.contrast.given import GivenPairs
from rewardsearch.tasks.contrast.measures import ContrastMeasures
from rewardsearch.tasks.contrast.pairing import Pairing, TextPair
from rewardsearch.tasks.contrast.pools import pool_of
from rewardsearch.tasks.contrast.sayings import described, sayings
from rewardsearch.tasks.examples import text_template
from rewardsearch.tasks.forms import RATIONALE
from rewardsearch.tasks.measuring import probe_row
from rewardsearch.tasks.questions import first_distinct
from rewardsearch.tasks.splitting import digest
from rewardsearch.tasks.tables import Table

SYSTEM = """\
Write what the text is about and what its author means, in other words than the text has. Answer in exactly this form:
{{ form }}"""
_READS = ("data", "val_data", "test_data", "pairs", "negatives", "system")


class ContrastTask(Task):
    """Pairs of texts; see the module's docstring. The prompt of a row is its positive, its gold answer the query."""

    name = "contrast"
    form = RATIONALE.write("what the text is about and what is meant")
    answer_form = RATIONALE
    reward_code = (RATIONALE.code,)
    columns = ("query", "positive", "negatives")

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, _READS)
        if config.pairs is not None and config.data is None:
            raise UserError("task.pairs names columns of task.data, which is not set; set it, or leave task.pairs out")
        if config.system is not None and config.data is None and not config.chat:
            raise UserError("task.system goes with task.data or task.chat: true; leave it out, or set one of them")
        self._config, self._given = config, None if config.data is None else GivenPairs(config)
        self._sizes: dict[Split, int] = {"train": config.train_rows, "val": config.val_rows, "test": config.test_rows}
        self.description = described(config)
        system = SYSTEM if config.system is None else config.system
        self._system = str(text_template("system", system, Table([], []), "the task contrast", self.form)({}))
        self._pools: dict[str, tuple[Row, ...]] = {}
        self._measures = ContrastMeasures(self.pairing, self.pool, self.is_closed, config.negatives or 1)
        self.measures = self._measures

    def is_closed(self, completion: str) -> bool:
        """Whether a completion has a rationale that is closed."""
        return RATIONALE.parse(completion) is not None

    @property
    def source(self) -> SourceReport:
        return GENERATED if self._given is None else self._given.source

    def rows(self, split: Split) -> list[Row]:
        return [self._row(split, pair) for pair in self._pairs[split]]

    def pairing(self, row: str) -> Pairing:
        """The texts of the row with this id."""
        return self._pairings[_split_of(row)][row]

    def pool(self, row: str) -> tuple[Row, ...]:
        """The texts that the query of the row with this id ranks in an evaluation, its positive first."""
        if row not in self._pools:
            others = self._pairings[_split_of(row)].values()
            self._pools[row] = pool_of(row, self.pairing(row), others, self._config.seed)
        return self._pools[row]

    @cached_property
    def _pairs(self) -> dict[Split, list[TextPair]]:
        if self._given is not None:
            return {split: self._given.pairs(split, size) for split, size in self._sizes.items()}
        return {split: drawn_pairs(split, size, self._config.seed) for split, size in self._sizes.items()}

    @cached_property
    def _pairings(self) -> dict[Split, dict[str, Pairing]]:
        return {split: {_id(split, pair): self._texts(pair) for pair in self._pairs[split]} for split in SPLITS}

    def _texts(self, pair: TextPair) -> Pairing:
        query, positive, *negatives = map(self._text, (pair.query, pair.positive, *pair.negatives))
        return Pairing(query, positive, tuple(negatives), pair.group)

    def _row(self, split: Split, pair: TextPair) -> Row:
        lines = "\n".join(" ".join(text.split()) for text in pair.negatives)
        columns = {"query": pair.query, "positive": pair.positive, "negatives": lines}
        return Row(id=_id(split, pair), prompt=self._prompt(pair.positive), answer=pair.query, columns=columns)

    def _text(self, text: str) -> Row:
        return Row(id=f"text-{digest(text)[:16]}", prompt=self._prompt(text), answer=text)

    def _prompt(self, text: str) -> str | list[dict[str, str]]:
        if self._given is None and not self._config.chat:
            return f"Request: {text}\n"
        # Also for policies without a chat template, which read messages as plain text: the instruction is no part of the text.
        return [{"role": "system", "content": self._system}, {"role": "user", "content": text}]

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        """By what was measured: correct where the positive is ranked first. Unparsed where a rationale is not closed, and without
        measured numbers."""
        gold, measured = row.columns["positive"], row.measured
        # Bare texts, which some evaluations embed, have no rationale that could be open.
        evaluated = "first" in measured
        if not measured.get("finished") or not (evaluated or self.is_closed(completion)):
            return Outcome(id=row.id, kind="unparsed", gold=gold, prediction=None, length=length)
        rank = int(measured["rank"])
        kind: OutcomeKind = "correct" if rank == 1 else "wrong"
        return Outcome(
            id=row.id,
            kind=kind,
            gold=gold,
            prediction=gold if rank == 1 else self._ranked_first(row),
            length=length,
            rank=rank,
        )

    def _ranked_first(self, row: Row) -> str:
        """The text that is ranked first in the place of the positive. In training that is the query of another row."""
        if "first" in row.measured:
            return self.pool(row.id)[int(row.measured["first"])].answer
        return f"not {row.columns['positive']}"

    def labelled(self, n: int) -> list[LabelledCompletion]:
        pairs = first_distinct(self._pairs["train"], n + 1, lambda pair: pair.positive)
        items = []
        for place, pair in enumerate(pairs[:n]):
            row, kinds = self._row("train", pair), dict[str, OutcomeKind]()
            for text, kind in sayings(pair, pairs[place - 1], RATIONALE):
                kinds.setdefault(text, kind)
            items += [
                LabelledCompletion(row=probe_row(self._measures, row, kind, variant), completion=text, kind=kind)
                for variant, (text, kind) in enumerate(kinds.items())
            ]
        return items

    def demonstrations(self) -> list[Demonstration]:
        """Empty for data without rationales; a row without one is not taught."""
        return [
            Demonstration(row=self._row("train", pair), completion=RATIONALE.write(pair.rationale))
            for pair in self._pairs["train"]
            if pair.rationale
        ]

    def heuristic_baselines(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        """Texts ranked by the words that they share with the query, rare words counting more."""
        rows = self.rows(split)
        return {
            "shared words": tuple(self._baseline(row, rank) for row, rank in zip(rows, self._ranks(rows), strict=True))
        }

    def _ranks(self, rows: Sequence[Row]) -> list[tuple[int, int]]:
        return [shared_words_rank(row.answer, [text.answer for text in self.pool(row.id)]) for row in rows]

    def _baseline(self, row: Row, ranked: tuple[int, int]) -> Outcome:
        rank, first = ranked
        measured = {"rank": float(rank), "first": float(first), "finished": 1.0}
        return self.outcome(row.model_copy(update={"measured": measured}), RATIONALE.write(row.columns["positive"]))


def _split_of(row: str) -> Split:
    return cast(Split, row.partition("-")[0])


def _id(split: Split, pair: TextPair) -> str:
    return f"{split}-{pair.key[:16]}"
