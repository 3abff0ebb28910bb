"""The plan of a whole search in words, told before anything is spent."""

from __future__ import annotations

from rewardsearch.config import Config
from rewardsearch.finalize import FinalSetup, plan
from rewardsearch.records import Noise
from rewardsearch.run.jobs import segments
from rewardsearch.stats import POWER, smallest_gain, usual_question_se

SEEDS = (2, 3, 5, 8)
"""Seeds an arm that the power is told for, beside those of the config."""
SEED_SDS = (0.005, 0.015, 0.05)
"""Standard deviations of F1 between training seeds, where none was measured: quiet and usual baselines, noisy rewards."""


def planned_runs(config: Config) -> int:
    """Training runs of a whole search at most: the baseline with its seeds, every candidate, and those of finalize."""
    return len(config.baseline_seeds) + config.rounds * config.candidates + plan(FinalSetup.of(config)).runs


def planned_steps(config: Config) -> int:
    """Training steps of a whole search at most: what the bank refuses and the race drops is spared."""
    screens = len(config.baseline_seeds) + config.rounds * config.candidates
    return screens * config.train.steps + plan(FinalSetup.of(config)).steps


def told_plan(config: Config) -> tuple[str, ...]:
    """The most that a search may train in all by GRPO, then a line each for fine-tuning, the search itself and finalize.

    The search's steps are a range where it races: with every candidate accepted, as many may be dropped at every rung as the
    race is allowed to drop, or none.
    """
    final = plan(FinalSetup.of(config))
    most = planned_steps(config) - final.steps
    least = len(config.baseline_seeds) * config.train.steps + config.rounds * _raced_steps(config)
    steps = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    seeds = len(config.baseline_seeds)
    lines = [
        f"plan: at most {planned_runs(config):,} training runs, {planned_steps(config):,} steps",
        *_told_sft(config),
        f"  search: baseline x {seeds} seed{'s' if seeds > 1 else ''}, {config.rounds} x {config.candidates} candidates: "
        f"{planned_runs(config) - final.runs:,} training runs, {steps} steps",
    ]
    if config.finalize.enabled:
        lines.append(f"  finalize, at most: {final.text}")
    if config.paper_protocol:
        lines.append("  paper_protocol: ranked on the test split by one seed; the best scores will be inflated")
    return tuple(lines)


def told_power(config: Config, questions: int, noise: Noise | None) -> tuple[str, ...]:
    """How small a gain the final table can find with fewer or more seeds; nothing where it has no gain of a reward.

    questions: of the sealed test. noise: that between the baseline's seeds, where the run has measured it.
    """
    settings = config.finalize
    if not settings.enabled or config.paper_protocol or questions < 1:
        return ()
    seeds = sorted({*SEEDS, *([settings.seeds] if settings.seeds > 1 else [])})
    question_se, confidence = usual_question_se(questions), config.rank.confidence
    here = f"here {settings.seeds}{', which says nothing of rewards' if settings.seeds < 2 else ''}"
    lines = [
        f"power: the true gain in F1 over the baseline that finalize finds with {POWER:.0%} probability on {questions:,} "
        f"questions, by finalize.seeds ({here}), if the arm is as noisy as the baseline"
    ]
    measured = {noise.seed_sd: f", measured over the baseline's {noise.df + 1} seeds"} if noise else {}
    # A quiet baseline says little of the rewards: the noisy line stands beside what was measured.
    for sd in dict.fromkeys([*measured, SEED_SDS[-1]] if noise else SEED_SDS):
        found = (f"{smallest_gain(sd, count, question_se, confidence):.3f} with {count}" for count in seeds)
        about = measured.get(sd, ", which searched rewards may have" if sd == SEED_SDS[-1] else "")
        lines.append(f"  standard deviation {sd:.3f} between seeds{about}: {', '.join(found)}")
    return tuple(lines)


def _told_sft(config: Config) -> tuple[str, ...]:
    sft = config.sft
    if not sft.enabled:
        return ()
    return (f"  SFT first: {sft.steps:,} steps of {sft.batch_size:,} demonstrations, unless an earlier run has it",)


def _raced_steps(config: Config) -> int:
    """Steps of a round whose race keeps no more than it must at every rung."""
    running, before, total = config.candidates, 0, 0
    for segment in segments(config):
        total += running * (segment.steps - before)
        before = segment.steps
        running = config.race.min_promoted_of(running)
    return total
