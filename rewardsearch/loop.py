"""The loop: propose, validate, train, rank, feed back; then finalize.

Every step looks in the state of the run first and does only what is pending, so starting and resuming are the same. The steps are
in session/steps.py, what surrounds them (lock, journal, sandbox, workers) in session/opening.py.
"""

from __future__ import annotations

from pathlib import Path

from rewardsearch.config import BudgetConfig, Config
from rewardsearch.errors import NothingAccepted, UserError
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.journal import has_run, read_run
from rewardsearch.run.progress import Progress
from rewardsearch.run.restore import missing_lines
from rewardsearch.run.revision import pinned
from rewardsearch.run.state import RunState
from rewardsearch.session.opening import open_session
from rewardsearch.session.preflight import preflight
from rewardsearch.session.steps import Steps, nothing_accepted
from rewardsearch.train.references import train_references


def search(config: Config, folder: Path, progress: Progress, mix: bool = False) -> RunState:
    """Starts the search in `folder`, or resumes the one that is there, and runs it to its end.

    mix: resume in another environment (versions, device) than the one its results were made in.

    Raises UserError, BudgetReached, NothingAccepted, Interrupted or MachineError. After any of them the same call resumes.
    """
    with open_session(config, folder, progress, config.budget, mix=mix) as session:
        state, steps = session.state, Steps(session)
        if state.final is not None:
            for line in (*state.test_opened_message, *missing_lines(state)):
                progress.say(line)
            return state
        if state.rounds_done < config.rounds:
            for line in preflight(config, state, session.task):
                progress.say(line)
        session.setup.sft()
        train_references(session.trainings)
        for number in range(1, config.rounds + 1):
            search_round(steps, number)
        steps.retry(config.rounds)
        if not any(verdict.accepted for verdict in state.verdicts.values()):
            raise NothingAccepted(nothing_accepted(state))
        steps.trained()
        if config.finalize.enabled:
            steps.finalize()
        return state


def search_round(steps: Steps, number: int) -> None:
    """One round. Of a finished round only what an infrastructure error ended is done."""
    if number <= steps.state.rounds_done:
        steps.train_again(number)
        return
    steps.session.progress.say(
        f"round {number} of {steps.config.rounds}: proposing {steps.config.candidates} candidates"
    )
    steps.retry(number - 1)
    propose_and_validate(steps, number)
    steps.train(number)
    ranking = steps.rank()
    steps.feed_back(number, ranking)


def propose_and_validate(steps: Steps, number: int) -> None:
    """The candidates of a round with their verdicts; what was rejected is repaired as often as the config says."""
    for attempt in range(1 + steps.config.propose.repairs):
        steps.validate(steps.propose(number, attempt))


def finalize_run(config: Config, folder: Path, progress: Progress, mix: bool = False) -> RunState:
    """Finalizes the run in `folder` with the rounds that are done, whatever budget they used up. A finalized run stays as it is.

    Raises UserError when no round is done.
    """
    with open_session(config, folder, progress, BudgetConfig(), mix=mix) as session:
        if not session.state.rankings:
            raise UserError(f"{folder} has no finished round to finalize; run the search first")
        if session.state.final is None:
            session.setup.sft()
            train_references(session.trainings)
        Steps(session).finalize()
        return session.state


def tune_run(config: Config, folder: Path, progress: Progress) -> RunState:
    """Fine-tunes the policy of the run in `folder` and stops; `search` continues from there. Finished work is not repeated.

    Raises UserError where the config has no supervised fine-tuning.
    """
    if not config.sft.enabled:
        raise UserError(
            "sft.enabled: got false, so no search of this config would start from the fine-tuned policy; "
            "set sft.enabled: true in the config, or give --set sft.enabled=true here and to `rewardsearch run`"
        )
    config = pinned(config, folder)
    if has_run(folder):
        state = read_run(folder)
        if state.sft is not None and state.sft.fingerprint == fingerprint("sft", config):
            return state
    with open_session(config, folder, progress, config.budget, ends="stopped") as session:
        session.setup.sft()
        return session.state
