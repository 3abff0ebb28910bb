"""A search whose training and test are played by functions: seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewardsearch.config import Config
from rewardsearch.records import Outcome, ScreenJob, ScreenResult
from rewardsearch.store import fingerprint, load_outcomes, load_result, save_outcomes, save_result


class Quiet:
    def say(self, line: str) -> None: ...

    def jobs(self, names: Mapping[str, str], steps: int) -> None: ...

    def step(self, id: str, step: int, of: int) -> None: ...

    def ended(self, result: ScreenResult, name: str) -> None: ...


def outcomes(job: str) -> tuple[Outcome, ...]:
    right = 3 + int.from_bytes(job.encode()[-2:], "big") % 15
    return tuple(
        Outcome(id=f"q{i}", kind="correct" if i < right else "wrong", gold="7", prediction="7", length=3)
        for i in range(20)
    )


@dataclass
class Trainer:
    """Stands for the worker processes: what it trained, what ends otherwise, and when the user steps in."""

    trained: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    before_test: Callable[[], None] = lambda: None
    after_run: Callable[[str], None] = lambda id: None

    def screen(
        self, jobs: Sequence[ScreenJob], workers: Any, run: Path, config: Config, may_start: Any, on_step: Any
    ) -> Iterator[ScreenResult]:
        for job in jobs:
            mark = fingerprint(job, config)
            known = load_result(run / job.folder, mark)
            if known is not None:
                yield known
                continue
            if not may_start():
                return
            self.trained.append(job.id)
            status: Any = self.ends.get(job.id, "done")
            result = ScreenResult(
                id=job.id,
                rung=job.rung,
                seed=job.seed,
                steps=job.steps,
                status=status,
                reason=None if status == "done" else "because",
                outcomes=outcomes(job.id) if status == "done" else (),
            )
            if status != "error":
                save_result(run / job.folder, result, mark)
            self.after_run(job.id)
            yield result

    def read_test(
        self, arms: Sequence[tuple[str, str | None, str]], workers: Any, run: Path, folder: str, may_start: Any
    ) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
        self.before_test()
        for arm, _, mark in arms:
            path = run / folder / f"{arm}-{mark[:8]}.jsonl"
            if load_outcomes(path) is None:
                self.tested.append(arm)
                save_outcomes(path, outcomes(arm + mark))
            yield arm, load_outcomes(path) or ()
