import csv
import io
from collections.abc import Sequence

import pytest
from searched import N_TEST, QUESTIONS, Played, Searched, on_test, right

from rewardsearch.config import CONTROLS
from rewardsearch.errors import MachineError, NothingAccepted, UserError
from rewardsearch.finalize.gains import ArmSeed
from rewardsearch.records import BASELINE, POLICY, FinalArm, FinalReport, FinalRow, TrainingResult
from rewardsearch.run.tables import pairs_csv
from rewardsearch.stats import adjust, f1_accuracy, mcnemar


def row(report: FinalReport, id: str) -> FinalRow:
    return next(row for row in report.rows if row.id == id)


def f1(n: int, of: int) -> float:
    return 2 * n / (of + n)


@pytest.fixture
def two() -> Searched:
    return Searched().add("a", right(18)).add("b", right(16))


@pytest.fixture
def played(two: Searched) -> Played:
    a = two.id("a")
    val = {
        ("ensemble-top2", 1): 14,
        ("ensemble-top2", 2): 18,
        (a, 1): 15,
        (a, 2): 15,
        ("random-1", 1): 20,
        ("random-1", 2): 20,
    }
    test = {("ensemble-top2", 1): 20, ("ensemble-top2", 2): 26, (a, 1): 24, (a, 2): 22, (a, 0): 27, (POLICY, 0): 6}
    test |= {(BASELINE, 1): 12, (BASELINE, 2): 16}
    return Played(two, val, test)


CONFIG = {"ensembles": ["top2"], "finalists": 1, "seeds": 2, "controls": ["format-only"]}


def test_everything_is_trained_with_new_seeds_and_then_the_test_is_read_once(played: Played, two: Searched) -> None:
    played.finalize(**CONFIG)
    assert played.calls == ["train", "test"]
    arms = [BASELINE, two.id("a"), "ensemble-top2", "format-only"]
    assert played.trained == [(arm, seed) for arm in arms for seed in (1, 2)]
    assert played.read == [*played.trained, (POLICY, 0), (two.id("a"), 0)]


def test_without_finalists_no_policy_of_the_search_is_read(played: Played) -> None:
    report = played.finalize(**{**CONFIG, "finalists": 0})
    assert report.best is None
    assert [key for key in played.read if key[1] == 0] == [(POLICY, 0)]


