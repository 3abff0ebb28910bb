"""A reward of verl: one completion at a time, and a dict with the score and what is logged."""

import random
import re


def last_number(text):
    found = re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    return found[-1] if found else None


def compute_score(data_source, solution_str, ground_truth, extra_info=None, format_score=0.1):
    do_print = random.randint(1, 64) == 1
    number = last_number(solution_str)
    if do_print:
        print("--------")
        print(f"Extracted: {number} | Gold: {ground_truth}")
    if number is None:
        return {"score": 0, "found": False}
    scale = 2.0 if extra_info["level"] == "hard" else 1.0
    return {"score": scale if number == ground_truth else format_score, "found": True}
