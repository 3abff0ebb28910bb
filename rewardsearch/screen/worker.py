"""A process that trains: loads the policy once, then does one job after another.

    python -m rewardsearch.screen.worker RUN_FOLDER

Jobs come as JSON lines on standard input; what happens goes as JSON lines to the descriptor that standard output was when
the process started (libraries that print reach the log instead). When standard input ends, so does the process, whatever
it is doing: a search that was killed leaves nothing running.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from rewardsearch.config import Config, load_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files import write_atomic
from rewardsearch.records import Batch, RewardSpec, Row, ScreenJob, ScreenResult
from rewardsearch.sandbox import RewardFault, Sandbox, SandboxedReward
from rewardsearch.screen.evaluate import evaluate
from rewardsearch.screen.observe import Scored, is_base
from rewardsearch.screen.policy import Policy, load_policy
from rewardsearch.screen.train import train
from rewardsearch.store import fingerprint, save_outcomes, save_result
from rewardsearch.tasks import load_task

Say = Callable[[dict[str, Any]], None]


class Worker:
    """Does jobs on one policy, with rewards in `sandbox`, which stays warm between them; `say` reports progress."""

    def __init__(self, run: Path, config: Config, sandbox: Sandbox, say: Say) -> None:
        self.run, self.config, self.say = run, config, say
        self.task = load_task(config.task)
        self._sandbox = sandbox
        self._faulty: str | None = None

    @cached_property
    def policy(self) -> Policy:
        return load_policy(self.config.policy)

    @cached_property
    def rows(self) -> dict[Literal["train", "val"], list[Row]]:
        return {"train": self.task.rows("train"), "val": self.task.rows("val")}

    def screen(self, job: ScreenJob) -> ScreenResult:
        """Trains and evaluates; the result is on disk, whole, before this returns."""
        started = time.monotonic()
        folder = self.run / job.folder
        folder.mkdir(parents=True, exist_ok=True)
        found: dict[str, Any] = {}
        try:
            found = self._train_and_evaluate(job, folder)
            status: Literal["done", "failed"] = "done"
            reason = None
        except RewardFault as fault:
            status, reason = "failed", self._blame(job, fault)
            found = {"flags": ("changes later",) if fault.kind == "changed" else ()}
        result = ScreenResult(
            id=job.id,
            rung=job.rung,
            seed=job.seed,
            steps=job.steps,
            status=status,
            reason=reason,
            seconds=round(time.monotonic() - started, 2),
            peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            **found,
        )
        save_result(folder, result, fingerprint(job, self.config))
        return result

    def _blame(self, job: ScreenJob, fault: RewardFault) -> str:
        """The fault's reason, with the reward's name where the job has several that could be meant."""
        others = [spec for spec in job.rewards if not is_base(spec)]
        own = len(others) == 1 and self._faulty == others[0].id
        return fault.reason if own or self._faulty is None else f"{self._faulty}: {fault.reason}"

    def _train_and_evaluate(self, job: ScreenJob, folder: Path) -> dict[str, Any]:
        settings = self.config.screen
        if job.steps == 0:
            return {"outcomes": self._evaluate(self.policy.base, self.rows["val"])}
        with ExitStack() as stack:
            sandboxed = [(spec, self._sandboxed(spec, job.seed)) for spec in job.rewards]
            stack.callback(self._keep_printed, folder, sandboxed)
            rewards = [(spec, self._watched(spec, reward)) for spec, reward in sandboxed]
            model = stack.enter_context(self.policy.fresh_adapter(job.seed))

            def on_step(step: int) -> None:
                self.say({"event": "step", "id": job.id, "step": step, "of": job.steps})

            observer = train(model, self.policy, self.task, self.rows["train"], job, rewards, settings, on_step)
            if len(observer.curves()) != job.steps:
                raise MachineError(f"trained {len(observer.curves())} of {job.steps} steps")
            model.save_pretrained(str(folder / "adapter"))
            outcomes = self._evaluate(model, self.rows["val"])
            faults = sum(reward.faults for _, reward in sandboxed)
        return {
            "outcomes": outcomes,
            "curves": observer.curves(),
            "correlations": observer.correlations(),
            "disagreements": observer.disagreements(),
            "flags": (f"{faults} failed reward calls",) if faults else (),
        }

    def _sandboxed(self, spec: RewardSpec, seed: int) -> SandboxedReward:
        limits = self.config.sandbox
        return SandboxedReward(self._sandbox, spec, limits.failures, limits.rechecks, seed)

    def _keep_printed(self, folder: Path, sandboxed: Sequence[tuple[RewardSpec, SandboxedReward]]) -> None:
        """What the rewards printed, for a person to read; it goes to nobody else."""
        texts = [f"# {spec.name}\n{reward.printed}" for spec, reward in sandboxed if reward.printed]
        if texts:
            write_atomic(folder / "printed.txt", "\n".join(texts))

    def _watched(self, spec: RewardSpec, reward: SandboxedReward) -> Callable[[Batch], Scored]:
        def score(batch: Batch) -> Scored:
            self._faulty = spec.id
            return reward(batch)

        return score

    def _evaluate(self, model: Any, rows: list[Row]) -> Any:
        settings = self.config.screen
        return evaluate(model, self.policy, self.task, rows, settings.max_completion_tokens, settings.eval_batch_size)

    def read_test(self, adapter: str | None, out: Path) -> None:
        """Evaluates a saved adapter (None: the untrained policy) on the sealed test split, into the file `out`."""
        with self.policy.saved_adapter(self.run / adapter if adapter else None) as model:
            save_outcomes(out, self._evaluate(model, self.task.rows("test")))

    def do(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["kind"] == "screen":
            job = ScreenJob.model_validate(message["job"])
            return {"event": "done", "id": job.id, "status": self.screen(job).status}
        self.read_test(message["adapter"], self.run / message["out"])
        return {"event": "done", "id": message["id"], "status": "done"}


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
    torch.set_num_threads(config.screen.threads)
    lines = _messages()
    # It ends with this process, whose exit closes its pipe.
    worker = Worker(run, config, Sandbox(config.sandbox, config.validation.bound), say)
    while True:
        message = json.loads(lines.get())
        try:
            answer = worker.do(message)
        except UserError as error:
            answer = {"event": "user_error", "mistakes": error.mistakes}
        except Exception as error:
            # Whatever it is, it is not the candidate's doing: the parent tries again or reports the machine.
            traceback.print_exc()
            answer = {"event": "broken", "reason": f"{type(error).__name__}: {str(error)[:300]}"}
        say(answer)


if __name__ == "__main__":
    main()
