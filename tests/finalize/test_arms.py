from rewardsearch.config import FinalizeConfig
from rewardsearch.finalize.arms import choose_arms
from rewardsearch.records import BASELINE, POLICY, RankedRow, Ranking


def ranking(**f1: float) -> Ranking:
    ordered = sorted(f1.items(), key=lambda item: -item[1])
    rows = [
        RankedRow(rank=i, id=id, name=id, round=1, operator="fresh", status="screened", f1=value)
        for i, (id, value) in enumerate(ordered, start=1)
    ]
    rows.append(RankedRow(rank=None, id="bad", name="bad", round=1, operator="fresh", status="rejected"))
    return Ranking(task="t", split="val", n=10, rows=tuple(rows))


def test_the_ensemble_takes_the_best_that_beat_the_baseline() -> None:
    table = ranking(a=0.9, b=0.8, c=0.7, d=0.6, **{BASELINE: 0.75, POLICY: 0.3})
    ensemble, single, control, baseline, policy = choose_arms(table, FinalizeConfig(top_k=3, random_k=2), seed=0)
    assert ensemble.members == ("a", "b")
    assert (single.id, single.members) == ("a", ("a",))
    assert len(control.members) == 2 and set(control.members) <= {"a", "b", "c", "d"}
    assert (baseline.id, policy.id) == (BASELINE, POLICY)


def test_when_nothing_beats_the_baseline_the_ensemble_is_the_best_one() -> None:
    table = ranking(a=0.5, b=0.4, **{BASELINE: 0.75})
    assert choose_arms(table, FinalizeConfig(), seed=0)[0].members == ("a",)


def test_the_random_control_follows_from_the_seed() -> None:
    table = ranking(**{f"c{i}": i / 100 for i in range(30)})
    drawn = [choose_arms(table, FinalizeConfig(), seed)[2].members for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_random_control_can_be_left_out() -> None:
    arms = choose_arms(ranking(a=0.5), FinalizeConfig(random_k=0), seed=0)
    assert [arm.kind for arm in arms] == ["ensemble", "single", "baseline", "policy"]


def test_without_a_screened_candidate_only_the_references_are_left() -> None:
    arms = choose_arms(ranking(**{BASELINE: 0.5}), FinalizeConfig(), seed=0)
    assert [arm.kind for arm in arms] == ["baseline", "policy"]
