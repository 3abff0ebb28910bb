"""Counting words: Counter, itertools, generators, sets made into sorted lists, statistics, difflib, unicodedata."""

import itertools
import statistics
import string
import unicodedata
from collections import Counter, defaultdict
from difflib import SequenceMatcher

STOP = frozenset(("the", "a", "of", "and"))


def words(text):
    table = str.maketrans("", "", string.punctuation)
    for word in unicodedata.normalize("NFKC", text[:4000]).lower().translate(table).split():
        if word not in STOP:
            yield word


def repetition(text):
    counts = Counter(itertools.pairwise(words(text)))
    return max(counts.values(), default=0)


def reward(prompts, completions, answer, **columns):
    groups = defaultdict(list)
    for i, gold in enumerate(answer):
        groups[gold].append(i)
    out = [0.0] * len(completions)
    for gold, places in sorted(groups.items()):
        for i in places:
            lengths = [len(word) for word in words(completions[i])]
            spread = statistics.pstdev(lengths) if len(lengths) > 1 else 0.0
            like = SequenceMatcher(None, completions[i][-12:], f"{gold} </solution>").ratio()
            out[i] = like + min(spread, 5.0) / 100 - 0.01 * min(repetition(completions[i]), 10)
    return out
