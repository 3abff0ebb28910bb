"""A worker process on another machine of a cluster, with a folder of its own in place of the run folder."""

from __future__ import annotations

import json
import queue
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewardsearch.config import load_config
from rewardsearch.errors import RewardSearchError, UserError
from rewardsearch.files import scratch_prefix, sweep_scratch
from rewardsearch.files.disk import disk_errors, scratch_root
from rewardsearch.train.launcher import JOBS, Job
from rewardsearch.train.launchers.dispatch import PAUSE, lines_of
from rewardsearch.train.launchers.local import COMMAND, ProcessSlot, start_process
from rewardsearch.train.launchers.travel import Files, pack, place_private, progress_of, results_of, unpack

Event = dict[str, Any]
_WAIT_S = 1.0
_LOG_BYTES = 20_000


class Node:
    """Starts a worker process with its first jobs, passes jobs on to it, and gives its events. The event of a job's end has the
    files of its result as `files`; one of a step, after progress was saved, has those of the progress; that of an error has the
    end of the worker's log as `log`.

    config: the run's config as YAML. search: a name that no other search on the machine has. command: starts a worker; its
    folder is added. Methods may be called from several threads.
    """

    def __init__(self, config: str, search: str, command: Sequence[str] = COMMAND) -> None:
        sweep_scratch()
        self._run = Path(tempfile.mkdtemp(prefix=scratch_prefix("node")))
        (self._run / "config.yaml").write_text(config, encoding="utf-8")
        self._command = command
        self._process: ProcessSlot | None = None
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._jobs: dict[str, Job] = {}
        self._placed = scratch_root() / f"rewardsearch-placed-{search}"
        """Names the files that were copied to this machine for the search, one a line."""
        self._progress: dict[str, float] = {}
        """When the progress of a job was saved last."""

    def start(self, jobs: bytes, files: Files, private: Files | None) -> None:
        """Gives the worker a list of jobs as JSON. files: what they need. private: what the config names on the search's machine,
        with the first jobs."""
        found = JOBS.validate_json(jobs)
        self._jobs = {job.id: job for job in found}
        try:
            with disk_errors(self._run, scratch_root()):
                place_private(private or {}, self._placed)
                unpack(self._run, sorted({name.partition("/")[0] for name in files}), files)
                if self._process is None:
                    self._process = self._started()
                self._process.write(lines_of(found))
        except UserError as error:
            for id in self._jobs:
                self._events.put({"event": "user_error", "id": id, "mistakes": error.mistakes})
        except RewardSearchError as error:
            self._events.put({"event": "storage", "message": str(error), "exit_code": error.exit_code})
        except Exception as error:
            for id in self._jobs:
                self._events.put({"event": "broken", "id": id, "reason": f"{type(error).__name__}: {error}"})

    def pause(self) -> None:
        """Asks the worker to pause its jobs."""
        if self._process is not None:
            self._process.write(PAUSE)

    def events(self) -> list[Event | None]:
        """What happened since the last call, after a second at most; None once the worker has died."""
        found = []
        try:
            found.append(self._events.get(timeout=_WAIT_S))
            while True:
                found.append(self._events.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """Ends the worker, and removes what this machine was sent for the search."""
        if self._process is not None:
            self._process.kill()
            self._listener.join()
            self._process.close()
        if self._placed.is_file():
            for name in self._placed.read_text(encoding="utf-8").splitlines():
                Path(name).unlink(missing_ok=True)
            self._placed.unlink(missing_ok=True)
        shutil.rmtree(self._run, ignore_errors=True)

    def _started(self) -> ProcessSlot:
        log = self._run / "worker.log"
        process = start_process(self._command, self._run, load_config(self._run / "config.yaml"), 0, log)
        slot = ProcessSlot(0, log, process=process)
        self._listener = threading.Thread(target=self._listen, args=[slot], daemon=True)
        self._listener.start()
        return slot

    def _listen(self, slot: ProcessSlot) -> None:
        try:
            for line in slot.out:
                if not line.endswith(b"\n"):
                    # It died while it wrote.
                    break
                event = json.loads(line)
                self._add_files(event, self._jobs[event["id"]], slot.log)
                self._events.put(event)
        finally:
            # Whatever went wrong here, nothing more is heard of the worker.
            self._events.put(None)

    def _add_files(self, event: Event, job: Job, log: Path) -> None:
        if event["event"] in ("done", "paused"):
            event["files"] = pack(self._run, results_of(job))
        elif event["event"] != "step":
            event["log"] = log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace")
        elif (folder := progress_of(job)) is not None and (self._run / folder).is_dir():
            saved = (self._run / folder).stat().st_mtime
            if saved != self._progress.get(job.id):
                self._progress[job.id] = saved
                event["files"] = pack(self._run, [folder])
