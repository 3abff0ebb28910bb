from itertools import islice

from rewardsearch.config import TaskConfig
from rewardsearch.tasks import load_task
from rewardsearch.tasks.arithmetic import FAMILIES, generate, split_of

TASK = load_task(TaskConfig(train_rows=300, val_rows=200, test_rows=200))


def test_no_problem_is_in_two_splits() -> None:
    questions = {s: {row.columns["question"] for row in TASK.rows(s)} for s in ("train", "val", "test")}  # type: ignore[arg-type]
    assert not questions["train"] & questions["val"] | questions["val"] & questions["test"]
    assert all(split_of(q) == split for split, qs in questions.items() for q in qs)


def test_the_steps_of_a_problem_lead_to_its_answer() -> None:
    for problem in islice(generate("train", 3), 500):
        assert all(eval(f"{a} {op} {b}") == c for a, op, b, c in problem.steps)
        assert problem.answer == problem.steps[-1][3] >= 0
        numbers = {word.strip(".?") for word in problem.question.split()}
        assert str(problem.steps[0][0]) in numbers


def test_every_family_and_one_to_three_steps_occur() -> None:
    problems = list(islice(generate("val", 0), 300))
    assert {p.family for p in problems} == set(FAMILIES)
    assert {len(p.steps) for p in problems} == {1, 2, 3}
