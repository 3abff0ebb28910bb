"""How long a search takes on 1 to 512 devices, how much of their time is idle, and what it costs. No device is needed.

    python benchmarks/scale.py [--devices 1,8,64,512] [--rounds 5] [--candidates 40] [--train 3000] [--price 3.0] [--json]

The search is a real one, with its race, its rounds and finalize; scale_simulated.py takes the place of the devices and of
the language model. --train: seconds of a whole training on one device; --price: dollars per device and hour.

idle: share of the devices' time without work, from the start to the end of the search. work: device hours with work. cost:
of all devices for the whole time. without rounds: the same if no candidate waited for another, proposals took no time, and
none knew the results of another; no order of the same work between references and finalize is faster. The second table has
the phases of the search on each cluster.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.table import Table
from scale_simulated import Cluster, Simulation, Times, current

from rewardsearch import search
from rewardsearch.config import parse_config

HOUR = 3600


def simulate(
    devices: Sequence[int], rounds: int, candidates: int, times: Times, settings: Sequence[str] = ()
) -> Simulation:
    """Runs the search once, in a folder that is removed, on a cluster of each number of devices."""
    config = parse_config(
        {
            "rounds": rounds,
            "candidates": candidates,
            "task": {"train_rows": 64, "val_rows": 500, "test_rows": 200},
            "propose": {"proposer": "scale_simulated:SimulatedProposer", "repairs": 0},
            "bank": {"enabled": False},
            "train": {"launcher": "scale_simulated:SimulatedLauncher", "steps": 20},
            "rank": {"resamples": 200},
            "sandbox": {"call_s": 60},
        },
        "scale",
        settings,
    )
    simulation = Simulation(times, [Cluster(number) for number in devices])
    current[:] = [simulation]
    with tempfile.TemporaryDirectory() as folder:
        search(config, run_dir=folder)
    return simulation


def row(simulation: Simulation, cluster: Cluster, price: float) -> dict[str, Any]:
    hours, packed = cluster.now / HOUR, simulation.without_rounds(cluster)
    return {
        "devices": cluster.devices,
        "hours": round(hours, 2),
        "idle": round(cluster.idle, 3),
        "work": round(sum(cluster.busy.values()) / HOUR, 1),
        "cost": round(hours * cluster.devices * price),
        "without_rounds": {"hours": round(packed.now / HOUR, 2), "idle": round(packed.idle, 3)},
        "phases": {
            phase: {
                "hours": round(lasted / HOUR, 2),
                "idle": round(1 - cluster.busy[phase] / (cluster.devices * lasted), 3),
            }
            for phase, lasted in cluster.lasted.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", default="1,8,64,512")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--train", type=float, default=Times.train)
    parser.add_argument("--price", type=float, default=3.0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the search's config")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    devices = [int(number) for number in given.devices.split(",")]
    times = replace(Times(), train=given.train)
    found = simulate(devices, given.rounds, given.candidates, times, given.set)
    rows = [row(found, cluster, given.price) for cluster in found.clusters]
    if given.json:
        json.dump(rows, sys.stdout, indent=1)
        print()
        return
    console = Console()
    whole, parts = Table("devices", "hours", "idle", "device hours of work", "cost", "without rounds"), Table("phase")
    for each in rows:
        whole.add_row(
            str(each["devices"]),
            f"{each['hours']:.1f}",
            f"{each['idle']:.0%}",
            f"{each['work']:,}",
            f"${each['cost']:,}",
            f"{each['without_rounds']['hours']:.1f} hours, {each['without_rounds']['idle']:.0%} idle",
        )
        parts.add_column(f"{each['devices']} devices: hours, idle")
    for phase in rows[0]["phases"]:
        cells = (each["phases"][phase] for each in rows)
        parts.add_row(phase, *(f"{cell['hours']:.1f} {cell['idle']:.0%}" for cell in cells))
    console.print(whole)
    console.print(parts)


if __name__ == "__main__":
    main()
