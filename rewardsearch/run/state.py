"""The state of a run: the fold of its journal's events. Folding reads no file; results read theirs when they are asked for more
than the journal has (run/artifacts.py)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.records import (
    BASELINE,
    FULL,
    MIXED,
    POLICY,
    Candidate,
    Difference,
    Environment,
    FinalArm,
    FinalReport,
    LostFile,
    PromotionDecision,
    Proposal,
    Ranking,
    Refusal,
    Request,
    RewardSpec,
    SftResult,
    TrainingResult,
    Usage,
    Verdict,
    differences,
)
from rewardsearch.records.feedback import Feedback
from rewardsearch.rewards.base import ensemble
from rewardsearch.run import events
from rewardsearch.run.account import Account
from rewardsearch.run.artifacts import SFT, stored_sft, stored_training


@dataclass
class RunState:
    """Everything a run has done so far, keyed by id. Readers get it from read_run. Events change it, and `lose`, for files that
    are found missing or damaged when the run is opened."""

    folder: Path
    config: Config
    base: tuple[RewardSpec, ...] = ()
    proposals: dict[tuple[int, int], Proposal] = field(default_factory=dict)
    """By round and attempt: 0 the round's proposal, 1 and up its repairs."""
    plans: dict[tuple[int, int], tuple[Request, ...]] = field(default_factory=dict)
    """What is asked of language models, by round and attempt."""
    account: Account = field(default_factory=Account)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    """The digests of the files of policy and data at the start of the run, by key of the config."""
    environment: Environment | None = None
    """That of the last session; None before the first."""
    trained_in: list[Environment] = field(default_factory=list)
    """The environments of the sessions that trained, in their order, each once."""
    first_environment: Environment | None = None
    """That of the process that did the first training run."""
    sft: SftResult | None = None
    """The supervised fine-tuning that every training run starts from."""
    adapter: str | None = None
    """The digest of its adapter; known also where the files are gone."""
    digests: dict[str, str] = field(default_factory=dict)
    """The digest of each result.json, by the folder of the training run or fine-tuning."""
    lost: dict[str, LostFile] = field(default_factory=dict)
    """What is missing or damaged of what the journal has, by the folder of the training run or fine-tuning."""
    trainings: dict[str, TrainingResult] = field(default_factory=dict)
    """Every training run and segment of one, by its folder."""
    answered: dict[str, int] = field(default_factory=dict)
    """How many questions each was evaluated on, by its folder."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """The fingerprint of each training run that is done or failed, by its folder. One without is pending."""
    results: dict[str, TrainingResult] = field(default_factory=dict)
    """Training runs to the end under the search's seed, and those that failed on their way, by arm: candidate ids, BASELINE,
    POLICY."""
    promotions: dict[tuple[str, str], PromotionDecision] = field(default_factory=dict)
    """Whether a candidate continues from a rung, by rung and candidate."""
    rankings: list[Ranking] = field(default_factory=list)
    feedbacks: dict[int, Feedback] = field(default_factory=dict)
    arms: dict[str, FinalArm] = field(default_factory=dict)
    """The arms of finalize, by id."""
    bank_fingerprint: str | None = None
    """That of the run's rollout bank when it was sampled."""
    test_opened: list[float] = field(default_factory=list)
    test_files: dict[str, str] = field(default_factory=dict)
    """The digests of the outcomes on the sealed test, by file."""
    final: FinalReport | None = None
    final_ranking: Ranking | None = None
    """The leaderboard that finalize chose by."""
    status: str = "new"
    reason: str | None = None
    """Why the last session ended before its work was done."""
    started: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    """Wall clock of all sessions on the run together."""
    device_seconds: float = 0.0
    """Seconds that training processes have held accelerators, times their number."""

    @property
    def rounds_done(self) -> int:
        return len(self.rankings)

    @property
    def test_opened_message(self) -> tuple[str, ...]:
        """A line with when the sealed test was opened first; none while it is sealed."""
        if not self.test_opened:
            return ()
        when = datetime.fromtimestamp(self.test_opened[0]).strftime("%Y-%m-%d %H:%M")
        kept = "; nothing is read again, these are its results" if self.final is not None else ""
        return (f"the test has been opened before, {when}{kept}",)

    @property
    def mixed(self) -> tuple[Difference, ...]:
        """What the last session does not have in common with the first that trained."""
        first = next(iter(self.trained_in), None)
        return differences(first, self.environment) if first and self.environment else ()

    @property
    def refusals(self) -> list[tuple[int, Refusal]]:
        """Replies that gave no candidate, with their round."""
        return [(round, refusal) for (round, _), p in sorted(self.proposals.items()) for refusal in p.refusals]

    @property
    def usage(self) -> Usage:
        return self.account.usage

    @property
    def stop_decisions(self) -> dict[str, PromotionDecision]:
        """The decisions that stopped a candidate at a rung, by its id."""
        return {id: promotion for (_, id), promotion in self.promotions.items() if not promotion.promoted}

    @property
    def stopped(self) -> dict[str, TrainingResult]:
        """Of the candidates stopped at a rung, the segment that each was trained to."""
        found = {id: self.training_of(id) for id in self.stop_decisions}
        return {id: result for id, result in found.items() if result is not None}

    @property
    def baselines(self) -> list[TrainingResult]:
        """The training runs of the baseline to the end, under the seeds that its noise is taken from, in their order.

        Those that finalize trains with further seeds are left out: the leaderboard is the same before and after.
        """
        seeds = self.config.baseline_seeds
        found = {
            result.seed: result
            for result in self.trainings.values()
            if result.id == BASELINE and (result.rung, result.status) == (FULL, "done") and result.seed in seeds
        }
        return [found[seed] for seed in seeds if seed in found]

    @property
    def rungs(self) -> dict[str, list[TrainingResult]]:
        """What each arm scored at the rungs under the search's seed, by arm, in the order of their steps."""
        found: dict[str, list[TrainingResult]] = {}
        for result in sorted(self.trainings.values(), key=lambda each: each.steps):
            if (result.status, result.seed) == ("done", self.config.seed) and result.rung != FULL:
                found.setdefault(result.id, []).append(result)
        return found

    @property
    def steps(self) -> int:
        """Training steps taken so far."""
        return sum(result.trained for result in self.trainings.values())

    @property
    def phases(self) -> dict[str, float]:
        """Seconds of training processes by what they were spent on, summed over the run: the phases of the training runs, and
        `sft`."""
        total = Counter({"sft": self.sft.seconds} if self.sft is not None else {})
        for result in self.trainings.values():
            total.update(result.phases)
        return {name: round(seconds, 1) for name, seconds in total.most_common()}

    def training_of(self, arm: str) -> TrainingResult | None:
        """What is known of an arm's training: the run to the end under the search's seed, else under the first other seed,
        else the furthest segment."""
        if arm in self.results:
            return self.results[arm]
        found = [result for result in self.trainings.values() if result.id == arm]
        return min(found, key=lambda result: (result.rung != FULL, result.seed, -result.steps), default=None)

    def members(self, arm: str) -> tuple[RewardSpec, ...]:
        """Every reward that `arm` trains on, base rewards first. Raises UserError for an arm the run does not have."""
        if arm == BASELINE:
            return self.base
        if arm in self.candidates:
            return (*self.base, *ensemble([arm], self.candidates))
        if arm in self.arms:
            return self.arms[arm].rewards
        known = ", ".join([BASELINE, *self.arms, *self.candidates])
        raise UserError(f"no arm {arm} in {self.folder}; it has: {known}")

    def lose(self, folder: str, file: LostFile) -> None:
        """Makes the training run or fine-tuning in `folder` pending: a file of it is missing or damaged. Its result is removed
        too, unless the file is in a subfolder of it: the result does not need an adapter."""
        self.lost[folder] = file
        self.fingerprints.pop(folder, None)
        if file.path.removeprefix(f"{folder}/").count("/"):
            return
        self.digests.pop(folder, None)
        if folder == SFT:
            self.sft = None
        elif (result := self.trainings.pop(folder, None)) is not None and self.results.get(result.id) is result:
            del self.results[result.id]

    def apply(self, event: events.AnyEvent) -> None:
        """Folds one event in."""
        if not isinstance(event, events.Opened):
            self.seconds += max(0.0, event.time - self.updated)
        self.updated = event.time
        match event:
            case events.Opened():
                self._open(event)
            case events.Sent() | events.Received() | events.RequestFailed() | events.Adapted():
                self.account.apply(event)
            case events.Planned():
                self.plans[event.round, event.attempt] = event.requests
            case events.Proposed():
                self.proposals[event.round, event.attempt] = event.proposal
                for candidate in event.proposal.candidates:
                    self.candidates.setdefault(candidate.id, candidate)
            case events.Validated():
                self.verdicts[event.verdict.candidate] = event.verdict
            case events.SftTrained():
                self.adapter, self.digests[SFT] = event.adapter, event.digest
                self.sft = stored_sft(self.folder / SFT, event.digest, event.result)
                self.lost.pop(SFT, None)
                self._note_environment()
            case events.BankSampled():
                self.bank_fingerprint = event.fingerprint
            case events.Trained():
                self._train(event)
            case events.DevicesHeld():
                self.device_seconds += event.seconds
            case events.Lost():
                self.lose(event.folder, event.file)
            case events.Raced():
                self.promotions.update({(event.rung, each.id): each for each in event.promotions})
            case events.Ranked():
                self.rankings.append(event.ranking)
                self.feedbacks[event.feedback.round] = event.feedback
            case events.ArmsChosen():
                self.arms = {arm.id: arm for arm in event.arms}
            case events.SealedTestOpened():
                self.test_opened.append(event.time)
            case events.SealedTestRead():
                self.test_files[event.file] = event.digest
            case events.Finalized():
                self.final, self.final_ranking = event.report, event.ranking
            case events.Ended():
                self.status, self.reason = event.status, event.reason
            case _:
                # What layers the sandbox had, and which files were written again, are for people.
                pass

    def _open(self, event: events.Opened) -> None:
        self.base = self.base or event.base
        if not self.started:
            self.inputs, self.started = event.inputs, event.time
        self.config = event.config or self.config
        self.environment = event.environment
        self.status, self.reason = "running", None

    def _note_environment(self) -> None:
        """Notes that the session has trained."""
        if self.environment is not None and self.environment not in self.trained_in:
            self.trained_in.append(self.environment)

    def _flags(self, folder: str, result: TrainingResult) -> tuple[str, ...]:
        """The flags of a result, and what differs from the first environment in its session, in the process that trained it, or
        in a segment that it continues."""
        own, first = result.environment or self.environment, self.first_environment
        found = (*self.mixed, *(differences(first, own) if first and own else ()))
        mixed = [each.flag for each in found]
        for place, before in self.trainings.items():
            if place != folder and (before.id, before.seed) == (result.id, result.seed):
                mixed += [flag for flag in before.flags if flag.startswith(MIXED)]
        return tuple(dict.fromkeys((*result.flags, *mixed)))

    def _train(self, event: events.Trained) -> None:
        folder, result = event.folder, event.result
        if event.digest is None:
            self.fingerprints.pop(folder, None)
            self.digests.pop(folder, None)
        else:
            self._note_environment()
            self.lost.pop(folder, None)
            self.first_environment = self.first_environment or result.environment or self.environment
            stored = stored_training(self.folder / folder, event.digest, result)
            result = stored.model_copy(update={"flags": self._flags(folder, stored)})
            self.fingerprints[folder], self.digests[folder] = event.fingerprint, event.digest
        self.trainings[folder], self.answered[folder] = result, event.evaluated.questions
        if result.seed != self.config.seed or result.id not in (BASELINE, POLICY, *self.candidates):
            return
        known = self.results.get(result.id)
        if result.rung != FULL and known is not None and known.rung == FULL:
            # A segment whose files were lost is trained again; the run to the end stands.
            return
        if result.rung == FULL or result.status != "done":
            self.results[result.id] = result
        else:
            # A segment that the machine failed on has been made good.
            self.results.pop(result.id, None)
