"""Completions of many rows by the policy, greedy or sampled, in batches of prompts of similar length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from rewardsearch.config import TrainConfig
from rewardsearch.records import Row
from rewardsearch.train.engine import Generation, OnDone
from rewardsearch.train.engines.tokenizing import prompt_ids
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
    max_tokens: int,
    batch_size: int,
    *,
    on_done: OnDone = lambda done: None,
    **decoding: Any,
) -> list[Generation]:
    """A completion of each of `rows`, at most `max_tokens` tokens, in the order of `rows`.

    Batches hold prompts of similar length, padded on the left; which prompts share a batch does not depend on the model.
    decoding: how the next token is chosen, as the arguments of transformers' `generate`; its sampling draws from torch's
    global random numbers. on_done: called after each batch with the number of rows that are done.
    """
    tokenizer, ends = policy.tokenizer, end_tokens(model, policy.tokenizer)
    ids = [prompt_ids(tokenizer, row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (len(ids[i]), i))
    found: dict[int, Generation] = {}
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        width = max(len(ids[i]) for i in chosen)
        tokens = torch.full((len(chosen), width), tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for line, i in enumerate(chosen):
            tokens[line, width - len(ids[i]) :] = torch.tensor(ids[i])
            mask[line, width - len(ids[i]) :] = 1
        with torch.inference_mode():
            out = model.generate(
                input_ids=tokens.to(policy.device),
                attention_mask=mask.to(policy.device),
                max_new_tokens=max_tokens,
                use_cache=True,
                pad_token_id=tokenizer.pad_token_id,
                **decoding,
            )
        for line, i in enumerate(chosen):
            new = out[line, width:].tolist()
            length = next((n for n, token in enumerate(new) if token in ends), len(new))
            found[i] = Generation(tokenizer.decode(new[:length], skip_special_tokens=True), length)
        on_done(len(found))
    return [found[i] for i in range(len(rows))]


def greedy(
    model: Any, policy: Policy, rows: Sequence[Row], config: TrainConfig, on_done: OnDone = lambda done: None
) -> list[Generation]:
    """The greedy completion of each of `rows`."""
    decoding = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "repetition_penalty": 1.0}
    return generate(
        model, policy, rows, config.max_completion_tokens, config.eval_batch_size, on_done=on_done, **decoding
    )


def sampled(
    policy: Policy, rows: Sequence[Row], seed: int, config: TrainConfig, on_done: OnDone = lambda done: None
) -> list[Generation]:
    """A completion of each of `rows` by the policy before any GRPO, drawn as GRPO draws them.

    They follow from `seed`, whatever was drawn before; what is drawn afterwards is as if nothing had been sampled.
    """
    devices = [torch.cuda.current_device()] if policy.device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return generate(
            policy.base,
            policy,
            rows,
            config.max_completion_tokens,
            config.eval_batch_size,
            on_done=on_done,
            **sampling(config),
        )
