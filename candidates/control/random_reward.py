"""Rewards nothing in particular: a number between 0.0 and 3.0 that prompt and completion decide, but no property of theirs.

The control for what training changes whatever it is told: a policy that gets better under this reward owes it to something
else. The prompt counts so that no text is paid well for every question.
"""

MOST = 3.0
BITS = 2**32


def mixed(text):
    """A number in [0, 2**32) that looks drawn at random: FNV-1a over the characters, then the last steps of MurmurHash3."""
    state = 2166136261
    for character in text:
        state = (state ^ ord(character)) * 16777619 % BITS
    state = (state ^ state >> 16) * 2246822507 % BITS
    state = (state ^ state >> 13) * 3266489909 % BITS
    return state ^ state >> 16


def reward(prompts, completions, answer, **columns):
    return [MOST * mixed(prompt + completion) / BITS for prompt, completion in zip(prompts, completions, strict=True)]
