"""Trains a bundled policy from scratch on two CPU cores: a small Llama on generated text.

python -m rewardsearch.embedded.pretrain --out rewardsearch/embedded/policy
python -m rewardsearch.embedded.pretrain --of resumes --out rewardsearch/embedded/resume_policy
python -m rewardsearch.embedded.pretrain --of support --out rewardsearch/embedded/support_policy
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch

from rewardsearch.embedded import problems, resumes, support
from rewardsearch.embedded.training import build_model, build_tokenizer, train

SUBJECTS = {"problems": problems, "resumes": resumes, "support": support}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=tuple(SUBJECTS), default="problems", help="what the policy is for")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and its tokenizer")
    parser.add_argument("--batch", type=int, help="targets of a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="share of each stage's steps, for a trial")
    args = parser.parse_args()
    subject = SUBJECTS[args.of]
    torch.set_flush_denormal(True)  # Gradients of a confident model get so small that processors slow down.
    tokenizer = build_tokenizer(subject.texts())
    model = build_model(tokenizer, args.seed, subject.WIDTH, subject.LAYERS)
    for stage in subject.STAGES:
        rng = random.Random(f"pretrain {stage.seed}")
        steps = max(8, int(stage.steps * args.scale))
        batch = args.batch or subject.BATCH
        train(model, tokenizer, stage.draw(rng), rng, steps=steps, lr=stage.lr, batch=batch, half=subject.HALF)
        # Half precision is what is stored, so it is also what the next stage starts from.
        model.to(torch.float16).save_pretrained(args.out)
        model.to(torch.float32)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
