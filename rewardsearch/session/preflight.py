"""What is looked at before a search: mistakes that would end it later, and what is around the candidates here."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.finalize import check as check_finalize
from rewardsearch.finalize import load_references
from rewardsearch.propose import load_proposer
from rewardsearch.records import Row
from rewardsearch.records.findings import Status
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox import Defences, inspect
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import first_request
from rewardsearch.tasks import SPLITS, Split, Task, load_task
from rewardsearch.tasks.datasheet import check_rows, describe_rows, short_splits
from rewardsearch.train import DEVICE, check_plugins, check_policy
from rewardsearch.validation import validate


def defences_of(config: Config) -> Defences:
    """What is around the candidates here. Raises UserError where a required layer is missing, MachineError where whole
    layers leak."""
    defences = inspect(config.sandbox)
    if defences.open and not defences.missing:
        raise MachineError(
            f"every layer of the sandbox is in force, and yet a candidate could {', '.join(defences.open)}; "
            "run `rewardsearch doctor`, and run the search on another machine"
        )
    return defences


def check(config: Config) -> tuple[str, ...]:
    """Looks for the mistakes that would end a search later: base rewards, references, proposer, sandbox, data, policy.

    Gives warnings: splits with fewer rows than the config asks for, prompts that the policy cannot read whole, prompts with words
    that a bundled policy does not know. Raises UserError.

    Of the sealed test only the numbers of rows are looked at, in all, of each class, and of those that are too long.
    """
    base, references = load_base_rewards(config.train.base_rewards), load_references(config.finalize)
    check_finalize(config.finalize, base)
    check_plugins(config)
    load_proposer(config).check(first_request(config))
    defences_of(config)
    task = load_task(config.task)
    warnings = _check_data_and_policy(task, config)
    if references:
        check_finalize(config.finalize, base, list(zip(references, validate(references, task, config), strict=True)))
    return (*short_splits(task, config), *warnings)


def _check_data_and_policy(task: Task, config: Config) -> list[str]:
    """Warnings on the policy. Raises UserError with the mistakes of both."""
    mistakes: list[str] = []
    rows: dict[Split, Sequence[Row]] = {}
    try:
        check_rows(task, config)
        rows = {split: task.rows(split) for split in SPLITS}
    except UserError as error:
        mistakes += error.mistakes
    messages: dict[Status, list[str]] = {"ok": [], "warn": [], "fail": mistakes}
    for each in check_policy(config, rows):
        messages[each.status].append(f"{'' if each.name == DEVICE else 'policy.model: '}{each.found}; {each.remedy}")
    if mistakes:
        raise UserError(*mistakes)
    return messages["warn"]


def preflight(config: Config, state: RunState, task: Task) -> list[str]:
    """What a run that has rounds left should know before it trains, in lines: warnings and the rows of each split. A server that
    does not answer is found here, not hours later.

    Raises UserError where nothing listens at a server's address.
    """
    warnings = [f"warning: {each}" for each in load_proposer(config).check_connectivity()]
    if config.budget.dollars is not None and (uncounted := state.usage.unpriced):
        warnings.append(f"warning: budget.dollars does not count {uncounted} earlier requests, which had no price")
    return [*warnings, *describe_rows(task, config)]
