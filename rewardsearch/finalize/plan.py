"""What finalize costs: training runs and steps, at most before the candidates are known, exactly once the arms are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import Config
from rewardsearch.records import BASELINE, POLICY, FinalArm, Record


class Plan(Record):
    """`arms` of the final table that a model answers, `seeds` that each is trained with, training `runs` still to do for it, and
    their `steps`."""

    arms: int = 0
    seeds: int = 0
    runs: int = 0
    steps: int = 0

    @property
    def told(self) -> str:
        """Such as "6 arms x 1 seed: 4 training runs, 176 steps"."""
        table = f"{_counted(self.arms, 'arm')} x {_counted(self.seeds, 'seed')}"
        return f"{table}: {_counted(self.runs, 'training run')}, {_counted(self.steps, 'step')}"


def final_seeds(config: Config) -> tuple[int, ...]:
    """The seeds of the final arms: those after the search's own. The literature's protocol has the search's alone."""
    if config.paper_protocol:
        return (config.seed,)
    return tuple(range(config.seed + 1, config.seed + 1 + config.finalize.seeds))


def fresh_seeds(config: Config) -> tuple[int, ...]:
    """The seeds of the control a-a: as many as a final arm has, after every seed that the baseline is trained with."""
    seeds = final_seeds(config)
    first = max(*seeds, *config.baseline_seeds) + 1
    return tuple(range(first, first + len(seeds)))


def longer_steps(config: Config) -> int:
    """Training steps of top5-longer."""
    return round(config.train.steps * config.finalize.longer)


def plan(config: Config) -> Plan:
    """The most that finalize can cost, whatever the search finds; nothing where it is not enabled."""
    settings = config.finalize
    if not settings.enabled:
        return Plan()
    controls = sum(settings.random_draws if name == "random-k" else 1 for name in settings.controls)
    lengths = [longer_steps(config) if name == "top5-longer" else config.train.steps for name in settings.ensembles]
    lengths += [config.train.steps] * (controls + len(settings.references))
    return _plan(lengths, settings.finalists, final_seeds(config), config)


def plan_of(arms: Sequence[FinalArm], seeds: Sequence[int], config: Config) -> Plan:
    """What training these arms with these seeds costs. The baseline's screens of the search are not trained again, nor, where
    the seeds are the search's own, are the candidates'."""
    lengths = [arm.steps for arm in arms if arm.kind in ("ensemble", "control", "reference")]
    return _plan(lengths, sum(arm.kind == "single" for arm in arms), seeds, config)


def _plan(lengths: Sequence[int], singles: int, seeds: Sequence[int], config: Config) -> Plan:
    """lengths: steps of each ensemble, control and reference."""
    steps = config.train.steps
    baselines = len(set(seeds) - set(config.baseline_seeds))
    screened = len(set(seeds) - {config.seed}) * singles
    return Plan(
        arms=len((BASELINE, POLICY)) + singles + len(lengths),
        seeds=len(seeds),
        runs=baselines + screened + len(lengths) * len(seeds),
        steps=(baselines + screened) * steps + sum(lengths) * len(seeds),
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
