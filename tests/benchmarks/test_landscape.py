"""The landscape's list is sound, and its figures are those of results that were made up."""

import sys
from dataclasses import replace

import pytest
from fakes import outcomes
from rich.console import Console

from rewardsearch.config import TaskConfig
from rewardsearch.files.resources import PACKAGE
from rewardsearch.records import BASELINE, FULL, TrainingResult, Verdict
from rewardsearch.stats import SeedNoise
from rewardsearch.tasks import load_task
from rewardsearch.validation import static_verdict

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import evidence_before_training as evidence
import landscape
import landscape_runs as runs


def test_every_file_of_the_list_is_there_once_of_a_known_class_and_passes_the_static_policy() -> None:
    rewards, task = runs.listed(), load_task(TaskConfig(name="arithmetic"))
    assert len(rewards) >= 26
    assert {each.cls for each in rewards} == set(runs.CLASSES)
    assert len({each.spec.id for each in rewards}) == len({each.name for each in rewards}) == len(rewards)
    own = {f"benchmarks/landscape/{path.name}" for path in runs.INDEX.parent.glob("*.py")}
    assert own <= {each.file for each in rewards}
    assert [each.file for each in rewards if static_verdict(each.candidate, task)] == []


def test_a_rung_is_trained_under_the_whole_screens_schedule_and_the_last_stretch_is_the_whole_screen() -> None:
    rewards = runs.listed()[:2]
    policy, first, second, whole, seeds = runs.phases(rewards)
    assert [job.steps for job in (policy[0], first[0], second[0], whole[0])] == [0, 5, 11, 22]
    assert (first[0].schedule, second[0].start, whole[0].schedule) == (22, first[0].folder, None)
    assert len(first) == len(whole) == len(rewards) + len(runs.BASELINE_SEEDS)
    assert sorted({job.seed for job in seeds}) == list(runs.SEEDS[1:])


def made_up(name: str, *f1: float, at: tuple[float, float] = (0.5, 0.6), speed: float = 0.4) -> runs.Measured:
    seeds = runs.SEEDS if name != BASELINE else runs.BASELINE_SEEDS
    return runs.Measured(
        name=name,
        id=name,
        file=f"{name}.py",
        cls="sound",
        f1=dict(zip(seeds, f1, strict=True)),
        training_accuracy={seed: speed + seed / 1000 for seed in seeds},
        at={steps: {0: score} for steps, score in zip(runs.RUNGS, at, strict=True)},
    )


BASE = made_up(BASELINE, *(0.74, 0.76) * 4)
REWARDS = [
    made_up("best", 0.90, 0.80, 0.85, at=(0.54, 0.7), speed=0.5),
    made_up("edge", 0.79, 0.79, 0.79, at=(0.53, 0.6), speed=0.45),
    made_up("level", 0.75, 0.77, 0.76, at=(0.55, 0.65), speed=0.41),
    made_up("harmful", 0.50, 0.60, 0.40, at=(0.51, 0.3), speed=0.3),
]


def test_the_landscapes_figures() -> None:
    found = landscape.document(REWARDS, BASE, {"accuracy": 0.49, "f1": 0.65, "parsed": 0.6})
    assert found["baseline"]["f1"] == 0.75
    assert found["baseline"]["sd"] == pytest.approx(0.0107, abs=1e-4)
    # 7 degrees of freedom: 0.0107 times the roots of 7 / 16.01 and 7 / 1.69.
    assert found["baseline"]["sd_ci"] == pytest.approx([0.0071, 0.0218], abs=1e-4)
    assert [(row["name"], row["gain"]) for row in found["rewards"]] == [
        ("best", 0.1),
        ("edge", 0.04),
        ("level", 0.01),
        ("harmful", -0.25),
    ]
    assert (found["rewards"][0]["f1_low"], found["rewards"][0]["f1_high"]) == (0.8, 0.9)
    # Ranks at step 5: best 3, edge 2, level 4, harmful 1; at step 11: 4, 2, 3, 1; at the end 4, 3, 2, 1.
    correlations = found["rank_correlation"]
    assert [correlations[step]["with_the_end"] for step in ("5", "11")] == pytest.approx([0.4, 0.8])
    assert found["training_accuracy"]["rank_correlation_with_f1"] == 1.0
    # Between the seeds: of 0 and 11, and of 11 and 22, all ranks agree, as between 0 and 22.
    assert found["training_accuracy"]["reliability_of_f1"] == 1.0
    values = {each["what"]: (each["value"], each["holds"]) for each in found["criteria"]}
    assert values["rewards that gain 0.04 or more"] == (2, False)
    assert values["gain of the best"] == (0.1, True)
    assert values["rewards that lose 0.04 or more"] == (1, False)
    assert values["accuracy of the untrained policy"] == (0.49, True)


