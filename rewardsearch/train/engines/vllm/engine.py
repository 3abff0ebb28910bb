"""The engine `vllm`: the training of the engine `trl`, with every completion from a vLLM server.

What it does not give: the same completions to the last bit whatever else the server has in its batch. On a GPU, and for some
kernels on a CPU, sums differ with the batch, so sampled tokens may too.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from rewardsearch.config import Config
from rewardsearch.records import Device, Row
from rewardsearch.tasks import Generation
from rewardsearch.train.engine import OnDone
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.divergence import logits_checked
from rewardsearch.train.engines.trl.engine import TrlEngine
from rewardsearch.train.engines.trl.generation import end_tokens, generation_of
from rewardsearch.train.engines.vllm.adapters import Adapters
from rewardsearch.train.engines.vllm.agreement import check_agreement
from rewardsearch.train.engines.vllm.client import Client
from rewardsearch.train.engines.vllm.sampling import drawn_as, greedy_requests, sampled_requests
from rewardsearch.train.engines.vllm.server import Server

# TRL warns of its argument rollout_func.
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")


class VllmEngine(TrlEngine):
    """See rewardsearch.train.engine.Engine. It trains one arm at a time; other processes on the device share its server."""

    def __init__(self, config: Config, start: Path | None) -> None:
        drawn_as(config.train)
        super().__init__(config, start)
        self._ends = end_tokens(self.policy.base, self.policy.tokenizer)
        self._adapters, self._server = Adapters(), Server(config, self.policy, start)
        # Also where nobody closes it: the server of a policy that is let go frees its memory for the next.
        self.close = weakref.finalize(self, _leave, self._adapters, self._server)
        """Leaves the server."""
        self._version = self._server.use(lambda client: check_agreement(client, self.policy, self._adapters))

    @property
    def device(self) -> Device:
        return super().device.model_copy(update={"server": f"vLLM {self._version}"})

    def sample(self, rows: Sequence[Row], seed: int, on_done: OnDone = lambda done: None) -> list[Generation]:
        prompts, config = self._prompts(rows), self._config.train
        with logits_checked(self.policy.base), self.policy.saved_adapter(None) as base:
            self._check_logits(base, prompts)

        def draw(client: Client) -> list[list[int]]:
            requests = sampled_requests(prompts, client.base(), self._ends, config, seed, 0)
            return [each.ids for found in client.complete(requests, on_done) for each in found]

        return self._texts(self._server.use(draw))

    def _greedy(self, model: Any, rows: Sequence[Row], on_done: OnDone) -> list[Generation]:
        prompts, config = self._prompts(rows), self._config.train
        self._check_logits(model, prompts)

        def draw(client: Client) -> list[list[int]]:
            requests = greedy_requests(prompts, self._served(client, model), self._ends, config)
            return [each.ids for found in client.complete(requests, on_done) for each in found]

        return self._texts(self._server.use(draw))

    def _rollout(self, model: Any, seed: int) -> Callable[..., dict[str, Any]]:
        config = self._config.train

        def rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
            """A completion of each of `prompts`, in which a prompt stands as often as it is to be sampled."""
            ids = self._prompts([Row(id="", prompt=prompt, answer="") for prompt in prompts])
            self._check_logits(model, ids)

            def draw(client: Client) -> list[list[int]]:
                name, step = self._served(client, model), trainer.state.global_step
                requests = sampled_requests(ids, name, self._ends, config, seed, step)
                return [each.ids for found in client.complete(requests) for each in found]

            # Without log-probabilities TRL takes the model's own.
            return {"prompt_ids": ids, "completion_ids": self._server.use(draw), "logprobs": None}

        return rollout

    def _served(self, client: Client, model: Any) -> str:
        """The name that the server has `model` under, as its weights are now."""
        return client.base() if model is self.policy.base else self._adapters.publish(client, model)

    def _prompts(self, rows: Sequence[Row]) -> list[list[int]]:
        return [prompt_ids(self.policy.tokenizer, row) for row in rows]

    def _texts(self, completions: Sequence[Sequence[int]]) -> list[Generation]:
        return [generation_of(self.policy.tokenizer, ids, self._ends) for ids in completions]

    def _check_logits(self, model: Any, prompts: Sequence[Sequence[int]]) -> None:
        """Raises Diverged, within logits_checked, where the logits of a prompt are not finite. A server does not say so."""
        if not prompts:
            return
        was_training = model.training
        model.eval()
        with torch.no_grad():
            model(input_ids=torch.tensor([prompts[0]], device=self.policy.device))
        model.train(was_training)


def _leave(adapters: Adapters, server: Server) -> None:
    adapters.close(None)
    server.close()
