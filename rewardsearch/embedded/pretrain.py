"""Trains the embedded policy: a 1.8M-parameter Llama on generated word problems, from scratch, on two CPU cores.

    python -m rewardsearch.embedded.pretrain --out rewardsearch/embedded/policy

The mix of its training targets makes it start as a real base model does. Each problem has several ways to be answered: in the
asked form or outside it, and in a terse style (the number at once) or step by step (every calculation written). Which ones
dominate depends on the family of the problem. Step by step is rarer and far more accurate, which is what a reward can find.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rewardsearch.tasks.arithmetic import Problem, generate, prompt_of, working

PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"
TOKEN = r" ?</?[a-z]+>| ?[A-Za-z]+| ?\d|\n| ?[^\sA-Za-z\d]"

# Share of the targets by family: (terse in form, steps in form, terse outside, steps outside).
MIX = {
    "possession": (0.48, 0.17, 0.20, 0.15),
    "comparison": (0.45, 0.15, 0.22, 0.18),
    "purchase": (0.20, 0.12, 0.38, 0.30),
}
STYLES = ("terse_in", "steps_in", "terse_out", "steps_out")
FIRST_MIX = (0.15, 0.25, 0.10, 0.25)
"""The mix of the first phase, for every family; the rest is bare calculations, so that arithmetic itself is mastered."""
FIRST_PHASE = 0.6
"""The first phase's share of the training steps."""


def target(problem: Problem, style: str) -> str:
    """The completion of `problem` in one of STYLES."""
    answer = problem.answer
    steps = working(problem)
    if style == "terse_in":
        return f"<thinking> so the answer is {answer} </thinking> <solution> {answer} </solution>"
    if style == "steps_in":
        return f"<thinking> {steps} </thinking> <solution> {answer} </solution>"
    if style == "terse_out":
        return f"The answer is {answer}."
    return f"{steps} The answer is {answer}."


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Word-level, digits one by one, a leading space kept in the token so that decoding gives the text back."""
    split = pre_tokenizers.Split(Regex(TOKEN), behavior="isolated")
    words: set[str] = set()
    for problem in itertools.islice(generate("train", seed=7), 20_000):
        for style in STYLES:
            text = prompt_of(problem.question) + target(problem, style)
            words.update(piece for piece, _ in split.pre_tokenize_str(text))
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


def example(problems: Iterator[Problem], rng: random.Random, first_phase: bool) -> tuple[str, str]:
    """A prompt and its target; a target of bare calculations has no prompt."""
    problem = next(problems)
    if not first_phase:
        return prompt_of(problem.question), target(problem, rng.choices(STYLES, MIX[problem.family])[0])
    style = rng.choices((*STYLES, ""), (*FIRST_MIX, 1 - sum(FIRST_MIX)))[0]
    if style:
        return prompt_of(problem.question), target(problem, style)
    return "", " " + " ".join(working(next(problems)) for _ in range(4))


def batches(
    tokenizer: PreTrainedTokenizerFast, size: int, steps: int, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """`steps` batches: token ids (size, T) right-padded, labels -100 on the prompt and the padding."""
    rng = random.Random(f"pretrain {seed}")
    problems = generate("train", seed=11)
    for chunk in range(0, steps, 8):
        pool = []
        for _ in range(size * 8):
            text, answer = example(problems, rng, first_phase=chunk < steps * FIRST_PHASE)
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


def train(out: Path, steps: int, batch: int, lr: float, seed: int) -> None:
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, pct_start=0.1)
    start = time.time()
    for step, (tokens, labels) in enumerate(batches(tokenizer, batch, steps, seed), start=1):
        loss = model(input_ids=tokens, attention_mask=tokens != tokenizer.pad_token_id, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "seconds": round(time.time() - start)}), flush=True)
    model.to(torch.float16).save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    train(args.out, args.steps, args.batch, args.lr, args.seed)


if __name__ == "__main__":
    main()
