"""The task `contrast` on generated requests and on a user's texts."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from smollm2 import BANKING

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Row
from rewardsearch.tasks import SPLITS, Generation, Vectors, load_task
from rewardsearch.tasks.contrast.overlap import near_texts
from rewardsearch.tasks.contrast.pools import POOL
from rewardsearch.tasks.contrast.support import NEAR
from rewardsearch.tasks.contrast.task import ContrastTask
from rewardsearch.tasks.forms import RATIONALE
from rewardsearch.tasks.splitting import digest, words
from rewardsearch.testing.task import MeasuringTaskSuite

SIZES = {"train_rows": 60, "val_rows": 60, "test_rows": 20}
Write = Callable[..., str]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Writes rows to a JSON Lines file, and gives its path."""
    number = itertools.count()

    def write(rows: list[dict[str, Any]]) -> str:
        path = tmp_path_factory.mktemp("texts") / f"texts{next(number)}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return str(path)

    return write


def pair_rows(number: int) -> list[dict[str, Any]]:
    return [
        {
            "question": f"How do I reach person {n}?",
            "passage": f"The number of person {n} is in the book.",
            "hard": [f"Person {n} likes books.", f"The number of person {n + 1} is in the book."],
            "topic": f"group {n // 2}",
            "why": f"person {n} : phone",
        }
        for n in range(number)
    ]


PAIRS = {"query": "question", "positive": "passage", "negatives": "hard", "group": "topic", "rationale": "why"}


@pytest.fixture(scope="module")
def pairs_file(write: Write) -> str:
    return write(pair_rows(200))


def task_on(data: str, pairs: dict[str, Any] | None = PAIRS, **more: Any) -> ContrastTask:
    task = load_task(TaskConfig(**{"name": "contrast", "data": data, "pairs": pairs, **SIZES, **more}))
    assert isinstance(task, ContrastTask)
    return task


