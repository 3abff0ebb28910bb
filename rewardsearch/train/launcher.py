"""Launchers carry out the jobs of a search somewhere. This is what one provides, and what a job is.

The config names it (`train.launcher`): a built-in name, the name of an entry point, `package.module:Name`, or `file.py:Name`.
`rewardsearch.testing.launcher` has the tests that every launcher must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field, TypeAdapter

from rewardsearch.config import Config
from rewardsearch.files.plugins import load_plugin
from rewardsearch.records import Record, TrainingJob
from rewardsearch.run.artifacts import SFT
from rewardsearch.run.progress import Unit

LAUNCHERS = {
    "local": "rewardsearch.train.launchers.local:LocalLauncher",
    "ray": "rewardsearch.train.launchers.ray:RayLauncher",
}
"""The built-in launchers."""
MayStart = Callable[[], bool]
"""Asked before each start of a job."""
MayContinue = Callable[[], bool]
"""Asked whether running jobs may go on."""
OnStep = Callable[[str, int, int, Unit], None]
"""Called with a job's id, the units it has done, how many there are, and what they are."""


class TrainArm(Record):
    """Train and evaluate one arm, or a segment of its training. The result goes into `training.folder`."""

    kind: Literal["train"] = "train"
    id: str
    training: TrainingJob


class FineTune(Record):
    """Fine-tune the policy. The result goes into the folder SFT."""

    kind: Literal["sft"] = "sft"
    id: str = SFT


class SampleBank(Record):
    """Sample the rollout bank into `file`."""

    kind: Literal["bank"] = "bank"
    id: str = "bank"
    file: str


class EvaluateTest(Record):
    """Evaluate the adapter in the folder `adapter` (None: the policy without one) on the sealed test, into `file`. bare: texts
    are embedded without rationales."""

    kind: Literal["test"] = "test"
    id: str
    adapter: str | None
    file: str
    bare: bool = False


def evaluation_on_test(id: str, adapter: str | None, fingerprint: str, bare: bool = False) -> EvaluateTest:
    """The evaluation of a policy whose training has the fingerprint `fingerprint`, into a file of its own."""
    return EvaluateTest(id=id, adapter=adapter, file=f"final/test/{id}-{fingerprint[:8]}.jsonl", bare=bare)


Job = Annotated[TrainArm | FineTune | SampleBank | EvaluateTest, Field(discriminator="kind")]
"""One job. Files and folders are relative to the run folder."""
JOBS: TypeAdapter[list[Job]] = TypeAdapter(list[Job])
"""Reads and writes jobs as JSON."""


@dataclass(frozen=True)
class Done:
    """A job that was carried out, given up because of an infrastructure error (`error`), or paused: its progress is saved, and
    the same job resumes it."""

    id: str
    error: str | None = None
    paused: bool = False


class Launcher(Protocol):
    """Carries out jobs on the run in the folder `run`, whose config is `config`.

    `rewardsearch.train.worker.jobs.Worker` carries out jobs inside a process and writes their results into the run folder; a
    launcher decides which process does so, where, and when. No process starts before there is work. A process may be given up to
    `train.arms` TrainArm jobs at once, and one job of any other kind.
    """

    def __init__(self, run: Path, config: Config) -> None: ...

    def run(
        self, jobs: Sequence[Job], may_start: MayStart, may_continue: MayContinue, on_step: OnStep
    ) -> Iterator[Done]:
        """Carries out `jobs`, and yields each as it ends, in any order. Its result is in the run folder by then.

        While `may_start` says no, nothing is started; when nothing is running then, the other jobs are left out. `may_continue`
        is asked at least every two seconds. Once it says no, nothing is started any more, running TrainArm jobs are paused after
        the step in hand, and running jobs of other kinds are finished. Raises UserError where a job finds a mistake in the
        config, MachineError or UserError where a disk is full.
        """
        ...

    @property
    def device_seconds(self) -> float:
        """Seconds that its processes have held accelerators so far, times their number; 0 on a CPU."""
        ...

    def close(self) -> None:
        """Ends what is running."""
        ...


def launcher_class(config: Config) -> Callable[[Path, Config], Launcher]:
    """What `train.launcher` names. Raises UserError where nothing has that name."""
    found: Callable[[Path, Config], Launcher] = load_plugin(
        "launcher", config.train.launcher, LAUNCHERS, "train.launcher"
    )
    return found


@contextmanager
def start_launcher(run: Path, config: Config) -> Iterator[Launcher]:
    """The launcher that `train.launcher` names, closed at the end."""
    launcher = launcher_class(config)(run, config)
    try:
        yield launcher
    finally:
        launcher.close()
