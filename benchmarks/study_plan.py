"""The runs of the study: which searches, with which settings, in which order; and the results that they share."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from rewardsearch.config import Config, load_config
from rewardsearch.errors import UserError
from rewardsearch.files import part_of
from rewardsearch.records import Environment, differences
from rewardsearch.run.artifacts import CHECKPOINT, RESULT
from rewardsearch.run.environment import environment_of
from rewardsearch.run.journal import has_run, in_use

Kind = Literal["search", "random", "frontier"]
SEEDS = (0, 11, 22, 33, 44)
"""Eleven apart: a search uses its seed, the next five for its final arms, and five more for its A/A arm."""
SEEDS_PER_ARM = 5
GRAMMAR, DEMO = "configs/arithmetic-grammar.yaml", "configs/arithmetic-demo.yaml"
RECORDED = "candidates/recorded/arithmetic-seed7"
OTHER = "candidates/recorded/arithmetic-seed3"
FINAL = {
    "search": ("finalists=0", "ensembles=[top3]", "controls=[random-k, average, a-a{}]"),
    "random": ("finalists=0", "ensembles=[top3]", "controls=[]"),
    "frontier": ("finalists=0", "ensembles=[top3]", "controls=[random-k]"),
}
"""The arms of the final table, beside the baseline."""
FIRST = ", format-only, random-reward"
"""Further controls of the first search."""
_SCREEN = re.compile(r"full-(\d+)")


@dataclass(frozen=True)
class Planned:
    """One run of the study. `recording` is the recorded search that a frontier run replays."""

    name: str
    kind: Kind
    seed: int
    config: Config
    recording: str | None = None


def plan(seeds: Sequence[int], runs: Path, settings: Sequence[str] = ()) -> list[Planned]:
    """The runs of the study, most informative first: all kinds of the first seed, then the next seed. settings: overrides of
    every run. Raises UserError for seeds that are too close together."""
    found: list[Planned] = []
    for place, seed in enumerate(seeds):
        for kind in ("search", "random", "frontier"):
            further = FIRST if place == 0 else ""
            found.append(_planned(f"{kind}-{seed}", kind, seed, further, runs, settings))
    found.append(_planned("frontier-other", "frontier", seeds[0], "", runs, settings, OTHER))
    _check_seeds(seeds, found[0].config)
    return found


def _planned(
    name: str,
    kind: Kind,
    seed: int,
    further: str,
    runs: Path,
    settings: Sequence[str],
    recording: str = RECORDED,
) -> Planned:
    final = [f"finalize.{setting.format(further)}" for setting in FINAL[kind]]
    overrides = [f"seed={seed}", f"finalize.seeds={SEEDS_PER_ARM}", *final]
    if kind == "frontier":
        overrides.append(f"propose.replay={recording}")
    if kind == "random":
        overrides.append("propose.feedback=false")
    base = DEMO if kind == "frontier" else GRAMMAR
    config = load_config(base, [*overrides, *settings]).model_copy(update={"run_dir": str(runs / name)})
    return Planned(name, kind, seed, config, recording if kind == "frontier" else None)


def _check_seeds(seeds: Sequence[int], config: Config) -> None:
    apart = 2 * config.finalize.seeds + 1
    ordered = sorted(seeds)
    close = [(a, b) for a, b in pairwise(ordered) if b - a < apart]
    if close:
        told = ", ".join(f"{a} and {b}" for a, b in close)
        raise UserError(
            f"--seeds: {told} are less than {apart} apart, so that runs would share training seeds; use others"
        )


def share(run: Planned, folder: Path, sources: Sequence[Path]) -> int:
    """Copies what other runs have trained under the seeds of `run` into its folder; gives how many results. A search takes up a
    result that is there under the fingerprint of the job it would run, and trains anything else.

    Files are copied and not linked: a training that takes the place of a result writes its adapter into the file that is there.
    A result that is there is never replaced. Results of another environment, checkpoints and unfinished trainings are left out.
    Raises UserError when another process has the run open.
    """
    if has_run(folder) and in_use(folder):
        raise UserError(f"{folder} is in use by another process; stop it first")
    seeds = range(run.seed, run.seed + 2 * run.config.finalize.seeds + 1)
    here, copied = environment_of(run.config), 0
    for source in sources:
        for result in sorted(source.glob(f"candidates/*/training/full-*/{RESULT}")):
            found = _SCREEN.fullmatch(result.parent.name)
            target = folder / result.parent.relative_to(source)
            if found is None or int(found[1]) not in seeds or (target / RESULT).is_file() or not _usable(result, here):
                continue
            part = part_of(target)
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(result.parent, part, ignore=shutil.ignore_patterns(CHECKPOINT, "*.part"))
            # What an interrupted training left there.
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
            copied += 1
    return copied


def _usable(result: Path, here: Environment) -> bool:
    """Whether a result was made in this environment."""
    try:
        stored = json.loads(result.read_bytes())["result"]["environment"]
        return not differences(Environment.model_validate(stored), here)
    except (OSError, ValueError, KeyError, TypeError):
        return False
