"""A reward of OpenRLHF: queries hold prompt and completion, and tensors come back."""

import torch


def reward_func(queries, prompts, labels, **kwargs):
    scores = []
    for query, prompt, label in zip(queries, prompts, labels):
        reply = query[len(prompt) :]
        scores.append(0.5 * reply.count("=") + float(label in reply))
    rewards = torch.tensor(
        scores,
        dtype=torch.float32,
    )
    return {
        "rewards": rewards,
        "scores": rewards,
        "extra_logs": {"mean": rewards.mean().item()},
    }
