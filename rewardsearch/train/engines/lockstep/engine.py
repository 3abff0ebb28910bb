"""The engine `lockstep`. The policy stays loaded, and a step of every arm is followed by the next step of every arm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path

import numpy as np

from rewardsearch.config import Config
from rewardsearch.records import Row
from rewardsearch.tasks import Generation, Reader
from rewardsearch.train.engine import Arm, Diverged, OnDone, Trained
from rewardsearch.train.engines.lockstep import lora as adapters
from rewardsearch.train.engines.lockstep.decode import Choose, Decoded, Limits, Narrowing, decode
from rewardsearch.train.engines.lockstep.fixed import FixedShape
from rewardsearch.train.engines.lockstep.limits import check_policy, check_settings
from rewardsearch.train.engines.lockstep.lora import Lora, Under, folded, mixed
from rewardsearch.train.engines.lockstep.sampling import greedy, sampler, uniforms
from rewardsearch.train.engines.lockstep.training import Training, shared
from rewardsearch.train.engines.lockstep.update import Objective, Rollouts, differentiate
from rewardsearch.train.engines.trl.divergence import LOGITS, logits_checked
from rewardsearch.train.engines.trl.engine import TrlEngine, embedded
from rewardsearch.train.engines.trl.fields import sampling
from rewardsearch.train.engines.trl.generation import end_tokens, generation_of, in_batches
from rewardsearch.train.engines.trl.memory import enough_memory, training_remedy
from rewardsearch.train.engines.trl.reading import PolicyReader


class LockstepEngine(TrlEngine):
    """See rewardsearch.train.engine.Engine. Fine-tuning and the rollout bank are those of `trl`.

    On a CPU a batch holds one arm, so that its sums, and with them the end of an arm, do not depend on the others. On a GPU it
    holds all arms. What that does not cover: there the last bits of an arm follow the shape of the batch.
    """

    def __init__(self, config: Config, start: Path | None) -> None:
        check_settings(config)
        super().__init__(config, start)
        check_policy(self.policy)
        self.side_by_side = self.policy.device != "cpu"
        self._fixed = FixedShape(record=self.policy.device != "cpu")
        self.under: Under = folded if config.policy.dtype == "float32" and not self.side_by_side else mixed
        train = config.train
        self._objective = Objective(
            train.loss_type,
            train.beta,
            train.temperature,
            train.max_completion_tokens,
            train.completions_at_once,
        )
        ends = sorted(end_tokens(self.policy.base, self.policy.tokenizer))
        self._limits = Limits(train.max_completion_tokens, ends, self.policy.tokenizer.pad_token_id)

    def train(self, arms: Sequence[Arm]) -> Iterator[tuple[Arm, Trained | Exception]]:
        policy, config = self.policy, self._config.train
        yield from super().train([arm for arm in arms if arm.job.method != "rewards"])
        arms = [arm for arm in arms if arm.job.method == "rewards"]
        running = [Training(arm, adapters.fresh(policy, arm.job.seed), policy, config) for arm in arms]
        while running:
            with enough_memory("training", training_remedy(config)):
                ends = self._step([each for each in running if not each.done])
            # An arm may have failed in its last step.
            ends |= self._evaluated([each for each in running if each.done and id(each.arm) not in ends])
            if ends:
                policy.check_frozen()
            yield from ((arm, ends[id(arm)]) for arm in (each.arm for each in running) if id(arm) in ends)
            running = [each for each in running if id(each.arm) not in ends]

    def _step(self, trainings: Sequence[Training]) -> dict[int, Trained | Exception]:
        """A step of each; gives the ends of those that failed, by the id of the arm."""
        ends: dict[int, Trained | Exception] = {}
        for together in self._batches(trainings):
            rows = [each.next_rows() for each in together]
            with shared(together, "rollout"):
                found = self._rollouts(together, rows)
            for each, asked, rollouts in zip(together, rows, found, strict=True):
                try:
                    self._learn(each, asked, rollouts)
                except Exception as error:
                    if not (isinstance(error, Diverged) or error is each.arm.observer.raised):
                        raise
                    ends[id(each.arm)] = error
        return ends

    def _batches(self, trainings: Sequence[Training]) -> list[Sequence[Training]]:
        if self.side_by_side:
            return [trainings] if trainings else []
        return [[each] for each in trainings]

    def _rollouts(self, trainings: Sequence[Training], rows: Sequence[Sequence[int]]) -> list[Rollouts | None]:
        """What each arm samples for its rows; None where its logits are not finite."""
        config, copies = self._config.train, self._config.train.group_size
        numbers = [
            uniforms(each.arm.job.seed, each.step, asked, copies, self._limits.tokens)
            for each, asked in zip(trainings, rows, strict=True)
        ]
        prompts = [each.prompts(asked) for each, asked in zip(trainings, rows, strict=True)]
        choose = sampler(np.concatenate(numbers), sampling(config), self.policy.base.device)
        decoded = self._decode([each.lora for each in trainings], prompts, copies, choose)
        return [
            Rollouts(asked, part.ids) if all(part.finite) else None
            for asked, part in zip(prompts, decoded, strict=True)
        ]

    def _learn(self, training: Training, rows: Sequence[int], rollouts: Rollouts | None) -> None:
        if rollouts is None:
            raise Diverged(LOGITS)
        with training.during("reward"):
            if training.arm.observer.measures:
                with self._reading(training.lora) as reader:
                    training.measure(reader, rows, rollouts)
            advantages = training.score(rows, rollouts)
        with training.during("update"):
            update = differentiate(
                self.policy.base, training.lora, rollouts, advantages, self._objective, self._limits.pad
            )
            training.advance(update)
        training.after_step()

    def _decode(
        self, loras: Sequence[Lora], prompts: Sequence[Sequence[Sequence[int]]], copies: int, choose: Choose
    ) -> list[Decoded]:
        """`copies` completions of each prompt under each adapter, which have equally many; no adapter stands for the base."""
        base = self.policy.base
        begin = self._fixed.under(loras) if self.side_by_side else Narrowing
        with self.under(base, loras) if loras else nullcontext():
            together = [prompt for each in prompts for prompt in each]
            found = decode(base, together, copies, choose, self._limits, begin)
        size = len(found.ids) // len(prompts)
        return [
            Decoded(found.ids[start : start + size], found.finite[start : start + size])
            for start in range(0, len(found.ids), size)
        ]

    def _evaluated(self, trainings: Sequence[Training]) -> dict[int, Trained | Exception]:
        """Evaluates arms that are done; gives their ends, by the id of the arm."""
        ends: dict[int, Trained | Exception] = {
            id(each.arm): Trained(seconds=each.seconds, paused=True) for each in trainings if each.paused
        }
        finished = [each for each in trainings if not each.paused]
        for each in finished:
            if each.arm.adapter is not None:
                adapters.save(self.policy, each.lora, each.arm.adapter)
        for together in self._batches(finished):
            # Arms share a batch where they have the same questions.
            for _, part in groupby(together, lambda each: [row.id for row in each.arm.questions]):
                ends |= self._ends(list(part))
        return ends

    def _ends(self, trainings: Sequence[Training]) -> dict[int, Trained | Exception]:
        def on_done(done: int) -> None:
            for each in trainings:
                each.arm.on_question(done)

        with shared(trainings, "evaluate"):
            answers = self._answers([each.lora for each in trainings], trainings[0].arm.questions, on_done)
            return {id(each.arm): self._end(each, found) for each, found in zip(trainings, answers, strict=True)}

    def _end(self, training: Training, answers: Sequence[Generation] | None) -> Trained | Diverged:
        if answers is None:
            return Diverged(LOGITS)
        try:
            with self._reading(training.lora) as reader:
                vectors = embedded(reader, training.arm, answers)
        except Diverged as error:
            return error
        return Trained(training.stop_reason, answers, training.seconds, vectors=vectors)

    @contextmanager
    def _reading(self, lora: Lora) -> Iterator[Reader]:
        """A reader of the policy under one adapter."""
        with logits_checked(self.policy.base), self.under(self.policy.base, [lora]):
            yield PolicyReader(self.policy.base, self.policy, self._config.train)

    def _answers(self, loras: Sequence[Lora], rows: Sequence[Row], on_done: OnDone) -> list[list[Generation] | None]:
        """Greedy completions of `rows` by each adapter, None where its logits are not finite. No adapter stands for the base."""
        finite = [True for _ in range(max(1, len(loras)))]

        def complete(prompts: Sequence[Sequence[int]]) -> list[list[Generation]]:
            parts = self._decode(loras, [prompts for _ in finite], 1, greedy)
            for n, part in enumerate(parts):
                finite[n] &= all(part.finite)
            return [[self._text(part.ids[i]) for part in parts] for i in range(len(prompts))]

        found = in_batches(self.policy, rows, self._config.train, complete, on_done)
        return [[each[n] for each in found] if fine else None for n, fine in enumerate(finite)]

    def _text(self, completion: Sequence[int]) -> Generation:
        return generation_of(self.policy.tokenizer, completion, self._limits.ends)

    def evaluate(
        self, rows: Sequence[Row], adapter: Path | None = None, on_done: OnDone = lambda done: None
    ) -> list[Generation]:
        loras = [] if adapter is None else [adapters.load(self.policy, adapter)]
        (found,) = self._answers(loras, rows, on_done)
        self.policy.check_frozen()
        if found is None:
            raise Diverged(LOGITS)
        return found