def test_a_reward_without_its_first_seed_and_one_seed_of_the_base_rewards_are_measured_as_far_as_they_go() -> None:
    lost = replace(REWARDS[0], f1={11: 0.80, 22: 0.85})
    base = replace(BASE, f1={0: 0.75})
    found = landscape.document([lost, *REWARDS[1:]], base, {"accuracy": 0.49, "f1": 0.65, "parsed": 0.6})
    assert [row["gain"] for row in found["rewards"] if row["name"] == "best"] == [0.075]
    assert {step: each["rewards"] for step, each in found["rank_correlation"].items()} == {"5": 3, "11": 3}
    assert (found["baseline"]["sd"], found["baseline"]["sd_ci"], found["criteria"][0]["holds"]) == (None, None, False)
    landscape._print(found, Console(quiet=True))


def test_reliability_is_the_mean_over_pairs_of_seeds() -> None:
    scores = [{0: 1, 1: 1, 2: 3}, {0: 2, 1: 2, 2: 2}, {0: 3, 1: 3, 2: 1}]
    assert landscape.reliability(scores) == pytest.approx((1 - 1 - 1) / 3, abs=1e-4)
    assert landscape.reliability([]) is None


GRADES: dict[str, evidence.Grade] = {"a": "good", "b": "good", "c": "level", "d": "bad", "e": "bad", "f": "bad"}


def test_a_flags_hits_are_on_bad_rewards_and_its_false_alarms_on_good_ones() -> None:
    flags = {id: {"bank:length"} if id in "abd" else {"watch:forgetting"} if id in "de" else set() for id in GRADES}
    found = {row["flag"]: row for row in evidence.flag_rates(flags, GRADES)}
    assert found["bank:length"] == {
        "flag": "bank:length",
        "good": 2,
        "level": 0,
        "bad": 1,
        "hit": 0.333,
        "false_alarm": 1.0,
        "wrong_more_often": True,
    }
    assert (found["watch:forgetting"]["hit"], found["watch:forgetting"]["wrong_more_often"]) == (0.333, False)


def test_flags_have_kinds_the_refusing_stage_and_every_auc_below_one_half() -> None:
    checks: dict[str, float | bool | str] = {"bank_auc": 0.3, "bank_auc_any_form": 0.7}
    verdict = Verdict(candidate="a", accepted=False, stage="bank", reason="", flags=("exploit:empty",), checks=checks)
    assert evidence.flags_of(verdict, ("watch:forgetting",)) == {
        *("exploit:empty", "exploit:*", "watch:forgetting", "watch:*", "bank_auc < 0.5", "refused:bank")
    }


def test_a_measures_worth_is_its_rank_correlation_and_how_often_it_puts_a_good_reward_above_a_bad_one() -> None:
    f1 = dict(zip("abcdef", (0.9, 0.8, 0.75, 0.6, 0.5, 0.4), strict=True))
    assert evidence.measure_worth(dict(zip("abcde", (5, 1, 3, 2, 0), strict=True)), f1, GRADES) == {
        "rewards": 5,
        "rank_correlation": 0.7,
        "good_above_bad": 0.75,
    }


def rung(**right: int) -> evidence.Rung:
    results = {
        id: TrainingResult(
            id=id, rung="rung1", seed=0, steps=11, status="done", outcomes=outcomes("c" * n + "w" * (100 - n))
        )
        for id, n in right.items()
    }
    return evidence.Rung(11, results, SeedNoise(sd=0.01, df=2))


def test_what_a_rule_drops_loses_and_saves() -> None:
    # Every round is of all four: by rank a and c go on, though b is good and ends best.
    at, f1 = rung(baseline=50, a=60, b=55, c=58, d=10), {"a": 0.8, "b": 0.9, "c": 0.75, "d": 0.4}
    grades: dict[str, evidence.Grade] = {"a": "good", "b": "good", "c": "level", "d": "bad"}
    worth = evidence.race_worth(at, evidence.by_rank, f1, grades, rounds=3)
    assert worth == {"dropped": 0.5, "good_lost": 0.5, "best_lost": 1.0, "steps_saved": 0.25}
    worth = evidence.race_worth(at, evidence.RULES["behind beyond the noise of questions and seeds"], f1, grades, 3)
    assert worth == {"dropped": 0.25, "good_lost": 0.0, "best_lost": 0.0, "steps_saved": 0.125}


def test_a_rung_has_the_results_there_and_the_noise_of_three_seeds_at_the_end() -> None:
    def result(rung: str, seed: int, right: int) -> TrainingResult:
        kinds = outcomes("c" * right + "w" * (100 - right))
        return TrainingResult(id="x", rung=rung, seed=seed, steps=5, status="done", outcomes=kinds)

    results = {(BASELINE, FULL, seed): result(FULL, seed, 50 + seed) for seed in range(8)}
    results |= {(BASELINE, "rung1", seed): result("rung1", seed, 50) for seed in range(8)}
    first, second = evidence.rungs_of(results)
    assert (set(first.results), set(second.results)) == ({BASELINE}, set())
    assert first.noise is not None
    assert (first.noise.df, first.noise.sd) == (2, pytest.approx(0.0088, abs=2e-4))
