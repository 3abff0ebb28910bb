"""What the bundled policies share: the tokenizer, the model, and the training loop."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"
TOKEN = r" ?</?[a-z]+>| ?[A-Za-z]+| ?\d|\n| ?[^\sA-Za-z\d]"

Example = tuple[str, str]
"""A prompt (possibly empty) and what comes after it."""
Draw = Callable[[float], Example]
"""Gives the next example, given the share of the stage that is done (0 to 1)."""


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Word-level over the words of `texts`, digits one by one, a leading space kept so that decoding gives the text back."""
    split = pre_tokenizers.Split(Regex(TOKEN), behavior="isolated")
    words = {piece for text in texts for piece, _ in split.pre_tokenize_str(text)}
    for digit in "0123456789":
        words.update((digit, " " + digit))
    vocab = {word: i for i, word in enumerate([PAD, EOS, UNK, *sorted(words)])}
    core = Tokenizer(models.WordLevel(vocab, unk_token=UNK))
    core.pre_tokenizer = split
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNK,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=256,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int, width: int, layers: int) -> LlamaForCausalLM:
    """A Llama with random weights: about 1.8M parameters at width 192 with 4 layers, 0.6M at width 128 with 3."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width * 8 // 3 // 32 * 32,
            num_hidden_layers=layers,
            num_attention_heads=width // 32,
            num_key_value_heads=width // 32,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def batches(
    tokenizer: PreTrainedTokenizerFast, size: int, steps: int, draw: Draw, rng: random.Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of examples: token ids (size, T) right-padded, labels -100 on the prompt and the padding."""
    for chunk in range(0, steps, 8):
        pool = []
        for _ in range(size * 8):
            text, answer = draw(chunk / steps)
            prompt = tokenizer(text)["input_ids"] if text else []
            ids = prompt + tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
            pool.append((ids, len(prompt)))
        pool.sort(key=lambda row: len(row[0]))
        groups = [pool[i : i + size] for i in range(0, len(pool), size)]
        rng.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            tokens = torch.full((size, width), tokenizer.pad_token_id)
            labels = torch.full((size, width), -100)
            for i, (ids, start) in enumerate(group):
                tokens[i, : len(ids)] = torch.tensor(ids)
                labels[i, start : len(ids)] = torch.tensor(ids[start:])
            yield tokens, labels


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    draw: Draw,
    rng: random.Random,
    *,
    steps: int,
    lr: float,
    batch: int,
    half: bool = False,
) -> None:
    """Trains `model` in place with AdamW under one cycle of the learning rate up to `lr`; `rng` orders the batches.

    half: multiplies in bfloat16, where a processor does that faster.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, pct_start=0.1)
    start = time.monotonic()
    drawn = batches(tokenizer, batch, steps, draw, rng)
    for step, (tokens, labels) in enumerate(itertools.islice(drawn, steps), start=1):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model(input_ids=tokens, attention_mask=tokens != tokenizer.pad_token_id, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            seconds = round(time.monotonic() - start)
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "seconds": seconds}), flush=True)
