"""Tasks of reasoning-gym: rows by seed, judged by the generator's own verifier."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import pytest

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.tasks import Task, load_task
from rewardsearch.testing.task import TaskSuite

pytest.importorskip("reasoning_gym", reason="reasoning-gym is an extra: pip install 'rewardsearch[reasoning-gym]'")


def config_of(dataset: str, **more: Any) -> TaskConfig:
    sizes = {"train_rows": 30, "val_rows": 10, "test_rows": 10}
    return parse_config({"task": {"kind": "reasoning_gym", "dataset": dataset} | sizes | more}, "test").task


loaded = lru_cache(load_task)
"""The process of a generator is started once for all tests of it."""


@pytest.mark.parametrize("dataset", ["chain_sum", "syllogism"])
class TestGenerator(TaskSuite):
    @pytest.fixture
    def config(self, dataset: str) -> TaskConfig:
        return config_of(dataset, form="boxed", chat=True)

    @pytest.fixture
    def task(self, config: TaskConfig) -> Task:
        return loaded(config)


def test_rows_follow_from_the_seed_and_the_settings() -> None:
    one, again, other = (load_task(config_of("chain_sum", seed=seed)).rows("val") for seed in (1, 1, 2))
    assert one == again != other
    longer = load_task(config_of("chain_sum", config={"min_terms": 6, "max_terms": 6})).rows("train")
    assert all(sum(row.prompt_text.partition("\n")[0].count(f" {sign} ") for sign in "+-") == 5 for row in longer)


def test_the_verifier_judges_and_a_score_below_the_least_is_wrong() -> None:
    # The verifier of this generator gives something for any answer that is written.
    for least, kind in ((None, "wrong"), (0.01, "correct")):
        task = load_task(config_of("gsm_symbolic", min_score=least))
        row = task.rows("val")[0]
        assert task.outcome(row, "<solution> 123456 </solution>").kind == kind
        assert task.outcome(row, f"<solution> {row.answer} </solution>").kind == "correct"
        assert task.outcome(row, row.answer).kind == "unparsed"


def test_an_answer_that_the_verifier_does_not_get_through_is_wrong() -> None:
    task = load_task(config_of("countdown", train_rows=2, val_rows=1, test_rows=1))
    row = task.rows("train")[0]
    kinds = [task.outcome(row, f"<solution>{text}</solution>").kind for text in ("9**9**9**9", row.answer)]
    assert kinds == ["wrong", "correct"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "chain_sums"}, ("task.dataset", "chain_sum")),
        ({"config": {"terms": 3}}, ("task.config", "terms")),
        ({"config": {"min_terms": -1}}, ("task.config", "min_terms")),
        ({"config": {"seed": 3}}, ("task.config", "seed")),
        ({"data": "a.csv"}, ("task.data", "reasoning_gym")),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as refused:
        load_task(config_of(**({"dataset": "chain_sum"} | settings)))
    assert all(word in str(refused.value) for word in words)


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(UserError, match=r"pip install 'rewardsearch\[reasoning-gym\]'"):
        load_task(config_of("chain_sum"))
