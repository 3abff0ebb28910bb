"""Memory that runs out: batches of an evaluation are halved, a training ends with the keys to lower."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch

from rewardsearch.config import Config, TaskConfig, TrainConfig
from rewardsearch.errors import UserError
from rewardsearch.tasks import load_task
from rewardsearch.train.engines.trl.generation import greedy
from rewardsearch.train.engines.trl.memory import OutOfMemory, enough_memory, out_of_memory
from rewardsearch.train.engines.trl.policy import Policy, load_policy

ROWS = load_task(TaskConfig(val_rows=12)).rows("val")


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


class Limited:
    """A model with memory for `rows` completions at once."""

    def __init__(self, model: Any, rows: int, error: Callable[[], Exception]) -> None:
        self._model, self._rows, self._error = model, rows, error
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, input_ids: Any, **options: Any) -> Any:
        if len(input_ids) > self._rows:
            raise self._error()
        self.batches.append(len(input_ids))
        return self._model.generate(input_ids=input_ids, **options)


def allocation_failure() -> Exception:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 45)
    return raised.value


ERRORS = {
    "cuda": lambda: torch.OutOfMemoryError("CUDA out of memory"),
    "cpu": allocation_failure,
    "python": MemoryError,
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_a_batch_that_does_not_fit_is_halved_with_a_line_in_the_log_and_every_answer_is_the_same(
    policy: Policy, error: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    whole = greedy(policy.base, policy, ROWS, TrainConfig())
    model, done = Limited(policy.base, 5, error), list[int]()
    with caplog.at_level(logging.WARNING):
        assert greedy(model, policy, ROWS, TrainConfig(), done.append) == whole
    assert model.batches == [3, 3, 3, 3] and done == [3, 6, 9, 12]
    assert [[int(each) for each in record.args or ()] for record in caplog.records] == [[12, 6], [6, 3]]


def test_one_completion_that_does_not_fit_names_the_keys_to_lower(policy: Policy) -> None:
    with pytest.raises(UserError, match=r"train\.max_completion_tokens \(got 40\)"):
        greedy(Limited(policy.base, 0, MemoryError), policy, ROWS, TrainConfig())


def test_what_is_no_lack_of_memory_goes_through(policy: Policy) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        greedy(Limited(policy.base, 5, lambda: RuntimeError("shapes")), policy, ROWS, TrainConfig())
    assert not out_of_memory(ValueError("out of memory"))


def test_a_real_allocation_that_fails_is_told_with_its_remedy() -> None:
    told = r"training .*140737488355328 bytes.*; lower train\.micro_batch"
    with pytest.raises(OutOfMemory, match=told), enough_memory("training", "lower train.micro_batch"):
        torch.empty(1 << 45)


def test_a_batch_holds_as_many_tokens_as_the_config_says(policy: Policy) -> None:
    whole = greedy(policy.base, policy, ROWS, TrainConfig())
    model = Limited(policy.base, 12, MemoryError)
    lengths = sorted(len(policy.tokenizer(row.prompt)["input_ids"]) for row in ROWS)
    budget = 5 * (lengths[4] + 40)
    assert greedy(model, policy, ROWS, TrainConfig(eval_batch_tokens=budget)) == whole
    assert model.batches[0] == 5 and sum(model.batches) == 12 and max(model.batches) == 5
    # One row is always answered.
    assert greedy(Limited(policy.base, 1, MemoryError), policy, ROWS, TrainConfig(eval_batch_tokens=1)) == whole


def test_generation_ends_when_all_rows_have_ended(policy: Policy) -> None:
    calls: list[int] = []
    count = policy.base.register_forward_hook(lambda *_: calls.append(1))
    ends = policy.base.generation_config.eos_token_id
    try:
        longest = max(answer.tokens for answer in greedy(policy.base, policy, ROWS, TrainConfig()))
        first = len(calls)
        # The tokenizer's end token counts where the model's settings name none.
        policy.base.generation_config.eos_token_id = None
        greedy(policy.base, policy, ROWS, TrainConfig())
    finally:
        count.remove()
        policy.base.generation_config.eos_token_id = ends
    assert first == len(calls) - first == longest + 1 < 40
