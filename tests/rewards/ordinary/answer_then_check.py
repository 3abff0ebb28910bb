# ruff: noqa: SIM905
"""A weights class in place of an enum, nested dicts of settings, set algebra, conditional and chained comparisons."""

import re


class Weight:
    ANSWER = 2.0
    FORMAT = 0.4
    CHECK = 0.2
    ALL = (ANSWER, FORMAT, CHECK)


SETTINGS = {
    "form": {"required": {"<thinking>", "</thinking>", "<solution>", "</solution>"}, "weight": Weight.FORMAT},
    "check": {"words": frozenset("check verify confirm indeed because".split()), "weight": Weight.CHECK},
    "length": {"lo": 4, "hi": 150},
}
TAGS = re.compile(r"</?[a-z]+>")


def form(text):
    required = SETTINGS["form"]["required"]
    seen = set(TAGS.findall(text))
    missing, extra = required - seen, seen - required
    if missing == required:
        return 0.0
    jaccard = len(required & seen) / len(required | seen)
    return jaccard if not extra else jaccard / 2


def checks(text):
    words = {w.strip(".,!?:;") for w in text.lower().split()}
    return not words.isdisjoint(SETTINGS["check"]["words"])


def reward(prompts, completions, answer, **columns):
    result: dict = {"answer": [], "form": [], "check": []}
    lo, hi = SETTINGS["length"]["lo"], SETTINGS["length"]["hi"]
    for _prompt, text, gold in zip(prompts, completions, answer, strict=True):
        n = len(text.split())
        ok = lo <= n <= hi != 0
        given = [s.strip() for s in re.findall(r"<solution>([^<]*)</solution>", text)]
        result["answer"].append(Weight.ANSWER if given and given[0] == gold and len({*given}) == 1 else 0.0)
        result["form"].append(SETTINGS["form"]["weight"] * form(text) if ok else 0.0)
        result["check"].append(SETTINGS["check"]["weight"] if ok and checks(text) else 0.0)
    return result
