"""Rewards as open-r1 has them: chat completions, the gold answer as `solution`, and a reward that a function makes."""

import math
import re
from typing import Dict, Optional


def accuracy_reward(completions: list[list[Dict[str, str]]], solution: list[str], **kwargs) -> list[Optional[float]]:
    contents = [completion[0]["content"] for completion in completions]
    return [float(content.strip().endswith(gold)) if gold else None for content, gold in zip(contents, solution)]


def get_steps_reward(wanted: int = 3):
    def steps_reward(completions, **kwargs):
        pattern = r"(Step \d+:|^\d+\.|\n-|First,|Next,|Finally,)"
        counts = [len(re.findall(pattern, completion[0]["content"])) for completion in completions]
        return [math.sqrt(min(1.0, count / wanted)) for count in counts]

    return steps_reward
