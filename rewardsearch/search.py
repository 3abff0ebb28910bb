"""The loop: propose, validate, screen, rank, feed back; then finalize.

This is the only module that calls the stages. Every step looks in the run's state first and does what is still owed, so
starting and resuming are the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rewardsearch.arms import ensemble, final_job, load_base_rewards, policy_job, screen_job, spec_of
from rewardsearch.budget import Budget
from rewardsearch.config import Config
from rewardsearch.errors import BudgetReached, Interrupted, MachineError, NothingAccepted, UserError
from rewardsearch.feedback import write_feedback
from rewardsearch.files import write_atomic
from rewardsearch.finalize import finalize
from rewardsearch.journal import Journal, RunState
from rewardsearch.propose import ProposalRequest, propose
from rewardsearch.rank import rank, write_leaderboard
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    Outcome,
    Ranking,
    ScreenJob,
    ScreenResult,
    Verdict,
)
from rewardsearch.screen import LocalWorkers, read_test, screen, start_workers
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
    base = load_base_rewards(config.screen.base_rewards)
    with Journal.open(folder, config, base) as journal, start_workers(folder, config) as workers:
        run = Search(journal, config, workers, progress)
        try:
            run.references()
            for number in range(1, config.rounds + 1):
                run.round(number)
            if not any(verdict.accepted for verdict in run.state.verdicts.values()):
                raise NothingAccepted(f"no candidate was accepted in {config.rounds} rounds; see {folder}/rounds")
            if config.finalize.enabled:
                run.finalize()
        except BudgetReached:
            journal.append("ended", status="budget")
            raise
        except (Interrupted, KeyboardInterrupt):
            journal.append("ended", status="stopped")
            raise
        except Exception:
            journal.append("ended", status="failed")
            raise
        journal.append("ended", status="finished")
        return run.state


def check(config: Config) -> None:
    """Looks for the mistakes that would end a search later: base rewards, data files. Raises UserError.

    The sealed test is not read; a model is looked for by the first process that trains.
    """
    load_base_rewards(config.screen.base_rewards)
    task = load_task(config.task)
    for split in ("train", "val"):
        if not task.rows(split):
            raise UserError(f"task: the {split} split has no rows; give a larger data file")


def finalize_run(config: Config, folder: Path, progress: Progress) -> RunState:
    """Finalizes the run in `folder` on the rounds it has done. Raises UserError when nothing was screened."""
    base = load_base_rewards(config.screen.base_rewards)
    with Journal.open(folder, config, base) as journal, start_workers(folder, config) as workers:
        run = Search(journal, config, workers, progress)
        if not run.state.rankings:
            raise UserError(f"{folder} has no finished round to finalize; run the search first")
        run.finalize()
        journal.append("ended", status="finished")
        return run.state


def current_ranking(state: RunState) -> Ranking:
    """The leaderboard of a run as it stands."""
    return rank(
        task=state.config.task.name,
        results=state.results,
        candidates=state.candidates,
        verdicts=state.verdicts,
        config=state.config.rank,
        seed=state.config.seed,
    )


class Search:
    """One session on a run. `state` is the fold of its journal."""

    def __init__(self, journal: Journal, config: Config, workers: LocalWorkers, progress: Progress) -> None:
        self.journal, self.config, self.workers, self.progress = journal, config, workers, progress
        self.state = journal.state
        self.folder = journal.state.folder
        self.task = load_task(config.task)
        self.budget = Budget(config.budget, self.state)

    def references(self) -> None:
        """The untrained policy and the baseline: what every candidate is held against."""
        seed, steps = self.config.seed, self.config.screen.steps
        self._screen([policy_job(seed), screen_job(BASELINE, (), self.state.base, seed, steps)])

    def round(self, number: int) -> None:
        """Propose, validate (with repairs), screen, rank, feed back. Of a finished round, what the machine failed on."""
        finished = number <= self.state.rounds_done
        if self.state.final is not None:
            if finished:
                return
            raise UserError(f"{self.folder} has opened its sealed test; start a longer search in another --run-dir")
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
        self.progress.say("finalize")
        report = finalize(self.task.name, current_ranking(self.state), self.config, self._train_arms, self._read_test)
        self.journal.append("final", report=report.model_dump(mode="json"))
        write_atomic(self.folder / "final" / "test.json", report.model_dump_json(indent=1) + "\n")

    # --- the steps of a round -----------------------------------------------------------------------------------------

    def _propose(self, number: int, attempt: int) -> tuple[Candidate, ...]:
        """The candidates of a round's proposal (attempt 0) or of a repair of what was rejected before it."""
        known = self.state.proposals.get((number, attempt))
        if known is not None:
            return known.candidates
        repairs = self._rejected(number, attempt - 1) if attempt else ()
        if attempt and not repairs:
            return ()
        self.budget.check()
        folder = self.folder / "rounds" / f"{number:02d}" / (f"repair-{attempt}" if attempt else "")
        request = ProposalRequest(
            round=number,
            count=len(repairs) or self.config.candidates,
            seed=self.config.seed,
            task=self.task.name,
            brief=self.task.brief,
            base_rewards=tuple((spec.name, spec.code) for spec in self.state.base),
            feedback=self.state.feedbacks.get(number - 1),
            repairs=repairs,
            seen=tuple(self.state.candidates),
            folder=folder,
        )
        proposal = propose(request, self.config.propose)
        self.journal.append("proposed", round=number, attempt=attempt, proposal=proposal.model_dump(mode="json"))
        for candidate in proposal.candidates:
            write_atomic(self.folder / "candidates" / candidate.id / "reward.py", candidate.code)
        return proposal.candidates

    def _rejected(self, number: int, attempt: int) -> tuple[tuple[Candidate, Verdict], ...]:
        proposal = self.state.proposals.get((number, attempt))
        candidates = proposal.candidates if proposal else ()
        judged = [(c, self.state.verdicts[c.id]) for c in candidates]
        return tuple((c, verdict) for c, verdict in judged if not verdict.accepted)

    def _validate(self, candidates: Sequence[Candidate]) -> None:
        owed = [c for c in candidates if c.id not in self.state.verdicts]
        if not owed:
            return
        for candidate, verdict in zip(owed, validate(owed, self.task, self.config), strict=True):
            self.journal.append("validated", verdict=verdict.model_dump(mode="json"))
            write_atomic(
                self.folder / "candidates" / candidate.id / "verdict.json", verdict.model_dump_json(indent=1) + "\n"
            )
            said = "accepted" if verdict.accepted else f"rejected ({verdict.stage}: {verdict.reason})"
            self.progress.say(f"  {candidate.name} {candidate.id[:6]} {said}")

    def _screen(self, jobs: Sequence[ScreenJob]) -> None:
        """Runs what is owed of `jobs`; raises when a budget or the STOP file left some of it undone."""
        done = {id for id, result in self.state.results.items() if result.status != "error"}
        owed = [job for job in jobs if job.id not in done]
        if not owed:
            return
        self.budget.check()
        self.progress.jobs({job.id: self._name(job.id) for job in owed}, max(job.steps for job in owed))
        folders = {job.id: job.folder for job in owed}
        left = set(folders)
        results = screen(owed, self.workers, self.folder, self.config, self.budget.may_start, self.progress.step)
        for result in results:
            left.discard(result.id)
            whole = {"result": result.model_dump(mode="json")} if result.status == "error" else {}
            self.journal.append("screened", id=result.id, folder=folders[result.id], status=result.status, **whole)
            self.progress.ended(result, self._name(result.id))
            if result.id in (BASELINE, POLICY) and result.status != "done":
                raise MachineError(f"the {result.id} could not be screened: {result.reason}")
        if left:
            self.budget.check()

    def _rank_and_feed_back(self, number: int) -> None:
        ranking = current_ranking(self.state)
        feedback = write_feedback(
            round=number,
            ranking=ranking,
            candidates=self.state.candidates,
            verdicts=self.state.verdicts,
            results=self.state.results,
            refusals=[refusal for round, refusal in self.state.refusals if round == number],
        )
        self.journal.append(
            "ranked",
            round=number,
            ranking=ranking.model_dump(mode="json"),
            feedback=feedback.model_dump(mode="json"),
        )
        folder = self.folder / "rounds" / f"{number:02d}"
        write_atomic(folder / "ranking.json", ranking.model_dump_json(indent=1) + "\n")
        write_atomic(folder / "feedback.md", feedback.text)
        write_leaderboard(ranking, self.folder / "leaderboard.csv")

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
        return {id: self.state.results[id] for id in arms}

    def _read_test(self, arms: Sequence[str]) -> Mapping[str, Sequence[Outcome]]:
        self.budget.check()
        seed = self.config.seed
        folders = {arm: None if arm == POLICY else f"{self._home(arm)}/full-{seed}/adapter" for arm in arms}
        if not self.state.test_opened:
            self.journal.append("test_opened", arms=list(arms))
        self.progress.say(f"the sealed test is read for {len(arms)} arms")
        outcomes = dict(
            read_test(list(folders.items()), self.workers, self.folder, "final/test", self.budget.may_start)
        )
        if len(outcomes) < len(arms):
            self.budget.check()
        return outcomes

    def _home(self, arm: str) -> str:
        return f"final/{arm}" if arm in self.state.arms else f"candidates/{arm}/screens"

    def _of_round(self, number: int) -> list[Candidate]:
        return [c for c in self.state.candidates.values() if c.round == number]

    def _name(self, id: str) -> str:
        return self.state.candidates[id].name if id in self.state.candidates else id
