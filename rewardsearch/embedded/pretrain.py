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
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rewardsearch.tasks.arithmetic import FAMILIES, Problem, generate, prompt_of, working

PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"
TOKEN = r" ?</?[a-z]+>| ?[A-Za-z]+| ?\d|\n| ?[^\sA-Za-z\d]"

STYLES = ("terse_in", "steps_in", "terse_out", "steps_out")
Mix = dict[str, tuple[float, float, float, float]]
"""Shares of STYLES among the targets, by family of problem; what is missing to 1 is bare calculations without a problem."""


@dataclass(frozen=True)
class Stage:
    """One cycle of the learning rate up to `lr`, on targets drawn by `opening` for its first `opening_share`, then by `mix`."""

    steps: int
    lr: float
    mix: Mix
    opening: Mix
    opening_share: float
    seed: int


PRACTICE: Mix = dict.fromkeys(FAMILIES, (0.15, 0.25, 0.10, 0.25))
STAGES = (
    # Arithmetic itself is mastered first, on bare calculations and worked answers.
    Stage(
        steps=2200,
        lr=2.5e-3,
        mix={
            "possession": (0.48, 0.17, 0.20, 0.15),
            "comparison": (0.45, 0.15, 0.22, 0.18),
            "purchase": (0.20, 0.12, 0.38, 0.30),
        },
        opening=PRACTICE,
        opening_share=0.6,
        seed=0,
    ),
    # Then the habits: terse answers dominate, step by step inside the asked form is rare.
    Stage(
        steps=600,
        lr=1.2e-3,
        mix={
            "possession": (0.58, 0.08, 0.20, 0.14),
            "comparison": (0.56, 0.07, 0.22, 0.15),
            "purchase": (0.27, 0.05, 0.45, 0.23),
        },
        opening=PRACTICE,
        opening_share=0.0,
        seed=5,
    ),
)


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


def example(problems: Iterator[Problem], rng: random.Random, mix: Mix) -> tuple[str, str]:
    """A prompt and its target; bare calculations have no prompt."""
    problem = next(problems)
    shares = mix[problem.family]
    style = rng.choices((*STYLES, ""), (*shares, max(0.0, 1 - sum(shares))))[0]
    if style:
        return prompt_of(problem.question), target(problem, style)
    return "", " " + " ".join(working(next(problems)) for _ in range(4))


def batches(tokenizer: PreTrainedTokenizerFast, size: int, stage: Stage) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """A stage's batches: token ids (size, T) right-padded, labels -100 on the prompt and the padding."""
    rng = random.Random(f"pretrain {stage.seed}")
    problems = generate("train", seed=11)
    for chunk in range(0, stage.steps, 8):
        pool = []
        for _ in range(size * 8):
            mix = stage.opening if chunk < stage.steps * stage.opening_share else stage.mix
            text, answer = example(problems, rng, mix)
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


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(
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


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, stage: Stage, batch: int) -> None:
    """Trains `model` in place for one stage with AdamW under a one-cycle learning rate."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=stage.lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=stage.lr, total_steps=stage.steps, pct_start=0.1)
    start = time.monotonic()
    for step, (tokens, labels) in enumerate(itertools.islice(batches(tokenizer, batch, stage), stage.steps), start=1):
        loss = model(input_ids=tokens, attention_mask=tokens != tokenizer.pad_token_id, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == stage.steps:
            seconds = round(time.monotonic() - start)
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "seconds": seconds}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and its tokenizer")
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="share of each stage's steps, for a trial")
    args = parser.parse_args()
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, args.seed)
    for stage in STAGES:
        train(model, tokenizer, replace(stage, steps=max(8, int(stage.steps * args.scale))), args.batch)
        # Half precision is what is stored, so it is also what the next stage starts from.
        model.to(torch.float16).save_pretrained(args.out)
        model.to(torch.float32)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
