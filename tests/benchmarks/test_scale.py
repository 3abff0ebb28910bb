"""Simulated devices spend the time that their jobs take, and a real search runs on them."""

import sys
from dataclasses import replace

import pytest

from rewardsearch.files.resources import PACKAGE

FOLDER = PACKAGE.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))
import scale  # noqa: E402
from scale_simulated import FINALIZE, REFERENCES, Cluster, Times  # noqa: E402


def test_jobs_go_to_the_next_free_device_and_each_device_loads_once() -> None:
    cluster = Cluster(2)
    cluster.carry_out([10, 10, 10], 5, "a")
    assert (cluster.now, cluster.busy["a"]) == (25, 40)
    cluster.wait(15, "b")
    cluster.carry_out([10], 5, "b")
    assert (cluster.now, cluster.busy["b"], cluster.lasted) == (50, 10, {"a": 25, "b": 25})
    assert cluster.idle == pytest.approx(0.5)


def test_a_search_has_the_same_work_on_every_cluster_and_ends_earlier_on_more_devices() -> None:
    times = replace(Times(), load=0, spread=0, train=100, evaluate=10, request=8, in_flight=2, validate=1)
    settings = [
        "race.enabled=false",
        "finalize.ensembles=[]",
        "finalize.controls=[]",
        "finalize.seeds=2",
        "task.val_rows=40",
    ]
    one, four = scale.simulate([1, 4], 1, 2, times, settings).clusters
    # The policy and the baseline; two candidates; the finalist with two more seeds. The test: of the policy, of finalist and
    # baseline with two seeds, and of the finalist as the search trained it.
    work = {REFERENCES: 10 + 3 * 110, "round 1": 2 * 110, FINALIZE: 2 * 110 + 6 * 10}
    assert one.busy == four.busy == pytest.approx(work)
    assert one.lasted == pytest.approx(work | {"round 1": 2 * 110 + 10})
    assert four.lasted == pytest.approx({REFERENCES: 220, "round 1": 110 + 10, FINALIZE: 110 + 20})
