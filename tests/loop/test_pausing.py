"""A budget that is used up, and Ctrl-C, while candidates train: the search pauses them, and the same command resumes them."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from played import SMALL, Quiet

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import BudgetReached, Interrupted, RewardSearchError, UserError
from rewardsearch.loop import search
from rewardsearch.records import BASELINE
from rewardsearch.run.artifacts import PROGRESS
from rewardsearch.run.journal import read_run
from rewardsearch.run.progress import Unit
from rewardsearch.testing.launcher import ENGINE, SLOW
from rewardsearch.train.interrupts import noted_interrupt
from rewardsearch.train.launcher import LAUNCHERS
from rewardsearch.train.launchers.local import LocalLauncher

ROOT = Path(__file__).parents[2]
STEPS = 30


class Counting(LocalLauncher):
    """A local launcher whose processes hold an accelerator for six minutes at each step."""

    steps: ClassVar[list[tuple[str, int]]] = []
    interrupts: ClassVar[list[int]] = []
    """The step at which Ctrl-C is pressed, and how often."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._before = len(self.steps)

    @property
    def device_seconds(self) -> float:
        return 360.0 * (len(self.steps) - self._before)

    def run(self, jobs: Any, may_start: Any, may_continue: Any, on_step: Any) -> Iterator[Any]:
        def seen(id: str, done: int, of: int, unit: Unit) -> None:
            on_step(id, done, of, unit)
            if unit == "steps":
                self.steps.append((id, done))
                for _ in range(self.interrupts[1] if self.interrupts[:1] == [done] else 0):
                    signal.raise_signal(signal.SIGINT)

        return super().run(jobs, may_start, may_continue, seen)


@pytest.fixture(autouse=True)
def launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAUNCHERS, "counting", f"{__name__}:Counting")
    monkeypatch.setattr(Counting, "steps", [])
    monkeypatch.setattr(Counting, "interrupts", [])


def config(**budget: float) -> Config:
    train = {"engine": ENGINE, "launcher": "counting", "steps": STEPS, "slots": 1, "prompts_per_step": 1}
    propose = {"proposer": "folder", "folder": str(ROOT / "candidates" / "arithmetic")}
    return parse_config(
        {
            **SMALL,
            "seed": SLOW,
            "candidates": 1,
            "task": {"train_rows": 8, "val_rows": 6, "test_rows": 6},
            "propose": propose,
            "train": {**train, "group_size": 2, "baseline_seeds": 1},
            "rank": {"resamples": 100, "min_correct": 0},
            "budget": budget,
        },
        "test",
    )


@pytest.mark.parametrize(
    ("ends", "limits"), [(BudgetReached, {"gpu_hours": 0.5}), (Interrupted, {})], ids=["budget", "ctrl-c"]
)
def test_running_training_is_paused_and_resumed_by_the_same_command(
    ends: type[RewardSearchError], limits: dict[str, float], tmp_path: Path
) -> None:
    Counting.interrupts = [] if limits else [5, 1]
    with pytest.raises(ends, match=r"gpu_hours: 0\.\d of 0\.5" if limits else "interrupted"):
        search(config(**limits), tmp_path, Quiet())
    begun = len(Counting.steps)
    assert 5 <= begun < STEPS
    progress = tmp_path / f"candidates/{BASELINE}/training/full-{SLOW}" / PROGRESS
    assert progress.is_dir()
    state = read_run(tmp_path)
    assert (state.status, BASELINE in state.results) == ("budget" if limits else "stopped", False)
    assert state.device_seconds == 360.0 * begun
    if limits:
        with pytest.raises(BudgetReached, match=r"gpu_hours"):
            search(config(**limits), tmp_path, Quiet())
        assert len(Counting.steps) == begun
    Counting.interrupts = []
    state = search(config(), tmp_path, Quiet())
    assert state.status == "finished" and state.device_seconds == 360.0 * len(Counting.steps)
    # Each step was taken once.
    assert [step for id, step in Counting.steps if BASELINE in id] == list(range(1, STEPS + 1))
    assert len(state.results[BASELINE].curves) == STEPS and not progress.exists()


def test_a_second_ctrl_c_ends_the_search_at_once(tmp_path: Path) -> None:
    Counting.interrupts = [3, 2]
    with pytest.raises(KeyboardInterrupt):
        search(config(), tmp_path, Quiet())
    assert [step for _, step in Counting.steps] == [1, 2, 3]
    assert read_run(tmp_path).status == "stopped"


def test_sigterm_is_noted_once_where_it_is_handled() -> None:
    def handle(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        with noted_interrupt() as interrupted:
            assert not interrupted()
            signal.raise_signal(signal.SIGTERM)
            assert interrupted() and signal.getsignal(signal.SIGTERM) is handle
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with noted_interrupt():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_budget_of_gpu_hours_is_refused_on_the_cpu(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewardsearch.train.accelerators", lambda: ())
    given = config(gpu_hours=2).model_dump()
    given["train"]["launcher"], given["policy"]["device"] = "local", device
    with pytest.raises(UserError, match=r"budget\.gpu_hours: got 2.*budget\.wall_clock_minutes"):
        search(Config.model_validate(given), tmp_path, Quiet())
    assert not (tmp_path / "journal.jsonl").exists()
