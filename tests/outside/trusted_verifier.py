"""Roots of polynomials: a prompt has several right answers. It makes its own rows, and needs numpy."""

import json
import random
import re

import numpy as np

DESCRIPTION = "Polynomials with two whole roots. A prompt asks for one of the roots; any root is correct."


def rows(split):
    """The rows of train, val or test, a dict each. Return None for val or test to have them taken from train."""
    drawn = random.Random(split)
    pairs = {(drawn.randrange(100), drawn.randrange(100, 200)) for _ in range(60)}
    offset = {"train": 0, "val": 1000, "test": 2000}[split]
    return [{"coefficients": [1, -(a + b + offset), a * (b + offset)], "answer": a} for a, b in sorted(pairs)]


def prompt(row):
    """The prompt of a row: a text, or chat messages."""
    first, second, third = row["coefficients"]
    return f"Give one x with {first} x^2 + {second} x + {third} = 0.\n"


def verify(completion, answer, coefficients):
    found = re.search(r"<solution>\s*(-?[0-9]{1,9})\s*</solution>", completion)
    return None if found is None else np.polyval(json.loads(coefficients), int(found[1])) == 0


def examples(row):
    """Completions that are right, wrong and unparsed. Without this function they are made from `answer` and task.form."""
    roots = [round(root) for root in np.roots(row["coefficients"])]
    right = [f"<thinking> It has two. </thinking> <solution> {root} </solution>" for root in roots]
    return {
        "right": right,
        "wrong": ["<thinking> It has two. </thinking> <solution> -5 </solution>"],
        "unparsed": [f"The root is {roots[0]}.", "<thinking> It has two."],
    }
