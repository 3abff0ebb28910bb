"""Devices that do not exist: a launcher and a proposer for a real search whose jobs take simulated seconds.

The search proposes, validates, races, ranks and finalizes as ever. The launcher draws a plausible result for each job, and
gives the jobs of a batch to the next free device of each cluster, in their order, as `local` does. A result follows from its job
alone, so one search has the same batches on every cluster, and all clusters are simulated side by side.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rewardsearch.config import Config
from rewardsearch.propose import Draft, Proposal, ProposalRequest, Proposer, admit
from rewardsearch.records import BASELINE, FULL, POLICY, CurvePoint, Outcome, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import ADAPTER, load_result, save_outcomes, save_result
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.ledger import Ledger
from rewardsearch.tasks import load_task
from rewardsearch.train.launcher import Done, EvaluateTest, Job, MayContinue, MayStart, OnStep, TrainArm

CODE = '''"""Pays the gold answer, less a penalty for long completions."""


def reward(prompts, completions, answer, **columns):
    return [float(gold in text) - WEIGHT * len(text) / 1000 for text, gold in zip(completions, answer)]
'''
REFERENCES, FINALIZE = "references", "finalize"
_GAIN, _SEED_NOISE, _EARLY_NOISE = 0.3, 0.15, 0.3
"""Standard deviations in logits of accuracy: between rewards, between seeds, and of how early a reward's gain comes."""


@dataclass(frozen=True)
class Times:
    """Seconds on one device."""

    load: float = 90.0
    """Before the first job of a device: the process starts, and the model's weights are read."""
    train: float = 3000.0
    """All steps of a training."""
    evaluate: float = 60.0
    """All questions of `val`, and of the test."""
    spread: float = 0.15
    """Standard deviation of the logarithm of a training's time: rewards make completions long or short."""
    request: float = 45.0
    """One proposal."""
    in_flight: int = 4
    """Proposals at once."""
    validate: float = 1.0
    """One candidate, on the machine of the search."""


@dataclass
class Cluster:
    """`devices` of one kind, and what they have done until `now`, in seconds. busy: by phase, summed over devices; lasted: by
    phase."""

    devices: int
    now: float = 0.0
    busy: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    lasted: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _warm: set[int] = field(default_factory=set)

    def wait(self, seconds: float, phase: str) -> None:
        """No device has work."""
        self.now += seconds
        self.lasted[phase] += seconds

    def carry_out(self, jobs: Sequence[float], load: float, phase: str) -> None:
        """Jobs of so many seconds each, until the last of them has ended. A device that is warm goes first."""
        free = [(self.now, device not in self._warm, device) for device in range(self.devices)]
        heapq.heapify(free)
        end = self.now
        for seconds in jobs:
            start, cold, device = heapq.heappop(free)
            until = start + seconds + (load if cold else 0.0)
            self._warm.add(device)
            heapq.heappush(free, (until, False, device))
            self.busy[phase] += until - start
            end = max(end, until)
        self.wait(end - self.now, phase)

    @property
    def idle(self) -> float:
        """The share of the devices' time without work."""
        return 1 - sum(self.busy.values()) / (self.devices * self.now)


@dataclass
class Simulation:
    """One search on several clusters. Launcher and proposer work on the one that is `current`."""

    times: Times
    clusters: Sequence[Cluster]
    phase: str = REFERENCES
    candidates: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of each candidate's training in the rounds, all rungs together."""

    def wait(self, seconds: float) -> None:
        for cluster in self.clusters:
            cluster.wait(seconds, self.phase)

    def carry_out(self, jobs: Mapping[str, float]) -> None:
        """Jobs on the arms of a batch, by arm, on every cluster."""
        if self.phase.startswith("round"):
            for arm, seconds in jobs.items():
                self.candidates[arm] += seconds
        for cluster in self.clusters:
            cluster.carry_out(list(jobs.values()), self.times.load, self.phase)

    def without_rounds(self, searched: Cluster) -> Cluster:
        """The same work on the same number of devices where no round and no rung waits for another: when a candidate ends, its
        device takes the next one at once, which is there. References come first and finalize last, as in the search."""
        found = Cluster(searched.devices)
        found.wait(searched.lasted[REFERENCES], REFERENCES)
        found.carry_out(list(self.candidates.values()), self.times.load, "rounds")
        found.wait(searched.lasted[FINALIZE], FINALIZE)
        for phase in (REFERENCES, FINALIZE):
            found.busy[phase] = searched.busy[phase]
        return found


current: list[Simulation] = []
"""The simulation of the search that runs: a search makes its launcher and its proposers by name."""


