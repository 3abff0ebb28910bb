"""A training job in a training process: the arm that an engine is given, and the result that its end becomes."""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rewardsearch.errors import MachineError
from rewardsearch.files import write_atomic
from rewardsearch.monitor.rules import alarms, hopeless
from rewardsearch.records import DIVERGED, FULL, Completion, Device, RewardSpec, Row, TrainingJob, TrainingResult
from rewardsearch.rewards.sandbox import RewardFault, SandboxedReward
from rewardsearch.run.artifacts import ADAPTER, CHECKPOINT, PROGRESS, save_result
from rewardsearch.run.environment import environment_of
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.progress import CurveFile, Unit
from rewardsearch.train.engine import AfterStep, Arm, Diverged, Phase, Trained
from rewardsearch.train.launcher import MayContinue
from rewardsearch.train.worker.observe import Observer, is_base
from rewardsearch.train.worker.progress import Earlier, load_progress, load_segment, seal_progress
from rewardsearch.train.worker.workplace import Workplace

_MAXRSS_MB = 1024 * 1024 if sys.platform == "darwin" else 1024
End = Literal["done", "paused"] | Exception
"""The end of a job: its result is written, its progress is saved, or what broke down."""
_Found = tuple[dict[str, Any], tuple[Completion, ...]]
"""The fields of a training result, and what the policy answered."""


