"""The steps of a search on a run: each calls one stage, and writes what it gave to the journal and the run folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from rewardsearch.errors import MachineError, NothingAccepted
from rewardsearch.files import write_atomic
from rewardsearch.finalize import FinalSetup, finalize, load_references
from rewardsearch.propose import load_proposer, propose
from rewardsearch.records import Candidate, Ranking, TrainingResult, Usage, Verdict
from rewardsearch.run.events import AnyEvent, Finalized, Planned, Proposed, Ranked, Validated
from rewardsearch.run.restore import restore
from rewardsearch.run.state import RunState
from rewardsearch.run.tables import leaderboard_csv
from rewardsearch.session.opening import Session
from rewardsearch.session.requests import build_request, current_feedback, current_ranking, rejected
from rewardsearch.train.finals import evaluate_finals, train_finals
from rewardsearch.train.rounds import train_lost, train_round
from rewardsearch.train.solvable import most_right, required_right, solves_enough
from rewardsearch.validation import validate


class Steps:
    """Each step does only what the run's state does not have yet."""

    def __init__(self, session: Session) -> None:
        self.session, self.config, self.state = session, session.config, session.state
        self.folder = session.state.folder

    def propose(self, number: int, attempt: int) -> tuple[Candidate, ...]:
        """The candidates of a round's proposal (attempt 0) or of a repair of what the attempt before had rejected."""
        session, state = self.session, self.state
        known = state.proposals.get((number, attempt))
        if known is not None:
            return known.candidates
        if attempt and not rejected(state, number, attempt - 1):
            return ()
        # Replies to what was planned may be on disk: what is paid for is used, whatever the budget.
        planned = (number, attempt) in state.plans
        if attempt and not planned and session.budget.unaffordable(Usage()):
            # The round goes on without repairs.
            return ()
        session.budget.check(proposing=not planned)
        session.progress.doing(f"proposing for round {number}")
        request = build_request(state, self.config, session.task, number, attempt)
        proposer = load_proposer(self.config)
        if not planned and (requests := proposer.plan(request)):
            session.journal.append(Planned(round=number, attempt=attempt, requests=requests))
            request = request.model_copy(update={"plan": requests})
        proposal = propose(request, proposer, session.ledger)
        for refusal in proposal.refusals:
            session.progress.say(f"  {refusal.name}: {refusal.reason}")
        self._record(Proposed(round=number, attempt=attempt, proposal=proposal))
        return proposal.candidates

    def validate(self, candidates: Sequence[Candidate]) -> None:
        """Verdicts for the candidates that have none."""
        session, verdicts = self.session, self.state.verdicts
        pending = [c for c in candidates if c.id not in verdicts]
        if not pending:
            return
        bank = session.setup.bank()
        session.progress.doing(f"validating {len(pending)} candidates")
        accepted = [c for c in self.state.candidates.values() if c.id in verdicts and verdicts[c.id].accepted]
        found = validate(pending, session.task, self.config, session.pool, bank, self.state.base, accepted)
        for candidate, verdict in zip(pending, found, strict=True):
            self._record(Validated(verdict=verdict))
            # The remedy after the reason is for the author of the candidate.
            outcome = "accepted" if verdict.accepted else f"rejected: {verdict.refusal.partition('; ')[0]}"
            session.progress.say(f"  {candidate.name} {candidate.id[:6]} {outcome}")

    def train(self, number: int) -> None:
        """Trains the accepted candidates of a round through the rungs."""
        if accepted := self._accepted(number):
            count = f"{len(accepted)} candidate{'s' if len(accepted) > 1 else ''}"
            self.session.progress.say(f"round {number} of {self.config.rounds}: training {count}")
        train_round(self.session.trainings, number, accepted)

    def train_again(self, number: int) -> None:
        """Of a finished round, trains what an infrastructure error ended, and what was lost since."""
        if self.session.trainings.sealed_is_open:
            # The arms were chosen on the results of that time; only lost files are made again.
            train_lost(self.session.trainings, self._accepted(number))
        else:
            train_round(self.session.trainings, number, self._accepted(number))

    def retry(self, last: int) -> None:
        """Trains what an infrastructure error ended in the rounds up to `last`."""
        trainings = self.session.trainings
        for number in range(1, last + 1) if not trainings.sealed_is_open else ():
            if any(trainings.errored(c.id) for c in self._accepted(number)):
                self.train(number)

    def rank(self) -> Ranking:
        """The leaderboard as it stands, also as leaderboard.csv."""
        ranking = current_ranking(self.state)
        write_atomic(self.folder / "leaderboard.csv", leaderboard_csv(ranking))
        return ranking

    def feed_back(self, number: int, ranking: Ranking) -> None:
        """Ends a round: its ranking, and the feedback for the next round's prompts."""
        feedback = current_feedback(self.state, ranking, number, self.session.task)
        self._record(Ranked(round=number, ranking=ranking, feedback=feedback))

    def finalize(self) -> None:
        """Trains the final arms, then opens the sealed test once."""
        session, state = self.session, self.state
        for line in state.test_opened_message:
            session.progress.say(line)
        if state.final is not None:
            return
        self._check_candidates()
        ranking = self.rank()
        report = finalize(
            task=session.task.name,
            ranking=ranking,
            candidates=state.candidates,
            verdicts=state.verdicts,
            results=state.results,
            base=state.base,
            setup=FinalSetup.of(self.config),
            train=partial(train_finals, session.trainings),
            read_test=partial(evaluate_finals, session.trainings),
            say=session.progress.say,
            references=[(reference, self._judged(reference)) for reference in load_references(self.config.finalize)],
            heuristics=session.task.heuristic_baselines,
            groups=lambda: {row.id: row.groups for row in session.task.rows("test")},
        )
        if mixed := state.mixed:
            differences = ", ".join(f"{each.what} {each.here}" for each in mixed)
            note = f"the test was read in another environment than the search began in: {differences}"
            report = report.model_copy(update={"notes": (*report.notes, note)})
        self._record(Finalized(report=report, ranking=ranking))

    def trained(self) -> list[TrainingResult]:
        """The results of the candidates trained to the end. Raises MachineError where infrastructure errors left none."""
        results = [self.state.results[id] for id in self.state.candidates if id in self.state.results]
        done = [result for result in results if result.status == "done"]
        errors = [result.reason for result in results if result.status == "error"]
        if errors and not done:
            raise MachineError(f"no candidate could be trained: {errors[0]}; fix the cause and run the same command")
        return done

    def _record(self, event: AnyEvent) -> None:
        """Writes an event to the journal, and the files that follow from it to the run folder."""
        self.session.journal.append(event)
        restore(self.state)

    def _judged(self, reference: Candidate) -> Verdict:
        session = self.session
        return validate([reference], session.task, self.config, session.pool, session.setup.bank(), self.state.base)[0]

    def _check_candidates(self) -> None:
        """Raises where no candidate is good enough to open the sealed test for it."""
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
        verdicts = self.state.verdicts
        return [c for c in self.state.candidates.values() if c.round == number and verdicts[c.id].accepted]


def nothing_accepted(state: RunState) -> str:
    """Why a search ends without an accepted candidate, with the most frequent reason."""
    rounds = f"{state.config.rounds} round{'s' if state.config.rounds > 1 else ''}"
    reasons = Counter(refusal.reason for _, refusal in state.refusals)
    reasons.update(verdict.refusal for verdict in state.verdicts.values())
    often = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
    return f"no candidate was accepted in {rounds}{often}; see {state.folder}/rounds"
