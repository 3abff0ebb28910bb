"""Pays a number between 0 and 1 that the letters of the completion happen to give."""

SIZE = 2**32


def score(text):
    value = 17
    for letter in text:
        value = (value ^ ord(letter)) * 0x9E3779B1 % SIZE
        value = value ^ (value >> 15)
    return value / SIZE


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
