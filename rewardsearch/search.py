"""The loop: propose, validate, screen, rank, feed back; then finalize.

Only this module, brief.py (what a proposer is told) and preflight.py (what is looked at before) call the stages. Every step
looks in the run's state first and does what is still owed, so starting and resuming are the same thing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rewardsearch.arms import ensemble, final_job, load_base_rewards, policy_job, screen_job, spec_of
from rewardsearch.brief import current_feedback, current_ranking, rejected, request_of
from rewardsearch.budget import Budget
from rewardsearch.config import BudgetConfig, Config
from rewardsearch.errors import BudgetReached, Interrupted, MachineError, NothingAccepted, UserError
from rewardsearch.files import write_atomic
from rewardsearch.finalize import finalize
from rewardsearch.journal import Journal, RunState
from rewardsearch.ledger import Ledger
from rewardsearch.preflight import defences_of, look_ahead
from rewardsearch.propose import plan, propose
from rewardsearch.rank import write_leaderboard
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    Outcome,
    ScreenJob,
    ScreenResult,
    Usage,
)
from rewardsearch.sandbox import SandboxPool
from rewardsearch.screen import LocalWorkers, read_test, screen, start_workers
from rewardsearch.store import fingerprint
from rewardsearch.tasks import load_task
from rewardsearch.validate import validate


class Progress(Protocol):
    """What a search tells while it runs."""

    def say(self, line: str) -> None: ...

    def jobs(self, names: Mapping[str, str], steps: int) -> None: ...

    def step(self, id: str, step: int, of: int) -> None: ...

    def ended(self, result: ScreenResult, name: str) -> None: ...


def search(config: Config, folder: Path, progress: Progress) -> RunState:
    """Starts the search in `folder`, or carries on with the one that is there, to its end.

    Raises UserError, BudgetReached, NothingAccepted, Interrupted or MachineError; whatever it raises, the same call
    carries on.
    """
    with session(config, folder, progress) as run:
        if run.state.rounds_done < config.rounds:
            for warning in look_ahead(config, run.state):
                progress.say(f"warning: {warning}")
        run.references()
        for number in range(1, config.rounds + 1):
            run.round(number)
        if not any(verdict.accepted for verdict in run.state.verdicts.values()):
            raise NothingAccepted(_nothing_accepted(run.state))
        if config.finalize.enabled:
            run.finalize()
        return run.state


def _nothing_accepted(state: RunState) -> str:
    rounds = f"{state.config.rounds} round{'s' if state.config.rounds > 1 else ''}"
    reasons = Counter(refusal.reason for _, refusal in state.refusals)
    reasons.update(f"{verdict.stage}: {verdict.reason}" for verdict in state.verdicts.values())
    told = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
    return f"no candidate was accepted in {rounds}{told}; see {state.folder}/rounds"


@contextmanager
def session(config: Config, folder: Path, progress: Progress) -> Iterator[Search]:
    """A session on the run in `folder`: its journal and workers, and its end in the journal, whatever the end is."""
    base = load_base_rewards(config.screen.base_rewards)
    defences = defences_of(config)
    pool = SandboxPool(config.sandbox, config.validation.bound)
    with Journal.open(folder, config, base) as journal, pool, start_workers(folder, config) as workers:
        status = "failed"
        try:
            journal.append("sandbox", layers=defences.layers, open=defences.open)
            progress.say(defences.told)
            yield Search(journal, config, pool, workers, progress)
            status = "finished"
        except BudgetReached:
            status = "budget"
            raise
        except (Interrupted, KeyboardInterrupt, UserError):
            status = "stopped"
            raise
        finally:
            journal.append("ended", status=status)


def finalize_run(config: Config, folder: Path, progress: Progress) -> RunState:
    """Finalizes the run in `folder` on the rounds it has done, whatever budget they used up.

    Raises UserError when no round is done.
    """
    with session(config, folder, progress) as run:
        if not run.state.rankings:
            raise UserError(f"{folder} has no finished round to finalize; run the search first")
        run.budget = Budget(BudgetConfig(), run.state)
        run.finalize()
        return run.state


class Search:
    """One session on a run. `state` is the fold of its journal."""

    def __init__(
        self, journal: Journal, config: Config, pool: SandboxPool, workers: LocalWorkers, progress: Progress
    ) -> None:
        self.journal, self.config, self.progress = journal, config, progress
        self.pool, self.workers = pool, workers
        self.state = journal.state
        self.folder = journal.state.folder
        self.task = load_task(config.task)
        self.budget = Budget(config.budget, self.state)
        self.ledger = Ledger(self.state.account, journal.append, self.budget, progress.say)

    def references(self) -> None:
        """The untrained policy and the baseline: what every candidate is held against."""
        seed, steps = self.config.seed, self.config.screen.steps
        self._screen([policy_job(seed), screen_job(BASELINE, (), self.state.base, seed, steps)])
        for id in (POLICY, BASELINE):
            result = self.state.results[id]
            if result.status != "done":
                raise MachineError(f"the {id} could not be screened: {result.reason}")

    def round(self, number: int) -> None:
        """Propose, validate (with repairs), screen, rank, feed back. Of a finished round, what the machine failed on."""
        finished = number <= self.state.rounds_done
        if not finished:
            self.progress.say(f"round {number} of {self.config.rounds}")
            for attempt in range(1 + self.config.propose.repairs):
                self._validate(self._propose(number, attempt))
        accepted = [c for c in self._of_round(number) if self.state.verdicts[c.id].accepted]
        seed, steps = self.config.seed, self.config.screen.steps
        self._screen([screen_job(c.id, [spec_of(c)], self.state.base, seed, steps) for c in accepted])
        if not finished:
            self._rank_and_feed_back(number)

    def finalize(self) -> None:
        """Trains ensembles and controls, then opens the sealed test once."""
        if self.state.final is not None:
            return
        if not any(self.state.results[c].status == "done" for c in self.state.candidates if c in self.state.results):
            raise NothingAccepted(f"no candidate was screened to the end; see rewardsearch leaderboard {self.folder}")
        self.progress.say("finalize")
        ranking = current_ranking(self.state)
        write_leaderboard(ranking, self.folder / "leaderboard.csv")
        report = finalize(self.task.name, ranking, self.config, self._train_arms, self._read_test)
        write_atomic(self.folder / "final" / "test.json", report.model_dump_json(indent=1) + "\n")
        self.journal.append("final", report=report.model_dump(mode="json"))

    # --- the steps of a round -----------------------------------------------------------------------------------------

    def _propose(self, number: int, attempt: int) -> tuple[Candidate, ...]:
        """The candidates of a round's proposal (attempt 0) or of a repair of what was rejected before it."""
        known = self.state.proposals.get((number, attempt))
        if known is not None:
            return known.candidates
        if attempt and not rejected(self.state, number, attempt - 1):
            return ()
        # Replies to what was planned may be on disk: what is paid for is used, whatever the budget.
        planned = (number, attempt) in self.state.plans
        if attempt and not planned and self.budget.unaffordable(Usage()):
            # The round goes on without repairs.
            return ()
        self.budget.check(proposing=not planned)
        request = request_of(self.state, self.config, self.task, number, attempt)
        if not planned and (asks := plan(request, self.config)):
            self.journal.append(
                "planned", round=number, attempt=attempt, asks=[ask.model_dump(mode="json") for ask in asks]
            )
            request = request.model_copy(update={"asks": asks})
        proposal = propose(request, self.config, self.ledger)
        for candidate in proposal.candidates:
            write_atomic(self.folder / "candidates" / candidate.id / "reward.py", candidate.code)
        for refusal in proposal.refusals:
            self.progress.say(f"  {refusal.name}: {refusal.reason}")
        self.journal.append("proposed", round=number, attempt=attempt, proposal=proposal.model_dump(mode="json"))
        return proposal.candidates

    def _validate(self, candidates: Sequence[Candidate]) -> None:
        owed = [c for c in candidates if c.id not in self.state.verdicts]
        if not owed:
            return
        for candidate, verdict in zip(owed, validate(owed, self.task, self.config, self.pool), strict=True):
            write_atomic(
                self.folder / "candidates" / candidate.id / "verdict.json", verdict.model_dump_json(indent=1) + "\n"
            )
            self.journal.append("validated", verdict=verdict.model_dump(mode="json"))
            said = "accepted" if verdict.accepted else f"rejected ({verdict.stage}: {verdict.reason})"
            self.progress.say(f"  {candidate.name} {candidate.id[:6]} {said}")

    def _screen(self, jobs: Sequence[ScreenJob]) -> None:
        """Runs what is owed of `jobs`. Raises when a budget or the STOP file left some of it undone, and when the machine
        failed on all of it."""
        marks = {job.id: fingerprint(job, self.config) for job in jobs}
        owed = {job.id: job for job in jobs if self.state.marks.get(job.id) != marks[job.id]}
        if not owed:
            return
        self.budget.check()
        self.progress.jobs({id: self._name(id) for id in owed}, max(job.steps for job in owed.values()))
        left, errors = set(owed), []
        for result in screen(
            list(owed.values()), self.workers, self.folder, self.config, self.budget.may_start, self.progress.step
        ):
            left.discard(result.id)
            event: dict[str, Any] = {
                "id": result.id,
                "folder": owed[result.id].folder,
                "mark": marks[result.id],
                "status": result.status,
            }
            if result.status == "error":
                errors.append(f"{self._name(result.id)}: {result.reason}")
                event["result"] = result.model_dump(mode="json")
            self.journal.append("screened", **event)
            self.progress.ended(result, self._name(result.id))
        if left:
            self.budget.check()
            raise Interrupted(f"stopped before {len(left)} training runs were done; the same command carries on")
        if len(errors) == len(owed):
            raise MachineError(f"no training run could be carried out: {errors[0]}; mend it and run the same command")

    def _rank_and_feed_back(self, number: int) -> None:
        ranking = current_ranking(self.state)
        feedback = current_feedback(self.state, ranking, number)
        folder = self.folder / "rounds" / f"{number:02d}"
        write_atomic(folder / "ranking.json", ranking.model_dump_json(indent=1) + "\n")
        write_atomic(folder / "feedback.md", feedback.text)
        write_leaderboard(ranking, self.folder / "leaderboard.csv")
        self.journal.append(
            "ranked",
            round=number,
            ranking=ranking.model_dump(mode="json"),
            feedback=feedback.model_dump(mode="json"),
        )

    # --- what finalize asks for ---------------------------------------------------------------------------------------

    def _train_arms(self, arms: Mapping[str, tuple[str, ...]]) -> Mapping[str, ScreenResult]:
        if self.state.arms != dict(arms):
            self.journal.append("arms", arms=arms)
        seed, steps = self.config.seed, self.config.screen.steps
        self._screen(
            [
                final_job(id, ensemble(members, self.state.candidates), self.state.base, seed, steps)
                for id, members in arms.items()
            ]
        )
        broken = [f"{id}: {result.reason}" for id in arms if (result := self.state.results[id]).status == "error"]
        if broken:
            # The test is opened once: not before every arm that can be trained has been.
            raise MachineError(f"not finalized: {'; '.join(broken)}; mend it and run the same command")
        return {id: self.state.results[id] for id in arms}

    def _read_test(self, arms: Sequence[str]) -> Mapping[str, Sequence[Outcome]]:
        self.budget.check()
        wanted = [(arm, self._adapter(arm), self.state.marks[arm]) for arm in arms]
        if not self.state.test_opened:
            self.journal.append("test_opened", arms=list(arms))
        self.progress.say(f"the sealed test is read for {len(arms)} arms")
        outcomes = dict(read_test(wanted, self.workers, self.folder, "final/test", self.budget.may_start))
        if len(outcomes) < len(arms):
            self.budget.check()
            raise Interrupted("stopped while the test was read; the same command carries on")
        return outcomes

    def _adapter(self, arm: str) -> str | None:
        """The folder of an arm's adapter, relative to the run's."""
        home = f"final/{arm}" if arm in self.state.arms else f"candidates/{arm}/screens"
        return None if arm == POLICY else f"{home}/full-{self.config.seed}/adapter"

    def _of_round(self, number: int) -> list[Candidate]:
        return [c for c in self.state.candidates.values() if c.round == number]

    def _name(self, id: str) -> str:
        return self.state.candidates[id].name if id in self.state.candidates else id
