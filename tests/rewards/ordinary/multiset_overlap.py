"""Collections: Counter arithmetic, defaultdict of several kinds, deque, OrderedDict, ChainMap."""

import re
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque

DEFAULTS = {"overlap": 0.5, "window": 0.25}
WEIGHTS = ChainMap({"right": 2.0}, DEFAULTS)
WORD = re.compile(r"[a-z]+|\d+")


def bag(text):
    return Counter(WORD.findall(text.lower()))


def f1(a, b):
    common = (a & b).total()
    if common == 0:
        return 0.0
    precision, recall = common / a.total(), common / b.total()
    return 2 * precision * recall / (precision + recall)


def window_repeats(words, size=8):
    recent = deque(maxlen=size)
    repeats = 0
    for word in words:
        repeats += word in recent
        recent.append(word)
    return repeats / max(1, len(words))


def reward(prompts, completions, answer, **columns):
    table = defaultdict(list)
    positions = defaultdict(lambda: defaultdict(int))
    for prompt, text, gold in zip(prompts, completions, answer, strict=True):
        words = WORD.findall(text.lower())[:500]
        for word, n in Counter(words).most_common(3):
            positions[gold][word] += n
        table["overlap"].append(f1(bag(text[:4000]), bag(prompt)))
        table["window"].append(1 - window_repeats(words) if words else 0.0)
        table["right"].append(float(text.count(f"<solution> {gold} </solution>") == 1))
    ordered = OrderedDict((name, [WEIGHTS[name] * v for v in table[name]]) for name in sorted(WEIGHTS))
    ordered.move_to_end("right", last=False)
    return dict(ordered)
