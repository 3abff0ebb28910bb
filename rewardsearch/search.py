"""The loop: propose, validate, screen, rank, feed back; then finalize.

Only this module, groundwork.py (fine-tuning and bank), trials.py (the training runs), brief.py (what a proposer is told) and
preflight.py (what is looked at before) call the stages. Every step looks in the run's state first and does what is still owed,
so starting and resuming are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rewardsearch.arms import load_base_rewards
from rewardsearch.brief import current_feedback, current_ranking, rejected, request_of
from rewardsearch.budget import Budget
from rewardsearch.config import BudgetConfig, Config
from rewardsearch.datasheet import describe_rows
from rewardsearch.errors import BudgetReached, Interrupted, MachineError, NothingAccepted, UserError
from rewardsearch.files import sweep, sweep_scratch, write_atomic
from rewardsearch.finalize import fairness_csv, finalize, load_references, pairs_csv
from rewardsearch.groundwork import Groundwork
from rewardsearch.journal import Journal, has_run, read_run
from rewardsearch.ledger import Ledger
from rewardsearch.preflight import defences_of, look_ahead
from rewardsearch.progress import Progress, Tracker
from rewardsearch.propose import plan, propose
from rewardsearch.rank import most_right, required_right, solves_enough, write_leaderboard
from rewardsearch.records import Candidate, ScreenResult, Usage, Verdict
from rewardsearch.resources import cache_folder
from rewardsearch.restore import missing_lines, restore
from rewardsearch.revision import pinned
from rewardsearch.sandbox import SandboxPool
from rewardsearch.screen import LocalWorkers, start_workers
from rewardsearch.state import RunState
from rewardsearch.storage import disk_errors, scratch_root
from rewardsearch.tasks import load_task
from rewardsearch.trials import Trials
from rewardsearch.tuned import sft_mark
from rewardsearch.validate import validate


def search(config: Config, folder: Path, progress: Progress, mix: bool = False) -> RunState:
    """Starts the search in `folder`, or carries on with the one that is there, to its end.

    Raises UserError, BudgetReached, NothingAccepted, Interrupted or MachineError; whatever it raises, the same call
    carries on.
    """
    with session(config, folder, progress, config.budget, mix=mix) as run:
        if run.state.final is not None:
            for line in (*run.state.told_opened, *missing_lines(run.state)):
                progress.say(line)
            return run.state
        if run.state.rounds_done < config.rounds:
            for warning in look_ahead(config, run.state):
                progress.say(f"warning: {warning}")
            for line in describe_rows(run.task, config):
                progress.say(line)
        run.ground.sft()
        run.trials.references()
        for number in range(1, config.rounds + 1):
            run.round(number)
        run.retry(config.rounds)
        if not any(verdict.accepted for verdict in run.state.verdicts.values()):
            raise NothingAccepted(_nothing_accepted(run.state))
        run.trained()
        if config.finalize.enabled:
            run.finalize()
        return run.state


def _nothing_accepted(state: RunState) -> str:
    rounds = f"{state.config.rounds} round{'s' if state.config.rounds > 1 else ''}"
    reasons = Counter(refusal.reason for _, refusal in state.refusals)
    reasons.update(verdict.refusal for verdict in state.verdicts.values())
    told = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
    return f"no candidate was accepted in {rounds}{told}; see {state.folder}/rounds"


@contextmanager
def session(
    config: Config,
    folder: Path,
    progress: Progress,
    limits: BudgetConfig,
    ends: str = "finished",
    mix: bool = False,
) -> Iterator[Search]:
    """A session on the run in `folder` within `limits`: its journal and workers, and its end in the journal, whatever that is.

    ends: how the run stands when the session has done its work. mix: whether the environment may be another one than that of the
    results that are there.
    """
    config = pinned(config, folder)
    base = load_base_rewards(config.screen.base_rewards)
    defences = defences_of(config)
    pool = SandboxPool(config.sandbox, config.validation.bound)
    with (
        disk_errors(folder, scratch_root()),
        Journal.open(folder, config, base, mix) as journal,
        pool,
        start_workers(folder, config) as workers,
        Tracker(progress, folder) as tracker,
    ):
        sweep(cache_folder())
        sweep_scratch()
        try:
            journal.append("sandbox", layers=defences.layers, open=defences.open)
            progress.say(defences.told)
            for note in journal.notes:
                progress.say(f"warning: {note}")
            if files := restore(journal.state):
                journal.append("restored", files=files)
                progress.say(f"written again from the journal: {', '.join(files)}")
            progress.opened(journal.state)
            yield Search(journal, config, pool, workers, tracker, limits)
        except BaseException as error:
            stopped = isinstance(error, Interrupted | KeyboardInterrupt | UserError | NothingAccepted)
            status = "budget" if isinstance(error, BudgetReached) else "stopped" if stopped else "failed"
            # A disk that is full takes no event; what it stopped is reported all the same.
            with suppress(OSError):
                journal.append("ended", status=status, reason="; ".join(str(error).splitlines()) or "interrupted")
            raise
        journal.append("ended", status=ends)


def finalize_run(config: Config, folder: Path, progress: Progress, mix: bool = False) -> RunState:
    """Finalizes the run in `folder` on the rounds it has done, whatever budget they used up.

    What has been finalized is not read again. Raises UserError when no round is done.
    """
    with session(config, folder, progress, BudgetConfig(), mix=mix) as run:
        if not run.state.rankings:
            raise UserError(f"{folder} has no finished round to finalize; run the search first")
        if run.state.final is None:
            run.ground.sft()
            run.trials.references()
        run.finalize()
        return run.state


def tune_run(config: Config, folder: Path, progress: Progress) -> RunState:
    """Fine-tunes the policy of the run in `folder`, and no more; `search` takes the run from there.

    What is done is not done again. Raises UserError where the config does without supervised fine-tuning.
    """
    if not config.sft.enabled:
        raise UserError(
            "sft.enabled: got false, so no search of this config would start from the fine-tuned policy; "
            "set sft.enabled: true in the config, or give --set sft.enabled=true here and to `rewardsearch run`"
        )
    config = pinned(config, folder)
    if has_run(folder):
        state = read_run(folder)
        if state.tuned is not None and state.tuned.mark == sft_mark(config):
            return state
    with session(config, folder, progress, config.budget, ends="stopped") as run:
        run.ground.sft()
        return run.state


class Search:
    """One session on a run. `state` is the fold of its journal."""

    def __init__(
        self,
        journal: Journal,
        config: Config,
        pool: SandboxPool,
        workers: LocalWorkers,
        progress: Tracker,
        limits: BudgetConfig,
    ) -> None:
        self.journal, self.config, self.progress = journal, config, progress
        self.pool = pool
        self.state = journal.state
        self.folder = journal.state.folder
        self.task = load_task(config.task)
        self.budget = Budget(limits, self.state)
        self.ledger = Ledger(self.state.account, journal.append, self.budget, progress.say)
        self.ground = Groundwork(journal, config, self.task, workers, self.budget, progress)
        self.trials = Trials(journal, config, workers, self.budget, progress)

    def round(self, number: int) -> None:
        """Propose, validate (with repairs), screen, rank, feed back. Of a finished round, what the machine failed on."""
        finished = number <= self.state.rounds_done
        if not finished:
            self.progress.say(f"round {number} of {self.config.rounds}")
            self.retry(number - 1)
            self.candidates(number)
        elif self.trials.sealed_is_open:
            # What was chosen was chosen on what there was; nothing that the machine failed on is made good any more.
            self.trials.again(self._accepted(number))
            return
        self.trials.race(number, self._accepted(number))
        if not finished:
            self._rank_and_feed_back(number)

    def candidates(self, number: int) -> list[Candidate]:
        """Proposes and validates the candidates of a round, with repairs; gives those that are accepted."""
        for attempt in range(1 + self.config.propose.repairs):
            self._validate(self._propose(number, attempt))
        return self._accepted(number)

    def retry(self, last: int) -> None:
        """Trains what an infrastructure error ended in the rounds up to `last`."""
        for number in range(1, last + 1) if not self.trials.sealed_is_open else ():
            if any(self.trials.errored(c.id) for c in self._accepted(number)):
                self.trials.race(number, self._accepted(number))

    def finalize(self) -> None:
        """Trains ensembles and controls, then opens the sealed test once."""
        for line in self.state.told_opened:
            self.progress.say(line)
        if self.state.final is not None:
            return
        self._check_candidates()
        ranking = current_ranking(self.state)
        write_leaderboard(ranking, self.folder / "leaderboard.csv")
        report = finalize(
            task=self.task.name,
            ranking=ranking,
            candidates=self.state.candidates,
            verdicts=self.state.verdicts,
            results=self.state.results,
            base=self.state.base,
            config=self.config,
            train=self.trials.train,
            read_test=self.trials.read_test,
            say=self.progress.say,
            references=[(reference, self._judged(reference)) for reference in load_references(self.config)],
            rules=self.task.rules,
            groups=lambda: {row.id: row.groups for row in self.task.rows("test")},
        )
        if mixed := self.state.mixed:
            told = ", ".join(f"{each.what} {each.here}" for each in mixed)
            note = f"the test was read in another environment than the search began in: {told}"
            report = report.model_copy(update={"notes": (*report.notes, note)})
        write_atomic(self.folder / "final" / "test.json", report.model_dump_json(indent=1) + "\n")
        write_atomic(self.folder / "final" / "pairs.csv", pairs_csv(report))
        if report.fairness:
            write_atomic(self.folder / "final" / "fairness.csv", fairness_csv(report))
        self.journal.append("final", report=report.model_dump(mode="json"), ranking=ranking.model_dump(mode="json"))

    def _judged(self, reference: Candidate) -> Verdict:
        """What validation finds in a reference, whatever else was proposed."""
        return validate([reference], self.task, self.config, self.pool, self.ground.bank(), self.state.base)[0]

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
        self.progress.doing(f"proposing for round {number}")
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
        bank = self.ground.bank()
        self.progress.doing(f"validating {len(owed)} candidates")
        earlier = [c for c in self.state.candidates.values() if c.id in self.state.verdicts]
        known = [c for c in earlier if self.state.verdicts[c.id].accepted]
        found = validate(owed, self.task, self.config, self.pool, bank, self.state.base, known)
        for candidate, verdict in zip(owed, found, strict=True):
            write_atomic(
                self.folder / "candidates" / candidate.id / "verdict.json", verdict.model_dump_json(indent=1) + "\n"
            )
            self.journal.append("validated", verdict=verdict.model_dump(mode="json"))
            # What was wrong; the remedy after it is for who wrote the candidate.
            said = "accepted" if verdict.accepted else f"rejected: {verdict.refusal.partition('; ')[0]}"
            self.progress.say(f"  {candidate.name} {candidate.id[:6]} {said}")

    def _rank_and_feed_back(self, number: int) -> None:
        ranking = current_ranking(self.state)
        feedback = current_feedback(self.state, ranking, number, self.task)
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

    def trained(self) -> list[ScreenResult]:
        """The results of the candidates trained to the end. Raises MachineError where infrastructure errors left none."""
        results = [self.state.results[id] for id in self.state.candidates if id in self.state.results]
        done = [result for result in results if result.status == "done"]
        errors = [result.reason for result in results if result.status == "error"]
        if errors and not done:
            raise MachineError(f"no candidate could be trained: {errors[0]}; fix the cause and run the same command")
        return done

    def _check_candidates(self) -> None:
        """Raises where no candidate is worth that the sealed test is opened for it."""
        done = self.trained()
        if not done:
            raise NothingAccepted(f"no candidate was screened to the end; see rewardsearch leaderboard {self.folder}")
        if not solves_enough(done, self.config):
            questions = len(done[0].outcomes)
            raise NothingAccepted(
                f"no candidate answers more than {most_right(done)} of {questions} questions of {self.config.ranked_on} right, "
                f"and finalize needs {required_right(questions, self.config)} (rank.min_correct); the sealed test stays closed"
            )

    def _accepted(self, number: int) -> list[Candidate]:
        """The candidates of a round that validation accepted."""
        verdicts = self.state.verdicts
        return [c for c in self.state.candidates.values() if c.round == number and verdicts[c.id].accepted]
