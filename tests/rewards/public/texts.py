"""A reward for TRL with texts, of the name that ours has, and a column of the data set besides the gold answer."""


def near(text: str, gold: str) -> float:
    try:
        return 1.0 / (1.0 + abs(float(text.split()[-1]) - float(gold)))
    except (ValueError, IndexError):
        return 0.0


def reward(completions, ground_truth, level=None, **kwargs):
    scale = {"hard": 2.0}
    levels = level or kwargs.get("levels") or [""] * len(completions)
    return [near(text, gold) * scale.get(x, 1.0) for text, gold, x in zip(completions, ground_truth, levels)]
