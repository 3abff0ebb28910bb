"""A process that trains: loads the policy once, then does one job after another.

    python -m rewardsearch.train.worker RUN_FOLDER

Jobs come as JSON lines on standard input; what happens goes as JSON lines to the descriptor that standard output was when
the process started (libraries that print reach the log instead). When standard input ends, so does the process, whatever
it is doing: a search that was killed leaves nothing running.
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
from pathlib import Path
from typing import Any

import torch

from rewardsearch.config import load_config
from rewardsearch.errors import UserError
from rewardsearch.files.disk import scratch_root, storage_error
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.train.jobs import Worker


def _messages() -> queue.Queue[str]:
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

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    warnings.filterwarnings("ignore")
    run = Path(sys.argv[1])
    config = load_config(run / "config.yaml")
    torch.set_num_threads(config.train.threads)
    lines = _messages()
    # It ends with this process, whose exit closes its pipe.
    worker = Worker(run, config, Sandbox(config.sandbox, config.validation.bound), say)
    while True:
        say(carried_out(worker, json.loads(lines.get())))


def carried_out(worker: Worker, message: dict[str, Any]) -> dict[str, Any]:
    """What the parent is told at the end of `message`, however it ended."""
    try:
        return worker.do(message)
    except UserError as error:
        return {"event": "user_error", "mistakes": error.mistakes}
    except Exception as error:
        # Whatever it is, it is not the candidate's doing: the parent tries again, or reports the machine or its disk.
        with contextlib.suppress(OSError):
            traceback.print_exc()
        if stored := storage_error(error, worker.run, scratch_root()):
            return {"event": "storage", "message": str(stored), "exit_code": stored.exit_code}
        return {"event": "broken", "reason": f"{type(error).__name__}: {str(error)[:300]}"}


if __name__ == "__main__":
    main()
