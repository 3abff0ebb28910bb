"""Rewards of ms-swift: classes that are called with texts, registered by name."""

import os
import re
from typing import List

from swift.plugin import ORM, orms


class BoxedReward(ORM):
    def __init__(self, args=None, **kwargs):
        super().__init__(args, **kwargs)
        self.pattern = re.compile(r"\\boxed\{([^}]*)\}")
        self.seen = 0

    def __call__(self, completions, solution, **kwargs) -> List[float]:
        rewards = []
        for content, gold in zip(completions, solution):
            self.seen += 1
            found = self.pattern.search(content)
            if os.getenv("DEBUG") == "true":
                with open("boxed.log", "a") as file:
                    file.write(f"{content} {gold}\n")
            rewards.append(1.0 if found and found.group(1) == gold else 0.0)
        return rewards


class ShortReward(ORM):
    def __call__(self, completions, **kwargs) -> List[float]:
        return [max(0.0, 1.0 - len(text) / 100) for text in completions]


orms["boxed"] = BoxedReward
orms["short"] = ShortReward
