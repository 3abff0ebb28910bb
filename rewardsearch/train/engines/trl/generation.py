"""Completions of many rows by the policy, greedy or sampled, in batches of prompts of similar length."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import torch

from rewardsearch.config import TrainConfig
from rewardsearch.records import Row
from rewardsearch.tasks import Generation
from rewardsearch.train.engine import OnDone
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.batching import Found, batched
from rewardsearch.train.engines.trl.fields import sampling
from rewardsearch.train.engines.trl.policy import Policy


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokens that a completion ends at: the tokenizer's, and those of the model's generation config (end of turn)."""
    of_model = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return {tokenizer.eos_token_id, *(of_model if isinstance(of_model, list | tuple) else (of_model,))} - {None}


def generate(
    model: Any,
    policy: Policy,
    rows: Sequence[Row],
    config: TrainConfig,
    *,
    on_done: OnDone = lambda done: None,
    **decoding: Any,
) -> list[Generation]:
    """A completion of each of `rows`, at most `train.max_completion_tokens` tokens, in the order of `rows`; see in_batches.

    decoding: how the next token is chosen, as the arguments of transformers' `generate`; its sampling draws from torch's
    global random numbers.
    """
    model.eval()

    def complete(prompts: Sequence[Sequence[int]]) -> list[Generation]:
        return _complete(model, policy, prompts, config.max_completion_tokens, decoding)

    return in_batches(policy, rows, config, complete, on_done)


def in_batches(
    policy: Policy,
    rows: Sequence[Row],
    config: TrainConfig,
    complete: Callable[[Sequence[Sequence[int]]], list[Found]],
    on_done: OnDone,
) -> list[Found]:
    """What `complete` gives for the token ids of each of `rows`, in the order of `rows`; see `batched`.

    Which prompts share a batch does not depend on the model. Where a batch had to be halved, samples do not follow from the seed
    alone.
    """
    ids = [prompt_ids(policy.tokenizer, row) for row in rows]
    tokens = config.max_completion_tokens
    return batched(
        [len(each) + tokens for each in ids],
        config,
        lambda chosen: complete([ids[i] for i in chosen]),
        "the generation of completions",
        f"lower train.max_completion_tokens (got {tokens}) or train.slots, or take a smaller model",
        on_done,
    )


def _complete(
    model: Any, policy: Policy, prompts: Sequence[Sequence[int]], max_tokens: int, decoding: dict[str, Any]
) -> list[Generation]:
    """A completion of each of `prompts`, in one batch. It ends when all its rows have ended."""
    tokenizer, ends = policy.tokenizer, end_tokens(model, policy.tokenizer)
    width = max(map(len, prompts))
    tokens = torch.full((len(prompts), width), tokenizer.pad_token_id, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for line, ids in enumerate(prompts):
        tokens[line, width - len(ids) :] = torch.tensor(ids)
        mask[line, width - len(ids) :] = 1
    with torch.inference_mode():
        out = model.generate(
            input_ids=tokens.to(policy.device),
            attention_mask=mask.to(policy.device),
            max_new_tokens=max_tokens,
            use_cache=True,
            eos_token_id=sorted(ends),
            pad_token_id=tokenizer.pad_token_id,
            **decoding,
        )
    return [generation_of(tokenizer, new, ends) for new in out[:, width:].tolist()]


def length_of(ids: Sequence[int], ends: Container[int]) -> int:
    """The number of tokens before the first of `ends`."""
    return next((n for n, token in enumerate(ids) if token in ends), len(ids))


def generation_of(tokenizer: Any, ids: Sequence[int], ends: Container[int]) -> Generation:
    """The text of a completion up to the first of `ends`, and its length in tokens."""
    length = length_of(ids, ends)
    return Generation(tokenizer.decode(ids[:length], skip_special_tokens=True), length)


def greedy(
    model: Any, policy: Policy, rows: Sequence[Row], config: TrainConfig, on_done: OnDone = lambda done: None
) -> list[Generation]:
    """The greedy completion of each of `rows`."""
    decoding = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "repetition_penalty": 1.0}
    return generate(model, policy, rows, config, on_done=on_done, **decoding)


def sampled(
    model: Any,
    policy: Policy,
    rows: Sequence[Row],
    seed: int,
    config: TrainConfig,
    on_done: OnDone = lambda done: None,
    **decoding: Any,
) -> list[Generation]:
    """A completion of each of `rows`, drawn as GRPO draws them, but for what `decoding` says.

    They follow from `seed`, whatever was drawn before; what is drawn afterwards is as if nothing had been sampled.
    """
    devices = [torch.cuda.current_device()] if policy.device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return generate(model, policy, rows, config, on_done=on_done, **sampling(config) | decoding)
