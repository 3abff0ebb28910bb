"""The grammar on tasks that measure: what each component pays, its files, and what is proposed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from measured import MeasuredTask
from requests_of import ledger_of

from rewardsearch.config import Config, ProposeConfig, TaskConfig
from rewardsearch.propose import load_proposer, propose
from rewardsearch.propose.grammar.catalogue import MEASURED, MEASURED_COLUMNS, MEASURED_KINDS, Value, catalogue_of
from rewardsearch.propose.grammar.genome import Component, Genome, read_genome, render, render_in_form
from rewardsearch.propose.grammar.operators import fresh
from rewardsearch.session.requests import first_request
from rewardsearch.validation import validate

HELPERS = Path(__file__).parents[1] / "helpers"
TASK = MeasuredTask()
ROWS = {kind: TASK.measures.probes[kind] for kind in ("correct", "generic", "unparsed")}
TEXTS = ("the bill came twice", "a message about something", "the bill")
PAYS: dict[str, tuple[tuple[Value, ...], tuple[float, ...]]] = {
    "near_query": ((2.0,), (1.64, 1.76, 1.4)),
    "far_from_negative": ((1.0,), (-0.58, -0.88, -0.62)),
    "ahead_of_negative": ((2.0, 0.2), (0.4, 0.0, 0.16)),
    "ahead_of_batch": ((2.0, 0.2), (0.38, -0.02, 0.08)),
    "far_from_batch": ((1.0,), (-0.63, -0.89, -0.66)),
    "ranked_first": ((1.0,), (1.0, 0.0, 0.0)),
    "reciprocal_rank": ((1.0,), (1.0, 1 / 6, 0.5)),
    "log_share": ((1.0,), (-0.25, -1.9, -0.95)),
    "changes_text": ((1.0, 0.3), (0.26, 0.3, 0.22)),
    "like_group": ((1.0,), (0.8, 0.95, 0.72)),
    "own_words": ((1.0,), (0.5, 1.0, 0.0)),
    "unfinished": ((1.0,), (0.0, 0.0, -1.0)),
    "says_something": ((1.0, 3), (0.0, 0.0, -1.0)),
    "brevity": ((1.0, 40), (0.4, 0.4, 0.0)),
    "length": ((1.0, 40), (0.6, 0.6, 0.0)),
}


@pytest.mark.parametrize("name", [kind.name for kind in MEASURED_KINDS])
def test_what_a_component_pays(name: str) -> None:
    values, expected = PAYS[name]
    names: dict[str, Any] = {}
    code = render(Genome((Component(name, values),), MEASURED))
    exec(compile(code, "reward.py", "exec"), names)
    read = {
        column: [row[column] for row in ROWS.values()] for column in MEASURED_COLUMNS if f'columns["{column}"]' in code
    }
    found = names["reward"](["The bill"] * 3, list(TEXTS), ["q"] * 3, **read)
    assert found[name] == pytest.approx(expected, abs=1e-9)


def test_files_are_read_back_in_any_form() -> None:
    for number, kind in enumerate(MEASURED_KINDS):
        genome = fresh(random.Random(number), kind.name, MEASURED)[0]
        for code in (render(genome), render_in_form(genome, TASK.answer_form.code)):
            assert read_genome(code) == genome


def test_a_task_with_other_measured_columns_has_no_grammar() -> None:
    assert catalogue_of(None, (*TASK.columns, *TASK.measures.columns)) == MEASURED
    assert not catalogue_of(None, MEASURED_COLUMNS[1:]).measured


def test_a_first_round_is_accepted_and_reads_nothing_that_is_the_same_in_a_group(tmp_path: Path) -> None:
    config = Config(
        task=TaskConfig(name=f"{HELPERS / 'measured.py'}:MeasuredTask"),
        propose=ProposeConfig(proposer="grammar"),
        candidates=6,
    )
    request = first_request(config).model_copy(update={"folder": tmp_path})
    found = propose(request, load_proposer(config), ledger_of())
    assert len(found.candidates) == 6 and found.refusals == ()
    verdicts = validate(found.candidates, TASK, Config())
    assert [verdict.reason for verdict in verdicts if not verdict.accepted] == []
    assert not any(name in each.code for each in found.candidates for name in TASK.measures.constant)
