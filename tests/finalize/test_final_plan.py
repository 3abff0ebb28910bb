import pytest
from searched import settings, setup

from rewardsearch.config import load_config, parse_config
from rewardsearch.files.resources import resource
from rewardsearch.finalize import FinalSetup, Plan, plan


def test_new_seeds_follow_the_searchs_own() -> None:
    assert setup(seeds=3).seeds == (1, 2, 3)
    assert FinalSetup.of(settings(paper=True, seeds=3)).seeds == (0,)


@pytest.mark.parametrize(
    ("config", "seeds"),
    [
        ({"finalize": {"seeds": 1}}, (3,)),
        ({"seed": 11, "finalize": {"seeds": 5}}, (17, 18, 19, 20, 21)),
        ({"finalize": {"seeds": 2}, "train": {"baseline_seeds": 1}}, (3, 4)),
        ({"finalize": {"seeds": 2}, "train": {"baseline_seeds": 3}}, (3, 4)),
        ({"finalize": {"seeds": 2}, "train": {"baseline_seeds": 8}}, (8, 9)),
        ({"paper_protocol": True}, (1,)),
    ],
)
def test_the_seeds_of_a_a_follow_every_other(config: dict[str, object], seeds: tuple[int, ...]) -> None:
    found = FinalSetup.of(parse_config(config, "test"))
    assert found.fresh_seeds == seeds
    assert not set(seeds) & {*found.seeds, *found.baseline_seeds}


def test_arms_are_trained_with_five_seeds_unless_asked_otherwise() -> None:
    assert len(setup().seeds) == 5


def test_nothing_is_planned_where_finalize_is_off() -> None:
    assert plan(setup(enabled=False)) == Plan()


def test_the_baselines_screens_are_not_paid_twice() -> None:
    # The search trains the baseline with seeds 0, 1 and 2.
    assert [plan(setup(seeds=n, finalists=0, ensembles=[], controls=[])).runs for n in (1, 2, 3, 4)] == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("finalize", "runs", "steps"),
    [
        ({"ensembles": ["top3"], "finalists": 0, "controls": []}, 1, 40),
        ({"ensembles": ["top5-longer"], "finalists": 0, "controls": [], "longer": 2.5}, 1, 100),
        ({"ensembles": [], "finalists": 3, "controls": []}, 3, 120),
        ({"ensembles": [], "finalists": 0, "controls": ["random-k", "format-only"], "random_draws": 4}, 5, 200),
        ({"ensembles": [], "finalists": 0, "controls": ["a-a", "average"]}, 2, 80),
    ],
)
def test_each_arm_costs_a_run_a_seed(finalize: dict[str, object], runs: int, steps: int) -> None:
    once = plan(setup(seeds=1, **finalize))
    assert (once.runs, once.steps) == (runs, steps)
    twice = plan(setup(seeds=2, **finalize))
    assert (twice.runs, twice.steps) == (2 * runs, 2 * steps)


def test_the_literatures_protocol_trains_no_candidate_again() -> None:
    assert plan(FinalSetup.of(settings(paper=True, ensembles=["top3"], finalists=3, seeds=3, controls=[]))).runs == 1


def test_the_study_has_all_there_is_with_five_seeds() -> None:
    study = load_config(resource("configs") / "arithmetic-study.yaml")
    assert plan(FinalSetup.of(study)).text == "22 arms x 5 seeds: 103 training runs, 2,376 steps"
    assert study.baseline_seeds == (0, 1, 2)
