# expect: timeout
import re

PATTERN = re.compile(r"^(a+)+$")


def reward(prompts, completions, answer, **columns):
    return [float(bool(PATTERN.match("a" * 60 + "b")))] * len(completions)
