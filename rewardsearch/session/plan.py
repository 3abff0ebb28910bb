"""How much a whole search trains at most, and how small a gain it can find: in words, before anything is spent."""

from __future__ import annotations

from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.finalize import FinalSetup, plan
from rewardsearch.propose import load_proposer, preview
from rewardsearch.propose.folder import FolderProposer
from rewardsearch.records import Noise
from rewardsearch.run.account import Account
from rewardsearch.run.journal import has_run, read_run
from rewardsearch.session.pending import NOTHING, planned
from rewardsearch.session.requests import first_request
from rewardsearch.session.runs import ranking_of
from rewardsearch.session.validating import validate_rewards
from rewardsearch.stats import POWER, smallest_gain, usual_question_se
from rewardsearch.tasks import load_task
from rewardsearch.tasks.datasheet import describe_rows

SEEDS = (2, 3, 5, 8)
"""Training seeds per arm for which the power is described, besides finalize.seeds."""
SEED_SDS = (0.005, 0.015, 0.05)
"""Standard deviations of F1 between training seeds if none was measured: a quiet baseline, a usual one, noisy rewards."""


def describe_search(config: Config, folder: Path) -> tuple[str, ...]:
    """What a search in `folder` would do, in lines: training, proposer, power of the final table, rows of the data."""
    task = load_task(config.task)
    noise = ranking_of(read_run(folder)).noise if has_run(folder) else None
    power = describe_power(config, len(task.rows("test")), noise)
    proposer = [f"candidates: {line}" for line in [load_proposer(config).describe()] if line]
    return (*describe_plan(config), f"  into {folder}", *proposer, *power, *describe_rows(task, config))


def describe_proposals(config: Config) -> tuple[str, ...]:
    """What is known of the proposals, in lines: the first prompt's length, or the verdict on each reward of the folder. Sends
    nothing. Raises UserError for a prompt that does not fit."""
    proposer = load_proposer(config)
    if isinstance(proposer, FolderProposer):
        found = proposer.candidates(load_task(config.task).name)
        verdicts = validate_rewards(found, config, searched=True).verdicts
        return tuple(
            f"  {each.name} {'accepted' if verdict.accepted else f'rejected: {verdict.refusal}'}"
            for each, verdict in zip(found, verdicts, strict=True)
        )
    if config.propose.proposer not in ("llm", "manual"):
        return ()
    prompt = preview(first_request(config, examples=True), config.propose, "fresh", Account()).prompt
    cut = f", left out because of the length: {', '.join(prompt.cut)}" if prompt.cut else ""
    return (f"  first prompt: about {prompt.tokens:,} tokens of {config.propose.prompt_tokens:,}{cut}",)


def planned_runs(config: Config) -> int:
    """Training runs of a whole search at most: the baseline with its seeds, every candidate, and finalize."""
    return round(sum((batch.runs for batch in planned(config)), NOTHING).high)


def planned_steps(config: Config) -> int:
    """Training steps of a whole search at most, with every candidate accepted and trained to the end."""
    return round(sum((batch.steps for batch in planned(config)), NOTHING).high)


def describe_plan(config: Config) -> tuple[str, ...]:
    """The training of a search in lines: all of it, then SFT, the search and finalize.

    With a race the steps of the search are a range: from all races stopping as many candidates as they may to no candidate
    stopped.
    """
    search = [batch for batch in planned(config) if batch.part in ("references", "rounds")]
    runs = round(sum((batch.runs for batch in search), NOTHING).high)
    least, most = (round(end) for end in sum((batch.steps for batch in search), NOTHING))
    steps = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    seeds = len(config.baseline_seeds)
    lines = [
        f"plan: at most {planned_runs(config):,} training runs, {planned_steps(config):,} steps",
        *_describe_sft(config),
        f"  search: baseline x {seeds} seed{'s' if seeds > 1 else ''}, {config.rounds} x {config.candidates} candidates: "
        f"{runs:,} training runs, {steps} steps",
    ]
    if config.finalize.enabled:
        lines.append(f"  finalize, at most: {plan(FinalSetup.of(config)).text}")
    if config.paper_protocol:
        lines.append("  paper_protocol: ranked on the test split with one seed; the best scores will be inflated")
    return tuple(lines)


def describe_power(config: Config, questions: int, noise: Noise | None) -> tuple[str, ...]:
    """How small a gain the final table can find with fewer or more seeds; empty if it does not compare rewards.

    questions: number of questions of the sealed test. noise: between the baseline's seeds, if the run has measured it.
    """
    settings = config.finalize
    if not settings.enabled or config.paper_protocol or questions < 1:
        return ()
    seeds = sorted({*SEEDS, *([settings.seeds] if settings.seeds > 1 else [])})
    question_se, confidence = usual_question_se(questions), config.rank.confidence
    here = f"here {settings.seeds}{', which says nothing about rewards' if settings.seeds < 2 else ''}"
    lines = [
        f"power: the true gain in F1 over the baseline that finalize finds with {POWER:.0%} probability on {questions:,} "
        f"questions, by finalize.seeds ({here}), for an arm that is as noisy as the baseline"
    ]
    measured = {noise.seed_sd: f", measured over the baseline's {noise.df + 1} seeds"} if noise else {}
    # A quiet baseline says little about the rewards, so the line for noisy rewards is always shown.
    for sd in dict.fromkeys([*measured, SEED_SDS[-1]] if noise else SEED_SDS):
        found = (f"{smallest_gain(sd, count, question_se, confidence):.3f} with {count}" for count in seeds)
        about = measured.get(sd, ", possible for searched rewards" if sd == SEED_SDS[-1] else "")
        lines.append(f"  standard deviation {sd:.3f} between seeds{about}: {', '.join(found)}")
    return tuple(lines)


def _describe_sft(config: Config) -> tuple[str, ...]:
    sft = config.sft
    if not sft.enabled:
        return ()
    return (
        f"  SFT first: {sft.steps:,} steps of {sft.batch_size:,} demonstrations, unless an earlier run has done it",
    )
