"""What is looked at before a search: mistakes that would end it later, and what is around the candidates here."""

from __future__ import annotations

from collections.abc import Mapping

from rewardsearch.arms import load_base_rewards
from rewardsearch.brief import first_request
from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.finalize import check as check_finalize
from rewardsearch.propose import check as check_proposer
from rewardsearch.propose import reach
from rewardsearch.sandbox import Defences, inspect
from rewardsearch.state import RunState
from rewardsearch.tasks import Split, load_task


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


def check(config: Config) -> None:
    """Looks for the mistakes that would end a search later: base rewards, proposer, sandbox, data files. Raises UserError.

    Of the sealed test only the number of rows is looked at. A model is looked for by the first process that trains.
    """
    check_finalize(config, load_base_rewards(config.screen.base_rewards))
    check_proposer(first_request(config), config)
    defences_of(config)
    task = load_task(config.task)
    least: Mapping[Split, int] = {"train": config.screen.prompts_per_step, "val": 1, "test": 1}
    for split, needed in least.items():
        if (rows := len(task.rows(split))) < needed:
            raise UserError(f"task: the {split} split has {rows} rows, needs {needed}; give a larger data file")


def look_ahead(config: Config, state: RunState) -> list[str]:
    """What a run that has rounds left should know before it trains: warnings. A dead server is found here, not hours later.

    Raises UserError where nothing listens at a server's address.
    """
    warnings = reach(config)
    if config.budget.dollars is not None and (uncounted := state.usage.unpriced):
        warnings.append(f"budget.dollars does not count {uncounted} earlier requests, which had no price")
    return warnings
