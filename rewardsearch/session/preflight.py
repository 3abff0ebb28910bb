"""What is looked at before a search: mistakes that would end it later, and what is around the candidates here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.finalize import check as check_finalize
from rewardsearch.finalize import load_references
from rewardsearch.propose import load_proposer
from rewardsearch.records import Row
from rewardsearch.records.findings import Finding, Status
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox import Defences, inspect
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import first_request
from rewardsearch.tasks import SPLITS, Split, Task, load_task
from rewardsearch.tasks.datasheet import check_rows, describe_rows, short_splits
from rewardsearch.train import KEYED, check_plugins, check_policy
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
    task = load_task(config.task)
    base, references = load_base_rewards(config.train.base_rewards, task.reward_code), load_references(config.finalize)
    check_finalize(config.finalize, base)
    if config.finalize.enabled and config.finalize.methods and task.measures is None:
        raise UserError(
            f"finalize.methods: got {', '.join(config.finalize.methods)}; they are for tasks that measure completions, and "
            f"{task.name} does not: leave the key out"
        )
    check_plugins(config)
    load_proposer(config).check(first_request(config))
    defences_of(config)
    found = list(data_and_policy(config))
    if mistakes := _messages(found, "fail"):
        raise UserError(*mistakes)
    if references:
        verdicts = validate(references, task, config)
        check_finalize(config.finalize, base, list(zip(references, verdicts, strict=True)))
    return _messages(found, "warn")


def data_and_policy(config: Config) -> Iterator[Finding]:
    """What is found of the rows of a search, then of its policy."""
    task = load_task(config.task)
    rows: dict[Split, Sequence[Row]] = {}
    try:
        check_rows(task, config)
        rows = {split: task.rows(split) for split in SPLITS}
    except UserError as error:
        yield from (Finding.of("data", "fail", mistake) for mistake in error.mistakes)
    else:
        counts = ", ".join(f"{len(each):,} {split}" for split, each in rows.items())
        yield Finding("data", "ok", f"{task.name}: {counts} rows")
        yield from (Finding.of("data", "warn", warning) for warning in short_splits(task, config))
    yield from check_policy(config, rows)


def _messages(found: Sequence[Finding], status: Status) -> tuple[str, ...]:
    """The findings of a status, a line each."""
    return tuple(
        f"{'' if each.name in ('data', *KEYED) else 'policy.model: '}{each.message}"
        for each in found
        if each.status == status
    )


def preflight(config: Config, state: RunState, task: Task) -> list[str]:
    """What a run that has rounds left should know before it trains, in lines: warnings and the rows of each split. A server that
    does not answer is found here, not hours later.

    Raises UserError where nothing listens at a server's address.
    """
    warnings = [f"warning: {each}" for each in load_proposer(config).check_connectivity()]
    if config.budget.dollars is not None and (uncounted := state.usage.unpriced):
        warnings.append(f"warning: budget.dollars does not count {uncounted} earlier requests, which had no price")
    return [*warnings, *describe_rows(task, config)]
