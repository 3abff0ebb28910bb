"""An arm under way: its adapter, its optimiser and schedule, and the step that it is at."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, get_scheduler
from trl.trainer.utils import RepeatSampler

from rewardsearch.config import TrainConfig
from rewardsearch.files import replace_folder, scratch_prefix
from rewardsearch.tasks import Generation, Reader
from rewardsearch.train.engine import Arm, Phase
from rewardsearch.train.engines.lockstep.lora import Lora
from rewardsearch.train.engines.lockstep.loss import advantages
from rewardsearch.train.engines.lockstep.update import Rollouts, Update
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.divergence import check_weights
from rewardsearch.train.engines.trl.generation import end_tokens, length_of
from rewardsearch.train.engines.trl.grpo import OBSERVED, grpo_arguments
from rewardsearch.train.engines.trl.policy import Policy

_STATE = "training.pt"


class Training:
    """`arm`, whose adapter is `lora`, from its start."""

    def __init__(self, arm: Arm, lora: Lora, policy: Policy, config: TrainConfig) -> None:
        self.arm, self.lora, self.step = arm, lora, 0
        self.seconds: dict[Phase, float] = {}
        self.stop_reason: str | None = None
        self.paused = False
        self._policy, self._config = policy, config
        self._ends = end_tokens(policy.base, policy.tokenizer)
        with tempfile.TemporaryDirectory(prefix=scratch_prefix("lockstep")) as scratch:
            self._args = grpo_arguments(policy, arm.job, config, arm.observer.weights, scratch)
        optimizer, settings = Trainer.get_optimizer_cls_and_kwargs(self._args)
        self._optimizer = optimizer([{"params": lora.parameters, "weight_decay": self._args.weight_decay}], **settings)
        steps = self._args.max_steps
        self._scheduler = get_scheduler(
            self._args.lr_scheduler_type,
            optimizer=self._optimizer,
            num_warmup_steps=self._args.get_warmup_steps(steps),
            num_training_steps=steps,
            scheduler_specific_kwargs=self._args.lr_scheduler_kwargs,
        )
        if arm.start is not None:
            self._restore(arm.start)
        self._order = self._prompt_order()
        for _ in range(self.step):
            next(self._order)

    @property
    def done(self) -> bool:
        return self.paused or self.stop_reason is not None or self.step >= self.arm.job.steps

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        with shared([self], phase):
            yield

    def _prompt_order(self) -> Iterator[list[int]]:
        """The rows of each step, by TRL's sampler."""
        size = self._config.prompts_per_step
        sampler = RepeatSampler(
            self.arm.rows, 1, batch_size=size, shuffle=self._args.shuffle_dataset, seed=self._args.seed
        )
        while True:
            rows = list(sampler)
            yield from (rows[start : start + size] for start in range(0, len(rows), size))

    def next_rows(self) -> list[int]:
        """The indices of the rows of the next step."""
        return next(self._order)

    def prompts(self, rows: Sequence[int]) -> list[list[int]]:
        return [prompt_ids(self._policy.tokenizer, self.arm.rows[row]) for row in rows]

    def measure(self, reader: Reader, rows: Sequence[int], rollouts: Rollouts) -> None:
        """Measures the completions of a step with a reader of the policy as it stands."""
        lengths = [length_of(ids, self._ends) for ids in rollouts.completions]
        answers = list(map(Generation, self._texts(rollouts), lengths))
        self.arm.observer.measure(reader, self._asked(rows, rollouts), answers)

    def _asked(self, rows: Sequence[int], rollouts: Rollouts) -> list[int]:
        """The row of each completion."""
        return [row for row in rows for _ in range(rollouts.copies)]

    def _texts(self, rollouts: Rollouts) -> list[str]:
        return list(self._policy.tokenizer.batch_decode(rollouts.completions, skip_special_tokens=True))

    def score(self, rows: Sequence[int], rollouts: Rollouts) -> torch.Tensor:
        """Rewards the completions of a step; gives their advantages."""
        observer, device = self.arm.observer, self._policy.device
        asked, texts = self._asked(rows, rollouts), self._texts(rollouts)
        columns = [observer.score(reward, asked, texts) for reward in range(len(observer.labels))]
        # TRL counts exact match as a reward of weight 0.
        columns.append(observer.record(asked, texts, [len(each) for each in rollouts.completions]))
        rewards = torch.tensor(columns, dtype=torch.float32, device=device).T
        weights = torch.tensor([*observer.weights, 0.0], dtype=torch.float32, device=device)
        aggregation = self.arm.job.aggregation
        return advantages(rewards, weights, rollouts.copies, self._args.scale_rewards, aggregation)

    def advance(self, update: Update) -> None:
        """Takes the step that the gradient says. Raises Diverged where a weight is not finite after it."""
        norm = torch.nn.utils.clip_grad_norm_(self.lora.parameters, self._args.max_grad_norm or float("inf"))
        self._optimizer.step()
        self._scheduler.step()
        self._optimizer.zero_grad()
        self.step += 1
        check_weights(self.lora.parameters)
        self.arm.observer.logged(self.step, {"grad_norm": float(norm), "entropy": update.entropy})

    def after_step(self) -> None:
        """Does what the arm asks for between two steps, and after the last one."""
        arm = self.arm
        self.stop_reason = arm.stop(arm.observer.curves())
        if self.stop_reason is not None:
            return
        if self.step >= arm.job.steps:
            if arm.checkpoint is not None:
                self._save(arm.checkpoint)
        elif (then := arm.after_step()) != "continue":
            self.paused = then == "pause"
            if arm.progress is not None:
                self._save(arm.progress, sealed=True)

    def _save(self, folder: Path, sealed: bool = False) -> None:
        """Saves what a later training resumes from."""
        state = {
            "step": self.step,
            "weights": [each.detach() for each in self.lora.parameters],
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }
        written = io.BytesIO()
        torch.save(state, written)
        with tempfile.TemporaryDirectory(prefix=scratch_prefix("lockstep")) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            (made / _STATE).write_bytes(written.getvalue())
            (made / OBSERVED).write_text(self.arm.observer.state(), encoding="utf-8")
            if sealed:
                self.arm.seal(made, dict(self.seconds))
            replace_folder(made, folder)

    def _restore(self, folder: Path) -> None:
        state: dict[str, Any] = torch.load(folder / _STATE, map_location=self._policy.device, weights_only=True)
        self.step = state["step"]
        with torch.no_grad():
            for weight, saved in zip(self.lora.parameters, state["weights"], strict=True):
                weight.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        self.arm.observer.restore((folder / OBSERVED).read_text(encoding="utf-8"))


@contextmanager
def shared(trainings: Sequence[Training], phase: Phase) -> Iterator[None]:
    """Books the time that passes in equal shares."""
    began = time.perf_counter()
    try:
        yield
    finally:
        share = (time.perf_counter() - began) / len(trainings)
        for training in trainings:
            training.seconds[phase] = training.seconds.get(phase, 0.0) + share
