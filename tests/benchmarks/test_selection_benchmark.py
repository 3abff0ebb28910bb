"""The model of outcomes is what its docstring says, protocols keep to their cost, and the claims point the told way."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from rewardsearch.files.resources import PACKAGE
from rewardsearch.records import Outcome
from rewardsearch.stats import Bootstrap

FOLDER = PACKAGE.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))
import selection  # noqa: E402
import selection_model as model  # noqa: E402
import selection_protocols as protocols  # noqa: E402

SETTING = model.Setting()
SMALL = replace(SETTING, val=200, test=200)


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng([7, *seed])


def test_the_literatures_protocol_prints_the_literatures_best_and_the_rounds_have_its_means() -> None:
    told, rounds = [], []
    for number in range(500):
        world = model.World(SETTING, rng(number))
        told.append(protocols.search(world, selection.LITERATURE, rng(number, 1)).score)
        rounds.append([world.f1[:50][world.round_of == at].mean() for at in (0, 4)])
    assert np.mean(told) == pytest.approx(0.787, abs=0.004)
    assert np.mean(rounds, axis=0) == pytest.approx([0.596, 0.632], abs=0.004)


def test_a_run_reaches_its_candidates_accuracy_and_the_share_of_questions_on_which_runs_disagree_is_as_told() -> None:
    world = model.World(replace(SETTING, quality_sd=0.0, seed_sd=0.0, first_f1=0.62, last_f1=0.62), rng())
    right = model.Runs(world, np.array([0, 1, 1]), rng(1)).on(world.questions(40_000, rng(2))).right()
    assert right.mean(axis=1) == pytest.approx(world.accuracy[[0, 1, 1]], abs=0.01)
    assert (right[0] != right[1]).mean() == pytest.approx(0.20, abs=0.01)
    assert (right[1] != right[2]).mean() == pytest.approx(0.185, abs=0.01)


def test_the_quality_at_a_rung_has_the_asked_rank_correlation_with_the_final_one() -> None:
    setting = replace(SETTING, candidates=20_000, rounds=1, rungs=((0.25, 0.5, 0.6), (0.5, 1.0, 0.0)))
    quality = model.World(setting, rng()).quality[:, :-1]
    assert spearmanr(quality[0], quality[2]).statistic == pytest.approx(0.6, abs=0.02)
    assert spearmanr(quality[1], quality[2]).statistic == pytest.approx(0.0, abs=0.03)


def test_a_seed_effect_stays_with_its_run_over_the_rungs_and_is_new_when_trained_anew() -> None:
    setting = replace(SETTING, seed_sd=0.06, rungs=((0.25, 0.5, 1.0), (0.5, 1.0, 1.0)))
    world = model.World(setting, rng())
    questions = world.questions(5_000, rng(1))
    runs = model.Runs(world, np.full(200, 3), rng(2)).on(questions)
    assert (runs.right(rung=0) == runs.right()).all()
    assert runs.right().mean(axis=1).std() == pytest.approx(0.06, abs=0.01)


def test_without_noise_and_with_many_questions_both_choose_the_best() -> None:
    rungs = ((0.25, 0.5, 1.0), (0.5, 1.0, 1.0))
    setting = replace(SETTING, seed_sd=0.0, val=10_000, test=10_000, rungs=rungs)
    for protocol in (selection.LITERATURE, selection.OURS):
        found = selection.simulate(setting, protocol, 12, seed=1)
        # Two that are 0.14 points apart are a tie even on 10,000 questions.
        assert found[:, 1].max() < 0.3, protocol
        assert found[:, 0].sum() >= 11, protocol


def test_the_inflation_of_one_seed_is_that_of_the_known_figures() -> None:
    """50 equally drawn candidates, 3.6 points of seed noise: 5.9 points of accuracy with 200 questions, 4.3 with 1,319.

    The spreads of quality and difficulty behind those figures are not known; these two give both.
    """
    setting = replace(SETTING, quality_sd=0.062, first_f1=0.609, last_f1=0.609, difficulty_sd=2.0)
    inflation, share = {}, {}
    for n in (200, 1319):
        rows = []
        for number in range(400):
            world = model.World(replace(setting, test=n), rng(number))
            told = protocols.search(world, selection.LITERATURE, rng(number, 1))
            gain = model.accuracy_of(told.score) - world.accuracy[told.chosen]
            rows.append((100 * gain, told.chosen == world.best))
        inflation[n], share[n] = np.mean(rows, axis=0)
    assert inflation[200] == pytest.approx(5.9, abs=0.5)
    assert inflation[1319] == pytest.approx(4.3, abs=0.5)
    assert share[1319] == pytest.approx(0.40, abs=0.06)


@pytest.mark.parametrize(
    "protocol", [selection.OURS, protocols.Protocol(reseeding=True), protocols.Protocol(racing=True)]
)
@pytest.mark.parametrize("val", [30, 700])
def test_no_protocol_costs_more_than_the_literatures(protocol: protocols.Protocol, val: int) -> None:
    """On 30 questions nearly everybody is within the interval of the best, so that racing is held by the cost alone."""
    costs = selection.simulate(replace(SETTING, val=val, test=val), protocol, 15, seed=2)[:, -1]
    assert costs.max() <= 51
    assert costs.min() > 15


def test_the_interval_over_questions_is_the_bootstraps_of_the_package() -> None:
    world = model.World(SETTING, rng())
    right = model.Runs(world, np.array([4, 4, 4]), rng(1)).on(world.questions(400, rng(2))).right()
    baseline = model.Runs(world, np.array([50]), rng(4)).on(world.questions(400, rng(2))).right()
    told = protocols.told(4, right, baseline, None, 0.0, rng(3))
    arms = {
        seed: [
            Outcome(id=str(n), kind="correct" if hit else "wrong", gold="1", prediction="1", length=1)
            for n, hit in enumerate(row)
        ]
        for seed, row in enumerate((*right, *baseline))
    }
    bootstrap = Bootstrap(arms, resamples=4000, seed=0)
    package = bootstrap.estimate(0, 1, 2)
    assert told.score == pytest.approx(package.f1)
    assert (told.low, told.high) == pytest.approx(package.f1_ci, abs=0.006)
    gain = (bootstrap.sample(0, 1, 2) - bootstrap.sample(3)).estimate
    assert (told.gain_low, told.gain_high) == pytest.approx(gain.f1_ci, abs=0.006)


def test_ours_chooses_better_and_reports_within_its_interval_and_the_literature_does_not() -> None:
    literature = selection.simulate(SMALL, selection.LITERATURE, 300, seed=0).mean(axis=0)
    ours = selection.simulate(SMALL, selection.OURS, 300, seed=0).mean(axis=0)
    assert ours[0] > literature[0] + 0.03
    assert ours[1] < literature[1] - 0.2
    assert abs(ours[2]) < 0.8 < 2 < literature[2]
    assert 0.92 < ours[3] < 0.99 and literature[3] < 0.8
    assert 0.92 < ours[4] < 0.99 and literature[4] < 0.8


def test_ours_is_told_to_choose_worse_where_early_rungs_say_nothing() -> None:
    rows = selection.sweep(SMALL, 5, 10, seed=0)
    assert len(rows) == len(selection.SEED_SDS) * len(selection.WORTHS)
    assert "seed sd 0, rung worth 0 and 0" in selection.behind(rows)


def test_a_claim_that_is_within_chance_does_not_hold() -> None:
    same = selection.simulate(SMALL, selection.LITERATURE, 20, seed=0)
    held = {claim["what"]: claim["holds"] for claim in selection.claims(200, same, same)}
    assert held["ours chooses the truly best more often, by (200 questions)"] is False
    assert held["ours is hardly inflated, points (200 questions)"] is False


def test_the_script_prints_every_table_and_exits_by_its_claims() -> None:
    command = [sys.executable, "-W", "error", str(FOLDER / "selection.py"), "--searches", "8", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if all(claim["holds"] for claim in found["claims"]) else 1), done.stderr[-2000:]
    assert [len(found[table]) for table in ("protocols", "parts of ours", "sweep", "claims")] == [4, 5, 20, 16]
    assert all(np.isfinite(entry[name]) for entry in found["protocols"] for name in selection.MEASURES)
