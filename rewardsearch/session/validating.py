"""Validates rewards outside of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.records import Candidate, Rollout, Verdict
from rewardsearch.rewards.base import load_base_rewards, read_code
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.artifacts import bank_path, load_bank
from rewardsearch.tasks import Task, load_task_or_sample
from rewardsearch.tasks.datasheet import describe_rows, too_few
from rewardsearch.validation import validate

SUBSTITUTE = "the sample that comes with the package"
"""What rewards are validated on when the hub does not answer, if the task has a sample."""


def read_reward(path: Path) -> Candidate:
    """A reward file as a candidate. Raises UserError for a file that cannot be read."""
    return candidate_of(read_code(path), path.stem)


def candidate_of(code: str, name: str) -> Candidate:
    return Candidate(id=candidate_id(code), name=name, code=code, operator="folder")


@dataclass(frozen=True)
class Validation:
    """Verdicts on rewards outside of a search, in their order."""

    verdicts: tuple[Verdict, ...]
    bank_missing: str | None
    """Why the stages `bank` and `novelty` were not run; None where they were, or the config has no bank."""
    hub_error: str | None = None
    """Why the rows are SUBSTITUTE; None where they are the task's own."""
    left_out: str | None = None
    """The rows of the user's data that are in no split, in a line."""


def validate_rewards(candidates: Sequence[Candidate], config: Config, searched: bool) -> Validation:
    """Validates rewards as a search does.

    searched: whether `config` is that of a search. Then its base rewards count, and its rollout bank where one has been
    sampled. Raises UserError for data that cannot be used, also where the hub does not answer and the task has no sample.
    """
    task, hub_error = load_task_or_sample(config.task)
    base = load_base_rewards(config.train.base_rewards, task.reward_code) if searched else ()
    left_out = _check_train_rows(task, config)
    bank, bank_missing = _bank(config, searched, hub_error is not None)
    verdicts = tuple(validate(candidates, task, config, bank=bank, base=base))
    if hub_error is not None:
        noted = {"validated_on": SUBSTITUTE}
        verdicts = tuple(v.model_copy(update={"checks": {**v.checks, **noted}}) for v in verdicts)
    return Validation(verdicts, bank_missing, hub_error, left_out)


def _check_train_rows(task: Task, config: Config) -> str | None:
    """What is left out of the user's data. Raises UserError for data that cannot be used."""
    # The test split of a hub data set is of no use here.
    if not task.rows("train"):
        raise UserError(too_few(task, config, "train", 1))
    task.check()
    if config.task.data_files(test=True) and task.source.left_out:
        return describe_rows(task, config)[0]
    return None


def _bank(config: Config, searched: bool, substituted: bool) -> tuple[tuple[Rollout, ...] | None, str | None]:
    """The rollout bank that a search with `config` has sampled, or why there is none."""
    if not searched:
        return None, "they need the config of a search"
    if not config.bank.enabled:
        return None, None
    if substituted:
        return None, "they need the rows of the search"
    path = bank_path(config)
    bank = load_bank(path)
    return bank, None if bank is not None else f"no rollout bank in {path}; a search with this config samples it"
