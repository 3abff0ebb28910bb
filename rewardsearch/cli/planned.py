"""The plan of a whole search in words, told before anything is spent."""

from __future__ import annotations

from rewardsearch.arms import stretches
from rewardsearch.config import Config
from rewardsearch.finalize import plan


def planned_runs(config: Config) -> int:
    """Training runs of a whole search at most: the baseline with its seeds, every candidate, and those of finalize."""
    return len(config.baseline_seeds) + config.rounds * config.candidates + plan(config).runs


def planned_steps(config: Config) -> int:
    """Training steps of a whole search at most: what the bank refuses and the race drops is spared."""
    screens = len(config.baseline_seeds) + config.rounds * config.candidates
    return screens * config.screen.steps + plan(config).steps


def told_plan(config: Config) -> tuple[str, ...]:
    """The most that a search may train in all by GRPO, then a line each for fine-tuning, the search itself and finalize.

    The search's steps are a range where it races: with every candidate accepted, as many may be dropped at every rung as the
    race is allowed to drop, or none.
    """
    final = plan(config)
    most = planned_steps(config) - final.steps
    least = len(config.baseline_seeds) * config.screen.steps + config.rounds * _raced_steps(config)
    steps = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    seeds = len(config.baseline_seeds)
    lines = [
        f"plan: at most {planned_runs(config):,} training runs, {planned_steps(config):,} steps",
        *_told_sft(config),
        f"  search: baseline x {seeds} seed{'s' if seeds > 1 else ''}, {config.rounds} x {config.candidates} candidates: "
        f"{planned_runs(config) - final.runs:,} training runs, {steps} steps",
    ]
    if config.finalize.enabled:
        lines.append(f"  finalize, at most: {final.told}")
    if config.paper_protocol:
        lines.append("  paper_protocol: ranked on the test split by one seed; the best scores will be inflated")
    return tuple(lines)


def _told_sft(config: Config) -> tuple[str, ...]:
    sft = config.sft
    if not sft.enabled:
        return ()
    return (f"  SFT first: {sft.steps:,} steps of {sft.batch_size:,} demonstrations, unless an earlier run has it",)


def _raced_steps(config: Config) -> int:
    """Steps of a round whose race keeps no more than it must at every rung."""
    running, before, total = config.candidates, 0, 0
    for stretch in stretches(config):
        total += running * (stretch.steps - before)
        before = stretch.steps
        running = config.race.least_of(running)
    return total
