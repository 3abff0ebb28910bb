"""The state of a run: the fold of its journal's events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files import file_digest
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
from rewardsearch.run.account import MONEY_EVENTS, Account
from rewardsearch.run.sft_files import SFT, load_sft
from rewardsearch.run.training_files import RESULT, Lost, read_result

Event = dict[str, Any]


@dataclass
class RunState:
    """Everything a run has done so far, keyed by id. Readers get it from read_run; nothing else changes it but events."""

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
    inputs: dict[str, str] | None = None
    """What the files of policy and data were as the run began, by key of the config; None where no event told."""
    environment: Environment | None = None
    """That of the last session; None of a run of an earlier version."""
    trained_in: list[Environment] = field(default_factory=list)
    """The environments of the sessions that trained, in their order, each once."""
    first_environment: Environment | None = None
    """That of the process that carried out the first training run."""
    sft: SftResult | None = None
    """The supervised fine-tuning that every training run starts from."""
    adapter: str | None = None
    """The digest of its adapter; known also where the files are gone."""
    lost: dict[str, LostFile] = field(default_factory=dict)
    """What is missing or damaged of what the journal has, by the folder of the training run or fine-tuning."""
    trainings: dict[str, TrainingResult] = field(default_factory=dict)
    """Every training run and segment of one, by its folder."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """The fingerprint of the job that each screen answers, by its folder."""
    results: dict[str, TrainingResult] = field(default_factory=dict)
    """Whole screens under the search's seed, and those that failed on their way, by arm: candidate ids, BASELINE, POLICY."""
    promotions: dict[tuple[str, str], PromotionDecision] = field(default_factory=dict)
    """Who went on from a rung, by rung and candidate."""
    rankings: list[Ranking] = field(default_factory=list)
    feedbacks: dict[int, Feedback] = field(default_factory=dict)
    arms: dict[str, FinalArm] = field(default_factory=dict)
    """The arms of finalize, by id."""
    bank_fingerprint: str | None = None
    """What the run's rollout bank was sampled of."""
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
    def dropped(self) -> dict[str, PromotionDecision]:
        """Candidates that did not go on from a rung, by id."""
        return {id: promotion for (_, id), promotion in self.promotions.items() if not promotion.promoted}

    @property
    def stopped(self) -> dict[str, TrainingResult]:
        """Of the candidates that did not go on, the segment that each was trained to."""
        found = {id: self.training_of(id) for id in self.dropped}
        return {id: result for id, result in found.items() if result is not None}

    @property
    def baselines(self) -> list[TrainingResult]:
        """The whole screens of the baseline under the seeds that its noise is taken from, in their order.

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

    def training_of(self, arm: str) -> TrainingResult | None:
        """What is known of an arm's training: its whole screen under the search's seed, else under the first other seed, else
        the furthest segment of one."""
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

    def apply(self, event: Event) -> None:
        """Folds one event in."""
        kind, now = event["event"], event["time"]
        if kind == "opened":
            self.base = self.base or tuple(RewardSpec.model_validate(spec) for spec in event["base"])
            if not self.started:
                self.inputs, self.started = event.get("inputs"), now
            if "config" in event:
                self.config = parse_config(event["config"], str(self.folder))
            if "environment" in event:
                self.environment = Environment.model_validate(event["environment"])
            self.status, self.reason = "running", None
        else:
            self.seconds += max(0.0, now - self.updated)
        self.updated = now
        if kind in MONEY_EVENTS:
            self.account.apply(event)
        elif kind == "planned":
            self.plans[event["round"], event["attempt"]] = tuple(
                Request.model_validate(ask) for ask in event["requests"]
            )
        elif kind == "proposed":
            proposal = Proposal.model_validate(event["proposal"])
            self.proposals[event["round"], event["attempt"]] = proposal
            for candidate in proposal.candidates:
                self.candidates.setdefault(candidate.id, candidate)
        elif kind == "validated":
            verdict = Verdict.model_validate(event["verdict"])
            self.verdicts[verdict.candidate] = verdict
        elif kind == "tuned":
            self.adapter, self.sft = event.get("adapter"), load_sft(self.folder / SFT, event["mark"], whole=False)
            self.lost.pop(SFT, None)
            if event.get("digest") not in (None, file_digest(str(self.folder / SFT / RESULT))):
                self.sft = None
            if self.sft is None:
                there = (self.folder / SFT / RESULT).is_file()
                self.lost[SFT] = LostFile(path=f"{SFT}/{RESULT}", what="damaged" if there else "missing")
            self._trained()
        elif kind == "trained":
            self._screened(event)
        elif kind == "raced":
            self.promotions.update(
                {
                    (event["rung"], promotion["id"]): PromotionDecision.model_validate(promotion)
                    for promotion in event["promotions"]
                }
            )
        elif kind == "ranked":
            self.rankings.append(Ranking.model_validate(event["ranking"]))
            feedback = Feedback.model_validate(event["feedback"])
            self.feedbacks[feedback.round] = feedback
        elif kind == "arms":
            self.arms = {arm["id"]: FinalArm.model_validate(arm) for arm in event["arms"]}
        elif kind == "bank":
            self.bank_fingerprint = event["mark"]
        elif kind == "lost":
            self._lose(event["folder"], LostFile.model_validate(event["lost"]))
        elif kind == "test_read":
            self.test_files[event["file"]] = event["digest"]
        elif kind == "test_opened":
            self.test_opened.append(now)
        elif kind == "final":
            self.final = FinalReport.model_validate(event["report"])
            if "ranking" in event:
                self.final_ranking = Ranking.model_validate(event["ranking"])
        elif kind == "ended":
            self.status, self.reason = event["status"], event.get("reason")

    def _trained(self) -> None:
        """Notes that the session has trained."""
        if self.environment is not None and self.environment not in self.trained_in:
            self.trained_in.append(self.environment)

    def _flags(self, folder: str, result: TrainingResult) -> tuple[str, ...]:
        """The flags of a result, with what its session, the process that trained it, or a segment that it carries on had in other
        versions than the first."""
        own, first = result.environment or self.environment, self.first_environment
        found = (*self.mixed, *(differences(first, own) if first and own else ()))
        mixed = [each.flag for each in found]
        for place, before in self.trainings.items():
            if place != folder and (before.id, before.seed) == (result.id, result.seed):
                mixed += [flag for flag in before.flags if flag.startswith(MIXED)]
        return tuple(dict.fromkeys((*result.flags, *mixed)))

    def _lose(self, folder: str, lost: LostFile) -> None:
        """What the journal has of a training run is not there any more: it is work still to do."""
        self.lost[folder] = lost
        self.fingerprints.pop(folder, None)

    def _screened(self, event: Event) -> None:
        folder = event["folder"]
        if event["status"] == "error":
            result = TrainingResult.model_validate(event["result"])
            self.fingerprints.pop(folder, None)
        else:
            self._trained()
            try:
                found = read_result(self.folder / folder, event["mark"], event.get("digest"))
            except Lost as lost:
                self._lose(folder, LostFile(path=f"{folder}/{lost.name}", what=lost.what))
                return
            self.lost.pop(folder, None)
            self.first_environment = self.first_environment or found.environment or self.environment
            result = found.model_copy(update={"flags": self._flags(folder, found)})
            self.fingerprints[folder] = event["mark"]
        self.trainings[folder] = result
        if result.seed != self.config.seed or result.id not in (BASELINE, POLICY, *self.candidates):
            return
        known = self.results.get(result.id)
        if result.rung != FULL and known is not None and known.rung == FULL:
            # A segment whose files were lost is trained again; the whole screen stands.
            return
        if result.rung == FULL or result.status != "done":
            self.results[result.id] = result
        else:
            # A segment that the machine failed on has been made good.
            self.results.pop(result.id, None)