class SimulatedProposer(Proposer):
    """Each round has as many rewards as it asks for, none seen before."""

    uses_feedback = False

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        (simulation,) = current
        simulation.phase = f"round {request.round}"
        times, first = simulation.times, len(request.seen)
        drafts = [
            Draft(name=f"penalty_{number}", code=CODE.replace("WEIGHT", repr(number / 64)))
            for number in range(first, first + request.count)
        ]
        simulation.wait(math.ceil(request.count / times.in_flight) * times.request + request.count * times.validate)
        return admit(request, drafts)


class SimulatedLauncher:
    """Draws the results of jobs, and lets the clusters of the current simulation spend their time."""

    def __init__(self, run: Path, config: Config) -> None:
        self._run, self._config = run, config
        task = load_task(config.task)
        self._rows = {split: task.rows(split) for split in ("val", "test")}

    device_seconds = 0.0

    def run(
        self, jobs: Sequence[Job], may_start: MayStart, may_continue: MayContinue, on_step: OnStep
    ) -> Iterator[Done]:
        (simulation,) = current
        if any(self._is_final(job) for job in jobs):
            simulation.phase = FINALIZE
        simulation.carry_out({_arm_of(job): self._seconds(job, simulation.times) for job in jobs})
        for job in jobs:
            if isinstance(job, TrainArm):
                self._train(job.training)
            elif isinstance(job, EvaluateTest):
                arm, _, seed = job.id.rpartition("-")
                save_outcomes(self._run / job.file, self._outcomes(job.id, self._logit(arm, int(seed), 1.0), "test"))
            yield Done(job.id)

    def close(self) -> None: ...

    def _is_final(self, job: Job) -> bool:
        """Whether only finalize has it. Beside the baseline, no arm of the search has another seed than the search's."""
        if not isinstance(job, TrainArm):
            return isinstance(job, EvaluateTest)
        return job.training.id != BASELINE and job.training.seed != self._config.seed

    def _seconds(self, job: Job, times: Times) -> float:
        if not isinstance(job, TrainArm):
            return times.evaluate
        training = job.training
        slow = math.exp(times.spread * _random("speed", training.id, training.seed).standard_normal())
        return self._trained(training) / self._config.train.steps * times.train * slow + times.evaluate

    def _trained(self, job: TrainingJob) -> int:
        before = load_result(self._run / job.start) if job.start else None
        return job.steps - (before.steps if before else 0)

    def _train(self, job: TrainingJob) -> None:
        share = job.steps / self._config.train.steps
        questions = math.ceil((job.questions or 1) * len(self._rows["val"]))
        folder = self._run / job.folder
        result = TrainingResult(
            id=job.id,
            rung=job.rung,
            seed=job.seed,
            steps=job.steps,
            trained=self._trained(job),
            status="done",
            outcomes=self._outcomes(job.folder, self._logit(job.id, job.seed, share), "val", questions),
            curves=tuple(_point(step) for step in range(1, job.steps + 1)),
        )
        if job.rung == FULL and job.steps:
            (folder / ADAPTER).mkdir(parents=True, exist_ok=True)
            (folder / ADAPTER / "adapter_model.safetensors").write_bytes(job.folder.encode())
        save_result(folder, result, fingerprint("training", self._config, job))

    def _logit(self, arm: str, seed: int, share: float) -> float:
        """The accuracy of an arm after a share of its training, in logits."""
        if arm == POLICY:
            return -0.4
        gain = 0.0 if arm == BASELINE else _GAIN * _random("gain", arm, 0).standard_normal()
        early = _EARLY_NOISE * (1 - share) * _random("early", arm, seed).standard_normal()
        return -0.4 + 0.8 * share + gain * share + early + _SEED_NOISE * _random("seed", arm, seed).standard_normal()

    def _outcomes(self, what: str, logit: float, split: str, questions: int | None = None) -> tuple[Outcome, ...]:
        """Right answers with the probability of `logit`, but each question is as hard for every arm."""
        rows = self._rows[split][:questions]
        hard = _random("questions", split, 0).standard_normal(len(rows))
        drawn = _random("outcomes", what, 0).random(len(rows))
        right = drawn < 1 / (1 + np.exp(-1.7 * (logit + hard)))
        return tuple(
            Outcome(
                id=row.id,
                kind="correct" if answered else "wrong",
                gold=row.answer,
                prediction=row.answer if answered else "-1",
                length=200,
            )
            for row, answered in zip(rows, right, strict=True)
        )


def _arm_of(job: Job) -> str:
    return f"{job.training.id} {job.training.seed}" if isinstance(job, TrainArm) else job.id


def _point(step: int) -> CurvePoint:
    return CurvePoint(
        step=step,
        reward=step / 100,
        exact_match=0.4 + step / 100,
        components={"answer": 1.0},
        length=200,
        zero_std_fraction=0.2,
        clipped=0.0,
        parsed=1.0,
        grad_norm=1.0,
    )


def _random(what: str, arm: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, *what.encode(), *arm.encode()])
