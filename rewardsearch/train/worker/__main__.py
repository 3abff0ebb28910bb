"""A process that carries out jobs on a run, one after another. The policy stays loaded.

    python -m rewardsearch.train.worker RUN_FOLDER

Jobs come as JSON lines on standard input; what happens goes as JSON lines to the descriptor that standard output was when
the process started (libraries that print reach the log instead). The process ends with standard input, whatever it is doing,
so a search that was killed leaves nothing running.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewardsearch.config import load_config
from rewardsearch.errors import UserError
from rewardsearch.files.disk import scratch_root, storage_error
from rewardsearch.run.progress import Unit
from rewardsearch.train.launcher import JOB, Job
from rewardsearch.train.worker.jobs import Worker

Say = Callable[[dict[str, Any]], None]


def _lines() -> queue.Queue[str]:
    """Lines of standard input as they come. The process exits when standard input ends."""
    lines: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return lines


def main() -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event: dict[str, Any]) -> None:
        out.write(json.dumps(event) + "\n")
        out.flush()

    warnings.filterwarnings("ignore")
    run = Path(sys.argv[1])
    config = load_config(run / "config.yaml")
    lines = _lines()
    # Its sandbox ends with this process, whose exit closes the sandbox's pipe.
    worker = Worker(run, config)
    while True:
        say(carried_out(worker, JOB.validate_json(lines.get()), say))


def carried_out(worker: Worker, job: Job, say: Say = lambda event: None) -> dict[str, Any]:
    """The event for the parent at the end of `job`, however it ended. say: takes the events before it, one a step."""

    def on_step(id: str, done: int, of: int, unit: Unit) -> None:
        say({"event": "step", "id": id, "step": done, "of": of, "unit": unit})

    try:
        worker.carry_out(job, on_step)
    except UserError as error:
        return {"event": "user_error", "mistakes": error.mistakes}
    except Exception as error:
        # Whatever it is, it is not the candidate's doing: the parent tries again, or reports the machine or its disk.
        with contextlib.suppress(OSError):
            traceback.print_exc()
        if stored := storage_error(error, worker.run, scratch_root()):
            return {"event": "storage", "message": str(stored), "exit_code": stored.exit_code}
        return {"event": "broken", "reason": f"{type(error).__name__}: {str(error)[:300]}"}
    return {"event": "done", "id": job.id}


if __name__ == "__main__":
    main()
