"""Reads with a policy: writes completions at a temperature, and embeds texts by its last hidden states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from peft import PeftModel

from rewardsearch.config import TrainConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Row
from rewardsearch.tasks import Generation, Vectors
from rewardsearch.train.engine import Diverged
from rewardsearch.train.engines.tokenizing import policy_prompt
from rewardsearch.train.engines.trl.batching import batched
from rewardsearch.train.engines.trl.generation import sampled
from rewardsearch.train.engines.trl.policy import Policy

_SPREAD = 1.25
"""Padding costs more than a further batch where lengths differ more."""


class Passage(NamedTuple):
    """A text as a policy reads it: its token ids, and the index of the first of them that counts."""

    ids: tuple[int, ...]
    first: int


class PolicyReader:
    """See rewardsearch.tasks.Reader. `model` is the policy's base, as it stands or under an adapter."""

    def __init__(self, model: Any, policy: Policy, config: TrainConfig) -> None:
        self._model, self._policy, self._config = model, policy, config

    def write(self, rows: Sequence[Row], temperature: float, seed: int) -> list[Generation]:
        with self._reading():
            return sampled(self._model, self._policy, rows, seed, self._config, temperature=temperature)

    def embed(self, passages: Sequence[tuple[Row, str]]) -> Vectors:
        asked = [passage_tokens(self._policy.tokenizer, row, completion) for row, completion in passages]
        # A group may have the same completion several times.
        distinct = list(dict.fromkeys(asked))

        def read(places: Sequence[int]) -> list[Vectors]:
            return list(pooled(self._model, self._policy, [distinct[place] for place in places]).cpu().numpy())

        lengths, remedy = [len(each.ids) for each in distinct], "lower train.slots, or take a smaller model"
        with self._reading(), torch.inference_mode():
            found = batched(lengths, self._config, read, "embedding texts", remedy, spread=_SPREAD)
        if not all(np.isfinite(each).all() for each in found):
            raise Diverged("the policy's embeddings are not finite")
        vectors = dict(zip(distinct, found, strict=True))
        return np.stack([vectors[each] for each in asked]) if asked else np.zeros((0, 0), dtype=np.float32)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """While it lasts, the model is not in training."""
        training = self._model.training
        self._model.eval()
        try:
            yield
        finally:
            self._model.train(training)


def pooled(model: Any, policy: Policy, batch: Sequence[Passage]) -> torch.Tensor:
    """The embedding of each of `batch`: (texts, hidden size)."""
    width, device = max(len(ids) for ids, _ in batch), policy.device
    ids = torch.full((len(batch), width), policy.tokenizer.pad_token_id, dtype=torch.long)
    read, counted = torch.zeros_like(ids), torch.zeros((len(batch), width, 1))
    for line, (tokens, first) in enumerate(batch):
        ids[line, : len(tokens)] = torch.tensor(tokens)
        read[line, : len(tokens)] = 1
        counted[line, first : len(tokens)] = 1
    inner = (model.get_base_model() if isinstance(model, PeftModel) else model).base_model
    hidden = inner(input_ids=ids.to(device), attention_mask=read.to(device), use_cache=False).last_hidden_state
    counted = counted.to(device)
    return torch.nn.functional.normalize((hidden.float() * counted).sum(1) / counted.sum(1), dim=-1)


def passage_tokens(tokenizer: Any, row: Row, completion: str) -> Passage:
    """A row's prompt and a completion after it; what counts begins with the row's own text.

    Raises UserError where the text cannot be found in the prompt that the policy reads.
    """
    prompt = policy_prompt(tokenizer, row)
    chat = not isinstance(prompt, str)
    whole = str(tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False) if chat else prompt)
    read = tokenizer(whole, add_special_tokens=not chat, return_offsets_mapping=True)
    text = row.prompt_text.strip()
    start = whole.rfind(text)
    if start < 0:
        raise UserError(
            f"policy.model: its chat template changes the text of a prompt ({text[:40]!r}), so that it cannot be embedded apart "
            "from what stands before it; take another policy.model, or prompts without messages"
        )
    first = next(place for place, (_, end) in enumerate(read["offset_mapping"]) if end > start)
    ids = (*read["input_ids"], *tokenizer(completion, add_special_tokens=False)["input_ids"])
    return Passage(ids, first)
