"""What finalize costs: at most, before the candidates are known, and exactly, once the arms are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardsearch.config import Config, FinalizeConfig, RankConfig
from rewardsearch.records import BASELINE, POLICY, FinalArm, Record


@dataclass(frozen=True)
class FinalSetup:
    """The config that finalize needs: its own section, and how the search trained and ranked.

    steps: of one whole training in the search. baseline_seeds: those that the search trained the baseline with.
    """

    finalize: FinalizeConfig
    rank: RankConfig
    seed: int
    steps: int
    baseline_seeds: tuple[int, ...]
    paper_protocol: bool
    policy_name: str

    @staticmethod
    def of(config: Config) -> FinalSetup:
        return FinalSetup(
            finalize=config.finalize,
            rank=config.rank,
            seed=config.seed,
            steps=config.train.steps,
            baseline_seeds=config.baseline_seeds,
            paper_protocol=config.paper_protocol,
            policy_name=config.policy_name,
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the final arms: those after the search's seed. With paper_protocol only the search's seed."""
        if self.paper_protocol:
            return (self.seed,)
        return tuple(range(self.seed + 1, self.seed + 1 + self.finalize.seeds))

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """The seeds of the control a-a: as many as a final arm has, after every seed that the baseline is trained with."""
        first = max(*self.seeds, *self.baseline_seeds) + 1
        return tuple(range(first, first + len(self.seeds)))

    @property
    def longer_steps(self) -> int:
        """Training steps of top5-longer."""
        return round(self.steps * self.finalize.longer)


class Plan(Record):
    """`arms` of the final table that are a model, `seeds` per arm, training `runs` still to do, and their `steps`."""

    arms: int = 0
    seeds: int = 0
    runs: int = 0
    steps: int = 0

    @property
    def text(self) -> str:
        """Such as "6 arms x 1 seed: 4 training runs, 176 steps"."""
        table = f"{_counted(self.arms, 'arm')} x {_counted(self.seeds, 'seed')}"
        return f"{table}: {_counted(self.runs, 'training run')}, {_counted(self.steps, 'step')}"


def plan(setup: FinalSetup) -> Plan:
    """The most that finalize can cost, whatever the search finds; zero where finalize is not enabled."""
    settings = setup.finalize
    if not settings.enabled:
        return Plan()
    controls = sum(settings.random_draws if name == "random-k" else 1 for name in settings.controls)
    lengths = [setup.longer_steps if name == "top5-longer" else setup.steps for name in settings.ensembles]
    references = len(settings.references) + len(settings.references_alone)
    lengths += [setup.steps] * (controls + references)
    lengths += [0 if method == "bare" else setup.steps for method in settings.methods]
    return _plan(lengths, settings.finalists, setup)


def plan_of(arms: Sequence[FinalArm], setup: FinalSetup) -> Plan:
    """What training these arms costs. What the search trained already is not trained again: the baseline with the search's seeds
    and, with paper_protocol, the candidates."""
    lengths = [arm.steps for arm in arms if arm.kind in ("ensemble", "control", "reference")]
    return _plan(lengths, sum(arm.kind == "single" for arm in arms), setup)


def _plan(lengths: Sequence[int], singles: int, setup: FinalSetup) -> Plan:
    """lengths: steps of each ensemble, control and reference."""
    seeds = setup.seeds
    runs = len(set(seeds) - set(setup.baseline_seeds)) + len(set(seeds) - {setup.seed}) * singles
    return Plan(
        arms=len((BASELINE, POLICY)) + singles + len(lengths),
        seeds=len(seeds),
        runs=runs + len(lengths) * len(seeds),
        steps=runs * setup.steps + sum(lengths) * len(seeds),
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