def test_the_cost_is_told_before_it_is_spent(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(arms: Sequence[FinalArm]) -> dict[ArmSeed, TrainingResult]:
        raise KeyboardInterrupt

    monkeypatch.setattr(played, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        played.finalize(**CONFIG)
    assert played.said == ["finalize: 5 arms x 2 seeds: 6 training runs, 240 steps"]


def test_scores_are_means_over_the_seeds_with_an_interval_over_questions(played: Played) -> None:
    report = played.finalize(**CONFIG)
    ensemble = row(report, "ensemble-top2")
    assert ensemble.f1_by_seed == {1: f1(20, 30), 2: f1(26, 30)}
    assert ensemble.f1 == pytest.approx((f1(20, 30) + f1(26, 30)) / 2)
    assert ensemble.accuracy == pytest.approx(23 / 30)
    assert ensemble.f1_ci is not None and ensemble.f1_ci[0] < ensemble.f1 < ensemble.f1_ci[1]
    assert ensemble.gain == pytest.approx(ensemble.f1 - (row(report, BASELINE).f1 or 0))
    assert (report.n, report.seeds, report.protocol) == (N_TEST, (1, 2), "val")
    assert [each.f1 for each in report.rows] == sorted((each.f1 for each in report.rows), reverse=True)


def test_the_estimates_on_val_stand_beside_the_test(played: Played, two: Searched) -> None:
    report = played.finalize(**CONFIG)
    ensemble, single = row(report, "ensemble-top2"), row(report, two.id("a"))
    assert ensemble.val_f1 == pytest.approx((f1(14, QUESTIONS) + f1(18, QUESTIONS)) / 2)
    assert (ensemble.searched_val_f1, ensemble.searched_test_f1) == (None, None)
    assert single.name == "a" and report.best == two.id("a")
    assert single.searched_val_f1 == pytest.approx(f1(18, QUESTIONS))
    assert single.val_f1 == pytest.approx(f1(15, QUESTIONS))
    assert single.searched_test_f1 == pytest.approx(f1(27, N_TEST))
    assert row(report, POLICY).val_f1 == pytest.approx(f1(4, QUESTIONS))


def test_what_is_recommended_is_the_best_on_val_whatever_the_test_says(played: Played, two: Searched) -> None:
    played.test = {**played.test, (two.id("a"), 1): 30, (two.id("a"), 2): 30}
    report = played.finalize(**CONFIG)
    assert report.rows[0].id == two.id("a")
    assert report.chosen == "ensemble-top2"


def test_a_control_is_never_recommended(played: Played) -> None:
    report = played.finalize(ensembles=["top2"], finalists=1, seeds=2, controls=["random-k"], random_k=1)
    assert report.chosen in ("ensemble-top2", played.searched.id("a"))


def test_all_controls_stand_in_one_table(two: Searched) -> None:
    """The base rewards again have the highest score of all, by luck: neither chosen nor what is chosen is held against."""
    test = {("a-a", seed): 30 for seed in (3, 4)} | {("average", seed): 25 + seed for seed in (1, 2)}
    test |= {(BASELINE, seed): 13 + seed for seed in (1, 2)}
    config = {"ensembles": [], "controls": CONTROLS, "random_k": 1, "seeds": 2}
    played = Played(two, {}, test)
    report = played.finalize(**config)
    controls = {each.id: each for each in report.rows if each.kind == "control"}
    assert set(controls) == {"random-1", "random-reward", "format-only", "a-a", "average"}
    assert {id: tuple(each.f1_by_seed) for id, each in controls.items() if id != "a-a"} == dict.fromkeys(
        controls.keys() - {"a-a"}, (1, 2)
    )
    again = controls["a-a"]
    assert again.f1_by_seed == {3: 1.0, 4: 1.0} and report.seeds == (1, 2)
    assert again.gain == pytest.approx(1 - (row(report, BASELINE).f1 or 0))
    assert again.gain_ci is not None and again.p_vs_baseline is not None and again.p_adjusted is not None
    assert report.chosen == two.id("a")
    assert report.control_conclusion is not None and report.control_conclusion.against == "average"
    assert {key for key in played.read if key[0] == "a-a"} == {("a-a", 3), ("a-a", 4)}
    assert played.said[0] == "finalize: 8 arms x 2 seeds: 12 training runs, 480 steps"


def test_a_flagged_candidate_is_not_recommended_where_another_is_there() -> None:
    searched = Searched().add("a", right(19), flags=["watch:collapse"]).add("b", right(12))
    report = Played(searched, {(searched.id("b"), 1): 3}, {}).finalize(ensembles=[], finalists=2, controls=[])
    assert report.chosen == searched.id("b")
    alone = Searched().add("a", right(19), flags=["watch:collapse"])
    assert Played(alone, {}, {}).finalize(ensembles=[], controls=[]).chosen == alone.id("a")


def test_an_arm_that_was_hacked_in_its_own_training_is_not_recommended_and_shows_it(
    played: Played, two: Searched
) -> None:
    assert played.finalize(**CONFIG).chosen == "ensemble-top2"
    played.flags = {("ensemble-top2", 2): ["watch:hacking"]}
    report = played.finalize(**CONFIG)
    assert report.chosen == two.id("a")
    assert row(report, "ensemble-top2").flags == ("watch:hacking",) and row(report, BASELINE).flags == ()


def test_the_interval_of_an_arm_covers_questions_and_seeds(played: Played, two: Searched) -> None:
    report = played.finalize(**CONFIG)
    for each in report.rows:
        assert each.f1_ci is not None and each.expected_ci is not None
        assert (each.seed_sd is None) == (each.id == POLICY)
        if each.seed_sd:
            assert each.expected_ci[1] - each.expected_ci[0] > each.f1_ci[1] - each.f1_ci[0]
    assert any(each.seed_sd for each in report.rows)
    alone = played.finalize(**{**CONFIG, "seeds": 1})
    assert row(alone, BASELINE).seed_sd is None and row(alone, BASELINE).expected_ci is None
    assert row(alone, POLICY).expected_ci is not None


def test_every_pair_is_tested_by_its_first_seed_and_arms_over_their_seeds(played: Played) -> None:
    report = played.finalize(**CONFIG)
    order = [each.id for each in report.rows]
    assert [(p.a, p.b) for p in report.pairs] == [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    (pair,) = (p for p in report.pairs if {p.a, p.b} == {"ensemble-top2", BASELINE})
    test = mcnemar(on_test(20), on_test(12))
    assert (pair.both, pair.only_a, pair.only_b, pair.neither, pair.p) == (12, 8, 0, 10, test.p)
    ps = [p.p for p in report.pairs]
    assert [p.p_holm for p in report.pairs] == adjust(ps, "holm")
    assert [p.p_bonferroni for p in report.pairs] == adjust(ps, "bonferroni")
    tested = [each for each in report.rows if each.id != BASELINE]
    assert [each.p_adjusted for each in tested] == adjust([each.p_vs_baseline or 0 for each in tested], "holm")
    assert row(report, BASELINE).p_vs_baseline is None and row(report, POLICY).p_vs_policy is None


def test_pairs_are_written_as_csv(played: Played) -> None:
    report = played.finalize(**CONFIG)
    rows = list(csv.DictReader(io.StringIO(pairs_csv(report))))
    assert [(each["a"], each["b"]) for each in rows] == [(pair.a, pair.b) for pair in report.pairs]
    assert float(rows[0]["p_holm"]) == report.pairs[0].p_holm


def test_an_arm_that_fails_with_any_seed_has_no_score_and_is_not_read(played: Played) -> None:
    played.failing = {("ensemble-top2", 2): "returned nan"}
    report = played.finalize(**CONFIG)
    failed = report.rows[-1]
    assert (failed.id, failed.status, failed.reason, failed.f1) == (
        "ensemble-top2",
        "failed",
        "with seed 2: returned nan",
        None,
    )
    assert not [key for key in played.read if key[0] == "ensemble-top2"]
    assert report.chosen == played.searched.id("a")


def test_the_test_stays_sealed_without_a_baseline(played: Played) -> None:
    played.failing = {(BASELINE, 1): "returned nan"}
    with pytest.raises(UserError, match=r"baseline with seed 1: returned nan; .*train\.learning_rate"):
        played.finalize(**CONFIG)
    played.errors = {(BASELINE, 1)}
    with pytest.raises(MachineError, match="baseline with seed 1: returned nan"):
        played.finalize(**CONFIG)
    assert played.calls == ["train", "train"]


@pytest.mark.parametrize("infrastructure", [False, True])
def test_the_test_stays_sealed_where_nothing_that_could_be_chosen_was_trained(
    played: Played, infrastructure: bool
) -> None:
    arms = ("ensemble-top2", played.searched.id("a"))
    played.failing = {(arm, 2): f"diverged at step {n}" for n, arm in enumerate(arms)}
    played.errors = {(arms[1], 2)} if infrastructure else set()
    with pytest.raises(MachineError if infrastructure else NothingAccepted, match="diverged at step 1"):
        played.finalize(**CONFIG)
    assert played.calls == ["train"]
    assert {"warning: ensemble-top2 is left out: with seed 2: diverged at step 0"} < set(played.said)


def test_the_literatures_protocol_is_labelled_and_has_the_searchs_seed_alone() -> None:
    searched = Searched(split="test").add("a", right(18)).add("b", right(16))
    played = Played(searched, {("ensemble-top2", 0): 19}, {})
    report = played.finalize(paper=True, **CONFIG)
    assert played.said == ["finalize: 5 arms x 1 seed: 2 training runs, 80 steps"]
    assert {seed for _, seed in played.read} == {0} and len(set(played.read)) == len(played.read)
    assert (report.protocol, report.seeds, report.chosen) == ("paper", (0,), "ensemble-top2")
    assert all(each.val_f1 is None and each.searched_val_f1 is None for each in report.rows)
    assert row(report, "ensemble-top2").how == "the best 2 by F1 on test: a, b"


def test_the_same_training_gives_the_same_report(played: Played) -> None:
    assert played.finalize(**CONFIG) == played.finalize(**CONFIG)


def test_the_report_reads_back_from_json(played: Played) -> None:
    report = played.finalize(**CONFIG)
    assert FinalReport.model_validate_json(report.model_dump_json()) == report


def test_the_f1_of_a_row_is_that_of_its_outcomes(played: Played) -> None:
    report = played.finalize(**CONFIG)
    assert row(report, POLICY).f1 == pytest.approx(f1_accuracy(on_test(6)).f1)
