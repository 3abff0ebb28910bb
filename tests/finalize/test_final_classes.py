import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from classed import classed
from searched import Played, Searched, judged, right

from rewardsearch.finalize.gains import ArmSeed
from rewardsearch.records import BASELINE, POLICY, FinalReport, FinalRow, Outcome
from rewardsearch.run.tables import fairness_csv
from rewardsearch.stats import f1_accuracy

GOLD = "S" * 20 + "R" * 20
GROUPS = {f"q{i}": {"name": "ab"[i % 2]} for i in range(40)}


def answers(selected: int, rejected: int) -> tuple[Outcome, ...]:
    """So many of the 20 who deserve it selected, and so many of the others rejected; the others unparsed or selected."""
    return classed(GOLD, "S" * selected + "-" * (20 - selected) + "R" * rejected + "S" * (20 - rejected))


def only_a() -> tuple[Outcome, ...]:
    """Everyone of group a selected and of group b rejected, whatever they deserve."""
    return classed(GOLD, "SR" * 20)


class Screening(Played):
    """Resumes screened: what each policy answers on the test, and the keyword rule on both splits."""

    def __init__(self, searched: Searched, test: Mapping[ArmSeed, tuple[Outcome, ...]]) -> None:
        super().__init__(searched, {}, {})
        self.answered = test
        self.further = {"heuristics": self.heuristics, "groups": self.groups, "references": [judged("gentle")]}

    def read_test(self, readings: Sequence[ArmSeed]) -> dict[ArmSeed, Sequence[Outcome]]:
        self.calls.append("test")
        return {key: self.answered.get(key, answers(15, 15)) for key in readings}

    def heuristics(self, split: str) -> dict[str, Sequence[Outcome]]:
        self.calls.append(f"heuristics of {split}")
        return {"keyword": answers(12, 10) if split == "val" else answers(11, 9)}

    def groups(self) -> dict[str, dict[str, str]]:
        self.calls.append("groups")
        return GROUPS


@pytest.fixture
def searched() -> Searched:
    return Searched().add("a", right(18))


@pytest.fixture
def screening(searched: Searched) -> Screening:
    a = searched.id("a")
    test = {(POLICY, 0): answers(14, 16), (a, 1): answers(18, 20), (a, 2): answers(16, 19), (a, 3): answers(17, 20)}
    return Screening(searched, test)


def report_of(screening: Screening, **config: Any) -> FinalReport:
    return screening.finalize(ensembles=[], controls=[], seeds=3, **config)


def row(report: FinalReport, id: str) -> FinalRow:
    return next(row for row in report.rows if row.id == id)


def test_an_arm_has_the_scores_of_each_class_and_of_each_seed(screening: Screening, searched: Searched) -> None:
    a = row(report_of(screening), searched.id("a"))
    assert a.classes is not None and list(a.classes.classes) == ["SELECTED", "REJECTED"]
    assert a.classes.confusion["SELECTED"] == {"SELECTED": 17, "REJECTED": 0, "unparsed": 3}
    assert {seed: each.recall for seed, each in a.classes_by_seed.items()} == {1: 0.9, 2: 0.8, 3: 0.85}
    assert a.classes_by_seed[2].precision == pytest.approx(16 / 17)
    macro = [f1_accuracy(screening.answered[a.id, seed]).macro_f1 for seed in (1, 2, 3)]
    assert [each.macro_f1 for each in a.classes_by_seed.values()] == macro


def test_macro_f1_is_held_against_the_policy_that_training_started_from(
    screening: Screening, searched: Searched
) -> None:
    report = report_of(screening)
    a, policy = row(report, searched.id("a")), row(report, POLICY)
    assert a.classes and policy.classes and a.macro_gain and a.macro_gain_ci
    assert a.macro_gain == pytest.approx(a.classes.macro_f1.value - policy.classes.macro_f1.value)
    assert 0 < a.macro_gain_ci[0] < a.macro_gain < a.macro_gain_ci[1]
    assert (policy.macro_gain, policy.macro_gain_ci) == (None, None)


def test_a_rule_stands_in_the_table_without_training_and_sees_the_test_once_it_is_open(screening: Screening) -> None:
    report = report_of(screening)
    keyword = row(report, "keyword")
    assert (keyword.kind, keyword.steps, keyword.f1_by_seed, keyword.classes_by_seed) == ("heuristic", 0, {}, {})
    assert keyword.f1 == f1_accuracy(answers(11, 9)).f1 and keyword.val_f1 == f1_accuracy(answers(12, 10)).f1
    assert screening.calls == ["heuristics of val", "train", "test", "heuristics of test", "groups"]
    assert not [key for key in screening.trained if key[0] == "keyword"] and report.chosen != "keyword"
    assert any({pair.a, pair.b} == {"keyword", BASELINE} for pair in report.pairs)


def test_the_policy_is_called_sft_where_it_was_fine_tuned(screening: Screening) -> None:
    assert row(report_of(screening), POLICY).name == "policy"
    screening.tuned = True
    tuned = row(report_of(screening), POLICY)
    assert (tuned.name, tuned.how) == ("sft", "the policy after supervised fine-tuning alone")


def test_fairness_is_told_of_the_policy_the_chosen_arm_and_the_references(
    screening: Screening, searched: Searched
) -> None:
    screening.answered = {**screening.answered, **{("reference-gentle", seed): only_a() for seed in (1, 2, 3)}}
    report = report_of(screening)
    assert [each.arm for each in report.fairness] == [POLICY, searched.id("a"), "reference-gentle"]
    assert [len(each.flagged) for each in report.fairness] == [0, 0, 1]
    (gap,) = report.fairness[2].gaps
    assert (gap.high, gap.low, gap.gap, gap.ratio) == ("a", "b", 1, 0)
    assert FinalReport.model_validate_json(report.model_dump_json()) == report
    lines = list(csv.DictReader(io.StringIO(fairness_csv(report))))
    assert [(line["arm"], line["group"], line["flagged"]) for line in lines][-2:] == [
        ("reference-gentle", "a", "True"),
        ("reference-gentle", "b", "True"),
    ]
    assert float(lines[-2]["rate"]) == 1 and float(lines[-2]["rate_low"]) < 1


def test_rows_without_groups_have_no_fairness(screening: Screening) -> None:
    screening.further["groups"] = lambda: {id: {} for id in GROUPS}
    assert report_of(screening).fairness == ()


def test_a_numeric_task_has_none_of_this(searched: Searched) -> None:
    report = Played(searched, {}, {}).finalize(ensembles=[], controls=[])
    assert report.fairness == ()
    assert all((each.classes, each.macro_gain, each.classes_by_seed) == (None, None, {}) for each in report.rows)


def test_a_candidate_that_the_bank_saw_collapse_is_not_recommended() -> None:
    searched = Searched().add("a", right(19), flags=["bank:collapse"]).add("b", right(12))
    assert Played(searched, {}, {}).finalize(ensembles=[], controls=[]).chosen == searched.id("b")
