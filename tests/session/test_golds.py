"""Gold answers mean the same to the task, a reward in `score`, `compare` and the exported module."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from number_texts import NUMBER_TEXTS

from rewardsearch.config import Config, RankConfig
from rewardsearch.errors import UserError
from rewardsearch.exporters import ExportSelection, export
from rewardsearch.rank import compare_predictions, read_predictions
from rewardsearch.rank.predictions import Prediction, same_answer
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.session.scoring import rows_to_score

NO_GOLDS: list[Any] = [
    None,
    math.nan,
    math.inf,
    True,
    [17],
    {"answer": 17},
    "12 + 5 = 17\n#### nan",
    "#### 17 apples",
    "17 ####",
]
"""No gold answer of any task."""
SOLUTION = "He has 12+5=<<12+5=17>>17 apples.\n#### 17"
RIGHT = "<thinking> 12 + 5 = 17 </thinking> <solution> 17 </solution>"
WRONG = "<thinking> 12 + 5 = 18 </thinking> <solution> 180 </solution>"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, Any]]:
    """The module of the base rewards, for a task whose answers are numbers, and for one whose answers need not be."""
    base, found = load_base_rewards(Config().train.base_rewards), {}
    for numeric in (True, False):
        path, *_ = export(
            "trl", ExportSelection(source="demo", rewards=base, numeric=numeric), tmp_path_factory.mktemp("out")
        )
        found[numeric] = {"__name__": "exported"}
        exec(path.read_text(encoding="utf-8"), found[numeric])
    return found


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("numeric", [False, True])
def test_an_exported_reward_pays_right_work_on_rows_as_data_sets_have_them(
    exported: dict[bool, dict[str, Any]], numeric: bool, chat: bool
) -> None:
    golds: list[Any] = [SOLUTION, "17", 17, 17.0, "$17.00", "1.7e1", "#### 0\n#### 17"]

    def paid(text: str) -> list[float]:
        completion = [{"role": "assistant", "content": text}] if chat else text
        prompt = [{"role": "user", "content": "How many?"}] if chat else "How many?"
        rows = {"prompts": [prompt] * len(golds), "completions": [completion] * len(golds), "answer": golds}
        total: list[float] = exported[numeric]["trl_reward"](**rows, question=["How many?"] * len(golds))
        return total

    expected = {}
    for text in (RIGHT, WRONG):
        names: list[dict[str, Any]] = [{} for _ in load_base_rewards(Config().train.base_rewards)]
        for spec, own in zip(load_base_rewards(Config().train.base_rewards), names, strict=True):
            exec(spec.code, own)
        expected[text] = sum(own["reward"](["How many?"], [text], ["17"])[0] for own in names)
        assert paid(text) == [expected[text]] * len(golds)
    assert expected[RIGHT] == expected[WRONG] + 4.5


@pytest.mark.parametrize(
    ("numeric", "gold"), [*((n, gold) for n in (True, False) for gold in NO_GOLDS), (True, "none"), (True, "1/2")]
)
def test_an_exported_reward_raises_once_with_the_value_that_is_no_gold_answer(
    exported: dict[bool, dict[str, Any]], numeric: bool, gold: Any
) -> None:
    with pytest.raises(ValueError, match="column 'answer'") as error:
        exported[numeric]["trl_reward"](completions=[RIGHT, RIGHT], answer=["17", gold])
    assert repr(gold) in str(error.value)


def test_a_missing_text_of_another_column_is_empty(tmp_path: Path) -> None:
    code = "def reward(prompts, completions, answer, **columns):\n    return [float(len(text)) for text in columns['note']]\n"
    spec = load_base_rewards(Config().train.base_rewards)[0].model_copy(update={"name": "note", "code": code})
    names: dict[str, Any] = {"__name__": "exported"}
    selection = ExportSelection(source="demo", rewards=(spec,), columns=("note",))
    exec(export("trl", selection, tmp_path)[0].read_text(encoding="utf-8"), names)
    assert names["note"](completions=["a", "b"], answer=["1", "2"], note=[None, "two"]) == [0.0, 3.0]


def score_rows(path: Path, *golds: Any) -> list[str]:
    path.write_text("".join(json.dumps({"prompt": "q", "completion": RIGHT, "answer": gold}) + "\n" for gold in golds))
    return [row.answer for row, _ in rows_to_score(path)]


def test_score_gives_rewards_the_gold_answers_of_the_search(tmp_path: Path) -> None:
    golds = [SOLUTION, 17, 17.0, "1e3", "$1,000.00", "\u22123", "SELECTED", " free text "]
    found = ["17", "17", "17", "1000", "1000", "-3", "SELECTED", " free text "]
    assert score_rows(tmp_path / "rows.jsonl", *golds) == found


@pytest.mark.parametrize("gold", NO_GOLDS, ids=repr)
def test_score_names_the_line_of_what_is_no_gold_answer(tmp_path: Path, gold: Any) -> None:
    with pytest.raises(UserError, match=r"rows\.jsonl line 2: .*answer"):
        score_rows(tmp_path / "rows.jsonl", "17", gold)


def test_compare_reads_numbers_as_the_tasks_do() -> None:
    rows = [
        Prediction(id=str(i), gold=value or "123", prediction=text)
        for i, (text, value) in enumerate(NUMBER_TEXTS.items())
    ]
    result = compare_predictions(rows, rows, RankConfig(resamples=100))
    blank = sum(not text.strip() for text in NUMBER_TEXTS)
    right = sum(value is not None for value in NUMBER_TEXTS.values())
    assert (result.a.correct, result.a.wrong, result.a.unparsed) == (right, 0, len(rows) - right)
    assert result.a.unreadable == result.a.unparsed - blank


@pytest.mark.parametrize(
    ("a", "b"), [("$29.00", "29"), (SOLUTION, "17"), (SOLUTION, "#### 17.0"), ("\u22123", "-3"), ("- 3", "-3")]
)
def test_answers_that_are_one_number_are_equal(a: str, b: str) -> None:
    assert same_answer(a, b) and same_answer(b, a)


@pytest.mark.parametrize(
    ("a", "b"), [("\u22123", "3"), ("1,2,3", "123"), ("1.5 million", "1.5"), ("nan", "NaN!"), (SOLUTION, "18")]
)
def test_answers_that_are_not_one_number_differ(a: str, b: str) -> None:
    assert not same_answer(a, b)


def files(folder: Path, *predictions: Any, gold: Any = 29) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.jsonl"
    rows = [{"id": i, "gold": gold, "prediction": each} for i, each in enumerate(predictions)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("gold", [29, "29", "15+14=<<15+14=29>>29\n#### 29"])
def test_compare_counts_predictions_that_are_no_answer(tmp_path: Path, gold: Any) -> None:
    sure = files(tmp_path, 29, "$29.00", 28, "29.0", None, gold="29")
    odd = files(tmp_path, "29 dollars", "[invalid]", "about 29", "x#### 29", "", gold=gold)
    result = compare_predictions(read_predictions(sure), read_predictions(odd))
    assert [(side.correct, side.wrong, side.unparsed, side.unreadable) for side in (result.a, result.b)] == [
        (3, 1, 1, 0),
        (1, 0, 4, 3),
    ]
    assert all(each.gold == "29" for each in result.discordant)


def test_where_a_gold_answer_is_text_a_text_is_a_wrong_answer_and_no_match_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [(1, "yes", "29 dollars"), (2, "29", "29 dollars"), (3, "no", "[Invalid]"), (4, "no", " NO")]
    path.write_text("".join(json.dumps({"id": i, "gold": g, "prediction": p}) + "\n" for i, g, p in rows))
    side = compare_predictions(read_predictions(path), read_predictions(path)).a
    assert (side.correct, side.wrong, side.unparsed, side.unreadable) == (1, 2, 1, 1)


@pytest.mark.parametrize("gold", [math.nan, math.inf, None, "12 + 5\n#### nan", "#### 17 apples"], ids=repr)
def test_compare_names_the_line_of_what_is_no_gold_answer(tmp_path: Path, gold: Any) -> None:
    with pytest.raises(UserError, match=r"0\.jsonl line 1: .*gold"):
        read_predictions(files(tmp_path, 29, gold=gold))
