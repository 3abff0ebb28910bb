from dataclasses import dataclass, field

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.records import Batch, RewardSpec
from rewardsearch.screen.observe import ROW, Observer, label_of
from rewardsearch.tasks import load_task

TASK = load_task(TaskConfig(train_rows=8, val_rows=1, test_rows=1))
ROWS = TASK.rows("train")
BASE = RewardSpec(id="base:answer", name="answer", code="")
CANDIDATE = RewardSpec(id="abcdef", name="length", code="", weight=0.5)


@dataclass
class Scored:
    rewards: list[float]
    components: dict[str, list[float]] = field(default_factory=dict)


def right(batch: Batch) -> Scored:
    return Scored([float(f" {a} " in c) for c, a in zip(batch.completions, batch.answer, strict=True)])


def length(batch: Batch) -> Scored:
    values = [float(len(c)) for c in batch.completions]
    return Scored(values, {"characters": values})


def observed() -> Observer:
    """One step of two groups of two: a right and a wrong completion, then two equal unparsed ones."""
    observer = Observer(TASK, ROWS, [(BASE, right), (CANDIDATE, length)], 2, 9, lambda step: None)
    gold = ROWS[0].answer
    completions = [f"<solution> {gold} </solution>", "<solution> 999 </solution> and more", "none", "none"]
    functions, weights = observer.functions()
    assert weights == [1.0, 0.5, 0.0]
    columns = {ROW: [0, 0, 1, 1], "completion_ids": [[1] * 4, [1] * 9, [1], [1]], "prompts": [""] * 4}
    given = [function(completions=completions, **columns) for function in functions]
    assert given[-1] == [1.0, 0.0, 0.0, 0.0]
    return observer


def test_a_step_is_recorded_with_weights_groups_and_lengths() -> None:
    (point,) = observed().curves()
    gold = ROWS[0].answer
    lengths = [len(f"<solution> {gold} </solution>"), len("<solution> 999 </solution> and more"), 4, 4]
    assert point.monitor == 0.25
    assert point.reward == pytest.approx((1 + 0.5 * sum(lengths)) / 4)
    assert point.components["length-abcd/characters"] == pytest.approx(sum(lengths) / 4)
    assert (point.dead_groups, point.clipped, point.length) == (0.5, 0.25, 15 / 4)


def test_correlation_with_correctness_is_pearsons() -> None:
    correlations = observed().correlations()
    assert correlations["answer"] == pytest.approx(1.0)
    assert 0 < (correlations["length-abcd"] or 0) < 1


def test_a_component_without_spread_has_no_correlation() -> None:
    observer = Observer(TASK, ROWS, [(BASE, lambda b: Scored([1.0] * len(b)))], 2, 9, lambda step: None)
    for function in observer.functions()[0]:
        function(completions=["a", "b"], completion_ids=[[1], [1]], **{ROW: [0, 0]})
    assert observer.correlations() == {"answer": None}


def test_disagreements_show_the_best_paid_wrong_and_the_worst_paid_right_completion() -> None:
    first, second, third = observed().disagreements()
    assert (first.kind, first.completion) == ("wrong", "<solution> 999 </solution> and more")
    assert (second.kind, second.completion) == ("unparsed", "none")
    assert third.kind == "correct"


def test_a_gradient_norm_belongs_to_its_step() -> None:
    observer = observed()
    observer.gradient(1, 0.25)
    assert observer.curves()[0].grad_norm == 0.25


def test_rewards_see_only_the_declared_columns() -> None:
    seen: list[Batch] = []

    def look(batch: Batch) -> Scored:
        seen.append(batch)
        return Scored([0.0] * len(batch))

    observer = Observer(TASK, ROWS, [(CANDIDATE, look)], 2, 9, lambda step: None)
    observer.functions()[0][0](completions=["a", "b"], trainer_state=object(), log_metric=print, **{ROW: [0, 1]})
    assert list(seen[0].columns) == ["question"]
    assert seen[0].answer == (ROWS[0].answer, ROWS[1].answer)


def test_chat_completions_reach_a_reward_as_text() -> None:
    seen: list[Batch] = []

    def look(batch: Batch) -> Scored:
        seen.append(batch)
        return Scored([0.0] * len(batch))

    observer = Observer(TASK, ROWS, [(CANDIDATE, look)], 2, 9, lambda step: None)
    chat = [[{"role": "assistant", "content": "hello"}]]
    observer.functions()[0][0](completions=chat, **{ROW: [0]})
    assert seen[0].completions == ("hello",)


def test_two_rewards_of_one_name_have_different_labels() -> None:
    assert label_of(CANDIDATE) != label_of(CANDIDATE.model_copy(update={"id": "fedcba"}))
