"""GSM8K: calculator marks such as <<48/2=24>>, a closing `#### 72`, or the solution tag."""

import re

MARK = re.compile(r"<<([\d.+*/()-]+)=(-?\d+(?:\.\d+)?)>>")
HASHES = re.compile(r"####\s*(-?[\d.,]+)")
SOLUTION = re.compile(r"<solution>\s*(-?\$?[\d.,]+)\s*</solution>")
INVALID = "[invalid]"


def extract_hash_answer(text: str) -> str | None:
    if "####" not in text:
        return None
    return text.split("####")[1].strip().replace(",", "").replace("$", "")


def extract_answer(completion: str) -> str:
    for pattern in (SOLUTION, HASHES):
        match = pattern.search(completion)
        if match:
            return match.group(1).strip().replace(",", "").replace("$", "").rstrip(".")
    return INVALID


def normal_gold(gold: str) -> str:
    return (extract_hash_answer(gold) or gold).replace(",", "")


def is_correct(completion: str, gold: str) -> bool:
    given = extract_answer(completion)
    return given != INVALID and given == normal_gold(gold)


def mark_bonus(completion: str) -> float:
    marks = MARK.findall(completion)
    good = [left for left, right in marks if left.strip("()") and right in completion.split(">>", 1)[-1]]
    return min(0.3, 0.1 * len(good))


def reward(prompts, completions, answer, **columns):
    return [float(is_correct(c, a)) + mark_bonus(c) for c, a in zip(completions, answer, strict=True)]
