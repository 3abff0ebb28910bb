"""Engines that kill the Ray worker that their process belongs to, once, in the middle of a training.

The file is copied beside the config of a test. Which engine has killed is remembered in a file beside that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewardsearch.config import Config
from rewardsearch.testing.launcher import PlainEngine
from rewardsearch.train.engine import AfterStep, Arm, Trained


class _Killing:
    def train(self, arms: Sequence[Arm]) -> Iterator[tuple[Arm, Trained | Exception]]:
        found: Any = super().train([replace(arm, after_step=_killing(arm)) for arm in arms])  # type: ignore[misc]
        return found


def _killing(arm: Arm) -> Any:
    def after_step() -> AfterStep:
        parent, killed = os.getppid(), Path(__file__).with_name("killed")
        under_ray = Path(f"/proc/{parent}/cmdline").read_bytes().startswith(b"ray::Node")
        if under_ray and len(arm.job.rewards) > 3 and not killed.exists():
            killed.write_text(arm.job.folder, encoding="utf-8")
            os.kill(parent, signal.SIGKILL)
        return arm.after_step()

    return after_step


class Plain(_Killing, PlainEngine): ...


def Trl(config: Config, start: Path | None) -> Any:  # noqa: N802 - the config names it as an engine
    from rewardsearch.train.engines.trl.engine import TrlEngine

    class Killing(_Killing, TrlEngine): ...

    return Killing(config, start)
