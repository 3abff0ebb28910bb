"""What a running search reports, in lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rewardsearch.config import Config
from rewardsearch.records import POLICY, Outcome, SftResult, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import SFT
from rewardsearch.run.progress import Running
from rewardsearch.run.state import RunState
from rewardsearch.session.time_left import describe_time_left, time_left
from rewardsearch.stats import f1_accuracy


def scores_text(outcomes: Iterable[Outcome]) -> str:
    """The scores that a line of progress has room for."""
    found = list(outcomes)
    metrics = f1_accuracy(found)
    scores = f"F1 {metrics.f1:.3f}, accuracy {metrics.accuracy:.3f}"
    if metrics.macro_f1 is not None:
        of = "" if found[0].positive is None else f"F1 {metrics.f1:.2f}, "
        scores = f"{of}macro F1 {metrics.macro_f1:.2f}, "
        scores += f"precision {metrics.precision:.2f}, recall {metrics.recall:.2f}"
    return f"{scores} on {metrics.n} questions"


def describe_sft(result: SftResult) -> tuple[str, ...]:
    """A fine-tuning in lines: the ends of its loss curve, then the scores on `val` before and after."""
    first, last = result.curve[0], result.curve[-1]
    left = f"; {result.left_out:,} longer than sft.max_tokens left out" if result.left_out else ""
    return (
        f"loss {first.loss:.3f} -> {last.loss:.3f} nats a token in {result.steps:,} steps on {result.rows:,} demonstrations, "
        f"{result.seconds:.0f} s{left}",
        f"before: {scores_text(result.before)} of val",
        f"after:  {scores_text(result.after)} of val",
    )


class LineProgress:
    """Implements run.progress.Progress: gives each line to `write`."""

    def __init__(self, config: Config, write: Callable[[str], None]) -> None:
        self.sft_reported = False
        """Whether a fine-tuning has been reported."""
        self.write = write
        self._has_sft = config.sft.enabled
        self._state: RunState | None = None
        self._running: tuple[Running, ...] = ()

    def opened(self, state: RunState) -> None:
        self._state = state

    def say(self, line: str) -> None:
        self.write(line)

    def jobs(self, names: Iterable[str], steps: int) -> None:
        names = list(names)
        self.say(f"  training to step {steps}: {', '.join(names)}")

    def running(self, jobs: Sequence[Running]) -> None:
        self._running = tuple(jobs)

    def sft_done(self, result: SftResult) -> None:
        self.sft_reported = True
        for line in describe_sft(result):
            self.say(f"  {SFT} {line}")

    def ended(self, job: TrainingJob, result: TrainingResult, name: str, left: bool = True) -> None:
        """left: whether the line ends with the time of training that is left."""
        id = "" if job.id == POLICY or name.startswith(job.id) else f" {job.id[:6]}"
        time_left = self.time_left() if left and result.status == "done" and result.steps else ""
        self.say(f"  {name}{id} {self._outcome(result)}{f'  ({time_left})' if time_left else ''}")

    def time_left(self) -> str:
        """Such as "about 4 min of training left"; empty while nothing has been measured, and where none is left."""
        return describe_time_left(time_left(self._state, self._running)) if self._state else ""

    def _outcome(self, result: TrainingResult) -> str:
        if result.status != "done":
            return f"{result.status}: {result.reason}"
        after = (
            f"after {result.steps} steps" if result.id != POLICY else "before GRPO" if self._has_sft else "untrained"
        )
        text = f"{after}: {scores_text(result.outcomes)}, {result.seconds:.0f} s"
        return f"{text}; stopped early: {result.stop_reason}" if result.stop_reason else text