class TestGenerated(MeasuringTaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        return TaskConfig(name="contrast", **SIZES)


class TestPairs(MeasuringTaskSuite):
    @pytest.fixture
    def config(self, pairs_file: str) -> TaskConfig:
        return TaskConfig(name="contrast", data=pairs_file, pairs=PAIRS, **SIZES)


@pytest.mark.skipif(BANKING is None, reason="needs BANKING77 in shared/contrast")
class TestBanking(MeasuringTaskSuite):
    @pytest.fixture
    def config(self, small_banking: str) -> TaskConfig:
        return TaskConfig(name="contrast", data=small_banking, pairs={"text": "text", "label": "category"}, **SIZES)

    @pytest.fixture(scope="class")
    @staticmethod
    def small_banking(tmp_path_factory: pytest.TempPathFactory) -> str:
        """Every tenth text."""
        assert BANKING is not None
        path = tmp_path_factory.mktemp("banking") / "banking.csv"
        with (BANKING / "banking77_train.csv").open(encoding="utf-8", newline="") as whole, path.open("w") as part:
            rows = list(csv.reader(whole))
            csv.writer(part).writerows([rows[0], *rows[1::10]])
        return str(path)

    def test_pairs_have_one_label_and_hard_negatives_another(self, config: TaskConfig, small_banking: str) -> None:
        task = load_task(config)
        with Path(small_banking).open(encoding="utf-8", newline="") as file:
            labels = {row["text"].strip(): row["category"] for row in csv.DictReader(file)}
        assert isinstance(task, ContrastTask)
        for row in task.rows("train"):
            texts = task.pairing(row.id)
            assert labels[texts.query.answer] == labels[texts.positive.answer] == texts.group
            assert texts.negatives and texts.group not in {labels[each.answer] for each in texts.negatives}
            assert all({*words(each.answer).split()} & {*words(row.prompt_text).split()} for each in texts.negatives)
        assert len(task.source.notes) == 1 and task.demonstrations() == []


def test_a_generated_pair_means_the_same_and_its_hard_negatives_are_of_a_near_intent() -> None:
    task = load_task(TaskConfig(name="contrast", **SIZES))
    assert isinstance(task, ContrastTask)
    for row in task.rows("val"):
        intent, subject = str(task.pairing(row.id).group).split()
        negatives = task.pairing(row.id).negatives
        assert negatives and row.prompt == f"Request: {row.columns['positive']}\n"
        others = {task.pairing(other.id).positive.answer: other.id for other in task.rows("val")}
        known = [task.pairing(others[each.answer]).group for each in negatives if each.answer in others]
        assert all(group in {f"{near} {subject}" for near in NEAR[intent]} for group in known)


def test_more_generated_rows_begin_with_fewer() -> None:
    few, more = (load_task(TaskConfig(name="contrast", **{**SIZES, "val_rows": size})) for size in (30, 60))
    assert more.rows("val")[:30] == few.rows("val")


def test_too_many_generated_rows_are_refused() -> None:
    task = load_task(TaskConfig(name="contrast", **{**SIZES, "val_rows": 1_000_000}))
    with pytest.raises(UserError, match="val_rows"):
        task.rows("val")


@pytest.mark.parametrize("given", [False, True])
def test_a_pool_has_the_positive_first_then_hard_negatives_and_no_text_of_its_group(
    pairs_file: str, given: bool
) -> None:
    config = {"data": pairs_file, "pairs": PAIRS} if given else {}
    task, again = (load_task(TaskConfig(name="contrast", **SIZES | {"val_rows": 90}, **config)) for _ in range(2))
    assert isinstance(task, ContrastTask) and isinstance(again, ContrastTask)
    groups = {task.pairing(row.id).positive.id: task.pairing(row.id).group for row in task.rows("val")}
    for row in task.rows("val"):
        texts, pool = task.pairing(row.id), task.pool(row.id)
        assert pool == again.pool(row.id) and len({each.id for each in pool}) == len(pool)
        assert pool[0] == texts.positive and pool[1 : 1 + len(texts.negatives)] == texts.negatives
        others = pool[1 + len(texts.negatives) :]
        assert texts.group not in {groups[each.id] for each in others} and texts.query not in pool
        assert given or len(pool) == POOL
    assert len({task.pool(row.id)[-1].id for row in task.rows("val")}) > 20, "each row draws its own pool"


def test_no_text_of_a_users_pairs_is_in_two_splits(pairs_file: str) -> None:
    task = task_on(pairs_file, train_rows=200, val_rows=200, test_rows=200)
    texts = {
        split: {each.id for row in task.rows(split) for each in (*_all(task, row.id), *task.pool(row.id))}
        for split in SPLITS
    }
    for one, other in itertools.combinations(SPLITS, 2):
        assert texts[one].isdisjoint(texts[other])
    assert any("hard negatives" in note for note in task.source.notes)
    assert sum(map(len, (task.rows(split) for split in SPLITS))) == 200


def test_a_hard_negative_of_the_rows_own_group_is_left_out(write: Write) -> None:
    rows = [
        {"query": f"q {n}", "positive": f"p {n}", "near": [f"p {n ^ 1}", f"far {n}"], "about": f"g {n // 2}"}
        for n in range(60)
    ]
    task = task_on(write(rows), {"negatives": ["near"], "group": "about"}, train_rows=60, val_rows=60, test_rows=60)
    kept = [task.pairing(row.id).negatives for split in SPLITS for row in task.rows(split)]
    assert kept and all(text.answer.startswith("far") for texts in kept for text in texts)
    assert any("own group" in note for note in task.source.notes)


def _all(task: ContrastTask, row: str) -> tuple[Any, ...]:
    texts = task.pairing(row)
    return (texts.query, texts.positive, *texts.negatives)


def test_rows_that_share_a_query_are_in_one_split_and_one_group(write: Write) -> None:
    rows = [{"query": f"question {n // 4}", "positive": f"answer {n}"} for n in range(200)]
    task = task_on(write(rows), None, train_rows=200, val_rows=200, test_rows=200)
    homes = {}
    for split in SPLITS:
        for row in task.rows(split):
            assert homes.setdefault(row.answer, split) == split
    by_query: dict[str, set[str | None]] = {}
    for row in task.rows("train"):
        by_query.setdefault(row.answer, set()).add(task.pairing(row.id).group)
    assert all(len(groups) == 1 for groups in by_query.values()) and len(by_query) > 20


def test_a_users_prompt_has_the_instruction_apart_from_the_text(pairs_file: str) -> None:
    row = task_on(pairs_file).rows("train")[0]
    assert [message["role"] for message in row.prompt if isinstance(message, dict)] == ["system", "user"]
    assert row.prompt_text == row.columns["positive"] and row.plain_prompt.endswith(f"\n\n{row.prompt_text}\n")
    task = task_on(pairs_file, system="Say it anew: {{ form }}")
    asked = task.rows("train")[0].prompt
    assert isinstance(asked, list) and asked[0]["content"] == f"Say it anew: {task.form}"


def test_the_outcome_follows_from_what_was_measured(pairs_file: str) -> None:
    task = task_on(pairs_file)
    row, closed = task.rows("val")[0], "<think> so it is </think>"

    def judged(completion: str, **measured: float) -> tuple[str, int | None, str | None]:
        outcome = task.outcome(row.model_copy(update={"measured": measured}), completion, 3)
        assert outcome.gold == row.columns["positive"]
        return outcome.kind, outcome.rank, outcome.prediction

    assert judged(closed, finished=1.0, rank=1.0) == ("correct", 1, row.columns["positive"])
    assert judged(closed, finished=1.0, rank=3.0)[:2] == ("wrong", 3)
    assert judged(closed, finished=1.0, rank=2.0, first=1.0) == ("wrong", 2, task.pool(row.id)[1].answer)
    assert judged("", finished=1.0, rank=1.0, first=0.0)[0] == "correct", "bare texts"
    for unparsed in (
        judged(closed, finished=0.0, rank=1.0),
        judged("<think> so", finished=1.0, rank=1.0),
        judged(closed),
    ):
        assert unparsed == ("unparsed", None, None)


class WordsReader:
    """Embeds texts by their words alone."""

    def write(self, rows: Sequence[Row], temperature: float, seed: int) -> list[Generation]:
        return [Generation("<think> it </think>", 3) for _ in rows]

    def embed(self, passages: Sequence[tuple[Row, str]]) -> Vectors:
        vectors = np.zeros((len(passages), 512), dtype=np.float32)
        for vector, (row, completion) in zip(vectors, passages, strict=True):
            for word in words(f"{row.prompt_text} {completion}").split():
                vector[int(digest(word)[:8], 16) % 512] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("negatives", [1, 2])
def test_a_step_is_measured_with_the_texts_of_its_rows(pairs_file: str, negatives: int) -> None:
    task = task_on(pairs_file, negatives=negatives)
    rows = [row for row in task.rows("train") if len(task.pairing(row.id).negatives) == 2][:3]
    asked = [row for row in rows for _ in range(2)]
    said = [f"<think> {text} </think>" for row in rows for text in ("the book", row.answer)]
    answers = [Generation(text, 9) for text in said]
    measured = task.measures.in_training(WordsReader(), asked, answers, 0)
    assert [row.id for row in measured] == [row.id for row in asked]
    for vague, clear in zip(measured[::2], measured[1::2], strict=True):
        assert clear.measured["sim_query"] > vague.measured["sim_query"]
        assert all(vague.measured[name] == clear.measured[name] for name in task.measures.constant)
        texts = task.pairing(vague.id).negatives[:negatives]
        near = WordsReader().embed([(row, "<think> it </think>") for row in texts])
        own = WordsReader().embed([(vague, said[asked.index(vague.model_copy(update={"measured": {}}))])])
        assert vague.measured["sim_negative"] == pytest.approx(float((near @ own[0]).max()), abs=1e-6)
    kinds = [task.outcome(row, answer.text).kind for row, answer in zip(measured, answers, strict=True)]
    assert kinds == ["correct" if row.measured["rank"] == 1 else "wrong" for row in measured] and kinds[1] == "correct"


def test_demonstrations_teach_the_users_rationales(pairs_file: str) -> None:
    shown = task_on(pairs_file).demonstrations()
    assert len(shown) == SIZES["train_rows"]
    assert all(each.completion.startswith("<think> person") for each in shown)


@pytest.mark.parametrize(
    ("rows", "pairs", "named"),
    [
        ([{"query": "a"}], None, "task.pairs.positive"),
        ([{"query": ["a"], "positive": "b"}], None, "line 1"),
        ([{"query": "a", "positive": "b", "bad": [{"no": "text"}]}], {"negatives": ["bad"]}, "column bad"),
        ([{"query": "a", "positive": "b"}], {"negatives": ["worse"]}, "task.pairs.negatives.0"),
        ([{"text": "a", "category": "b"}], {"text": "text", "label": "topic"}, "task.pairs.label"),
    ],
)
def test_bad_data_are_named(write: Write, rows: list[dict[str, Any]], pairs: dict[str, Any] | None, named: str) -> None:
    with pytest.raises(UserError, match=named):
        task_on(write(rows), pairs).rows("train")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"pairs": {"query": "question"}}, "task.pairs"),
        ({"system": "Answer."}, "task.system"),
        ({"chat": True, "system": "Answer {{ question }}."}, "task.system"),
        ({"prompt": "text"}, "task.prompt"),
        ({"data": "rows.jsonl", "classes": ["a", "b"]}, "task.classes"),
    ],
)
def test_keys_that_the_task_does_not_read_are_refused(config: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        load_task(TaskConfig(name="contrast", **config))


def test_rows_that_cannot_be_used_are_left_out_and_counted(write: Write) -> None:
    rows = [{"text": f"text {n} of {n % 5}", "label": f"label {n % 5}"} for n in range(100)]
    rows += [{"text": "Text 0 of 0!", "label": "label 0"}, {"text": "text 1 of 1", "label": "label 2"}]
    rows += [{"text": "", "label": "label 0"}, {"text": "alone", "label": "label 9"}]
    source = task_on(write(rows), {"text": "text", "label": "label"}).source
    assert sorted(source.left_out.values()) == [1, 1, 1, 2]
    assert source.found is not None and sum(source.found.values()) == 104 - 5


def test_hard_negatives_share_rare_words_and_no_group() -> None:
    texts = ["my card is lost", "my card was stolen", "a card is lost", "the rate is high", "one rate"]
    assert near_texts(texts, ["lost", "stolen", "lost", "rate", "rate"], 2, 2) == [(1, 3), (0, 2)]
    assert near_texts(texts, ["one"] * 5, 5, 2) == [()] * 5 and near_texts([], [], 5, 2) == []


@pytest.mark.parametrize(
    ("completion", "said", "exact"),
    [
        ("<think> a card </think>", "a card", True),
        ("<think>\na card\n</think> <think> b </think>", "a card", False),
        ("so <think> a card </think>", "a card", False),
        ("<think></think>", "", False),
        ("<think> a card", None, False),
        ("a card </think>", None, False),
    ],
)
def test_the_rationale_is_the_text_of_the_first_closed_think_tag(
    completion: str, said: str | None, exact: bool
) -> None:
    parser: dict[str, Any] = {}
    exec(RATIONALE.code, parser)
    assert RATIONALE.parse(completion) == said and parser["is_exact"](completion) == exact
    assert RATIONALE.write("a card") == "<think> a card </think>"
    assert RATIONALE.parse(RATIONALE.write("card", "a lost")) == "a lost card"
