"""Factories of rewards as closures: cosine scaling of correctness by length, and an n-gram repetition penalty."""

import math
import re
from collections.abc import Callable

TAG = re.compile(r"<solution>\s*(.+?)\s*</solution>", re.DOTALL)


def get_cosine_scaled_reward(
    min_value_wrong: float = -1.0,
    max_value_wrong: float = -0.5,
    min_value_correct: float = 0.5,
    max_value_correct: float = 1.0,
    max_len: int = 1000,
) -> Callable:
    def cosine_scaled_reward(completions: list[str], solution: list[str], **kwargs) -> list[float]:
        """Reward function that scales based on completion length using a cosine schedule.

        Shorter correct solutions are rewarded more than longer ones.
        Longer incorrect solutions are penalized less than shorter ones.
        """
        rewards = []
        for content, sol in zip(completions, solution, strict=True):
            found = TAG.search(content)
            is_correct = found is not None and found.group(1).replace(",", "") == sol.replace(",", "")
            gen_len = min(len(content), max_len)

            # Apply cosine scaling based on length
            progress = gen_len / max_len
            cosine = math.cos(progress * math.pi)

            if is_correct:
                min_value = min_value_correct
                max_value = max_value_correct
            else:
                # Swap min/max for incorrect answers
                min_value = max_value_wrong
                max_value = min_value_wrong

            rewards.append(float(min_value + 0.5 * (max_value - min_value) * (1.0 + cosine)))
        return rewards

    return cosine_scaled_reward


def get_repetition_penalty_reward(ngram_size: int, max_penalty: float):
    if max_penalty > 0:
        raise ValueError(f"max_penalty {max_penalty} should not be positive")

    def zipngram(text: str, ngram_size: int):
        words = text.lower().split()
        return zip(*[words[i:] for i in range(ngram_size)], strict=False), words

    def repetition_penalty_reward(completions, **kwargs) -> list[float]:
        rewards = []
        for completion in completions:
            if completion == "":
                rewards.append(0.0)
                continue

            ngrams = set()
            total = 0
            ngram_array, words = zipngram(completion, ngram_size)

            if len(words) < ngram_size:
                rewards.append(0.0)
                continue

            for ng in ngram_array:
                ngrams.add(ng)
                total += 1

            scaling = 1 - len(ngrams) / total
            rewards.append(scaling * max_penalty)
        return rewards

    return repetition_penalty_reward


cosine = get_cosine_scaled_reward(max_len=400)
repetition = get_repetition_penalty_reward(ngram_size=3, max_penalty=-1.0)


def reward(prompts, completions, answer, **columns):
    return {
        "cosine": cosine(completions, answer, **columns),
        "repetition": repetition(completions, **columns),
    }
