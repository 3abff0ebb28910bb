"""The keyword matcher: what it counts, and the threshold that it learns."""

from __future__ import annotations

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.stats import f1_accuracy
from rewardsearch.tasks import load_task
from rewardsearch.tasks.keywords import KeywordRule, words_of
from rewardsearch.tasks.pairs import Pair


def pair(resume: str, job: str, selected: bool) -> Pair:
    return Pair(id=f"{resume}|{job}", resume=resume, job=job, selected=selected)


LEARNT = [
    pair("python sql docker", "wanted: python sql docker kafka", True),
    pair("python", "wanted: python sql docker kafka", False),
    pair("hygiene triage", "wanted: hygiene triage", True),
    pair("excel", "wanted: hygiene triage", False),
]


def test_the_threshold_lies_between_those_who_are_selected_and_those_who_are_not() -> None:
    rule = KeywordRule.fitted(LEARNT)
    assert rule.common == {"wanted"}
    assert [rule.share(each) for each in LEARNT] == [0.75, 0.25, 1.0, 0.0]
    assert rule.threshold == pytest.approx(0.5)
    assert [rule.label(each) for each in LEARNT] == [each.label for each in LEARNT]


def test_where_words_tell_nothing_the_rule_is_right_as_often_as_the_commoner_class() -> None:
    alike = [pair(f"cook {i}", "a cook", i == 0) for i in range(4)]
    rule = KeywordRule.fitted(alike)
    assert {rule.label(each) for each in alike} == {"REJECTED"}


def test_a_job_without_words_of_its_own_has_no_share_in_any_resume() -> None:
    assert KeywordRule.fitted(LEARNT).share(pair("wanted python", "Wanted", True)) == 0.0


def test_words_are_compared_without_case_and_keep_their_marks() -> None:
    assert words_of("C++, C# and SQL_server.") == {"c++", "c#", "and", "sql", "server"}


def test_there_is_no_rule_without_pairs() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        KeywordRule.fitted([])


def test_the_rule_of_the_task_is_fitted_to_train_and_misled_by_hard_pairs() -> None:
    task = load_task(TaskConfig(name="resume", train_rows=300, val_rows=200, test_rows=2))
    outcomes = task.heuristic_baselines("val")["keyword"]
    assert [outcome.id for outcome in outcomes] == [row.id for row in task.rows("val")]
    assert 0.5 < f1_accuracy(outcomes).accuracy < 0.85
