from dataclasses import dataclass, field
from unittest.mock import Mock

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.errors import MachineError
from rewardsearch.records import Batch, RewardSpec
from rewardsearch.tasks import Reader, load_task
from rewardsearch.tasks.resume import ResumeTask
from rewardsearch.train.clock import PhaseClock
from rewardsearch.train.engines.trl.rewards import ROW, reward_functions
from rewardsearch.train.worker.examples import DISAGREEMENTS
from rewardsearch.train.worker.observe import Observer, label_of

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


def paid(batch: Batch) -> Scored:
    """What the completion's last digit says."""
    return Scored([float(c[-1]) for c in batch.completions])


def step(observer: Observer, completions: list[str], places: list[int]) -> None:
    for function in reward_functions(observer, PhaseClock(), Mock(spec=Reader), set())[0]:
        function(completions=completions, completion_ids=[[1] * len(c.split()) for c in completions], **{ROW: places})


def observed() -> Observer:
    """One step of two groups of two: a right and a wrong completion, then two equal unparsed ones."""
    observer = Observer(TASK, ROWS, [(BASE, right), (CANDIDATE, length)], 2, 9, lambda step: None)
    gold = ROWS[0].answer
    completions = [f"<solution> {gold} </solution>", "<solution> 999 </solution> and more", "none", "none"]
    functions, weights = reward_functions(observer, PhaseClock(), Mock(spec=Reader), set())
    assert weights == [1.0, 0.5, 0.0]
    columns = {ROW: [0, 0, 1, 1], "completion_ids": [[1] * 4, [1] * 9, [1], [1]], "prompts": [""] * 4}
    given = [function(completions=completions, **columns) for function in functions]
    assert given[-1] == [1.0, 0.0, 0.0, 0.0]
    return observer


def test_a_step_is_recorded_with_weights_groups_and_lengths() -> None:
    (point,) = observed().curves()
    gold = ROWS[0].answer
    lengths = [len(f"<solution> {gold} </solution>"), len("<solution> 999 </solution> and more"), 4, 4]
    assert point.exact_match == 0.25
    assert point.reward == pytest.approx((1 + 0.5 * sum(lengths)) / 4)
    assert point.components["length-abcd/characters"] == pytest.approx(sum(lengths) / 4)
    assert (point.zero_std_fraction, point.clipped, point.length) == (0.5, 0.25, 15 / 4)


def test_correlation_with_correctness_is_pearsons() -> None:
    correlations = observed().correlations()
    assert correlations["answer"] == pytest.approx(1.0)
    assert 0 < (correlations["length-abcd"] or 0) < 1


def test_right_work_outside_the_asked_form_counts_in_a_correlation_of_its_own() -> None:
    gold = ROWS[0].answer
    observer = Observer(TASK, ROWS, [(CANDIDATE, length)], 2, 9, lambda step: None)
    step(observer, [f"<solution> {gold} </solution>", f"it is all in all {gold} things. The answer is {gold}."], [0, 0])
    step(observer, ["<solution> 98765 </solution>", "none"], [1, 1])
    counted, in_any_form = (
        found["length-abcd"] for found in (observer.correlations(), observer.correlations_any_form())
    )
    assert counted is not None and in_any_form is not None and counted < 0.5 < in_any_form


def test_a_component_without_spread_has_no_correlation() -> None:
    observer = Observer(TASK, ROWS, [(BASE, lambda b: Scored([1.0] * len(b)))], 2, 9, lambda step: None)
    for function in reward_functions(observer, PhaseClock(), Mock(spec=Reader), set())[0]:
        function(completions=["a", "b"], completion_ids=[[1], [1]], **{ROW: [0, 0]})
    assert observer.correlations() == {"answer": None}


def test_the_rewards_on_trial_have_a_mean_of_their_own() -> None:
    lengths = [len(f"<solution> {ROWS[0].answer} </solution>"), len("<solution> 999 </solution> and more"), 4, 4]
    assert observed().curves()[0].candidate_reward == pytest.approx(0.5 * sum(lengths) / 4)


def test_without_a_candidate_the_base_rewards_are_on_trial() -> None:
    observer = Observer(TASK, ROWS, [(BASE, right)], 2, 9, lambda step: None)
    step(observer, [f"<solution> {ROWS[0].answer} </solution>", "none"], [0, 0])
    (point,) = observer.curves()
    assert point.candidate_reward == point.reward == 0.5


def test_the_most_frequent_answer_is_told_beside_that_of_the_gold_answers_of_the_same_completions() -> None:
    answers = [ROWS[place].answer for place in range(3)]
    assert len(set(answers)) == 3
    observer = Observer(TASK, ROWS, [(BASE, right)], 2, 9, lambda step: None)
    sevens = ["<solution> 7 </solution>"] * 3
    step(observer, [*sevens, "<solution> 8 </solution>", "none", "none"], [0, 0, 1, 2, 3, 3])
    (point,) = observer.curves()
    assert (point.parsed, point.top_prediction, point.top_gold) == (pytest.approx(4 / 6), 0.75, 0.5)


def test_a_step_without_any_answer_has_no_most_frequent_one() -> None:
    observer = Observer(TASK, ROWS, [(BASE, right)], 2, 9, lambda step: None)
    step(observer, ["none", "none"], [0, 0])
    (point,) = observer.curves()
    assert (point.parsed, point.top_prediction, point.top_gold) == (0.0, 0.0, 0.0)