class ArmRun:
    """One training job. `arm` is for the engine; `end` writes the result of its end.

    report: called with the units done, how many there are, and what they are.
    """

    def __init__(
        self,
        place: Workplace,
        job: TrainingJob,
        device: Device,
        report: Callable[[int, int, Unit], None],
        may_continue: MayContinue,
    ) -> None:
        self.job = job
        self._place, self._report, self._may_continue = place, report, may_continue
        self._began = self._saved = time.monotonic()
        self._loading, self._share = 0.0, 1.0
        self._folder = place.run / job.folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._progress, self._curve = self._folder / PROGRESS, CurveFile(self._folder)
        self._fingerprint = fingerprint("training", place.config, job)
        self._environment = environment_of(place.config, device)
        self._earlier, self._start = self._find_start()
        limits = place.config.sandbox
        self._rewards = [
            SandboxedReward(
                place.sandbox,
                spec,
                limits.failures,
                limits.rechecks,
                job.seed,
                self._earlier.faults.get(spec.id, 0),
                self._earlier.printed.get(spec.id, ""),
            )
            for spec in job.rewards
        ]
        self._observer = Observer(
            place.task,
            place.train_rows if job.steps else (),
            [(reward.spec, reward) for reward in self._rewards],
            place.config.train.group_size,
            place.config.train.max_completion_tokens,
            self._stepped,
            job.seed,
        )

    def _stepped(self, step: int) -> None:
        self._report(step, self.job.steps, "steps")
        self._curve.write(self._observer.curves)

    def _find_start(self) -> tuple[Earlier, Path | None]:
        own = load_progress(self._progress, self._fingerprint, self._environment)
        if own is not None:
            return own, self._progress
        segment = load_segment(self._place.run, self.job)
        if segment is not None and self.job.start is not None:
            return segment, self._place.run / self.job.start / CHECKPOINT
        return Earlier(), None

    def loaded(self, since: float, jobs: int) -> None:
        """The engine begins with the arm, one of `jobs`, which have been prepared since `since`, on the clock time.monotonic."""
        self._began, self._share = time.monotonic(), 1 / jobs
        self._loading = (self._began - since) * self._share

    @property
    def questions(self) -> list[Row]:
        """The rows that the arm is evaluated on."""
        rows = self._place.ranked_rows
        return rows[: math.ceil((self.job.questions or 1) * len(rows))]

    @cached_property
    def asked(self) -> list[Row]:
        """What the policy is asked to answer the questions; see Workplace.passages."""
        return self._place.passages(self.questions)

    def answered(self, done: int) -> None:
        """Reports that so many questions are answered."""
        self._report(done, len(self.asked), "questions")

    @property
    def arm(self) -> Arm:
        job, watch = self.job, self._place.config.watch
        return Arm(
            job=job,
            rows=self._place.train_rows,
            observer=self._observer,
            questions=self.asked,
            contrasts=self._place.contrasts if job.method == "contrastive" else (),
            embed=self._place.task.measures is not None,
            adapter=self._folder / ADAPTER if job.rung == FULL else None,
            start=self._start,
            checkpoint=self._folder / CHECKPOINT if job.rung != FULL else None,
            stop=lambda points: hopeless(points, watch) if watch.end_early else None,
            on_question=self.answered,
            after_step=self._after_step,
            progress=self._progress,
            seal=self._seal,
        )

    def _after_step(self) -> AfterStep:
        if not self._may_continue():
            return "pause"
        now = time.monotonic()
        if now - self._saved < self._place.config.train.checkpoint_minutes * 60:
            return "continue"
        self._saved = now
        return "save"

    def _seal(self, folder: Path, seconds: Mapping[Phase, float]) -> None:
        so_far = {
            "phases": self._phases(seconds),
            "faults": self._faults,
            "printed": {reward.spec.id: reward.printed for reward in self._rewards},
        }
        earlier = self._earlier.model_copy(update=so_far)
        seal_progress(folder, self._fingerprint, self._environment, earlier)

    def _phases(self, seconds: Mapping[Any, float]) -> dict[str, float]:
        """The seconds of the whole job by phase; `seconds`: those of its present part."""
        total = dict(self._earlier.phases)
        for phase, more in (("load", self._loading), *seconds.items()):
            total[phase] = round(total.get(phase, 0.0) + more, 3)
        return total

    @property
    def _faults(self) -> dict[str, int]:
        return {reward.spec.id: reward.faults for reward in self._rewards if reward.faults}

    def end(self, trained: Trained | Exception) -> End:
        """Writes the result, and removes what the job resumed from. A reward that failed, or a policy that diverged, is a
        result; any other exception is given back."""
        job = self.job
        if isinstance(trained, Trained) and trained.paused:
            return "paused"
        seconds: Mapping[Any, float] = {}
        completions: tuple[Completion, ...] = ()
        try:
            if isinstance(trained, Exception):
                raise trained
            seconds = trained.seconds
            found, completions = self._found(trained)
        except (RewardFault, Diverged) as error:
            found = self._failed(error)
            seconds = {"failed": (time.monotonic() - self._began) * self._share}
        except Exception as error:
            return error
        finally:
            _keep_printed(self._folder, self._rewards)
        phases = self._phases(seconds)
        result = TrainingResult(
            id=job.id,
            rung=job.rung,
            seed=job.seed,
            trained=found["steps"] - self._earlier.steps,
            seconds=round(sum(phases.values()) + self._earlier.seconds, 2),
            phases=phases,
            peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_MB, 1),
            environment=self._environment,
            **found,
        )
        save_result(self._folder, result, self._fingerprint, completions)
        shutil.rmtree(self._progress, ignore_errors=True)
        self._curve.remove()
        if job.start is not None:
            # The next segment resumes at the end of this one.
            shutil.rmtree(self._place.run / job.start / CHECKPOINT, ignore_errors=True)
        return "done"

    def _failed(self, error: RewardFault | Diverged) -> dict[str, Any]:
        steps = len(self._observer.curves()) or self._earlier.steps
        flags: tuple[str, ...]
        if isinstance(error, Diverged):
            where = f"diverged at step {steps}: " if self.job.steps else ""
            reason, flags = f"{where}{error}", (DIVERGED,)
        else:
            reason = _blame(self.job, self._observer.scoring, error)
            flags = ("changes later",) if error.kind == "changed" else ()
        return {"status": "failed", "steps": steps, "reason": reason, "flags": flags}

    def _found(self, trained: Trained) -> _Found:
        answers = None if self.job.bare else trained.answers
        outcomes, completions = self._place.judged(self.questions, answers, trained.vectors)
        if self.job.bare or not self.job.steps:
            return {"status": "done", "steps": self.job.steps, "outcomes": outcomes}, completions
        observer, curves = self._observer, self._observer.curves()
        if len(curves) != self.job.steps and trained.stop_reason is None:
            raise MachineError(f"trained {len(curves)} of {self.job.steps} steps")
        nonfinite = sum(point.grad_norm is None for point in curves)
        if nonfinite == len(curves):
            raise Diverged("the gradient was not finite at any step")
        faults = self._faults
        found = alarms(curves, self._place.config.watch)
        fields = {
            "status": "done",
            "steps": len(curves),
            "stop_reason": trained.stop_reason,
            "outcomes": outcomes,
            "curves": curves,
            "correlations": observer.correlations(),
            "correlations_any_form": observer.correlations_any_form(),
            "disagreements": observer.disagreements(),
            "group": observer.group,
            "alarms": found,
            "flags": (
                *(alarm.flag for alarm in found),
                *((f"{sum(faults.values())} failed reward calls",) if faults else ()),
                *((f"{nonfinite} non-finite step{'s' if nonfinite > 1 else ''}",) if nonfinite else ()),
            ),
            "nonfinite_steps": nonfinite,
            "faults": faults,
        }
        return fields, completions


def _blame(job: TrainingJob, scoring: RewardSpec | None, fault: RewardFault) -> str:
    """The fault's reason, with the id of the reward at work where the job has several that could be meant."""
    on_trial = [spec for spec in job.rewards if not is_base(spec)]
    return fault.reason if scoring is None or on_trial == [scoring] else f"{scoring.id}: {fault.reason}"


def _keep_printed(folder: Path, rewards: Sequence[SandboxedReward]) -> None:
    """Writes what the rewards printed to a file, for a person to read. Nothing else reads it."""
    texts = [f"# {reward.spec.name}\n{reward.printed}" for reward in rewards if reward.printed]
    if texts:
        write_atomic(folder / "printed.txt", "\n".join(texts))
