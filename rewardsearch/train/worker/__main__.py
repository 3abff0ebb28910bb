"""A process that carries out jobs on a run, one after another. The policy stays loaded.

    python -m rewardsearch.train.worker RUN_FOLDER

A line of standard input is a list of jobs as JSON, or `{"pause": true}` to pause those that are running. What happens
goes as JSON lines to the descriptor that standard output was when the process started (libraries that print reach the log
instead). The process ends with standard input, whatever it is doing, so a search that was killed leaves nothing running.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rewardsearch.config import load_config
from rewardsearch.errors import UserError
from rewardsearch.files.disk import scratch_root, storage_error
from rewardsearch.run.progress import Unit
from rewardsearch.train.launcher import JOBS, Job, MayContinue
from rewardsearch.train.worker.arms import End
from rewardsearch.train.worker.jobs import Worker

Say = Callable[[dict[str, Any]], None]


class Inbox:
    """What the parent sends. The process exits when standard input ends."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._jobs: queue.Queue[list[Job]] = queue.Queue()
        self._pause = threading.Event()
        threading.Thread(target=self._listen, args=[lines], daemon=True).start()

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.startswith("["):
                self._pause.clear()
                self._jobs.put(JOBS.validate_json(line))
            else:
                self._pause.set()
        os._exit(0)

    def jobs(self) -> list[Job]:
        """The next jobs, once they are there."""
        return self._jobs.get()

    def may_continue(self) -> bool:
        """Whether the jobs that came last may go on."""
        return not self._pause.is_set()


def main() -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event: dict[str, Any]) -> None:
        out.write(json.dumps(event) + "\n")
        out.flush()

    warnings.filterwarnings("ignore")
    run = Path(sys.argv[1])
    config = load_config(run / "config.yaml")
    inbox = Inbox(sys.stdin)
    # Its sandbox ends with this process, whose exit closes the sandbox's pipe.
    worker = Worker(run, config)
    while True:
        carry_out(worker, inbox.jobs(), say, inbox.may_continue)


def carry_out(worker: Worker, jobs: Sequence[Job], say: Say, may_continue: MayContinue = lambda: True) -> None:
    """Carries out `jobs`. say: takes an event at each step, and one at the end of each job, however it ended."""

    def on_step(id: str, done: int, of: int, unit: Unit) -> None:
        say({"event": "step", "id": id, "step": done, "of": of, "unit": unit})

    left = [job.id for job in jobs]
    try:
        for id, end in worker.carry_out(jobs, on_step, may_continue):
            left.remove(id)
            say(_event(id, end, worker.run))
    except Exception as error:
        for id in left:
            say(_event(id, error, worker.run))


def _event(id: str, end: End, run: Path) -> dict[str, Any]:
    if isinstance(end, str):
        return {"event": end, "id": id}
    if isinstance(end, UserError):
        return {"event": "user_error", "id": id, "mistakes": end.mistakes}
    # Whatever it is, it is not the candidate's doing: the parent tries again, or reports the machine or its disk.
    with contextlib.suppress(OSError):
        traceback.print_exception(end)
    if stored := storage_error(end, run, scratch_root()):
        return {"event": "storage", "id": id, "message": str(stored), "exit_code": stored.exit_code}
    return {"event": "broken", "id": id, "reason": f"{type(end).__name__}: {str(end)[:300]}"}


if __name__ == "__main__":
    main()