def test_what_the_trainer_logs_belongs_to_its_step() -> None:
    observer = Observer(TASK, ROWS, [(BASE, right)], 2, 9, lambda step: None)
    for norm in (0.25, 0.5):
        step(observer, ["none", "none"], [0, 0])
        observer.logged(len(observer.curves()), {"grad_norm": norm, "entropy": norm / 5, "kl": 3.0})
    assert [(p.grad_norm, p.entropy) for p in observer.curves()] == [(0.25, 0.05), (0.5, 0.1)]


def test_a_trainer_that_logs_no_entropy_leaves_it_open() -> None:
    observer = observed()
    observer.logged(1, {"grad_norm": 0.25})
    assert (observer.curves()[0].grad_norm, observer.curves()[0].entropy) == (0.25, None)


def varied(observer: Observer, number: int) -> None:
    """A step of eight completions whose texts, truths and lengths differ from those of other numbers."""
    places = [(number + i) % 4 for i in range(4) for _ in range(2)]
    texts = [
        f"<solution> {ROWS[place].answer if (i + number) % 3 else i % 2} </solution>{' and' * ((i * number) % 5)}"
        for i, place in enumerate(places)
    ]
    step(observer, texts, places)
    observer.logged(number, {"grad_norm": number / 7, "entropy": 1 / (3 + number)})


def test_a_run_that_is_carried_on_ends_with_the_observations_of_an_uninterrupted_one() -> None:
    def parts(batch: Batch) -> Scored:
        """A component of its own at times, as a reward that leaves one out."""
        scored = length(batch)
        extra = {"ands": [float(c.count("and")) for c in batch.completions]} if len(set(batch.answer)) > 3 else {}
        return Scored([value / 3 for value in scored.rewards], {**scored.components, **extra})

    def fresh() -> Observer:
        return Observer(TASK, ROWS, [(BASE, right), (CANDIDATE, parts)], 2, 9, lambda step: None)

    whole, first, second = fresh(), fresh(), fresh()
    for number in range(1, 6):
        varied(whole, number)
    for number in (1, 2):
        varied(first, number)
    second.restore(first.state())
    assert second.state() == first.state()
    for number in (3, 4, 5):
        varied(second, number)
    assert second.curves() == whole.curves() and len(whole.curves()) == 5
    assert second.correlations() == whole.correlations()
    assert second.correlations_any_form() == whole.correlations_any_form() and second.group == whole.group
    assert second.disagreements() == whole.disagreements() and len(whole.disagreements()) > DISAGREEMENTS
    assert second.state() == whole.state()


def test_of_a_class_task_the_answers_and_what_they_are_paid_are_told() -> None:
    task = ResumeTask(TaskConfig(name="resume", train_rows=8, val_rows=2, test_rows=2))
    rows = task.rows("train")
    positive, negative = (next(i for i, row in enumerate(rows) if row.answer == name) for name in task.classes)
    observer = Observer(task, rows, [(BASE, paid)], 2, 9, lambda step: None)
    selected, rejected = (f"<solution> {name} </solution>" for name in task.classes)
    step(
        observer,
        [f"{selected} 1", f"{rejected} 5", f"{rejected} 7", "none 3"],
        [positive, positive, negative, negative],
    )
    step(observer, [f"{rejected} 5", "none 3"], [positive, positive])
    first, second = observer.curves()
    assert first.answers == {"SELECTED": 0.25, "REJECTED": 0.5}
    assert first.golds == {"SELECTED": 0.5, "REJECTED": 0.5}
    assert first.paid == {"SELECTED": 1.0, "REJECTED": 6.0}
    assert (first.exact_match, second.golds, second.paid) == (
        0.5,
        {"SELECTED": 1.0, "REJECTED": 0.0},
        {"REJECTED": 5.0},
    )


def test_of_a_task_without_classes_no_answers_are_told() -> None:
    (point,) = observed().curves()
    assert (point.answers, point.golds, point.paid) == ({}, {}, {})


def test_rewards_see_only_the_declared_columns() -> None:
    seen: list[Batch] = []

    def look(batch: Batch) -> Scored:
        seen.append(batch)
        return Scored([0.0] * len(batch))

    observer = Observer(TASK, ROWS, [(CANDIDATE, look)], 2, 9, lambda step: None)
    reward_functions(observer, PhaseClock(), Mock(spec=Reader), set())[0][0](
        completions=["a", "b"], trainer_state=object(), log_metric=print, **{ROW: [0, 1]}
    )
    assert list(seen[0].columns) == ["question"]
    assert seen[0].answer == (ROWS[0].answer, ROWS[1].answer)


def test_chat_completions_reach_a_reward_as_text() -> None:
    seen: list[Batch] = []

    def look(batch: Batch) -> Scored:
        seen.append(batch)
        return Scored([0.0] * len(batch))

    observer = Observer(TASK, ROWS, [(CANDIDATE, look)], 2, 9, lambda step: None)
    chat = [[{"role": "assistant", "content": "hello"}]]
    reward_functions(observer, PhaseClock(), Mock(spec=Reader), set())[0][0](completions=chat, **{ROW: [0]})
    assert seen[0].completions == ("hello",)


def test_two_rewards_of_one_name_have_different_labels() -> None:
    assert label_of(CANDIDATE) != label_of(CANDIDATE.model_copy(update={"id": "fedcba"}))


def test_an_engine_that_does_not_measure_is_at_fault_and_no_reward() -> None:
    task = load_task(TaskConfig(name="contrast", train_rows=2, val_rows=1, test_rows=1))
    observer = Observer(task, task.rows("train"), [(BASE, right)], 2, 9, lambda step: None)
    with pytest.raises(MachineError, match=r"train\.engine"):
        observer.score(0, [0, 0], ["a", "b"])
