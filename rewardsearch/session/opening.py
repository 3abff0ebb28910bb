"""A session on a run: its journal, sandbox, workers and budget from the first step to the last, and its end in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rewardsearch.config import BudgetConfig, Config
from rewardsearch.errors import BudgetReached, Interrupted, NothingAccepted, UserError
from rewardsearch.files import sweep, sweep_scratch
from rewardsearch.files.disk import disk_errors, scratch_root
from rewardsearch.files.resources import cache_folder
from rewardsearch.records import POLICY
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox import SandboxPool
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import Ended, Restored, Sandboxed
from rewardsearch.run.journal import Journal
from rewardsearch.run.ledger import Ledger
from rewardsearch.run.progress import Progress, Tracker
from rewardsearch.run.restore import restore
from rewardsearch.run.revision import pinned
from rewardsearch.run.state import RunState
from rewardsearch.session.outlets import Outlets
from rewardsearch.session.preflight import defences_of
from rewardsearch.session.requests import current_ranking
from rewardsearch.tasks import Task, load_task
from rewardsearch.train import check_plugins, start_launcher
from rewardsearch.train.schedule import Trainings
from rewardsearch.train.setup import Setup


@dataclass(frozen=True)
class Session:
    """What the steps of a run work with. `state` is the fold of the journal."""

    config: Config
    task: Task
    journal: Journal
    pool: SandboxPool
    progress: Tracker
    budget: Budget
    ledger: Ledger
    setup: Setup
    trainings: Trainings

    @property
    def state(self) -> RunState:
        return self.journal.state


@contextmanager
def open_session(
    config: Config, folder: Path, progress: Progress, limits: BudgetConfig, ends: str = "finished", mix: bool = False
) -> Iterator[Session]:
    """Opens the run in `folder` within `limits`, or starts it, and closes it with its status in the journal.

    ends: the status when all work is done. mix: whether the environment may differ from that of the results that are there.
    """
    config = pinned(config, folder)
    task = load_task(config.task)
    base = load_base_rewards(config.train.base_rewards, task.reward_code)
    check_plugins(config)
    defences = defences_of(config)
    pool = SandboxPool(config.sandbox, config.validation.bound)
    with (
        disk_errors(folder, scratch_root()),
        Journal.open(folder, config, base, mix) as journal,
        pool,
        start_launcher(folder, config) as launcher,
        Tracker(progress, folder) as tracker,
        Outlets(config, journal.state, tracker.say) as outlets,
    ):
        journal.on_event = outlets.take
        sweep(cache_folder())
        sweep_scratch()
        state = journal.state
        budget = Budget(limits, state, lambda: launcher.device_seconds, tracker.say)
        trainings = Trainings(journal, config, launcher, budget, tracker, lambda: _leaders(state))
        try:
            journal.append(Sandboxed(layers=defences.layers, open=defences.open))
            progress.say(defences.summary)
            for note in journal.notes:
                progress.say(f"warning: {note}")
            if files := restore(journal.state):
                journal.append(Restored(files=tuple(files)))
                progress.say(f"written again from the journal: {', '.join(files)}")
            progress.opened(journal.state)
            yield Session(
                config=config,
                task=task,
                journal=journal,
                pool=pool,
                progress=tracker,
                budget=budget,
                ledger=Ledger(state.account, journal.append, budget, tracker.say),
                setup=Setup(journal, config, task, launcher, budget, tracker),
                trainings=trainings,
            )
        except BaseException as error:
            stopped = isinstance(error, Interrupted | KeyboardInterrupt | UserError | NothingAccepted)
            status = "budget" if isinstance(error, BudgetReached) else "stopped" if stopped else "failed"
            # A full disk takes no event; the error itself is reported all the same.
            with suppress(OSError):
                trainings.book_devices()
                journal.append(Ended(status=status, reason="; ".join(str(error).splitlines()) or "interrupted"))
            raise
        trainings.book_devices()
        journal.append(Ended(status=ends))


def _leaders(state: RunState) -> list[str]:
    """The trained arms by rank, best first."""
    return [row.id for row in current_ranking(state).rows if row.rank is not None and row.id != POLICY]
