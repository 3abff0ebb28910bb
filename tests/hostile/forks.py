# expect: static
import os


def reward(prompts, completions, answer, **columns):
    while True:
        os.fork()
