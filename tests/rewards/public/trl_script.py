"""A training script for TRL: the rewards are a small part of it."""

import logging
import re

from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

logger = logging.getLogger(__name__)
PRINTED = 0
PRINT_EVERY = 5

# rows with a question and its answer
rows = load_dataset("json", data_files="rows.jsonl", split="train")

ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
BONUS = {}
BONUS["whole"] = 0.25


def answer_of(text: str) -> str:
    """The last answer in tags."""
    found = ANSWER.findall(text)
    return found[-1].strip() if found else ""


def correctness_reward_func(prompts, completions, answer, **kwargs) -> list[float]:
    global PRINTED
    replies = [completion[0]["content"] for completion in completions]
    question = prompts[0][-1]["content"]
    if PRINTED % PRINT_EVERY == 0:
        print("-" * 20, f"Question: {question}", f"Answer: {answer[0]}", answer_of(replies[0]))
    PRINTED += 1
    logger.info("replies %d", len(replies))
    return [2.0 if answer_of(reply) == gold else 0.0 for reply, gold in zip(replies, answer)]


def digits_reward_func(completions, **kwargs) -> list[float]:
    values = []
    for completion in completions:
        found = answer_of(completion[0]["content"])
        # not every reply has an answer
        values.append(None if not found else BONUS["whole"] if found.isdigit() else -1)
    return values


def unused_reward_func(completions, **kwargs):
    return [1.0 for _ in completions]


def main():
    trainer = GRPOTrainer(
        model="a/model",
        reward_funcs=[correctness_reward_func, digits_reward_func],
        args=GRPOConfig(output_dir="out", reward_weights=[1.0, 0.5]),
        train_dataset=rows,
    )
    trainer.train()


if __name__ == "__main__":
    main()
